// The page of a link to a file (/f/ID) and of an upload request (/r/ID), for anybody: a
// small page of its own, with no session, no vault and no mail in it.
import { signal } from "@preact/signals";
import { render } from "preact";
import { type Place, placeOf } from "./shared/place.ts";
import "./style/tokens.css";
import "./style/base.css";
import { Lazy, Questions, Toasts } from "./view/kit/index.ts";
import { outside } from "./words/outside.ts";
import { chosen, setLanguage } from "./words/index.ts";

// What stands behind the # leaves the address bar before anything else.
function take(): Place {
  const place = placeOf(location.pathname, location.hash);
  if (place.secret) history.replaceState(null, "", location.pathname);
  return place;
}
const at = signal(take());
addEventListener("hashchange", () => { if (location.hash.length > 1) at.value = take(); }); // the link was opened once more

const pages = {
  f: async () => ({ default: (await import("./view/shared/index.tsx")).Shared }),
  r: async () => ({ default: (await import("./view/asked/index.tsx")).Asked }),
};

function Page() {
  const { kind, id, secret } = at.value;
  return <Lazy load={kind === "r" ? pages.r : pages.f} key={`${id}#${secret}`} id={id} secret={secret} />;
}

const show = () => {
  const root = document.getElementById("app");
  if (root) render(<><Page /><Questions /><Toasts /></>, root);
};
// Nothing is drawn before there are words: the document has its language and direction by then.
setLanguage(chosen(), undefined, outside).catch(() => setLanguage("en", undefined, outside))
  .then(show, () => { document.body.textContent = "This page did not load. Check your connection and reload it."; });
