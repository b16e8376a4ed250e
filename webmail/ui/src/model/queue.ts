// Actions that wait for the server: shown at once, kept sealed over reloads, sent in order,
// each with a key of its own so that a lost answer does not make it happen twice. What is
// gone at the server stays gone; flags are whoever set them last.

import { signal } from "@preact/signals";
import type { Change, ChangeEvent } from "../wire/api.ts";
import { ApiError, newKey, type Api, type Clock } from "../wire/http.ts";
import type { SealedCache } from "./cache.ts";
import { Overlay, type Act } from "./overlay.ts";
import type { Sync } from "./sync.ts";
import type { MailRef } from "./types.ts";

export interface Queued {
  id: string; // sorts by time
  key: string; // Idempotency-Key
  act: Act;
  after: number; // ms: not before (it may be taken back until then)
  state: "waiting" | "sending" | "sent"; // sent: shown until the new entries are here
}
export interface QueueParts {
  api: Api;
  cache: SealedCache;
  clock: Clock;
  sync: Sync;
  failed: (word: string) => void;
}

const RETRY = [2_000, 5_000, 15_000, 60_000];
const MOST = 2_000; // mails in one change

export class Queue {
  readonly waiting = signal(0);
  readonly #parts: QueueParts;
  #all: Queued[] = [];
  #running: Promise<void> | null = null;
  #retry: (() => void) | null = null;
  #fails = 0;
  #count = 0;
  #closed = false;
  // Told when a mail has another place now; whoever remembers places follows.
  onMoved: (from: MailRef, to: MailRef) => void = () => {};

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  async load(): Promise<void> {
    const rows = await this.#parts.cache.all<Omit<Queued, "state">>("queue");
    const old = rows.map((r): Queued => ({ ...r.value, state: "waiting" })).sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#all = [...old, ...this.#all];
    this.#publish();
    this.run();
  }

  // Answers when it is safe on this device; it is shown already.
  add(act: Act, delay = 0): { ids: string[]; saved: Promise<void> } {
    const ids: string[] = [];
    const saved: Promise<void>[] = [];
    for (let i = 0; i < act.refs.length; i += MOST) {
      const now = this.#parts.clock.now();
      const q: Queued = {
        id: `${now.toString(36).padStart(10, "0")}${(this.#count++).toString(36).padStart(6, "0")}${newKey().slice(0, 6)}`,
        key: newKey(), act: { ...act, refs: act.refs.slice(i, i + MOST) }, after: delay > 0 ? now + delay : 0, state: "waiting",
      };
      this.#all.push(q);
      ids.push(q.id);
      saved.push(this.#save(q));
    }
    this.#publish();
    const all = Promise.all(saved).then(() => this.run());
    all.catch(() => this.run());
    return { ids, saved: all };
  }
  // Takes back what has not left. Answers which of them are out already.
  cancel(ids: readonly string[]): Queued[] {
    const out: Queued[] = [];
    for (const id of ids) {
      const q = this.#all.find((x) => x.id === id);
      if (q?.state === "waiting") {
        this.#drop(q);
        void this.#parts.cache.remove("queue", q.id);
      } else if (q) out.push(q);
    }
    this.#publish();
    return out;
  }
  knows(id: string): boolean {
    return this.#all.some((q) => q.id === id);
  }
  // Held-back actions leave now.
  release(): void {
    for (const q of this.#all) q.after = 0;
    this.run();
  }
  #save(q: Queued): Promise<void> {
    const { state: _, ...rest } = q;
    return this.#parts.cache.put("queue", q.id, rest);
  }
  #drop(q: Queued): void {
    this.#all = this.#all.filter((x) => x !== q);
  }
  #publish(): void {
    this.waiting.value = this.#all.filter((q) => q.state !== "sent").length;
    this.#parts.sync.setOverlay(new Overlay(this.#all.map((q) => q.act)));
  }

  run(): void {
    this.#retry?.();
    this.#retry = null;
    if (this.#closed || this.#running) return;
    this.#running = this.#send().finally(() => {
      this.#running = null;
      this.#plan();
    });
  }
  // Another run when the next one may leave.
  #plan(): void {
    const next = this.#all.filter((q) => q.state === "waiting");
    if (next.length === 0 || this.#closed || this.#retry) return;
    const due = Math.max(0, Math.min(...next.map((q) => q.after)) - this.#parts.clock.now());
    const wait = this.#fails > 0 ? RETRY[Math.min(this.#fails, RETRY.length) - 1]! : due;
    this.#retry = this.#parts.clock.after(Math.max(due, wait), () => this.run());
  }
  // Those whose time has come, in order; what stands behind one that is held back and is
  // about the same mail waits too.
  #next(): Queued | undefined {
    const held = new Set<string>();
    for (const q of this.#all) {
      if (q.state !== "waiting") continue;
      const blocked = q.act.refs.some((r) => held.has(r.id));
      if (!blocked && q.after <= this.#parts.clock.now()) return q;
      for (const r of q.act.refs) held.add(r.id);
    }
    return undefined;
  }
  async #send(): Promise<void> {
    for (let q = this.#next(); q && !this.#closed; q = this.#next()) {
      // Undone before it left: such mail is where it should be.
      if (q.act.op === "move") {
        const { to, refs } = q.act;
        q.act = { op: "move", to, refs: refs.filter((r) => r.mailbox !== to) };
      }
      if (q.act.refs.length === 0) {
        this.#drop(q);
        this.#publish();
        await this.#parts.cache.remove("queue", q.id);
        continue;
      }
      q.state = "sending";
      try {
        const events = await this.#parts.api.changes(changesOf(q.act), q.key);
        this.#fails = 0;
        this.#landed(q, events);
      } catch (e) {
        if (!(e instanceof ApiError)) throw e;
        q.state = "waiting";
        if (e.temporary || e.status === 401) {
          this.#fails++;
          return;
        }
        this.#drop(q);
        await this.#parts.cache.remove("queue", q.id);
        this.#publish();
        this.#parts.failed(e.status === 404 ? "gone" : "refused");
      }
    }
  }
  // The server did it. It stays laid over the lists until the entries that say so are here.
  #landed(q: Queued, events: readonly ChangeEvent[]): void {
    q.state = "sent";
    if (q.act.op === "move") this.#relocate(q.act, events);
    void this.#parts.cache.remove("queue", q.id);
    this.waiting.value = this.#all.filter((x) => x.state !== "sent").length;
    const look = (): void => {
      if (this.#closed) return;
      void this.#parts.sync.refresh().then(() => {
        if (this.#parts.sync.state.peek() === "offline") return void this.#parts.clock.after(RETRY[2]!, look);
        this.#drop(q);
        this.#publish();
      });
    };
    look();
  }
  #relocate(act: Act & { op: "move" }, events: readonly ChangeEvent[]): void {
    const sources = [...groups(act.refs).keys()];
    events.forEach((e, n) => {
      const mailbox = sources[n];
      if (mailbox === undefined) return;
      e.sources.forEach((uid, i) => {
        const from = act.refs.find((r) => r.mailbox === mailbox && r.uid === uid);
        const now = e.uids[i];
        if (!from || now === undefined) return;
        const to = { mailbox: act.to, uid: now, id: from.id };
        for (const q of this.#all) {
          if (q.act === act || q.state === "sent") continue;
          const at = q.act.refs.findIndex((r) => r.mailbox === mailbox && r.uid === uid);
          if (at < 0) continue;
          q.act = { ...q.act, refs: q.act.refs.map((r, k) => (k === at ? to : r)) };
          void this.#save(q);
        }
        this.onMoved(from, to);
      });
    });
  }

  // Everything that may leave has left (tests, sign out).
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }
  close(): void {
    this.#closed = true;
    this.#retry?.();
  }
}

function groups(refs: readonly MailRef[]): Map<number, number[]> {
  const out = new Map<number, number[]>();
  for (const r of refs) out.set(r.mailbox, [...(out.get(r.mailbox) ?? []), r.uid]);
  return out;
}

export function changesOf(act: Act): Change[] {
  return [...groups(act.refs)].map(([mailbox, list]): Change => {
    const uids = [...new Set(list)].sort((a, b) => a - b);
    switch (act.op) {
      case "flags":
        return { op: "flags", mailbox, uids, ...(act.add.length ? { add: act.add } : {}), ...(act.remove.length ? { remove: act.remove } : {}) };
      case "move":
      case "copy":
        return { op: act.op, mailbox, to: act.to, uids };
      case "expunge":
        return { op: "expunge", mailbox, uids };
    }
  });
}
