// The rooms over an app that nobody has: test/rooms.mjs opens this with what to show.
import { render } from "preact";
import "../../src/style/tokens.css";
import "../../src/style/base.css";
import { parse, route, startRouter } from "../../src/router.ts";
import { Questions, Toasts } from "../../src/view/kit/index.ts";
import { Admin } from "../../src/view/admin/index.tsx";
import { Contacts } from "../../src/view/contacts/index.tsx";
import { Settings } from "../../src/view/settings/index.tsx";
import { Welcome } from "../../src/view/welcome/index.tsx";
import { setLanguage } from "../../src/words/index.ts";
import { world } from "./world.ts";

const q = new URLSearchParams(location.search);
const app = world(q);
await setLanguage(q.get("lang") ?? "en");
if (q.get("theme")) document.documentElement.dataset["theme"] = q.get("theme") ?? "";
if (q.get("dir")) document.documentElement.dir = q.get("dir") ?? "";
startRouter();
route.value = parse(location.hash);

function Rooms() {
  const desk = app.desk.value;
  switch (desk && route.value.page) {
    case "settings": return desk && <Settings app={app} desk={desk} />;
    case "contacts": return desk && <Contacts app={app} desk={desk} />;
    case "admin": return <Admin app={app} />;
    default: return <Welcome app={app} />;
  }
}
// The shell brings the landmark that the rooms stand in.
function Shell() {
  const at = route.value.page;
  return app.desk.value && ["settings", "contacts", "admin"].includes(at) ? <main style={{ height: "100%" }}><Rooms /></main> : <Rooms />;
}
render(<><Shell /><Questions /><Toasts /></>, document.getElementById("app") as HTMLElement);
