// How what a worker opened gets out of the page: the service worker takes it piece by piece
// and the browser saves or plays it. It answers to a token that nobody guesses.

import { newToken } from "../shared/bringing.ts";
import type { Piece } from "../shared/line.ts";

// Without a service worker a file is in memory until it is saved.
export const MEMORY_LARGEST = 64 * 2 ** 20;
const keepAwake = 10_000; // ms: browsers end a service worker that hears nothing
const patience = 25_000;

/** What a browser does for it; tests bring another. */
export interface BringHost {
  bringer(): Promise<{ postMessage(m: unknown): void } | null>;
  onFile(f: (token: string, range: string | null, port: MessagePort) => void): () => void; // what the service worker asks for
  save(path: string): void; // has the browser save what stands there
  keep(name: string, content: Blob): void;
}

type Serve = (port: MessagePort, range: string | null) => void;

export class Bringing {
  readonly #host: BringHost;
  readonly #tokens = new Map<string, Serve>();
  readonly #end: () => void;
  #bringer: Promise<{ postMessage(m: unknown): void } | null> | null = null;
  #awake: ReturnType<typeof setInterval> | undefined;

  constructor(host: BringHost) {
    this.#host = host;
    this.#end = host.onFile((token, range, port) => this.#tokens.get(token)?.(port, range));
  }

  #ready(): Promise<{ postMessage(m: unknown): void } | null> {
    return (this.#bringer ??= this.#host.bringer());
  }
  /** Whether this browser saves without having all of it in memory. */
  async able(): Promise<boolean> {
    return (await this.#ready()) !== null;
  }

  /** Has the browser save what serve gives; late: it never asked for it. */
  stream(id: string, serve: Serve, late: () => void): void {
    const token = newToken();
    const timer = setTimeout(() => { this.#tokens.delete(token); late(); }, patience);
    this.#tokens.set(token, (port, range) => {
      clearTimeout(timer);
      this.#tokens.delete(token); // once
      serve(port, range);
    });
    clearInterval(this.#awake);
    this.#awake = setInterval(() => void this.#ready().then((b) => b?.postMessage({ files: true })), keepAwake);
    this.#host.save(`/f/${id}/${token}`);
  }

  /** As the service worker would take it, into memory; null: it is not whole. */
  async gather(serve: Serve): Promise<Blob | null> {
    const line = new MessageChannel(), all: ArrayBuffer[] = [];
    serve(line.port2, null);
    const whole = await new Promise<boolean>((done) => {
      line.port1.onmessage = (e: MessageEvent<Piece>) => {
        if ("end" in e.data || "broken" in e.data) return done("end" in e.data);
        if ("piece" in e.data) all.push(e.data.piece);
        line.port1.postMessage("more");
      };
    });
    line.port1.close();
    return whole ? new Blob(all) : null;
  }

  /** A place to play from, for as long as the page is open. */
  place(id: string, serve: Serve): string {
    const token = newToken();
    this.#tokens.set(token, serve);
    return `/f/${id}/${token}`;
  }

  /** Nothing is under way: the service worker may sleep. */
  rest(): void {
    clearInterval(this.#awake);
  }

  close(): void {
    this.#end();
    this.rest();
    this.#tokens.clear();
  }
}
