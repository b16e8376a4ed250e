// The whole page: one App, made once by main. It holds the session, and while the account
// is open its desk.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { EventSourceLike, EventsOptions } from "../wire/events.ts";
import { realClock, type Api, type Clock } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import { createMemoryStore, type Store } from "./cache.ts";
import { createDesk, type OpenDesk } from "./desk.ts";
import type { PasskeyHost } from "./passkeys.ts";
import type { Memory } from "./door.ts";
import { SessionState } from "./session.ts";
import type { Alarm, Alarms, App } from "./types.ts";

export interface AppParts {
  api: Api;
  vault: Vault;
  store: Store;
  clock?: Clock;
  source?: (url: string) => EventSourceLike; // the stream of events; tests bring one
  passkeys?: PasskeyHost | null;
  memory?: Memory;
  device?: string;
  page?: EventsOptions["page"];
  channel?: Channel | null; // to other tabs
  quiet?: boolean;
}
export interface Channel {
  post(word: string): void;
  on(f: (word: string) => void): void;
  close(): void;
}
export interface OpenApp extends App {
  readonly session: SessionState;
  readonly desk: { readonly value: OpenDesk | null; peek(): OpenDesk | null; subscribe(f: (d: OpenDesk | null) => void): () => void } & App["desk"];
}

export function createAlarms(clock: Clock): Alarms {
  const all = signal<readonly Alarm[]>([]);
  const seen = new Set<string>();
  return {
    all,
    raise(a) {
      if (seen.has(a.id)) return;
      seen.add(a.id);
      all.value = [...all.peek(), { ...a, at: Math.floor(clock.now() / 1000) }].slice(-100);
    },
    dismiss(id) {
      all.value = all.peek().filter((a) => a.id !== id);
    },
  };
}

export function createApp(parts: AppParts): OpenApp {
  const { api, vault } = parts;
  const clock = parts.clock ?? realClock;
  const alarms = createAlarms(clock);
  const desk = signal<OpenDesk | null>(null);
  const reached = signal(true);
  const channel = parts.channel ?? null;
  const session = new SessionState({
    api, vault, clock, device: parts.device ?? "", passkeys: parts.passkeys ?? null, memory: parts.memory ?? noMemory(),
    forget: (account) => parts.store.forget(account),
    leaving: async () => desk.peek()?.save(),
    tell: (word) => channel?.post(word),
  });
  api.onSessionLost = () => session.lost();
  api.onReach = (now) => {
    const back = now && !reached.peek();
    reached.value = now;
    if (back) desk.peek()?.online();
  };
  channel?.on((word) => (word === "locked" || word === "signed-out") && session.heard(word));

  let turn = 0;
  const stopPhase = effect(() => {
    const open = session.phase.value === "open";
    const now = ++turn;
    untracked(() => {
      desk.peek()?.close();
      desk.value = null;
      if (open) void begin(now).catch(() => session.lost());
    });
  });
  async function begin(now: number): Promise<void> {
    const s = session.session.peek();
    if (!s) return;
    const [cache, { fingerprint }] = await Promise.all([parts.store.open(s.account.id).catch(() => createMemoryStore().open(s.account.id)), vault.state()]);
    if (now !== turn) return cache.close();
    const d = createDesk({ api, vault, cache, clock, alarms, session: s, fingerprint, renewed: (now) => session.renewed(now), source: parts.source, page: parts.page, quiet: parts.quiet ?? false, took: (a) => session.took(a) });
    desk.value = d;
    stopLock();
    const stops = [
      effect(() => {
        session.autoLock = d.settings.value.value.autoLock;
      }),
      effect(() => {
        const now = session.account.value;
        if (now && now !== untracked(() => d.account)) untracked(() => d.changed(now));
      }),
    ];
    stopLock = () => stops.forEach((stop) => stop());
    await d.start();
  }
  let stopLock = () => {};
  const online = () => {
    session.online();
    desk.peek()?.online();
  };
  // The browser knows before a request has failed; the next one that arrives says otherwise.
  const offline = () => {
    reached.value = false;
  };
  const hide = () => {
    if (parts.page?.hidden) void desk.peek()?.drafts.saveAll().catch(() => {});
  };
  return {
    api, vault, clock, session, alarms,
    desk: desk as OpenApp["desk"],
    online: computed(() => reached.value),
    async start() {
      globalThis.addEventListener?.("online", online);
      globalThis.addEventListener?.("offline", offline);
      parts.page?.addEventListener("visibilitychange", hide);
      await session.start();
    },
    stop() {
      globalThis.removeEventListener?.("online", online);
      globalThis.removeEventListener?.("offline", offline);
      parts.page?.removeEventListener("visibilitychange", hide);
      stopPhase();
      stopLock();
      session.stop();
      desk.peek()?.close();
      channel?.close();
    },
  };
}

const noMemory = (): Memory => {
  const all = new Map<string, string>();
  return { get: (k) => all.get(k) ?? null, set: (k, v) => void (v === null ? all.delete(k) : all.set(k, v)) };
};
