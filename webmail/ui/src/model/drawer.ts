// A drawer of JSON items: whole in memory, sealed at rest. A change is safe on this device
// before put answers, reaches the server when it can, and meets the changes of other
// devices in merge.

import { signal } from "@preact/signals";
import { ApiError } from "../wire/http.ts";
import { pad } from "./cache.ts";
import type { CabinetModel, Line } from "./cabinet.ts";
import type { Drawer, DrawerOptions, Item } from "./types.ts";

interface State<T> {
  version: number; // of base at the server; 0: not there
  base: T | undefined;
  value: T | null; // null: removed here, not yet there
  waiting: boolean;
  turn: number; // grows with each put: a push that ends knows whether it was the last
}
interface Pending {
  version: number;
  base?: unknown;
  value: unknown;
}

const TRIES = 8;
const decoder = new TextDecoder();
const encoder = new TextEncoder();
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

export class JsonDrawer<T> implements Drawer<T> {
  readonly name: string;
  readonly items;
  readonly ready;
  readonly #items = signal<ReadonlyMap<string, Item<T>>>(new Map());
  readonly #ready = signal(false);
  readonly #o: DrawerOptions<T>;
  readonly #cabinet: CabinetModel;
  readonly #states = new Map<string, State<T>>();
  readonly missing = new Set<string>(); // known to be at the server, not on this device

  constructor(name: string, o: DrawerOptions<T>, cabinet: CabinetModel) {
    this.name = name;
    this.#o = o;
    this.#cabinet = cabinet;
    this.items = this.#items;
    this.ready = this.#ready;
  }

  get waiting(): boolean {
    for (const s of this.#states.values()) if (s.waiting) return true;
    return false;
  }
  mine(name: string): boolean {
    return this.#o.only?.(name) ?? true;
  }
  permanent(name: string): boolean {
    return this.#o.permanent === true && this.mine(name);
  }

  async load(lines: readonly Line[], known: boolean): Promise<void> {
    for (const l of lines) {
      if (!this.mine(l.name)) continue;
      const box = await this.#cabinet.cached(this.name, l.name);
      const value = box && this.#parse(box.data);
      if (box && value !== undefined && value !== null) this.#states.set(l.name, { version: box.version, base: value, value, waiting: false, turn: 0 });
      if (!box || box.version < l.version) this.missing.add(l.name);
    }
    const prefix = this.name + "/";
    for (const { key, value: p } of await this.#cabinet.parts.cache.all<Pending>("pending")) {
      if (!key.startsWith(prefix)) continue;
      const state: State<T> = { version: p.version, base: p.base === undefined ? undefined : this.#o.parse(p.base), value: p.value === null ? null : this.#o.parse(p.value), waiting: true, turn: 1 };
      const name = key.slice(prefix.length);
      // Another tab may have stored since: the base we hold may be older than what is there.
      this.#states.set(name, state);
    }
    this.#publish();
    this.#ready.value = known && this.missing.size === 0;
  }
  #parse(data: ArrayBuffer): T | undefined {
    try {
      return this.#o.parse(JSON.parse(decoder.decode(data)));
    } catch {
      return undefined;
    }
  }

  async put(name: string, value: T): Promise<void> {
    await this.#change(name, value);
  }
  async remove(name: string): Promise<void> {
    if (this.#states.has(name)) await this.#change(name, null);
  }
  async #change(name: string, value: T | null): Promise<void> {
    const s = this.#states.get(name) ?? { version: 0, base: undefined, value: null, waiting: false, turn: 0 };
    s.value = value;
    s.waiting = true;
    s.turn++;
    this.#states.set(name, s);
    this.#publish();
    await this.#keepHere(name, s);
    this.#cabinet.soon();
  }
  #keepHere(name: string, s: State<T>): Promise<void> {
    const p: Pending = { version: s.version, value: s.value, ...(s.base === undefined ? {} : { base: s.base }) };
    return this.#cabinet.parts.cache.put("pending", `${this.name}/${name}`, p);
  }

  // The server went back in time, or dropped what nobody removes: what is here goes there
  // again, joined with what is there.
  keep(name: string): void {
    const s = this.#states.get(name);
    if (!s) return;
    s.base = undefined;
    s.waiting = true;
    s.turn++;
  }

  // What the server has now. data null: it is gone.
  async take(name: string, version: number, data: ArrayBuffer | null): Promise<void> {
    const theirs = data === null ? null : this.#parse(data);
    if (theirs === undefined) return;
    const s = this.#states.get(name);
    if (s && data !== null && version < s.version) return;
    if (!s?.waiting) {
      if (theirs === null) this.#states.delete(name);
      else this.#states.set(name, { version, base: theirs, value: theirs, waiting: false, turn: s?.turn ?? 0 });
    } else await this.#meet(name, s, version, theirs);
    this.#publish();
  }
  async #meet(name: string, s: State<T>, version: number, theirs: T | null): Promise<void> {
    const merged = this.#o.merge(s.base, s.value, theirs, name);
    s.base = theirs ?? undefined;
    s.version = theirs === null ? 0 : version;
    s.value = merged;
    s.turn++;
    s.waiting = !same(merged, theirs);
    if (s.waiting) await this.#keepHere(name, s);
    else await this.#settled(name, s);
  }
  async #settled(name: string, s: State<T>): Promise<void> {
    s.waiting = false;
    if (s.value === null) this.#states.delete(name);
    await this.#cabinet.parts.cache.remove("pending", `${this.name}/${name}`);
  }

  // Stores what waits. A temporary failure ends it: the cabinet tries again later.
  async flush(): Promise<void> {
    for (const [name, s] of [...this.#states]) if (s.waiting) await this.#push(name, s);
    if (!this.#ready.value) this.#ready.value = true;
  }
  async #push(name: string, s: State<T>): Promise<void> {
    for (let n = 0; n < TRIES && s.waiting; n++) {
      const turn = s.turn;
      const value = s.value;
      try {
        if (value === null) {
          if (s.version > 0) await this.#cabinet.remove(this.name, name, s.version);
          s.version = 0;
          s.base = undefined;
        } else {
          s.version = await this.#cabinet.write(this.name, name, s.version, pad(encoder.encode(JSON.stringify(value))).buffer);
          s.base = value;
        }
        if (s.turn === turn) await this.#settled(name, s);
        else await this.#keepHere(name, s);
      } catch (e) {
        if (!(e instanceof ApiError)) throw e;
        if (e.word !== "conflict") {
          if (e.temporary) throw e;
          break; // refused for good (too large, no space): it stays here, and waits
        }
        const now = await this.#cabinet.fetch(this.name, name, 1);
        if (now) {
          const theirs = this.#parse(now.data);
          if (theirs !== undefined) await this.#meet(name, s, now.version, theirs);
        } else await this.#meet(name, s, 0, null);
      }
      this.#publish();
    }
    this.#publish();
  }

  #publish(): void {
    const out = new Map<string, Item<T>>();
    for (const [name, s] of this.#states) if (s.value !== null) out.set(name, { name, version: s.version, value: s.value, waiting: s.waiting });
    this.#items.value = out;
  }
}

// Three sides of a map: an entry that one side changed is that side's; where both did, pick
// decides (mine by default). An entry removed on one side and changed on the other stays.
export function mergeMaps<V>(base: Record<string, V> | undefined, mine: Record<string, V>, theirs: Record<string, V>, pick: (mine: V, theirs: V) => V = (m) => m): Record<string, V> {
  const out: Record<string, V> = {};
  for (const key of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const b = base?.[key];
    const m = mine[key];
    const t = theirs[key];
    let v: V | undefined;
    if (m === undefined) v = b !== undefined && same(t, b) ? undefined : t;
    else if (t === undefined) v = b !== undefined && same(m, b) ? undefined : m;
    else if (same(m, t) || (b !== undefined && same(t, b))) v = m;
    else if (b !== undefined && same(m, b)) v = t;
    else v = pick(m, t);
    if (v !== undefined) out[key] = v;
  }
  return out;
}
