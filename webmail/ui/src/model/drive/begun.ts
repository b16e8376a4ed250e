// Uploads that this device began. What was left half-way, because the page was closed,
// would hold its room for a day: the next page gives it up.

import { ApiError, type Api } from "../../wire/http.ts";
import type { SealedCache } from "../cache.ts";

const KEY = "drive-begun";
const lockOf = (id: string) => `sealpost-upload-${id}`;
const locks = (): LockManager | undefined => (globalThis.navigator as Navigator | undefined)?.locks;

export class Begun {
  #ids = new Map<string, () => void>(); // with what lets go of its lock
  constructor(private readonly cache: SealedCache, private readonly api: Api) {}

  async add(id: string): Promise<void> {
    this.#ids.set(id, () => {});
    void locks()?.request(lockOf(id), () => new Promise<void>((done) => { if (this.#ids.has(id)) this.#ids.set(id, done); else done(); })).catch(() => {});
    await this.#change((all) => [...all, id]);
  }
  async end(id: string): Promise<void> {
    this.#ids.get(id)?.();
    this.#ids.delete(id);
    await this.#change((all) => all.filter((x) => x !== id));
  }

  #turn: Promise<void> = Promise.resolve();
  #change(f: (all: string[]) => string[]): Promise<void> {
    return (this.#turn = this.#turn.then(async () => this.cache.put("state", KEY, f((await this.cache.get<string[]>("state", KEY)) ?? []))).catch(() => {}));
  }

  /** Gives up what no page of this device works on any more. What is complete is left alone. */
  async tidy(): Promise<void> {
    const all = (await this.cache.get<string[]>("state", KEY)) ?? [];
    const held = new Set((await locks()?.query())?.held?.map((l) => l.name));
    for (const id of all) {
      if (this.#ids.has(id) || held.has(lockOf(id))) continue;
      try {
        if (!(await this.api.file(id)).complete) await this.api.removeFile(id);
      } catch (e) {
        if (!(e instanceof ApiError) || e.status !== 404) return; // another time
      }
      await this.end(id);
    }
  }
}
