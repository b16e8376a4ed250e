// An upload request as whoever was asked sees it: what is wanted, and what they bring. Its
// secret is in the memory of this page and its worker, and nothing of it outlives them.

import { computed, signal } from "@preact/signals";
import type { Ask, Event, Told, Word } from "../asked/line.ts";
import { sealedSize } from "../files/sizes.ts";
import { Failure } from "../shared/fetching.ts";

export interface Item {
  n: number;
  name: string;
  size: number;
  file: File | null; // null: it is there, and no more needed here
  state: "queued" | "running" | "waiting" | "done" | "failed" | "stopped";
  share: number; // of it that is there
  word?: Word;
}

export interface AskedHost { ask<T>(ask: Ask): Promise<T>; close(): void }
const mostItems = 1_000;

export class Asked {
  readonly phase = signal<"fetching" | "failed" | "gone" | "open">("fetching");
  readonly told = signal<Told | null>(null);
  readonly items = signal<readonly Item[]>([]);
  readonly busy = computed(() => this.items.value.some((i) => i.state === "queued" || i.state === "running" || i.state === "waiting"));
  /** What may still be chosen: the server counts what was begun. */
  readonly left = computed(() => {
    const mine = this.items.value.filter((i) => i.state !== "failed" && i.state !== "stopped");
    const told = this.told.value;
    return { files: Math.max(0, (told?.files ?? 0) - mine.length), bytes: Math.max(0, (told?.bytes ?? 0) - mine.reduce((n, i) => n + sealedSize(i.size), 0)) };
  });
  #n = 0;
  #running = false;

  constructor(private readonly id: string, private readonly secret: string, private readonly host: AskedHost) {}

  async open(): Promise<void> {
    this.phase.value = "fetching";
    try {
      this.told.value = await this.host.ask<Told>({ do: "look", id: this.id, secret: this.secret });
      this.phase.value = "open";
    } catch (e) {
      this.phase.value = e instanceof Failure && (e.word === "gone" || e.word === "damaged") ? "gone" : "failed";
    }
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const left = this.left.peek();
      const word: Word | undefined = left.files < 1 || this.items.peek().length >= mostItems ? "too-many" : sealedSize(file.size) > left.bytes ? "too-large" : undefined;
      this.items.value = [...this.items.peek(), { n: ++this.#n, name: file.name, size: file.size, file, state: word ? "failed" : "queued", share: 0, ...(word && { word }) }];
    }
    void this.#work();
  }

  again(n: number): void {
    this.#set(n, { state: "queued", share: 0 });
    void this.#work();
  }

  /** One that waits or is on its way is not brought; one that failed leaves the list. */
  stop(n: number): void {
    const item = this.items.peek().find((i) => i.n === n);
    if (item?.state === "running" || item?.state === "waiting") void this.host.ask({ do: "stop", n });
    else if (item && item.state !== "done") this.items.value = this.items.peek().filter((i) => i.n !== n);
  }

  // What the worker says of the one that is on its way.
  event(e: Event): void {
    const item = this.items.peek().find((i) => i.n === e.n);
    if (item?.state === "running" || item?.state === "waiting") this.#set(e.n, { state: e.state === "waiting" ? "waiting" : "running", share: Math.min(1, e.have / Math.max(1, item.size)) });
  }

  async #work(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#next(); next?.file; next = this.#next()) {
      this.#set(next.n, { state: "running" });
      try {
        await this.host.ask({ do: "bring", n: next.n, file: next.file });
        this.#set(next.n, { state: "done", share: 1, file: null });
      } catch (e) {
        const word = e instanceof Failure ? e.word : "offline";
        this.#set(next.n, { state: word === "stopped" ? "stopped" : "failed", word });
        if (word === "gone") this.#over();
      }
    }
    this.#running = false;
  }
  #next = (): Item | undefined => this.items.peek().find((i) => i.state === "queued");
  // It ended meanwhile: nothing more is taken.
  #over(): void {
    this.items.value = this.items.peek().map((i) => (i.state === "queued" ? { ...i, state: "failed", word: "gone" } : i));
  }
  #set(n: number, change: Partial<Item>): void {
    this.items.value = this.items.peek().map((i) => (i.n === n ? { ...i, ...change } : i));
  }

  wake(): void {
    void this.host.ask({ do: "wake" });
  }
  close(): void {
    this.host.close();
  }
}
