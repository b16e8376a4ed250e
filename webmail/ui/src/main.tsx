// The page: the vault in its worker, the models over it, and what draws them.
import { effect, untracked } from "@preact/signals";
import { render } from "preact";
import "./style/tokens.css";
import "./style/base.css";
import { createApp, type Channel } from "./model/app.ts";
import { createStore } from "./model/cache.ts";
import type { Desk } from "./model/types.ts";
import { browserPasskeys } from "./model/passkeys.ts";
import { route, startRouter } from "./router.ts";
import { knockNoMore, knockOn, startShell } from "./shell.ts";
import { scriptURL } from "./trusted.ts";
import { createVault } from "./vault/client.ts";
import { Root } from "./view/shell/app.tsx";
import { pages } from "./view/shell/pages.ts";
import type { EventSourceLike } from "./wire/events.ts";
import { createApi, realClock } from "./wire/http.ts";
import { chosen, language, setLanguage, t } from "./words/index.ts";

// What a browser is called in lists of sessions: enough to know it again.
function deviceName(agent: string): string {
  const browser = /Firefox\//u.test(agent) ? "Firefox" : /Edg\//u.test(agent) ? "Edge" : /Chrom(?:e|ium)\//u.test(agent) ? "Chrome" : /Safari\//u.test(agent) ? "Safari" : "Browser";
  const system = /Android/u.test(agent) ? "Android" : /iPhone|iPad/u.test(agent) ? "iOS" : /Mac OS X/u.test(agent) ? "macOS" : /Windows/u.test(agent) ? "Windows" : /Linux/u.test(agent) ? "Linux" : "";
  return system ? `${browser}, ${system}` : browser;
}

function otherTabs(): Channel | null {
  if (!("BroadcastChannel" in window)) return null;
  const channel = new BroadcastChannel("sealpost");
  return { post: (word) => channel.postMessage(word), on: (f) => channel.addEventListener("message", (e) => typeof e.data === "string" && f(e.data)), close: () => channel.close() };
}

// Which address signed in here last: nothing else is kept in the clear.
// A browser that keeps nothing (or may not) asks for the address again.
const kept = <T,>(f: () => T): T | null => {
  try {
    return f();
  } catch {
    return null;
  }
};
const memory = {
  get: (key: string) => kept(() => localStorage.getItem(`sealpost.${key}`)),
  set: (key: string, value: string | null) => void kept(() => (value === null ? localStorage.removeItem(`sealpost.${key}`) : localStorage.setItem(`sealpost.${key}`, value))),
};

// The vault and the session begin while the words come; who opens a letter from outside has neither.
const words = setLanguage(chosen()).catch(() => setLanguage("en"));
startRouter();
const app = createApp({
  api: createApi(), vault: createVault(scriptURL), store: createStore(), source: (url) => new EventSource(url) as unknown as EventSourceLike,
  passkeys: browserPasskeys(), memory, device: deviceName(navigator.userAgent), page: document, channel: otherTabs(),
});

// The index comes once there is a list to look at.
let searched: Desk | null = null;
effect(() => {
  const desk = app.desk.value;
  if (!desk || desk === searched || desk.sync.state.value === "starting") return;
  searched = desk;
  void import("./search/start.ts").then(({ startSearch }) => {
    if (app.desk.peek() !== desk) return;
    desk.search.use(startSearch({ api: app.api, vault: app.vault, sync: desk.sync, cabinet: desk.cabinet, settings: desk.settings, clock: realClock }));
  }, () => {}); // a failed fetch: the next opening tries again
});

// What is needed next is fetched while nobody waits for it.
effect(() => {
  if (app.desk.value) (window.requestIdleCallback ?? setTimeout)(() => void Promise.all([pages.reader(), pages.compose()]).catch(() => {}));
});

// A browser is knocked at in the name of who is signed in, and of nobody after them.
let shell: Promise<void> = Promise.resolve();
effect(() => {
  const phase = app.session.phase.value;
  if (phase === "open") void shell.then(() => knockOn(app.api)).catch(() => {});
  else if (phase === "signed-out") void shell.then(knockNoMore).catch(() => {});
});

// Whoever opens a letter from outside has no account here: nothing is asked, and nothing
// stays, until they go elsewhere on this page.
const stopWaiting = effect(() => {
  if (route.value.page === "letter") return;
  queueMicrotask(() => stopWaiting());
  untracked(() => void app.start());
  shell = words.then(() => startShell(language, () => t("shell.newmail")));
});

// Nothing is drawn before there are words: the document has its language and direction by then.
await words.catch(() => { document.body.textContent = "This page did not load. Check your connection and reload it."; throw new Error("no words"); });
const root = document.getElementById("app");
if (root) render(<Root app={app} />, root);
