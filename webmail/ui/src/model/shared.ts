// A link to a file as anybody opens it, with no account. Its secret is in the memory of
// this page and its worker, and nothing of it outlives them.

import { signal } from "@preact/signals";
import { Failure } from "../shared/fetching.ts";
import type { Ask, Event, Serve, Told, Word } from "../shared/line.ts";
import { Bringing, type BringHost, MEMORY_LARGEST } from "./bringing.ts";

export { MEMORY_LARGEST };

export type SharedPhase = "fetching" | "failed" | "gone" | "locked" | "open";
export type Way = { kind: "idle" } | { kind: "starting" } | ({ kind: "going" } & Event);

/** What a browser does for it; tests bring another. */
export interface SharedHost extends BringHost {
  client: { ask<T>(ask: Ask, port?: MessagePort): Promise<T>; close(): void };
}

export class SharedLink {
  readonly phase = signal<SharedPhase>("fetching");
  readonly busy = signal(false);
  readonly fault = signal<Word | null>(null);
  readonly told = signal<Told | null>(null);
  readonly way = signal<Way>({ kind: "idle" });
  readonly noStream = signal(false);
  readonly #bringing: Bringing;
  #counted = false;

  constructor(private readonly id: string, private readonly secret: string, private readonly host: SharedHost) {
    this.#bringing = new Bringing(host);
  }

  close(): void {
    this.#bringing.close();
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
    if (e.state === "done" || e.state === "failed" || e.state === "stopped") this.#bringing.rest();
  }

  async download(name: string): Promise<void> {
    const told = this.told.peek();
    if (!told) return;
    this.noStream.value = false;
    this.way.value = { kind: "starting" };
    const streams = await this.#bringing.able();
    if (!streams && told.length > MEMORY_LARGEST) {
      this.way.value = { kind: "idle" };
      this.noStream.value = true;
      return;
    }
    const serve = (port: MessagePort) => this.#serve(port, { save: true, type: "", name, range: null });
    if (streams) return this.#bringing.stream(this.id, serve, () => this.event({ state: "failed", have: 0, word: "stopped" }));
    const content = await this.#bringing.gather(serve);
    if (content?.size === told.length) this.host.keep(name, content);
  }

  #serve(port: MessagePort, what: Serve): void {
    // An event that says more may have come before: only what never began is told of here.
    this.host.client.ask({ do: "serve", ...what }, port).catch((e: unknown) => {
      if (what.save) this.event({ state: "failed", have: 0, word: e instanceof Failure ? e.word : "offline" });
    });
  }

  /** A place that <audio> and <video> play from, by ranges; null: this browser has none. */
  async play(type: string): Promise<string | null> {
    if (!(await this.#bringing.able())) return null;
    return this.#bringing.place(this.id, (port, range) => this.#serve(port, { save: false, type, name: "", range }));
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
