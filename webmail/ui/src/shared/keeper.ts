// The worker of a link's page: it opens the link, and gives the file to whoever may have
// it, piece by piece. The secrets of link and file do not leave it.
import { OpenedLink, SealedFile, type Head, isFragment, receive } from "../files/index.ts";
import { fromBase64, toBase64 } from "../vault/bytes.ts";
import type { SharedDownload, SharedFile } from "../wire/api.ts";
import { Failure, type Fetch, Run, octets, rangeOf } from "./fetching.ts";
import type { Ask, Begin, Event, Piece, Told, Word } from "./line.ts";

const pieceSize = 512 << 10; // what crosses to the service worker at a time
const mostRead = 64 << 20;
const often = 200; // ms between two words of how far it is

interface Open { id: string; proof: string; size: number; head: Head }

export interface Port { postMessage(message: unknown, transfer?: Transferable[]): void; onmessage: ((e: MessageEvent) => void) | null; close(): void }

export class Keeper {
  #open: Open | null = null;
  #ticket: Promise<string> | null = null;
  #file: Promise<SealedFile> | null = null;
  #run: Run | null = null;

  constructor(private readonly fetch: typeof globalThis.fetch, private readonly say: (e: Event) => void) {}

  async do(ask: Ask, port?: Port): Promise<unknown> {
    switch (ask.do) {
      case "look": return this.#look(ask.id, ask.secret, ask.password);
      case "read": return this.#read(ask.from, ask.to);
      case "serve": return port && this.#serve(ask, port);
      case "pause": return this.#run?.pause(ask.on);
      case "wake": return this.#run?.wake();
      case "stop": return this.#run?.stop();
    }
  }

  async #look(id: string, secret: string, password: string): Promise<Told> {
    if (!isFragment(secret)) throw new Failure("gone");
    const seen = await this.#json<SharedFile>(`/${id}`, "GET", {});
    const kdf = seen.kdf ? fromBase64(seen.kdf) : new Uint8Array(0);
    if (kdf.length > 0 && password === "") throw new Failure("password");
    const link = await OpenedLink.with(secret, password, kdf);
    const proof = toBase64(link.proof);
    try {
      const told = seen.box ? seen : await this.#json<SharedFile>(`/${id}`, "GET", { "Link-Proof": proof });
      const head = await link.head({ id: told.file, size: told.size }, fromBase64(told.box ?? ""));
      this.#open = { id, proof, size: told.size, head };
      return { name: head.name, type: head.type, length: head.length, expires: Date.parse(told.expires) / 1000, left: told.left ?? null, report: told.report ?? "", password: kdf.length > 0 };
    } catch (e) {
      if (e instanceof Failure && e.word !== "gone") throw e;
      // There is a link, and it does not open: the password is another, or else the secret.
      throw new Failure(kdf.length > 0 ? "wrong" : "gone");
    }
  }

  // One for as long as the page is open: it is one download, however often it breaks.
  #pass(o: Open): Promise<string> {
    this.#ticket ??= this.#json<SharedDownload>(`/${o.id}/download`, "POST", { "Link-Proof": o.proof }).then((d) => d.ticket);
    this.#ticket.catch(() => (this.#ticket = null));
    return this.#ticket;
  }

  async #json<T>(path: string, method: string, headers: Record<string, string>): Promise<T> {
    let r: Response;
    try {
      r = await this.fetch(`/api/v1/shared${path}`, { ...asked(headers), method });
    } catch {
      throw new Failure("offline");
    }
    if (r.status === 404) throw new Failure("gone");
    if (!r.ok) throw new Failure(r.status === 429 ? "slow-down" : "offline");
    return (await r.json()) as T;
  }

  async #source(o: Open): Promise<Fetch> {
    const ticket = await this.#pass(o);
    return (range, signal) => this.fetch(`/api/v1/shared/${o.id}/content`, { ...asked({ "Link-Ticket": ticket, Range: range }), signal });
  }

  #whole(): Open {
    if (!this.#open) throw new Failure("gone");
    return this.#open;
  }

  #sealed(): Promise<SealedFile> {
    const o = this.#whole();
    this.#file ??= this.#source(o).then((ask) => SealedFile.open({ size: o.size, read: (from, to) => rangeOf(ask, from, to) }, o.head));
    this.#file.catch(() => (this.#file = null));
    return this.#file;
  }

  async #read(from: number, to: number): Promise<ArrayBuffer> {
    if (to - from > mostRead) throw new Failure("damaged");
    return (await (await this.#sealed()).read(from, Math.min(to, this.#whole().head.length))).buffer;
  }

  async #serve(ask: Ask & { do: "serve" }, port: Port): Promise<void> {
    const size = this.#whole().head.length;
    const range = ask.save ? null : cut(ask.range, size);
    const [from, to] = range ?? [0, size];
    const begin: Begin = { save: ask.save, type: ask.type, name: ask.name, size, from, to, part: range !== null };
    const source = ask.save ? this.#download() : this.#show(from, to);
    port.onmessage = pump(source, port, () => this.#run?.stop());
    port.postMessage({ begin } satisfies Piece);
  }

  async *#show(from: number, to: number): AsyncGenerator<Uint8Array> {
    yield* (await this.#sealed()).range(from, to);
  }

  // The end is given out only when all of it was found to be whole.
  async *#download(): AsyncGenerator<Uint8Array> {
    this.#run?.stop();
    const o = this.#whole();
    let have = 0, told = 0, over = false;
    const run = new Run((state) => this.say({ state, have }));
    this.#run = run;
    try {
      const ask = await this.#source(o);
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

const asked = (headers: Record<string, string>): RequestInit => ({ headers, credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" });

/** A Range of one part (RFC 9110, section 14.1.2); null: there is none that can be had. */
export function cut(range: string | null, size: number): [number, number] | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return null;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return from < to ? [from, to] : null;
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
