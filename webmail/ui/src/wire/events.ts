// The stream of /api/v1/events: hints that something changed. The reader always asks for
// what changed since the last it knows, so a lost event is harmless.

import type { Clock } from "./http.ts";

export type EventName = "mail" | "cabinet" | "outbox" | "account" | "bye";
export interface ServerEvent {
  name: EventName;
  modseq: number;
  version: number;
}

export interface EventSourceLike {
  addEventListener(name: string, f: (e: { data: string; lastEventId: string }) => void): void;
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  close(): void;
}

export interface EventsOptions {
  clock: Clock;
  open?: (url: string) => EventSourceLike;
  page?: { hidden: boolean; addEventListener(n: string, f: () => void): void; removeEventListener(n: string, f: () => void): void };
  base?: string;
  resume: () => string; // "MODSEQ.VERSION" of what is known
  on: (e: ServerEvent) => void;
  up: (connected: boolean) => void; // also after each return: what came between may be lost
}

const NAMES: EventName[] = ["mail", "cabinet", "outbox", "account", "bye"];
const FIRST = 1_000;
const LAST = 60_000;
const HIDDEN = 300_000; // a page nobody looks at for five minutes needs no stream

export interface Events {
  stop(): void;
  nudge(): void; // the network is back: try now
}

// Opens the stream and keeps it: with back-off when it falls, closed while the page is
// hidden for long.
export function openEvents(o: EventsOptions): Events {
  let source: EventSourceLike | null = null;
  let wait = FIRST;
  let cancel: (() => void) | null = null;
  let sleepy: (() => void) | null = null;
  let stopped = false;

  const close = () => {
    source?.close();
    source = null;
    cancel?.();
    cancel = null;
  };
  const later = () => {
    close();
    o.up(false);
    if (stopped) return;
    cancel = o.clock.after(wait + Math.floor(Math.random() * wait * 0.3), connect);
    wait = Math.min(wait * 2, LAST);
  };
  const over = () => o.on({ name: "bye", modseq: 0, version: 0 });
  const open = o.open ?? ((url: string) => new EventSource(url) as unknown as EventSourceLike);
  function connect() {
    close();
    if (stopped) return;
    const s = open(`${o.base ?? ""}/api/v1/events?last=${encodeURIComponent(o.resume())}`);
    source = s;
    let opened = false;
    s.onopen = () => {
      opened = true;
      wait = FIRST;
      o.up(true);
    };
    s.onerror = () => {
      if (source !== s) return;
      later();
      if (!opened) over(); // a stream never says why: the session may have ended
    };
    for (const name of NAMES)
      s.addEventListener(name, (e) => {
        if (source !== s) return;
        if (name === "bye") {
          later();
          return over();
        }
        o.on({ name, ...numbers(e.data) });
      });
  }
  const seen = () => {
    sleepy?.();
    sleepy = null;
    if (o.page?.hidden) sleepy = o.clock.after(HIDDEN, close);
    else if (!source && !stopped) connect();
  };
  o.page?.addEventListener("visibilitychange", seen);
  connect();
  return {
    stop() {
      stopped = true;
      sleepy?.();
      close();
      o.page?.removeEventListener("visibilitychange", seen);
    },
    nudge() {
      if (!stopped && !source) {
        wait = FIRST;
        connect();
      }
    },
  };
}

function numbers(data: string): { modseq: number; version: number } {
  try {
    const v = JSON.parse(data) as { modseq?: unknown; version?: unknown };
    return { modseq: Number(v.modseq) || 0, version: Number(v.version) || 0 };
  } catch {
    return { modseq: 0, version: 0 };
  }
}
