// The page's side of the service worker that saves and plays what a worker of the page opens.
import { scriptURL } from "../trusted.ts";

const patience = 20_000; // for a service worker that is being set up

function later<T>(ms: number, value: T): Promise<T> {
  return new Promise((done) => setTimeout(() => done(value), ms));
}

// Whether a service worker knows how to bring a file: those of older builds do not.
function able(worker: ServiceWorker): Promise<boolean> {
  const line = new MessageChannel();
  const said = new Promise<boolean>((done) => (line.port1.onmessage = (e) => done(e.data === true)));
  worker.postMessage({ files: true }, [line.port2]);
  return Promise.race([said, later(3000, false)]);
}

/** The service worker, if this browser has one that brings files. Private windows may have none. stranger: where the webmail has none here, a small one for links alone. */
export async function bringer(stranger = false): Promise<ServiceWorker | null> {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return null;
  try {
    const alone = stranger && !(await navigator.serviceWorker.getRegistration("/"))?.active;
    await (alone ? navigator.serviceWorker.register(scriptURL("/bring.js"), { scope: "/f/", updateViaCache: "none" }) : navigator.serviceWorker.register(scriptURL("/sw.js"), { updateViaCache: "none" }));
    const worker = (await Promise.race([navigator.serviceWorker.ready, later(patience, null)]))?.active ?? null;
    return worker && (await able(worker)) ? worker : null;
  } catch {
    return null;
  }
}

/** What the service worker asks this page for. */
export function onFile(f: (token: string, range: string | null, port: MessagePort) => void): () => void {
  if (!("serviceWorker" in navigator)) return () => {};
  const hear = (e: MessageEvent<{ file?: unknown; range?: unknown } | null>) => {
    const port = e.ports[0];
    if (typeof e.data?.file === "string" && port) f(e.data.file, typeof e.data.range === "string" ? e.data.range : null, port);
  };
  navigator.serviceWorker.addEventListener("message", hear);
  navigator.serviceWorker.startMessages();
  return () => navigator.serviceWorker.removeEventListener("message", hear);
}

/** Has the browser save what stands there. A link with a download attribute would go past the service worker: a frame does not. */
export function save(path: string): void {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.title = "";
  frame.src = path;
  document.body.append(frame);
}

/** Saves it as a download of the page itself: for browsers without a service worker. */
export function keep(name: string, content: Blob): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

// Nobody else finds what a page answers to.
export function newToken(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
