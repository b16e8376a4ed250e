// What is on its way to the drive or from it, for as long as the page is open.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Ask, FilesClient, Sent, State, Stored, Told, ZipPart } from "../../drive/line.ts";
import { Failure } from "../../shared/fetching.ts";
import { type BringHost, Bringing, MEMORY_LARGEST } from "../bringing.ts";
import { DriveError } from "./tree.ts";

export interface Progress {
  state: "queued" | State; // waiting: for the network
  have: number;
  word: string; // why it failed
}
export interface Transfer {
  readonly what: number;
  readonly kind: "up" | "down";
  readonly name: string;
  readonly folder: string; // where it goes to, or came from
  readonly size: number;
  readonly now: ReadonlySignal<Progress>;
}
interface Work extends Transfer {
  readonly now: Signal<Progress>;
  begin(): Promise<void>; // ends when it is over
  told(e: Told): void;
}

const AT_ONCE = 3; // files that are brought
const over = (s: Progress["state"]) => s === "done" || s === "failed" || s === "stopped";

export const wordOf = (e: unknown): string => {
  const word = e instanceof Failure || e instanceof DriveError ? e.word : (e as { word?: unknown } | null)?.word;
  return typeof word === "string" ? word : "unknown";
};

export interface TransferHost extends BringHost { client: FilesClient }

export class Transfers {
  readonly all: ReadonlySignal<readonly Transfer[]>;
  readonly #all = signal<readonly Work[]>([]);
  readonly #host: TransferHost;
  readonly #bringing: Bringing;
  #next = 1;

  constructor(host: TransferHost) {
    this.#host = host;
    this.all = this.#all;
    this.#bringing = new Bringing(host);
    host.client.on((e) => this.#all.peek().find((t) => t.what === e.what)?.told(e.told));
  }

  get busy(): boolean {
    return this.#all.peek().some((t) => !over(t.now.peek().state));
  }

  // ---- to the drive ----------------------------------------------------------------------

  /** Brings a file; done puts it where it belongs, and it is not over before that. */
  up<T>(o: { file: Blob; name: string; folder: string; signal?: AbortSignal | undefined; onProgress?: ((sent: number, total: number) => void) | undefined; began(id: string): void; done(sent: Sent): Promise<T> }): Promise<T> {
    return new Promise<T>((placed, failed) => {
      const now = signal<Progress>({ state: "queued", have: 0, word: "" });
      const work: Work = {
        what: this.#next++, kind: "up", name: o.name, folder: o.folder, size: o.file.size, now,
        begin: async () => {
          placed(await o.done(await this.#host.client.ask<Sent>({ do: "put", what: work.what, file: o.file })));
          o.onProgress?.(o.file.size, o.file.size);
        },
        told: (e) => {
          if (e.state === "began") return o.began(e.id);
          if (over(now.peek().state)) return;
          now.value = { state: e.state, have: e.have, word: "" };
          if (e.state === "running") o.onProgress?.(e.have, o.file.size);
          if (e.state === "paused") this.#pump();
        },
      };
      now.subscribe((p) => { if (p.state === "failed" || p.state === "stopped") failed(new Failure((p.word || "stopped") as never)); });
      o.signal?.addEventListener("abort", () => this.stop(work), { once: true });
      this.#all.value = [...this.#all.peek(), work];
      if (o.signal?.aborted) this.stop(work);
      this.#pump();
    });
  }

  #pump(): void {
    const going = this.#all.peek().filter((t) => t.kind === "up" && (t.now.peek().state === "running" || t.now.peek().state === "waiting")).length;
    for (const t of this.#all.peek().filter((t) => t.now.peek().state === "queued").slice(0, Math.max(0, AT_ONCE - going))) void this.#run(t);
  }
  async #run(t: Work): Promise<void> {
    t.now.value = { state: "running", have: 0, word: "" };
    try {
      await t.begin();
      t.now.value = { state: "done", have: t.size, word: "" };
    } catch (e) {
      const word = wordOf(e);
      t.now.value = { state: word === "stopped" ? "stopped" : "failed", have: t.now.peek().have, word };
    }
    this.#pump();
  }

  // ---- from the drive --------------------------------------------------------------------

  #ask(ask: Ask, port?: MessagePort): Promise<unknown> {
    return this.#host.client.ask(ask, port);
  }

  async #down(o: { name: string; folder: string; size: number; id: string; open(what: number): Ask }): Promise<void> {
    const now = signal<Progress>({ state: "running", have: 0, word: "" });
    let end = () => {};
    const ended = new Promise<void>((done) => (end = done));
    const work: Work = {
      what: this.#next++, kind: "down", name: o.name, folder: o.folder, size: o.size, now,
      begin: async () => {},
      told: (e) => {
        if (e.state === "began" || over(now.peek().state)) return;
        now.value = { state: e.state, have: e.have, word: e.word ?? "" };
        if (over(e.state)) end();
      },
    };
    const fail = (word: string) => work.told({ state: "failed", have: 0, word: word as never });
    this.#all.value = [...this.#all.peek(), work];
    const streams = await this.#bringing.able();
    if (!streams && o.size > MEMORY_LARGEST) return fail("no-stream");
    await this.#ask(o.open(work.what));
    const serve = (port: MessagePort) => void this.#ask({ do: "serve", what: work.what, save: true, type: "", name: o.name, range: null }, port).catch((e: unknown) => fail(wordOf(e)));
    if (streams) this.#bringing.stream(o.id, serve, () => fail("stopped"));
    else {
      const whole = this.#bringing.gather(serve);
      const content = await Promise.race([whole, ended.then(() => (now.peek().state === "done" ? whole : null))]);
      if (content) this.#host.keep(o.name, content);
    }
    await ended;
    await this.#ask({ do: "close", what: work.what });
    if (!this.#all.peek().some((t) => t.kind === "down" && !over(t.now.peek().state))) this.#bringing.rest();
  }
  save(of: Stored, name: string, folder: string): Promise<void> {
    return this.#down({ name, folder, size: of.length, id: of.id, open: (what) => ({ do: "open", what, of }) });
  }
  zip(parts: ZipPart[], name: string, folder: string): Promise<void> {
    const id = parts.find((p) => p.of)?.of?.id ?? "a".repeat(22); // the place needs one; its token is what counts
    return this.#down({ name, folder, size: parts.reduce((n, p) => n + (p.of?.length ?? 0), 0), id, open: (what) => ({ do: "zip", what, name, parts }) });
  }

  /** What opens a file for a look at it; close it afterwards. */
  async look(of: Stored): Promise<{ read(from: number, to: number): Promise<ArrayBuffer>; play(type: string): Promise<string | null>; close(): void }> {
    const what = this.#next++;
    await this.#ask({ do: "open", what, of });
    return {
      read: (from, to) => this.#host.client.ask<ArrayBuffer>({ do: "read", what, from, to }),
      play: async (type) => {
        if (!(await this.#bringing.able())) return null;
        return this.#bringing.place(of.id, (port, range) => void this.#ask({ do: "serve", what, save: false, type, name: "", range }, port).catch(() => {}));
      },
      close: () => void this.#ask({ do: "close", what }).catch(() => {}),
    };
  }

  // ---- as their owner wants it -------------------------------------------------------------

  pause(t: Transfer, on: boolean): void {
    void this.#ask({ do: "pause", what: t.what, on });
  }
  stop(t: Transfer): void {
    const work = this.#all.peek().find((x) => x === t);
    if (work?.now.peek().state === "queued") work.now.value = { state: "stopped", have: 0, word: "stopped" };
    else void this.#ask({ do: "stop", what: t.what });
  }
  retry(t: Transfer): void {
    const work = this.#all.peek().find((x) => x === t);
    if (!work || work.kind !== "up" || !over(work.now.peek().state) || work.now.peek().state === "done") return;
    work.now.value = { state: "queued", have: 0, word: "" };
    this.#pump();
  }
  wake(): void {
    if (this.busy) void this.#ask({ do: "wake" });
  }
  /** Takes what is over off the list. */
  tidy(only?: Transfer): void {
    this.#all.value = this.#all.peek().filter((t) => (only ? t !== only : !over(t.now.peek().state)));
  }
  close(): void {
    this.#bringing.close();
    this.#host.client.close();
  }
}
