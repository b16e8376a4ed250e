// The page's side of its service worker: is another build waiting, and may it come?

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { scriptURL } from "./trusted.ts";

const waiting = signal("");

/** Name of another build of the page that waits for a yes; empty: none does. */
export const otherBuild: ReadonlySignal<string> = waiting;

let registration: ServiceWorkerRegistration | undefined;

function ask(worker: ServiceWorker): Promise<string> {
  return new Promise((done) => {
    const line = new MessageChannel();
    const timer = setTimeout(() => done("unknown"), 3000);
    line.port1.onmessage = (e) => {
      clearTimeout(timer);
      done(typeof e.data === "string" ? e.data.slice(0, 12) : "unknown");
    };
    worker.postMessage({ build: true }, [line.port2]);
  });
}

async function look(): Promise<void> {
  if (registration?.waiting && navigator.serviceWorker.controller) waiting.value = await ask(registration.waiting);
}

/** Starts the service worker. notice is what a notification says: no more than that mail came. It keeps the language in use. */
export async function startShell(language: ReadonlySignal<string>, notice: () => string): Promise<void> {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  try {
    registration = await navigator.serviceWorker.register(scriptURL("/sw.js"), { updateViaCache: "none" });
  } catch {
    return; // private windows and others have none; all else works
  }
  registration.addEventListener("updatefound", () => registration?.installing?.addEventListener("statechange", () => void look()));
  await look();
  const ready = await navigator.serviceWorker.ready;
  effect(() => ready.active?.postMessage({ language: language.value, notice: notice() }));
}

/** Takes the build that waits, and loads the page again with it. */
export function acceptBuild(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  registration?.waiting?.postMessage({ accept: true });
}

/** Subscribes this device to push; key is the server's (VAPID). Null: refused or not possible. */
export async function subscribePush(key: Uint8Array<ArrayBuffer>): Promise<PushSubscription | null> {
  if (!registration || !("PushManager" in window) || (await Notification.requestPermission()) !== "granted") return null;
  try {
    return await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch {
    return null;
  }
}
