// The octets of a link's file as the server has them: all of them, going on after every
// break where it broke, or a range.
import { closed } from "../vault/errors.ts";
import type { Word } from "./line.ts";

export class Failure extends Error {
  constructor(readonly word: Word) {
    super(word);
    this.name = "Failure";
  }
}

/** Where a download stands, and what a person wants of it. */
export class Run {
  #stopped = false;
  #paused = false;
  #abort = new AbortController();
  #wake: () => void = () => {};

  constructor(private readonly tell: (state: "running" | "waiting" | "paused") => void) {}

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  pause(on: boolean): void {
    this.#paused = on;
    if (on) this.#abort.abort();
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#abort.abort();
    this.#wake();
  }

  wake(): void {
    this.#wake();
  }

  // Returns when it may go on.
  async turn(): Promise<void> {
    while (this.#paused && !this.#stopped) {
      this.tell("paused");
      await this.#sleep(null);
    }
    if (this.#stopped) throw new Failure("stopped");
    this.#abort = new AbortController();
    this.tell("running");
  }

  async rest(ms: number): Promise<void> {
    if (this.#paused || this.#stopped) return;
    this.tell("waiting");
    await this.#sleep(ms);
  }

  #sleep(ms: number | null): Promise<void> {
    return new Promise((done) => {
      const timer = ms === null ? undefined : setTimeout(() => this.#wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        done();
      };
    });
  }
}

/** Asks for octets from one place up to another; beyond the network and the server's haste it answers 200 or 206. */
export type Fetch = (range: string, signal: AbortSignal) => Promise<Response>;

const waits = [500, 1_000, 2_000, 4_000, 8_000, 15_000]; // ms, and on with the last
const stall = 30_000;
const headTime = 120_000; // for a range, all of it

// A connection that says nothing for a while is none.
async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => (timer = setTimeout(() => fail(new TypeError("stalled")), stall)));
  try {
    return await Promise.race([reader.read(), late]);
  } finally {
    clearTimeout(timer);
  }
}

// An answer that is no part of the file at the place that was asked for.
function checkRange(r: Response, from: number): void {
  const begins = Number(/^bytes (\d+)-/.exec(r.headers.get("Content-Range") ?? "")?.[1] ?? (r.status === 200 ? 0 : -1));
  if (begins !== from) throw closed();
}

/** What is final; all else is asked for again. */
export function refusal(status: number): Failure | null {
  return status === 404 || status === 410 ? new Failure("gone") : status < 300 || status === 429 || status >= 500 ? null : new Failure("damaged");
}

/** The whole file in pieces, however often the network goes. */
export async function* octets(ask: Fetch, size: number, run: Run): AsyncGenerator<Uint8Array> {
  let at = 0;
  let breaks = 0;
  while (at < size) {
    await run.turn();
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    let wait = 0;
    try {
      const r = await ask(`bytes=${at}-`, run.signal);
      const refused = refusal(r.status);
      if (refused) throw refused;
      if (!r.ok || !r.body) {
        wait = 1000 * Math.min(60, Number(r.headers.get("Retry-After")) || 0);
        throw new TypeError("not now");
      }
      checkRange(r, at);
      reader = r.body.getReader();
      for (let got = await next(reader); !got.done; got = await next(reader)) {
        at += got.value.length;
        if (at > size) throw closed();
        breaks = 0;
        yield got.value;
        if (run.signal.aborted) break;
      }
    } catch (e) {
      if (!(e instanceof TypeError) && !(e instanceof DOMException)) throw e; // what the network does is one of these
    } finally {
      reader?.cancel().catch(() => {});
    }
    if (at < size) await run.rest(Math.max(wait, waits[Math.min(breaks++, waits.length - 1)]!));
  }
}

// What was asked for and no more, whatever comes: a server that sends a whole file for a
// piece, or never ends, fills no memory.
async function first(r: Response, size: number): Promise<Uint8Array> {
  const all = new Uint8Array(size), reader = r.body?.getReader();
  try {
    for (let at = 0; at < size; ) {
      const got = reader ? await next(reader) : null;
      if (!got || got.done) throw new TypeError("broke off");
      const piece = got.value.subarray(0, size - at);
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  } finally {
    reader?.cancel().catch(() => {});
  }
}

/** A range, tried a few times: whoever watches asks again by themselves. */
export async function rangeOf(ask: Fetch, from: number, to: number, tries = 4): Promise<Uint8Array> {
  for (let n = 0; ; n++) {
    try {
      const r = await ask(`bytes=${from}-${to - 1}`, AbortSignal.timeout(headTime));
      const refused = refusal(r.status);
      if (refused) throw refused;
      if (!r.ok) throw new TypeError("not now");
      checkRange(r, from);
      return await first(r, to - from);
    } catch (e) {
      if (e instanceof Failure || n + 1 >= tries || !(e instanceof TypeError || e instanceof DOMException)) throw e;
    }
    await new Promise((done) => setTimeout(done, waits[n]));
  }
}
