// The app over mails that nobody wrote: `npx vite` and /preview.html?count=2000&theme=dark.
import { render } from "preact";
import "../../style/tokens.css";
import "../../style/base.css";
import { startRouter } from "../../router.ts";
import { Root } from "../shell/app.tsx";
import { setLanguage } from "../../words/index.ts";
import { makeApp } from "./desk.ts";

const q = new URLSearchParams(location.search);
await setLanguage(q.get("lang") ?? "en");
startRouter();
const app = makeApp(Number(q.get("count") ?? 2000));
const desk = app.desk.value;
if (desk) {
  const theme = q.get("theme"), panes = Number(q.get("panes") ?? 3), density = q.get("density");
  await desk.settings.set({ ...(theme && { theme: theme as "dark" }), panes: panes as 3, ...(density && { density: density as "compact" }), locale: q.get("lang") ?? "en" });
}
Object.assign(globalThis, { previewApp: app });
render(<Root app={app} />, document.getElementById("app") as HTMLElement);
