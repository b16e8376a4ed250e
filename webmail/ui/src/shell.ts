// The page's side of its service worker: is another build waiting, and may it come?

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { scriptURL } from "./trusted.ts";
import type { Api } from "./wire/http.ts";

const waiting = signal("");

/** Name of another build of the page that waits for a yes; empty: none does. */
export const otherBuild: ReadonlySignal<string> = waiting;

let registration: ServiceWorkerRegistration | undefined;
const none = signal(false); // it was refused here: private windows and others have none

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
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return void (none.value = true);
  try {
    registration = await navigator.serviceWorker.register(scriptURL("/sw.js"), { updateViaCache: "none" });
  } catch { /* as where there is none */ }
  if (!registration) return void (none.value = true); // some that block workers promise one and give nothing; all else works
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

/** Whether it can be. Known before the service worker is: whoever asks for a knock waits for it. */
export const knockable: ReadonlySignal<boolean> = computed(() => "PushManager" in window && "serviceWorker" in navigator && !none.value);

type Door = Pick<Api, "pushKey" | "push" | "noPush">;

// One wish after the other: on and off in one breath end as the last of them said.
let wishes: Promise<unknown> = Promise.resolve();
function inTurn<T>(wish: () => Promise<T>): Promise<T> {
  const turn = wishes.then(wish);
  wishes = turn.catch(() => {});
  return turn;
}

// A worker that never gets ready, for want of space or of a file, is not waited for.
const patience = 10_000;
async function ready(): Promise<ServiceWorkerRegistration | undefined> {
  if (!knockable.peek()) return undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((go) => (timer = setTimeout(() => go(undefined), patience)));
  return Promise.race([navigator.serviceWorker.ready, late]).finally(() => clearTimeout(timer));
}

/** Has this browser knocked at, or no more; answers whether it is now. */
export function knock(api: Door, on: boolean): Promise<boolean> {
  const asked = on ? Notification.requestPermission() : undefined; // at once: browsers want to see the click
  return inTurn(async () => {
    if (on && (await asked) !== "granted") return (heard.value = false);
    const worker = await ready();
    if (!worker) return (heard.value = false);
    const held = await worker.pushManager.getSubscription();
    if (!on) {
      if (held) await Promise.all([api.noPush(held.endpoint).catch(() => {}), held.unsubscribe()]);
      return (heard.value = false);
    }
    const made = held ?? (await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: (await api.pushKey()).key }));
    await api.push(made.endpoint);
    return (heard.value = true);
  });
}

/** After signing in: who was knocked at here goes on so, in the new session's name. */
export const knockOn = (api: Door): Promise<void> => inTurn(async () => {
  const held = await registration?.pushManager?.getSubscription();
  if (held) await api.push(held.endpoint);
  heard.value = held !== null && held !== undefined;
});

/** After signing out: the server has forgotten the place with the session. */
export const knockNoMore = (): Promise<void> => inTurn(async () => {
  heard.value = false;
  await (await registration?.pushManager?.getSubscription())?.unsubscribe();
});
