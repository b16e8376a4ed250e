// The page's side of a link's worker, and of the service worker that saves what it opens.
import { scriptURL } from "../trusted.ts";
import { Failure } from "./fetching.ts";
import type { Answer, Ask, Event } from "./line.ts";
import workerUrl from "./worker.ts?worker&url";

export class Client {
  #n = 0;
  #waiting = new Map<number, { done: (v: unknown) => void; fail: (e: Failure) => void }>();
  #worker = new Worker(scriptURL(workerUrl), { type: "module", name: "link" });

  constructor(on: (e: Event) => void) {
    this.#worker.onmessage = (e: MessageEvent<Answer>) => {
      if ("event" in e.data) return on(e.data.event);
      const { n, value, word } = e.data;
      const w = this.#waiting.get(n);
      this.#waiting.delete(n);
      if (word) w?.fail(new Failure(word));
      else w?.done(value);
    };
  }

  ask<T>(ask: Ask, port?: MessagePort): Promise<T> {
    return new Promise((done, fail) => {
      this.#waiting.set(++this.#n, { done: done as (v: unknown) => void, fail });
      this.#worker.postMessage({ n: this.#n, ask }, port ? [port] : []);
    });
  }

  close(): void {
    this.#worker.terminate();
  }
}

const patience = 20_000; // for a service worker that is being set up

function later<T>(ms: number, value: T): Promise<T> {
  return new Promise((done) => setTimeout(() => done(value), ms));
}

// Whether a service worker knows how to bring a file: those of older builds do not.
function able(worker: ServiceWorker): Promise<boolean> {
  const line = new MessageChannel();
  const said = new Promise<boolean>((done) => (line.port1.onmessage = (e) => done(e.data === true)));
  worker.postMessage({ files: true }, [line.port2]);
  return Promise.race([said, later(3000, false)]);
}

/** The service worker, if this browser has one that brings files. Private windows may have none. */
export async function bringer(): Promise<ServiceWorker | null> {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return null;
  try {
    await navigator.serviceWorker.register(scriptURL("/sw.js"), { updateViaCache: "none" });
    const worker = (await Promise.race([navigator.serviceWorker.ready, later(patience, null)]))?.active ?? null;
    return worker && (await able(worker)) ? worker : null;
  } catch {
    return null;
  }
}
