// The page's side of a worker of files: the drive's, a link's or a request's. It begins with
// the first that is asked of it.
import { scriptURL } from "../trusted.ts";
import { Failure } from "./fetching.ts";
import type { Answer, Ask, Event } from "./line.ts";

export class Client<A extends object = Ask, E extends object = Event> {
  #n = 0;
  #waiting = new Map<number, { done: (v: unknown) => void; fail: (e: Failure) => void }>();
  #worker: Worker | null = null;

  constructor(private readonly url: string, private hear: (e: E) => void = () => {}) {}

  /** f is told what the worker says by itself. */
  on(f: (e: E) => void): void {
    this.hear = f;
  }

  ask<T>(ask: A, port?: MessagePort): Promise<T> {
    return new Promise((done, fail) => {
      this.#waiting.set(++this.#n, { done: done as (v: unknown) => void, fail });
      (this.#worker ??= this.#begin()).postMessage({ n: this.#n, ask }, port ? [port] : []);
    });
  }

  #begin(): Worker {
    const worker = new Worker(scriptURL(this.url), { type: "module", name: "files" });
    worker.onmessage = (e: MessageEvent<Answer<E>>) => {
      if ("event" in e.data) return this.hear(e.data.event);
      const { n, value, word } = e.data, one = this.#waiting.get(n);
      this.#waiting.delete(n);
      if (word) one?.fail(new Failure(word));
      else one?.done(value);
    };
    return worker;
  }

  close(): void {
    this.#worker?.terminate();
    for (const w of this.#waiting.values()) w.fail(new Failure("stopped"));
    this.#waiting.clear();
  }
}
