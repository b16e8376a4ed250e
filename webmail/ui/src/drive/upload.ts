// One file on its way to the server, of the drive's owner or of somebody who was asked for
// it: it is sealed while it is read, and goes in parts, some at a time. A part is kept
// until it is there, so after a break the same octets go on; nothing is sealed twice under
// one secret.
import { Sealing, maxLength, newSecret, pieces, sealedSize } from "../files/index.ts";
import { Failure, Run } from "../shared/fetching.ts";
import { type Bytes, sha256, toBase64 } from "../vault/bytes.ts";
import type { File } from "../wire/api.ts";
import type { Sent, Told } from "./line.ts";
import { type Body, type Shelf, noShelf } from "./shelf.ts";
import { Later, type Wire } from "./wire.ts";

const waits = [500, 1_000, 2_000, 4_000, 8_000, 15_000]; // ms, and on with the last
const often = 200; // ms between two words of how far it is
const mostParts = 4; // of one file that wait or go, beside the one that is being filled
const doubt = 4; // tries after which a body from the disk may be what does not go

// A server has nobody send octet by octet, or hold all of a file.
const partLeast = 16 << 10, partMost = 64 << 20;
const objectId = /^[\w-]{22}$/;

/** How many parts are under way at the same time, over all files. */
export class Lanes {
  #waiting: (() => void)[] = [];
  constructor(private free = 4) {}

  async with<T>(signal: AbortSignal, f: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await f();
    } finally {
      this.free++;
      this.#waiting.shift()?.();
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    return new Promise((done, fail) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((w) => w !== turn);
        fail(new Later());
      };
      const turn = () => {
        signal.removeEventListener("abort", leave);
        this.free--;
        done();
      };
      if (signal.aborted) return fail(new Later());
      if (this.free > 0) return turn();
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(turn);
    });
  }
}

/** Where a file goes. */
export interface Place {
  path: string; // at the server
  asks: boolean; // whether it says which parts it has
  last(sent: Sent): Promise<unknown>; // what completing it says
}
export const drive: Place = { path: "/files", asks: true, last: async () => undefined };

export class Upload {
  #runs = new Set<Run>();
  #paused = false;
  #stopped = false;
  #sent = new Map<number, number>(); // octets of a part that went
  #told = 0;
  #size = 1;
  id = "";

  constructor(private readonly file: Blob, private readonly wire: Wire, private readonly lanes: Lanes, private readonly say: (e: Told) => void, private readonly shelf: Shelf = noShelf, private readonly to: Place = drive) {}

  pause(on: boolean): void {
    if (this.#paused === on) return;
    this.#paused = on;
    for (const r of this.#runs) r.pause(on);
    this.say({ state: on ? "paused" : "running", have: this.#have() });
  }
  stop(): void {
    this.#stopped = true;
    for (const r of this.#runs) r.stop();
  }
  wake(): void {
    for (const r of this.#runs) r.wake();
  }

  // What was given up at the server, because it was away too long, begins anew, once.
  async run(): Promise<Sent> {
    try {
      return await this.#once().catch((e: unknown) => {
        if (!(e instanceof Failure) || e.word !== "gone") throw e;
        this.id = "";
        return this.#once();
      });
    } catch (e) {
      for (const r of this.#runs) r.stop();
      if (this.id !== "") await this.wire.json("DELETE", this.#at()).catch(() => {}); // else it goes after a day
      throw e;
    } finally {
      await this.shelf.clear();
    }
  }

  #at = () => `${this.to.path}/${this.id}`;

  async #once(): Promise<Sent> {
    const length = this.file.size;
    if (length > maxLength) throw new Failure("too-large");
    const secret = newSecret(), sealing = new Sealing(secret);
    const size = (this.#size = sealedSize(length));
    this.#sent.clear();
    const f = await this.#ask<File>("POST", this.to.path, { size });
    if (f.size !== size || !(f.part >= partLeast && f.part <= partMost) || f.complete || !objectId.test(f.id) || f.parts !== Math.ceil(size / f.part)) throw new Failure("refused");
    this.id = f.id;
    this.say({ state: "began", id: f.id });
    await this.#parts(sealing.seal(read(this.file)), f);
    if (sealing.length !== length) throw new Failure("changed");
    const sent = { id: f.id, size, length, secret };
    await this.#ask("POST", `${this.#at()}/complete`, await this.to.last(sent));
    return sent;
  }

  async #parts(sealed: AsyncGenerator<Bytes>, f: File): Promise<void> {
    const going = new Set<Promise<void>>();
    const shelf = f.parts > mostParts ? this.shelf : noShelf, spare = { free: false };
    let fault: unknown = null, n = 0;
    try {
      for await (const octets of cut(sealed, f, spare)) {
        const part = n++, digest = digestOf(octets), body = await shelf.put(octets);
        spare.free = body.reused;
        const sending: Promise<void> = this.#part(part, octets.length, body, digest).catch((e: unknown) => { fault ??= e; }).finally(() => { body.done(); going.delete(sending); });
        going.add(sending);
        while (going.size >= mostParts && fault === null) await Promise.race(going);
        if (fault !== null) break;
      }
    } catch (e) {
      fault ??= e;
    }
    if (fault !== null) for (const r of this.#runs) r.stop();
    await Promise.all(going);
    if (fault !== null) throw fault;
  }

  async #part(n: number, length: number, body: Body, digest: Promise<string>): Promise<void> {
    const is = await digest;
    let tries = 0;
    await this.#steady(async (signal) => {
      // The answer may be what got lost.
      if (tries++ > 0 && this.to.asks && has((await this.wire.json<File>("GET", this.#at(), { signal })).have, n)) return;
      const content = tries < doubt ? body.content : await inMemory(body.content);
      await this.lanes.with(signal, () => this.wire.part(`${this.#at()}/parts/${n}`, content, is, { signal, sent: (k) => this.#progress(n, Math.min(k, length)) }));
    });
    this.#progress(n, length, true);
  }

  #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const key = crypto.randomUUID(); // however often it is asked, it is done once
    return this.#steady((signal) => this.wire.json<T>(method, path, { key, signal, ...(body !== undefined && { body }) }));
  }

  // Does it again for as long as only the network, or the server's haste, is against it.
  async #steady<T>(f: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run = new Run((state) => { if (state === "waiting") this.say({ state, have: this.#have() }); });
    this.#runs.add(run);
    if (this.#paused) run.pause(true);
    if (this.#stopped) run.stop();
    try {
      for (let n = 0; ; n++) {
        await run.turn();
        try {
          return await f(run.signal);
        } catch (e) {
          if (!(e instanceof TypeError) && !(e instanceof DOMException)) throw e;
          await run.rest(Math.max(e instanceof Later ? e.wait : 0, waits[Math.min(n, waits.length - 1)]!));
        }
      }
    } finally {
      this.#runs.delete(run);
    }
  }

  #have(): number {
    let sent = 0;
    for (const n of this.#sent.values()) sent += n;
    return Math.round((Math.min(sent, this.#size) / this.#size) * this.file.size);
  }
  #progress(n: number, sent: number, now = false): void {
    this.#sent.set(n, sent);
    if (this.#paused || this.#stopped || (!now && Date.now() - this.#told < often)) return;
    this.#told = Date.now();
    this.say({ state: "running", have: this.#have() });
  }
}

// A file that changed or went, or whose disk did, is not read to its end.
async function* read(file: Blob): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces(file.stream());
  } catch {
    throw new Failure("changed");
  }
}

// Its octets are copied when this is called: what they stand in may serve again at once.
const digestOf = async (octets: Bytes): Promise<string> => `sha-256=:${toBase64(await sha256(octets))}:`;

// What was put on the disk and is not there any more is not the file that was to be sent.
async function inMemory(content: Bytes | Blob): Promise<Bytes> {
  if (!(content instanceof Blob)) return content;
  return new Uint8Array(await content.arrayBuffer().catch(() => { throw new Failure("changed"); }));
}

// Parts as the server counts them. spare: whether the next one may stand where this one stood.
export async function* cut(sealed: AsyncIterable<Bytes>, f: Pick<File, "part" | "size">, spare = { free: false }): AsyncGenerator<Bytes> {
  let left = f.size, part = new Uint8Array(Math.min(f.part, left)), used = 0;
  for await (let piece of sealed) {
    while (piece.length > 0) {
      if (left === 0) throw new Failure("changed"); // it grew
      const n = Math.min(part.length - used, piece.length);
      part.set(piece.subarray(0, n), used);
      used += n;
      piece = piece.subarray(n);
      if (used < part.length) continue;
      yield part;
      left -= used;
      part = spare.free ? part.subarray(0, Math.min(f.part, left)) : new Uint8Array(Math.min(f.part, left));
      used = 0;
    }
  }
  if (left !== 0) throw new Failure("changed"); // it shrank
}

/** Whether a part is among those that are there, such as 0:4,7. */
export function has(have: string, n: number): boolean {
  return have.split(",").some((run) => {
    const [from = "", to = from] = run.split(":");
    return from !== "" && Number(from) <= n && n <= Number(to);
  });
}
