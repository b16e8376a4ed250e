// A stored file that is being opened: it goes to whoever may have it piece by piece, as a
// whole that is saved or by ranges that are shown. Its secret does not leave the worker.
import { SealedFile, type Head, receive } from "../files/index.ts";
import { Failure, type Fetch, Run, octets, rangeOf } from "./fetching.ts";
import type { Begin, Event, Piece, Serve, Word } from "./line.ts";

const pieceSize = 512 << 10; // what crosses to the service worker at a time
const mostRead = 64 << 20;
const often = 200; // ms between two words of how far it is

export interface Port { postMessage(message: unknown, transfer?: Transferable[]): void; onmessage: ((e: MessageEvent) => void) | null; close(): void }

/** Where a file is, and what opens it. */
export interface Stored { size: number; head: Pick<Head, "secret" | "length">; source(): Promise<Fetch> }

export class Opened {
  #file: Promise<SealedFile> | null = null;
  #run: Run | null = null;
  #paused = false;

  constructor(readonly of: Stored, private readonly say: (e: Event) => void) {}

  pause(on: boolean): void {
    this.#paused = on;
    this.#run?.pause(on);
  }
  wake(): void {
    this.#run?.wake();
  }
  stop(): void {
    this.#run?.stop();
  }

  #sealed(): Promise<SealedFile> {
    const o = this.of;
    this.#file ??= o.source().then((ask) => SealedFile.open({ size: o.size, read: (from, to) => rangeOf(ask, from, to) }, o.head));
    this.#file.catch(() => (this.#file = null));
    return this.#file;
  }

  async read(from: number, to: number): Promise<ArrayBuffer> {
    if (to - from > mostRead) throw new Failure("damaged");
    return (await (await this.#sealed()).read(from, Math.min(to, this.of.head.length))).buffer;
  }

  async serve(ask: Serve, port: Port): Promise<void> {
    const size = this.of.head.length;
    const range = ask.save ? null : cut(ask.range, size);
    const [from, to] = range ?? [0, size];
    const begin: Begin = { save: ask.save, type: ask.type, name: ask.name, size, from, to, part: range !== null };
    give(port, begin, ask.save ? this.whole() : this.#show(from, to), () => this.stop());
  }

  async *#show(from: number, to: number): AsyncGenerator<Uint8Array> {
    yield* (await this.#sealed()).range(from, to);
  }

  // The end is given out only when all of it was found to be whole.
  async *whole(): AsyncGenerator<Uint8Array> {
    this.stop();
    const o = this.of;
    let have = 0, told = 0, over = false;
    const run = new Run((state) => this.say({ state, have }));
    this.#run = run;
    if (this.#paused) run.pause(true);
    try {
      const ask = await o.source();
      for await (const piece of receive(octets(ask, o.size, run), o.head)) {
        yield piece;
        have += piece.length;
        if (Date.now() - told < often) continue;
        told = Date.now();
        this.say({ state: "running", have });
      }
      over = true;
      this.say({ state: "done", have });
    } catch (e) {
      over = true;
      const word = wordOf(e);
      this.say({ state: word === "stopped" ? "stopped" : "failed", have, word });
      throw e;
    } finally {
      if (!over) this.say({ state: "stopped", have, word: "stopped" }); // whoever took it wants no more
    }
  }
}

/** What a failure is called: all that is no Failure is content that is not what was sealed. */
export const wordOf = (e: unknown): Word => (e instanceof Failure ? e.word : e instanceof TypeError ? "offline" : "damaged");

/** A Range of one part (RFC 9110, section 14.1.2); null: there is none that can be had. */
export function cut(range: string | null, size: number): [number, number] | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return null;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return from < to ? [from, to] : null;
}

/** Tells whoever asked what comes, and gives it to them as they take it. */
export function give(port: Port, begin: Begin, source: AsyncGenerator<Uint8Array>, stopped: () => void): void {
  port.onmessage = pump(source, port, stopped);
  port.postMessage({ begin } satisfies Piece);
}

// Gives a piece each time that it is asked for one, and nothing ahead.
function pump(source: AsyncGenerator<Uint8Array>, port: Port, stopped: () => void): (e: MessageEvent) => void {
  let turn: Promise<void> = Promise.resolve();
  let over = false;
  const end = (last: Piece) => {
    over = true;
    port.postMessage(last);
  };
  const more = async () => {
    if (over) return;
    try {
      const pieces: Uint8Array[] = [];
      let n = 0, ended = false;
      while (n < pieceSize && !ended) {
        const got = await source.next();
        ended = got.done === true;
        if (got.done) break;
        pieces.push(got.value);
        n += got.value.length;
      }
      if (n > 0) {
        const piece = new Uint8Array(n);
        let at = 0;
        for (const p of pieces) { piece.set(p, at); at += p.length; }
        port.postMessage({ piece: piece.buffer } satisfies Piece, [piece.buffer]);
      }
      if (ended && n === 0) end({ end: true });
    } catch {
      end({ broken: true });
    }
  };
  return (e) => {
    if (e.data === "more") turn = turn.then(more);
    else if (e.data === "stop" && !over) {
      over = true;
      stopped();
      void source.return(undefined).catch(() => {});
    }
  };
}
