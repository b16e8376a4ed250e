// The owner's sealed things, shared by all devices. The server stores, numbers and lists
// boxes, and may lie: a box is bound to its drawer, name and version, and no version that
// this device has seen may ever become lower. What does not fit raises an alarm, and what
// this device knows stays.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { CabinetItem } from "../wire/api.ts";
import { ApiError, type Api, type Clock } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import type { SealedCache } from "./cache.ts";
import { JsonDrawer } from "./drawer.ts";
import type { Alarms, Cabinet, Drawer, DrawerOptions } from "./types.ts";

export interface Line {
  drawer: string;
  name: string;
  version: number; // highest seen; of a removed one: its last
  size: number;
  change: number;
  gone: boolean;
}
interface Saved {
  version: number;
  lines: Line[];
}

export interface CabinetParts {
  api: Api;
  vault: Vault;
  cache: SealedCache;
  clock: Clock;
  alarms: Alarms;
}

const WIDTH = 6; // boxes read at once
const RETRY = 20_000;
const keyOf = (drawer: string, name: string) => `${drawer}/${name}`;

export class CabinetModel implements Cabinet {
  readonly version: ReadonlySignal<number>;
  readonly parts: CabinetParts;
  readonly #version = signal(0);
  readonly #lines = new Map<string, Line>();
  readonly #drawers = new Map<string, JsonDrawer<unknown>>();
  #since = 0;
  #running: Promise<void> | null = null;
  #again = false;
  #retry: (() => void) | null = null;
  #closed = false;

  get since(): number {
    return this.#since;
  }

  constructor(parts: CabinetParts) {
    this.parts = parts;
    this.version = this.#version;
  }

  drawer<T>(name: string, o: DrawerOptions<T>): Drawer<T> {
    const d = new JsonDrawer<T>(name, o, this);
    this.#drawers.set(name, d as unknown as JsonDrawer<unknown>);
    return d;
  }

  // What this device remembers; then views have something to draw without the network.
  async load(): Promise<void> {
    const saved = await this.parts.cache.get<Saved>("state", "cabinet");
    if (saved) {
      this.#since = saved.version;
      for (const l of saved.lines) this.#lines.set(keyOf(l.drawer, l.name), l);
    }
    await Promise.all([...this.#drawers.values()].map((d) => d.load(this.list(d.name), saved !== undefined)));
    this.#version.value++;
  }

  line(drawer: string, name: string): Line | undefined {
    return this.#lines.get(keyOf(drawer, name));
  }
  list(drawer: string): Line[] {
    return [...this.#lines.values()].filter((l) => l.drawer === drawer && !l.gone);
  }

  // One at a time; a call during one runs another after it.
  refresh(): Promise<void> {
    if (this.#running) this.#again = true;
    else
      this.#running = this.#loop().finally(() => {
        this.#running = null;
      });
    return this.#running!;
  }
  async #loop(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#look();
        for (const d of this.#drawers.values()) if (!this.#closed) await d.flush();
      } catch (e) {
        this.#later();
        if (!(e instanceof ApiError)) throw e;
        return;
      }
    } while (this.#again && !this.#closed);
    if ([...this.#drawers.values()].some((d) => d.waiting)) this.#later();
  }
  #later(): void {
    this.#retry?.();
    if (!this.#closed) this.#retry = this.parts.clock.after(RETRY, () => void this.refresh().catch(() => {}));
  }
  // An item waits: soon is early enough, so that typing does not send each letter.
  soon(): void {
    if (!this.#closed) queueMicrotask(() => void this.refresh().catch(() => {}));
  }

  async #look(): Promise<void> {
    let list = await this.parts.api.cabinet(this.#since);
    let back = false;
    // Not complete: removals were forgotten, or the server began anew from a backup.
    const older = list.version < this.#since;
    if (older || list.complete === false) {
      back = older;
      if (older) this.#alarm("rolled-back", "cabinet");
      list = await this.parts.api.cabinet(0);
      for (const l of this.#lines.values())
        if (!l.gone && !list.items.some((i) => i.drawer === l.drawer && i.name === l.name)) list.items.push({ ...l, gone: true, modified: "" });
    }
    const changed = list.items.filter((i) => this.#judge(i, back));
    await this.#read([...changed, ...this.#missing(changed)]);
    for (const d of this.#drawers.values()) d.missing.clear();
    for (const i of changed) this.#remember(i);
    this.#since = list.version;
    if (changed.length > 0 || back) {
      this.#version.value++;
      await this.#save();
    }
  }

  // Is this line news? A version below what was seen is an alarm; the drawer then writes
  // what this device knows, and that becomes the newest.
  #judge(i: CabinetItem, back: boolean): boolean {
    const known = this.line(i.drawer, i.name);
    if (!known) return true;
    const lower = i.version < known.version || (known.gone && !i.gone && i.version <= known.version);
    const drawer = this.#drawers.get(i.drawer);
    if (lower || (i.gone && drawer?.permanent(i.name)) || (back && i.gone)) {
      if (lower || drawer?.permanent(i.name)) this.#alarm("rolled-back", i.drawer);
      known.version = i.version;
      known.gone = i.gone;
      drawer?.keep(i.name);
      return false;
    }
    return i.version > known.version || i.gone !== known.gone;
  }
  // What this browser threw away of its copies is read again.
  #missing(changed: readonly CabinetItem[]): Line[] {
    const news = new Set(changed.map((i) => keyOf(i.drawer, i.name)));
    return [...this.#drawers.values()].flatMap((d) => [...d.missing].map((n) => this.line(d.name, n))).filter((l): l is Line => !!l && !l.gone && !news.has(keyOf(l.drawer, l.name)));
  }
  #remember(i: CabinetItem): void {
    const { drawer, name, version, size, change, gone } = i;
    const known = this.line(drawer, name);
    if (!known || version >= known.version) this.#lines.set(keyOf(drawer, name), { drawer, name, version, size, change, gone });
  }

  async #read(items: readonly Line[]): Promise<void> {
    const queue = items.filter((i) => this.#drawers.get(i.drawer)?.mine(i.name));
    const work = async () => {
      for (let i = queue.shift(); i && !this.#closed; i = queue.shift()) {
        const d = this.#drawers.get(i.drawer)!;
        if (i.gone) await d.take(i.name, i.version, null);
        else {
          const box = await this.fetch(i.drawer, i.name, i.version);
          if (box) await d.take(i.name, box.version, box.data);
        }
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, work));
  }

  // The content of a box as it is now, at least at version least. null: it is gone, or
  // damaged (then the alarm is raised).
  async fetch(drawer: string, name: string, least: number): Promise<{ version: number; data: ArrayBuffer } | null> {
    const got = await this.look(drawer, name, least);
    return typeof got === "string" ? null : got;
  }
  // The same, with the reason where it is not to be had.
  async look(drawer: string, name: string, least: number): Promise<{ version: number; data: ArrayBuffer } | "gone" | "rolled-back" | "damaged-box"> {
    let box: { version: number; data: ArrayBuffer };
    try {
      box = await this.parts.api.box(drawer, name);
    } catch (e) {
      if (e instanceof ApiError && e.status === 404) return "gone";
      throw e;
    }
    if (box.version < least) {
      this.#alarm("rolled-back", drawer);
      return "rolled-back";
    }
    const data = await this.#open(drawer, name, box.version, box.data);
    if (data) await this.#cacheBox(drawer, name, box.version, box.data);
    else this.#alarm("damaged-box", drawer);
    return data ? { version: box.version, data } : "damaged-box";
  }
  async #open(drawer: string, name: string, version: number, box: ArrayBuffer): Promise<ArrayBuffer | null> {
    try {
      return await this.parts.vault.openBox({ drawer, name, version, box });
    } catch {
      return null;
    }
  }
  async #cacheBox(drawer: string, name: string, version: number, box: ArrayBuffer): Promise<void> {
    const row = new Uint8Array(8 + box.byteLength);
    new DataView(row.buffer).setBigUint64(0, BigInt(version));
    row.set(new Uint8Array(box), 8);
    await this.parts.cache.raw.put("boxes", [[keyOf(drawer, name), row.buffer]]).catch(() => {});
  }
  // From this device alone.
  async cached(drawer: string, name: string): Promise<{ version: number; data: ArrayBuffer } | null> {
    const row = await this.parts.cache.raw.get("boxes", keyOf(drawer, name));
    if (!row || row.byteLength < 8) return null;
    const version = Number(new DataView(row).getBigUint64(0));
    const data = await this.#open(drawer, name, version, row.slice(8));
    return data && { version, data };
  }

  async read(drawer: string, name: string): Promise<ArrayBuffer | null> {
    const line = this.line(drawer, name);
    const here = await this.cached(drawer, name);
    if (here && (!line || here.version >= line.version)) return here.data;
    if (line?.gone) return null;
    return (await this.fetch(drawer, name, line?.version ?? 1))?.data ?? here?.data ?? null;
  }

  async write(drawer: string, name: string, was: number, data: ArrayBuffer): Promise<number> {
    // The number goes on after a removal, and the box is bound to the one it gets.
    let version = Math.max(was, this.line(drawer, name)?.version ?? 0) + 1;
    for (let n = 0; ; n++) {
      const box = await this.parts.vault.seal({ drawer, name, version, data });
      const item = await this.#put(drawer, name, was, box);
      this.#remember(item);
      if (item.version === version || n > 3) {
        await this.#cacheBox(drawer, name, version, box);
        await this.#save();
        this.#version.value++;
        return item.version;
      }
      was = item.version;
      version = item.version + 1;
    }
  }

  // A name that was removed may be taken anew; its number is then the one that is replaced.
  async #put(drawer: string, name: string, was: number, box: ArrayBuffer): Promise<CabinetItem> {
    try {
      return await this.parts.api.putBox(drawer, name, was, box);
    } catch (e) {
      const line = this.line(drawer, name);
      if (!(e instanceof ApiError) || e.word !== "conflict" || was !== 0 || !line?.gone) throw e;
      return this.parts.api.putBox(drawer, name, line.version, box);
    }
  }

  async remove(drawer: string, name: string, was: number): Promise<void> {
    try {
      await this.parts.api.deleteBox(drawer, name, was);
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 404) throw e;
    }
    const line = this.line(drawer, name);
    if (line) {
      line.gone = true;
      line.version = Math.max(line.version, was + 1);
    }
    await this.parts.cache.raw.remove("boxes", [keyOf(drawer, name)]);
    await this.#save();
    this.#version.value++;
  }

  #alarm(word: "rolled-back" | "damaged-box", about: string): void {
    this.parts.alarms.raise({ id: `${word} ${about}`, word, about });
  }
  async #save(): Promise<void> {
    if (this.#closed) return;
    await this.parts.cache.put("state", "cabinet", { version: this.#since, lines: [...this.#lines.values()] } satisfies Saved);
  }
  close(): void {
    this.#closed = true;
    this.#retry?.();
  }
}
