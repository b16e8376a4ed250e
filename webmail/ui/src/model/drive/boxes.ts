// The folders of a drive as boxes of the cabinet: read, watched and changed by
// compare-and-swap. This device remembers the newest version of each folder that it has
// seen, and takes no older one from anybody.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Folder, decodeFolder, drawer, encodeFolder, root } from "../../files/index.ts";
import { ApiError, type Clock, sleep } from "../../wire/http.ts";
import { type SealedCache, pad } from "../cache.ts";
import type { CabinetModel } from "../cabinet.ts";
import { DriveError } from "./tree.ts";

const SWAPS = 20;
const SEEN = "drive-seen";

interface Held {
  version: number; // 0: there is none yet
  folder: Signal<Folder | undefined>;
  reading: Promise<Folder> | null;
}
interface Edit {
  do: (f: Folder) => unknown;
  done: (v: unknown, version: number) => void;
  fail: (e: unknown) => void;
}

export interface BoxesParts {
  cabinet: CabinetModel;
  cache: SealedCache;
  clock: Clock;
}

export class Boxes {
  readonly #parts: BoxesParts;
  readonly version = signal(0); // grows with each folder that is seen anew
  readonly #held = new Map<string, Held>();
  readonly #edits = new Map<string, Edit[]>();
  #seen: Map<string, number> | null = null;
  #keeping: Promise<void> | null = null;
  #again = false;

  constructor(parts: BoxesParts) {
    this.#parts = parts;
  }

  // ---- what was seen -------------------------------------------------------------------

  async #least(id: string): Promise<number> {
    this.#seen ??= new Map(Object.entries((await this.#parts.cache.get<{ [id: string]: number }>("state", SEEN)) ?? {}));
    return this.#seen.get(id) ?? 0;
  }
  async #note(id: string, version: number): Promise<void> {
    if (version <= (await this.#least(id))) return;
    this.#seen!.set(id, version);
    await this.#keepSeen();
  }
  // What another tab of this device noted meanwhile stays.
  #keepSeen(): Promise<void> {
    if (this.#keeping) this.#again = true;
    this.#keeping ??= (async () => {
      do {
        this.#again = false;
        const there = (await this.#parts.cache.get<{ [id: string]: number }>("state", SEEN)) ?? {};
        for (const [id, v] of Object.entries(there)) if (v > (this.#seen!.get(id) ?? 0)) this.#seen!.set(id, v);
        await this.#parts.cache.put("state", SEEN, Object.fromEntries(this.#seen!));
      } while (this.#again);
    })().finally(() => (this.#keeping = null));
    return this.#keeping;
  }

  // ---- reading ---------------------------------------------------------------------------

  #of(id: string): Held {
    let h = this.#held.get(id);
    if (!h) this.#held.set(id, (h = { version: 0, folder: signal<Folder | undefined>(undefined), reading: null }));
    return h;
  }
  folder(id: string): ReadonlySignal<Folder | undefined> {
    return this.#of(id).folder;
  }

  // What is here if it is the newest that anybody told of; else what the server has; and
  // without a network, what this device saw last.
  load(id: string): Promise<Folder> {
    const h = this.#of(id), line = this.#parts.cabinet.line(drawer, id);
    const now = h.folder.peek();
    if (now && h.version >= (line?.version ?? 0)) return Promise.resolve(now);
    return (h.reading ??= this.#load(id, line?.version ?? 0).finally(() => (h.reading = null)));
  }
  async #load(id: string, told: number): Promise<Folder> {
    const here = await this.#parts.cabinet.cached(drawer, id), least = await this.#least(id);
    const cached = here && here.version >= least ? here : null;
    if (cached && told > 0 && cached.version >= told) return this.#take(id, cached.version, cached.data);
    try {
      return await this.#read(id);
    } catch (e) {
      if (cached && e instanceof ApiError && e.temporary) return this.#take(id, cached.version, cached.data);
      throw e;
    }
  }

  // As the server has it; the root is empty before there is one.
  async #read(id: string): Promise<Folder> {
    const least = await this.#least(id);
    const got = await this.#parts.cabinet.look(drawer, id, least);
    if (got === "rolled-back" || (got === "gone" && id === root && least > 0)) throw new DriveError("rolled-back");
    if (got === "damaged-box") throw new DriveError("damaged");
    if (got === "gone") {
      if (id !== root) throw new DriveError("gone"); // never an empty one
      return this.#show(id, 0, { entries: [] });
    }
    return this.#take(id, got.version, got.data);
  }
  async #take(id: string, version: number, data: ArrayBuffer): Promise<Folder> {
    let folder: Folder;
    try {
      folder = decodeFolder(new Uint8Array(data));
    } catch {
      throw new DriveError("damaged");
    }
    await this.#note(id, version);
    return this.#show(id, version, folder);
  }
  #show(id: string, version: number, folder: Folder): Folder {
    const h = this.#of(id), now = h.folder.peek();
    if (now && version <= h.version) return now;
    h.version = version;
    h.folder.value = folder;
    this.version.value = this.version.peek() + 1;
    return folder;
  }

  // What another device changed of what is looked at here.
  async follow(): Promise<void> {
    const news = [...this.#held].filter(([id, h]) => h.folder.peek() && (this.#parts.cabinet.line(drawer, id)?.version ?? 0) > h.version && !this.#parts.cabinet.line(drawer, id)?.gone);
    await Promise.all(news.map(([id]) => this.load(id).catch(() => {})));
  }

  // ---- changing --------------------------------------------------------------------------

  // Changes of one folder that wait are made in one go.
  async change<T>(id: string, edit: (f: Folder) => T): Promise<T> {
    return (await this.changed(id, edit)).value;
  }
  /** The same, with the version that the folder has then. */
  changed<T>(id: string, edit: (f: Folder) => T): Promise<{ value: T; version: number }> {
    return new Promise((done, fail) => {
      const waiting = this.#edits.get(id);
      const one: Edit = { do: edit, done: (v, version) => done({ value: v as T, version }), fail };
      if (waiting) waiting.push(one);
      else {
        this.#edits.set(id, [one]);
        void this.#work(id);
      }
    });
  }
  async #work(id: string): Promise<void> {
    for (;;) {
      await null; // what is asked for in the same breath goes along
      const edits = this.#edits.get(id)!;
      if (edits.length === 0) break;
      this.#edits.set(id, []);
      await this.#swap(id, edits).catch((e: unknown) => edits.forEach((x) => x.fail(e)));
    }
    this.#edits.delete(id);
  }
  async #swap(id: string, edits: Edit[]): Promise<void> {
    let was = await this.load(id);
    for (let n = 0; ; n++) {
      const version = this.#of(id).version, next: Folder = { entries: [...was.entries] };
      const results = edits.map((x) => apply(next, x));
      const fine = results.some((r) => !r.failed);
      try {
        if (fine) await this.#write(id, version, next);
        return results.forEach((r, i) => (r.failed ? edits[i]!.fail(r.value) : edits[i]!.done(r.value, version + 1)));
      } catch (e) {
        if (!(e instanceof ApiError) || e.word !== "conflict") throw e;
        if (n + 1 === SWAPS) throw new DriveError("busy");
      }
      await sleep(this.#parts.clock, Math.random() * 10 * 2 ** Math.min(n, 6));
      was = await this.#read(id);
    }
  }
  async #write(id: string, was: number, folder: Folder): Promise<void> {
    let text: Uint8Array;
    try {
      text = encodeFolder(folder);
    } catch {
      throw new DriveError("full"); // names were looked at before
    }
    const version = await this.#parts.cabinet.write(drawer, id, was, pad(text).buffer);
    await this.#note(id, version);
    this.#show(id, version, folder);
  }

  /** A folder that nothing leads to yet. */
  async make(id: string): Promise<void> {
    await this.#write(id, 0, { entries: [] });
  }

  /** The version of a folder as folder shows it. */
  versionOf(id: string): number {
    return this.#of(id).version;
  }

  /** Drops the box of a folder that nothing leads to any more; of this version, where one is named. */
  async drop(id: string, version = 0): Promise<void> {
    const got = version > 0 ? { version } : await this.#parts.cabinet.look(drawer, id, await this.#least(id));
    if (typeof got !== "string") await this.#parts.cabinet.remove(drawer, id, got.version);
    this.#held.delete(id);
    this.#seen?.delete(id);
  }
}

// An edit that cannot be made leaves the folder as it was.
function apply(f: Folder, edit: Edit): { failed: boolean; value: unknown } {
  const before = f.entries;
  try {
    return { failed: false, value: edit.do(f) };
  } catch (e) {
    f.entries = before;
    return { failed: true, value: e };
  }
}
