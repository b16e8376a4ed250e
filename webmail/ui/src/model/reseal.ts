// Sealing old mail anew, once the encryption subkey was replaced: the vault exchanges the
// packets that hold the session keys, the server puts them in front of what it has. How far
// it is stands in the cabinet, so that it goes on after a reload and on any device, and only
// one of them works at a time. A mail that is done shows it by itself: doing it twice is
// nothing. That it is to be done shows the key by itself: a page that goes in the moment
// between them loses nothing.

import { signal } from "@preact/signals";
import type { ResealMail } from "../wire/api.ts";
import { ApiError, newKey, sleep, type Api, type Clock } from "../wire/http.ts";
import type { Card, Vault } from "../vault/vault.ts";
import type { SealedCache } from "./cache.ts";
import type { Cards } from "./cards.ts";
import type { Box } from "./columns.ts";
import type { Sync } from "./sync.ts";
import type { Cabinet, ResealModel, ResealView } from "./types.ts";

export interface ResealParts {
  api: Pick<Api, "keys" | "reseal" | "letter" | "terms">;
  vault: Pick<Vault, "reseal" | "ownKey">;
  clock: Clock;
  cabinet: Cabinet;
  cache: Pick<SealedCache, "get" | "put">;
  sync: Sync;
  cards: Cards;
  list: boolean; // the account has a list key: mails have cards
  locks?: Pick<LockManager, "request"> | undefined; // of this browser; without them one page is all there is
}

// As it stands in the cabinet.
interface Work {
  to: string; // fingerprint of the subkey
  state: "running" | "paused" | "stopped" | "done";
  by: string; // the device that works
  beat: number; // when it last said so, seconds
  began: number;
  pass: number; // 0: the first; later ones look for what was moved meanwhile
  at: { [mailbox: string]: number }; // last uid that was looked at in this pass
  done: number;
  of: number;
  sealed: number; // in this pass
  failed: number;
  inner: number; // sealed around what the sender had encrypted to the old key
}

const DRAWER = "settings";
const NAME = "reseal";
const BATCH = 50; // mails between two looks at what the owner wants
const PAUSE = 30; // ms between two: somebody may be reading
const LATE = 120; // seconds without a beat: that device is gone
const LOOK = 60_000;
const BODY = 3 << 20; // bytes of letters in one request
const PASSES = 4;
const BEAT = 10; // seconds between two words that one still works
const LOCK = "sealpost reseal";
const HEADER = 2;
const TERMS = 4;

const none: ResealView = { state: "none", done: 0, of: 0, failed: 0, inner: 0, here: false, word: "" };

class Halted extends Error {}

export class Reseal implements ResealModel {
  readonly view = signal<ResealView>(none);
  readonly #parts: ResealParts;
  #device = ""; // kept, so that a reload goes on at once
  #work: Work | null = null;
  #version = 0;
  #running: Promise<void> | null = null;
  #halting = false;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();
  #looking: Promise<void> | null = null; // waits for its turn
  #due = true; // whether the key has work that stands nowhere was not looked at yet
  #again: (() => void) | null = null;
  #queued: AbortController | null = null; // another tab works

  constructor(parts: ResealParts) {
    this.#parts = parts;
  }
  async idle(): Promise<void> {
    await this.#last;
    await this.#running;
  }
  close(): void {
    this.#closed = true;
    this.#again?.();
    this.#queued?.abort();
  }

  // Begins for the subkey that is newest now.
  start(): Promise<void> {
    return this.#turn(async () => {
      await this.#halt();
      await this.#read();
      this.#due = true; // where it does not get as far as the cabinet
      const own = await this.#parts.vault.ownKey();
      if (own && own.encryption !== "") await this.#begin(own.encryption);
    });
  }
  pause(): Promise<void> {
    return this.#end("paused");
  }
  stop(): Promise<void> {
    return this.#end("stopped");
  }
  resume(): Promise<void> {
    return this.#turn(async () => {
      if (this.#running) return;
      await this.#read();
      if (!this.#work || this.#work.state === "done") return;
      await this.#write({ ...this.#work, state: "running", by: this.#device, beat: this.#now() });
      this.#go();
    });
  }
  #end(state: "paused" | "stopped"): Promise<void> {
    return this.#turn(async () => {
      if (!(await this.#halt())) await this.#read();
      const w = this.#work;
      if (w && w.state !== "done") await this.#write({ ...w, state });
    });
  }
  // Whether anything ran: then what is here is newer than what stands in the cabinet.
  async #halt(): Promise<boolean> {
    const ran = this.#running;
    this.#halting = true;
    await ran;
    this.#halting = false;
    return ran !== null;
  }

  // Looks at what is to be done, at the start and when the cabinet changed: goes on with what
  // this device was at, or with what a device left that has gone.
  look(): Promise<void> {
    return (this.#looking ??= this.#turn(async () => {
      this.#looking = null;
      if (this.#closed || this.#running) return;
      await this.#read();
      const to = this.#due ? await this.#undone() : null;
      if (to !== null) return this.#begin(to);
      this.#due = false;
      const w = this.#work;
      if (w?.state !== "running") return;
      if (w.by !== this.#device && w.beat > this.#now() - LATE) this.#later();
      else this.#go();
    }));
  }
  #soon(): void {
    void this.look().catch(() => {});
  }
  #later(): void {
    this.#again?.();
    if (!this.#closed) this.#again = this.#parts.clock.after(LOOK, () => this.#soon());
  }

  // One after the other: what one reads, decides and writes is not mixed with another's.
  // Where another device was faster it is decided anew, by what that one wants.
  #turn(f: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(async () => {
      for (let n = 0; ; n++) {
        try {
          return await f();
        } catch (e) {
          if (!(await this.#overtaken(e)) || n === 2) throw e;
        }
      }
    });
    this.#last = mine.catch(() => {});
    return mine;
  }
  // What does not reach the server is tried again.
  async #overtaken(e: unknown): Promise<boolean> {
    if (!(e instanceof ApiError)) return false;
    if (e.temporary) this.#later();
    if (e.word !== "conflict") return false;
    await this.#parts.cabinet.refresh();
    await this.#read();
    return true;
  }
  async #named(): Promise<void> {
    if (this.#device !== "") return;
    const kept = await this.#parts.cache.get<string>("state", "reseal-device").catch(() => undefined);
    this.#device = kept ?? newKey().slice(0, 16);
    if (kept === undefined) await this.#parts.cache.put("state", "reseal-device", this.#device).catch(() => {});
  }

  // The subkey that took another's place without that anybody began: the page that had it
  // made was gone before. An older one than the work is for says that this page is behind.
  async #undone(): Promise<string | null> {
    const own = await this.#parts.vault.ownKey();
    const to = this.#work?.to;
    if (!own || own.encryption === "" || to === own.encryption) return null;
    if (to !== undefined && !own.subkeys.some((s) => s.fingerprint === to)) return null;
    return own.subkeys.some((s) => s.use === "encrypt" && s.reason === "superseded" && s.secret) ? own.encryption : null;
  }
  async #begin(to: string): Promise<void> {
    await this.#named();
    const now = this.#now();
    await this.#write({ to, state: "running", by: this.#device, beat: now, began: now, pass: 0, at: {}, done: 0, of: 0, sealed: 0, failed: 0, inner: 0 });
    this.#due = false;
    this.#go();
  }

  #now(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
  async #read(): Promise<void> {
    const line = this.#parts.cabinet.list(DRAWER).find((l) => l.name === NAME);
    if (!line) return this.#show();
    await this.#named();
    const data = await this.#parts.cabinet.read(DRAWER, NAME);
    this.#version = this.#parts.cabinet.list(DRAWER).find((l) => l.name === NAME)?.version ?? 0;
    this.#work = data && workOf(data);
    this.#show();
  }
  async #write(w: Work): Promise<void> {
    const was = this.#version;
    this.#version = await this.#parts.cabinet.write(DRAWER, NAME, was, new TextEncoder().encode(JSON.stringify(w)).buffer);
    this.#work = w;
    this.#show();
  }
  #show(word = ""): void {
    const w = this.#work;
    this.view.value = w ? { state: word ? "failed" : w.state, done: w.done, of: w.of, failed: w.failed, inner: w.inner, here: w.by === this.#device, word } : none;
  }

  #go(): void {
    if (this.#closed) return;
    this.#running ??= this.#alone()
      .catch(async (e: unknown) => {
        if (e instanceof Halted || this.#closed) return false;
        const again = await this.#overtaken(e);
        if (!again) this.#show(e instanceof ApiError ? e.word : ((e as { word?: string }).word ?? "unknown"));
        return again;
      })
      .catch(() => this.#later()) // nor could what the other device wanted be read
      .then((again) => {
        this.#running = null;
        if (again) this.#soon();
      });
  }
  // Two tabs of one browser have one name: only one of them works, and then the next.
  async #alone(): Promise<false> {
    const { locks } = this.#parts;
    if (!locks) await this.#run();
    else if (!(await locks.request(LOCK, { ifAvailable: true }, async (lock) => lock !== null && (await this.#run(), true)))) this.#queue(locks);
    return false;
  }
  #queue(locks: Pick<LockManager, "request">): void {
    if (this.#queued || this.#closed) return;
    this.#queued = new AbortController();
    void locks.request(LOCK, { signal: this.#queued.signal }, () => {}).then(() => {
      this.#queued = null;
      this.#soon();
    }, () => {});
  }
  async #run(): Promise<void> {
    const { sync, vault } = this.#parts;
    await this.#read(); // as the tab left it that had the lock
    const own = await vault.ownKey();
    const work = this.#work;
    if (work?.state !== "running" || own?.encryption !== work.to) return; // it was replaced again: that is another work
    if (work.by !== this.#device || this.#now() - work.beat >= BEAT) await this.#write({ ...work, by: this.#device, beat: this.#now() });
    for (;;) {
      do await sync.refresh();
      while (sync.state.peek() === "syncing"); // somebody looks again in the same moment
      if (!sync.whole) throw new ApiError("offline", 0);
      const boxes = sync.boxes();
      this.#work = { ...this.#work!, of: boxes.reduce((n, b) => n + b.length, 0) };
      for (const box of boxes) await this.#box(box);
      const w = this.#work!;
      // What was moved meanwhile stands elsewhere: look again, until nothing is found.
      if (w.sealed === 0 || w.pass + 1 >= PASSES) return this.#write({ ...w, state: "done", done: w.of });
      await this.#write({ ...w, pass: w.pass + 1, at: {}, done: 0, sealed: 0, failed: 0, inner: 0, beat: this.#now() });
    }
  }
  async #box(box: Box): Promise<void> {
    const from = this.#work!.at[box.id] ?? 0;
    const uids = [...box.uids.slice(0, box.length)].filter((u) => u > from);
    const before = box.length - uids.length;
    if (from > 0) this.#count({ done: before });
    for (let i = 0; i < uids.length; i += BATCH) {
      this.#obey();
      const part = uids.slice(i, i + BATCH);
      const { sealed, failed, inner } = await this.#batch(box, part);
      this.#count({ done: part.length, sealed, failed, inner }, box.id, part.at(-1)!);
      if (this.#now() - this.#work!.beat >= BEAT) await this.#write({ ...this.#work!, beat: this.#now() }); // "conflict": another device wants something
      await sleep(this.#parts.clock, PAUSE);
    }
  }
  #obey(): void {
    if (this.#closed || this.#halting) throw new Halted();
  }
  #count(more: { done: number; sealed?: number; failed?: number; inner?: number }, box?: number, uid?: number): void {
    const w = this.#work!;
    this.#work = {
      ...w, done: Math.min(w.of, w.done + more.done), sealed: w.sealed + (more.sealed ?? 0), failed: w.failed + (more.failed ?? 0), inner: w.inner + (more.inner ?? 0),
      ...(box === undefined || uid === undefined ? {} : { at: { ...w.at, [box]: uid } }),
    };
    this.#show();
  }

  async #batch(box: Box, uids: readonly number[]): Promise<{ sealed: number; failed: number; inner: number }> {
    const out = { sealed: 0, failed: 0, inner: 0 };
    let wishes: ResealMail[] = [];
    let cards: Card[] = [];
    let bytes = 0;
    const send = async () => {
      const { sealed, failed } = await this.#send(box.id, wishes);
      out.sealed += sealed;
      out.failed += failed;
      if (failed === 0) for (const c of cards) this.#parts.cards.put(c.id, c); // else they come with the entries
      [wishes, cards, bytes] = [[], [], 0];
    };
    for (const f of await this.#parts.api.keys(box.id, uids)) {
      const i = box.indexOf(f.uid);
      if (i < 0 || f.data.byteLength === 0) continue;
      const made = await this.#one(box, i, f.data).catch((e: unknown) => {
        if (e instanceof ApiError) throw e;
        out.failed++; // not for this key, or damaged: its reader is told
        return null;
      });
      if (box.classes[i] === 3 && box.received[i]! < this.#work!.began) out.inner++;
      if (!made) continue;
      wishes.push(made.wish);
      if (made.card) cards.push(made.card);
      bytes += made.bytes;
      if (bytes > BODY) await send();
    }
    await send();
    return out;
  }
  // All or none: where one of them is refused, each is asked for alone.
  async #send(box: number, wishes: readonly ResealMail[]): Promise<{ sealed: number; failed: number }> {
    if (wishes.length === 0) return { sealed: 0, failed: 0 };
    try {
      return { sealed: (await this.#parts.api.reseal(box, wishes)).uids.length, failed: 0 };
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 422) throw e;
      if (wishes.length === 1) return { sealed: 0, failed: 1 };
    }
    const out = { sealed: 0, failed: 0 };
    for (const w of wishes) {
      const one = await this.#send(box, [w]);
      out.sealed += one.sealed;
      out.failed += one.failed;
    }
    return out;
  }
  async #one(box: Box, i: number, keys: ArrayBuffer): Promise<{ wish: ResealMail; card?: Card; bytes: number } | null> {
    const { api, vault, sync } = this.#parts;
    const [uid, id, letters] = [box.uids[i]!, box.ids[i]!, box.letters[i]!];
    const card = this.#parts.list ? sync.card(id) : undefined;
    const whole = letters & HEADER ? { header: await api.letter(box.id, uid, "header"), message: await api.letter(box.id, uid, "message") } : {};
    const terms = letters & HEADER && letters & TERMS ? (await api.terms(box.id, [uid]))[0]?.data : undefined;
    const own = terms && "header" in whole && !sameHead(terms, whole.header) ? { terms } : {};
    const made = await vault.reseal({ keys, ...whole, ...own, ...(card ? { card } : {}) });
    if (!made) return null;
    const wish: ResealMail = { uid, message: base64(made.message) };
    if (made.header) wish.header = base64(made.header);
    if (made.terms) wish.terms = base64(made.terms);
    if (made.card) wish.card = base64(made.card.sealed);
    return { wish, ...(made.card ? { card: made.card.card } : {}), bytes: (made.header?.byteLength ?? 0) + 4_000 };
  }
}

// Terms that stand under the header letter's session key come with its packets in front.
function sameHead(terms: ArrayBuffer, header: ArrayBuffer): boolean {
  const [a, b] = [new Uint8Array(terms), new Uint8Array(header)];
  const n = Math.min(a.length, b.length, 64);
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return false;
  return true;
}

function base64(b: ArrayBuffer): string {
  let s = "";
  for (const octet of new Uint8Array(b)) s += String.fromCharCode(octet);
  return btoa(s);
}

function workOf(data: ArrayBuffer): Work | null {
  try {
    const w = JSON.parse(new TextDecoder().decode(data)) as Work;
    const counts = [w.beat, w.began, w.pass, w.done, w.of, w.sealed, w.failed, w.inner];
    const known = ["running", "paused", "stopped", "done"].includes(w.state) && typeof w.to === "string" && typeof w.by === "string" && typeof w.at === "object" && w.at !== null;
    return known && counts.every((n) => Number.isSafeInteger(n) && n >= 0) ? w : null;
  } catch {
    return null;
  }
}
