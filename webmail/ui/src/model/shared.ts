// A link to a file as anybody opens it, with no account. Its secret is in the memory of
// this page and its worker, and nothing of it outlives them.

import { signal } from "@preact/signals";
import { Failure } from "../shared/fetching.ts";
import type { Ask, Event, Piece, Told, Word } from "../shared/line.ts";

export type SharedPhase = "fetching" | "failed" | "gone" | "locked" | "open";
export type Way = { kind: "idle" } | { kind: "starting" } | ({ kind: "going" } & Event);

// Without a service worker a file is in memory until it is saved.
export const MEMORY_LARGEST = 64 * 2 ** 20;
const keepAwake = 10_000; // ms: browsers end a service worker that hears nothing
const patience = 25_000;

/** What a browser does for it; tests bring another. */
export interface SharedHost {
  client: { ask<T>(ask: Ask, port?: MessagePort): Promise<T>; close(): void };
  bringer(): Promise<{ postMessage(m: unknown): void } | null>;
  onFile(f: (token: string, range: string | null, port: MessagePort) => void): () => void; // what the service worker asks for
  save(path: string): void; // has the browser save what stands there
  keep(name: string, content: Blob): void;
}

export class SharedLink {
  readonly phase = signal<SharedPhase>("fetching");
  readonly busy = signal(false);
  readonly fault = signal<Word | null>(null);
  readonly told = signal<Told | null>(null);
  readonly way = signal<Way>({ kind: "idle" });
  readonly noStream = signal(false);
  #tokens = new Map<string, (range: string | null, port: MessagePort) => void>();
  #bringer: Promise<{ postMessage(m: unknown): void } | null> | null = null;
  #awake: ReturnType<typeof setInterval> | undefined;
  #ends: (() => void)[] = [];
  #counted = false;

  constructor(private readonly id: string, private readonly secret: string, private readonly host: SharedHost) {
    this.#ends.push(host.onFile((token, range, port) => this.#tokens.get(token)?.(range, port)));
  }

  close(): void {
    for (const end of this.#ends) end();
    clearInterval(this.#awake);
    this.host.client.close();
  }

  async open(password = ""): Promise<boolean> {
    this.busy.value = true;
    this.fault.value = null;
    try {
      this.told.value = await this.host.client.ask<Told>({ do: "look", id: this.id, secret: this.secret, password });
      this.phase.value = "open";
      return true;
    } catch (e) {
      const word = e instanceof Failure ? e.word : "offline";
      if (word === "gone" || word === "damaged") this.phase.value = "gone";
      else if (word === "password") this.phase.value = "locked";
      else if (this.phase.peek() === "locked") this.fault.value = word;
      else this.phase.value = "failed";
      return false;
    } finally {
      this.busy.value = false;
    }
  }

  // What the worker says of a download.
  event(e: Event): void {
    if (this.way.peek().kind === "idle") return;
    if (e.state === "running") this.#count();
    this.way.value = { kind: "going", ...e };
    if (e.state === "done" || e.state === "failed" || e.state === "stopped") clearInterval(this.#awake);
  }

  async download(name: string): Promise<void> {
    const told = this.told.peek();
    if (!told) return;
    this.noStream.value = false;
    this.way.value = { kind: "starting" };
    const bringer = await this.#bring();
    if (!bringer && told.length > MEMORY_LARGEST) {
      this.way.value = { kind: "idle" };
      this.noStream.value = true;
      return;
    }
    if (bringer) this.#stream(name, bringer);
    else await this.#gather(name, told.length);
  }

  #stream(name: string, bringer: { postMessage(m: unknown): void }): void {
    const token = newToken();
    const late = setTimeout(() => this.event({ state: "failed", have: 0, word: "stopped" }), patience);
    this.#tokens.set(token, (_, port) => {
      clearTimeout(late);
      this.#tokens.delete(token); // once
      this.#serve(port, { save: true, type: "", name, range: null });
    });
    clearInterval(this.#awake);
    this.#awake = setInterval(() => bringer.postMessage({ files: true }), keepAwake);
    this.host.save(`/f/${this.id}/${token}`);
  }

  // As the service worker would take it, into memory.
  async #gather(name: string, size: number): Promise<void> {
    const line = new MessageChannel(), all: ArrayBuffer[] = [];
    this.#serve(line.port2, { save: true, type: "", name, range: null });
    const whole = await new Promise<boolean>((done) => {
      line.port1.onmessage = (e: MessageEvent<Piece>) => {
        if ("end" in e.data || "broken" in e.data) return done("end" in e.data);
        if ("piece" in e.data) all.push(e.data.piece);
        line.port1.postMessage("more");
      };
    });
    line.port1.close();
    const content = new Blob(all);
    if (whole && content.size === size) this.host.keep(name, content);
  }

  #serve(port: MessagePort, what: { save: boolean; type: string; name: string; range: string | null }): void {
    // An event that says more may have come before: only what never began is told of here.
    this.host.client.ask({ do: "serve", ...what }, port).catch((e: unknown) => {
      if (what.save) this.event({ state: "failed", have: 0, word: e instanceof Failure ? e.word : "offline" });
    });
  }

  #bring(): Promise<{ postMessage(m: unknown): void } | null> {
    return (this.#bringer ??= this.host.bringer());
  }

  /** A place that <audio> and <video> play from, by ranges; null: this browser has none. */
  async play(type: string): Promise<string | null> {
    if (!(await this.#bring())) return null;
    const token = newToken();
    this.#tokens.set(token, (range, port) => this.#serve(port, { save: false, type, name: "", range }));
    return `/f/${this.id}/${token}`;
  }

  async read(from: number, to: number): Promise<ArrayBuffer> {
    const data = await this.host.client.ask<ArrayBuffer>({ do: "read", from, to });
    this.#count();
    return data;
  }

  // What this page takes counts once.
  #count(): void {
    const told = this.told.peek();
    if (this.#counted || !told) return;
    this.#counted = true;
    if (told.left !== null) this.told.value = { ...told, left: Math.max(0, told.left - 1) };
  }

  pause(on: boolean): void {
    void this.host.client.ask({ do: "pause", on });
  }

  wake(): void {
    void this.host.client.ask({ do: "wake" });
  }

  stop(): void {
    void this.host.client.ask({ do: "stop" });
  }
}

// Nobody else finds what a page answers to.
function newToken(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
