// The service worker: the page without a network, and a word when mail comes.
//
// It keeps one build of the page, each file by its hash, and serves the page from
// there: a server that gives one person other bytes is not noticed by them before they
// said yes to another build (docs/webmail.md says how far that goes). It knows nothing
// of mail, and a push message brings it nothing but the moment. Of files it brings a
// browser what the page of a link opens, and keeps none (shared/bridge.ts).
import { bridge, bridged } from "./shared/bridge.ts";

interface Shell {
  build: string;
  files: Record<string, string>; // integrity by path
}
declare const __SHELL__: Shell; // written in when everything else is built

const worker = self as unknown as ServiceWorkerGlobalScope;
const shell: Shell = __SHELL__;
const alone = shell.build === ""; // for the page of a link, where nobody uses the webmail: it keeps nothing
const here = "shell-" + shell.build;
const words = "words";

// Of the languages only the one in use is kept, and English until it is known.
const languageOf = (path: string): string | undefined => /^\/assets\/language-([a-z]+)-/.exec(path)?.[1];
async function recall(what: string): Promise<string | undefined> {
  const kept = await (await caches.open(words)).match(what);
  return kept?.text();
}

async function keepFile(path: string, integrity: string): Promise<Response> {
  const response = await fetch(new Request(path, { integrity, cache: "no-cache", credentials: "omit", redirect: "error" }));
  if (!response.ok) throw new Error("a file of the build is missing");
  await (await caches.open(here)).put(path, response.clone());
  return response;
}

// All or nothing: a file with other bytes than the build has stops the installation.
async function keep(): Promise<void> {
  const spoken = (await recall("/language")) ?? "en";
  await Promise.all(Object.entries(shell.files).filter(([path]) => (languageOf(path) ?? spoken) === spoken).map(([path, integrity]) => keepFile(path, integrity)));
}

async function speak(language: string): Promise<void> {
  const files = Object.entries(shell.files).filter(([path]) => languageOf(path) === language);
  if (files.length === 0) return;
  await (await caches.open(words)).put("/language", new Response(language));
  const cache = await caches.open(here);
  for (const [path, integrity] of files) if (!(await cache.match(path))) await keepFile(path, integrity);
}

async function dropOthers(): Promise<void> {
  for (const name of await caches.keys()) if (name !== here && name !== words) await caches.delete(name);
}

async function answer(path: string, request: Request): Promise<Response> {
  const kept = await (await caches.open(here)).match(path);
  if (kept) return kept;
  const integrity = shell.files[path];
  return integrity && languageOf(path) ? keepFile(path, integrity) : fetch(request);
}

async function bring(path: string, request: Request): Promise<Response> {
  return bridge(await worker.clients.matchAll({ type: "window", includeUncontrolled: true }), path, request.headers.get("Range"));
}

worker.addEventListener("install", (event) => event.waitUntil(alone ? worker.skipWaiting() : keep()));
worker.addEventListener("activate", (event) => event.waitUntil(alone ? worker.clients.claim() : dropOthers()));

worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== worker.location.origin || url.search !== "") return;
  if (bridged(url.pathname)) return event.respondWith(bring(url.pathname, event.request));
  if (!alone && event.request.mode === "navigate" && /^\/[fr]\/[\w-]{22}$/.test(url.pathname)) return event.respondWith(answer("/stranger", event.request));
  if (!Object.hasOwn(shell.files, url.pathname)) return;
  event.respondWith(answer(url.pathname, event.request));
});

// What the page says: take over now; or the words for notifications in its language.
worker.addEventListener("message", (event) => {
  const said = event.data as { accept?: boolean; notice?: unknown; language?: unknown; build?: boolean; files?: boolean } | null;
  if (said?.accept === true) event.waitUntil(worker.skipWaiting());
  if (typeof said?.notice === "string" && said.notice.length <= 100) {
    const text = said.notice;
    event.waitUntil(caches.open(words).then((c) => c.put("/notice", new Response(text))));
  }
  if (typeof said?.language === "string") event.waitUntil(speak(said.language).catch(() => {})); // offline: the next page says it again
  if (said?.files === true) event.waitUntil(worker.clients.claim().then(() => event.ports[0]?.postMessage(true))); // a page that is new here shows media, too
  if (said?.build === true) event.ports[0]?.postMessage(shell.build);
});

const notice = async (): Promise<string> => (await recall("/notice")) ?? "New mail";

// Whatever a push message carries is not read.
worker.addEventListener("push", (event) => {
  event.waitUntil((async () => {
    const pages = await worker.clients.matchAll({ type: "window" });
    if (pages.some((p) => p.visibilityState === "visible")) return;
    await worker.registration.showNotification(await notice(), { tag: "mail", icon: "/icon-192.png", badge: "/icon-192.png", silent: false });
  })());
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const [open] = await worker.clients.matchAll({ type: "window" });
    await (open ? open.focus() : worker.clients.openWindow("/#/inbox"));
  })());
});
