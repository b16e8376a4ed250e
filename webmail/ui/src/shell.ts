// The page's side of its service worker: is another build waiting, and may it come?

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { scriptURL } from "./trusted.ts";
import type { Api } from "./wire/http.ts";

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

// ---- Knocks: a push without words when mail came, for who closed the page ---------------

const heard = signal(false);

/** Whether this browser is knocked at when mail comes. */
export const knocked: ReadonlySignal<boolean> = heard;

/** Whether it can be. */
export const knockable = (): boolean => "PushManager" in window && registration !== undefined;

type Door = Pick<Api, "pushKey" | "push" | "noPush">;

/** Has this browser knocked at, or no more; answers whether it is now. */
export async function knock(api: Door, on: boolean): Promise<boolean> {
  if (!registration || !knockable()) return false;
  const held = await registration.pushManager.getSubscription();
  if (!on) {
    if (held) await Promise.all([api.noPush(held.endpoint).catch(() => {}), held.unsubscribe()]);
    return (heard.value = false);
  }
  if ((await Notification.requestPermission()) !== "granted") return (heard.value = false);
  const { key } = await api.pushKey();
  const made = held ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  await api.push(made.endpoint);
  return (heard.value = true);
}

/** After signing in: who was knocked at here goes on so, in the new session's name. */
export async function knockOn(api: Door): Promise<void> {
  const held = await registration?.pushManager?.getSubscription();
  if (held) await api.push(held.endpoint);
  heard.value = held !== null && held !== undefined;
}

/** After signing out: the server has forgotten the place with the session. */
export async function knockNoMore(): Promise<void> {
  heard.value = false;
  await (await registration?.pushManager?.getSubscription())?.unsubscribe();
}
