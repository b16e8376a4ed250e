// Many small things (contacts, pins) in sixteen sealed items of a drawer: a new device
// reads sixteen boxes, and the server learns neither how many there are nor which changed.

import { computed, type ReadonlySignal } from "@preact/signals";
import { mergeMaps } from "./drawer.ts";
import type { Cabinet, Drawer } from "./types.ts";

const SHARDS = 16;

export class Shards<V> {
  readonly #drawer: Drawer<Record<string, V>>;
  readonly all: ReadonlySignal<ReadonlyMap<string, V>>;
  readonly ready;

  constructor(cabinet: Cabinet, name: string, o: { clean: (v: unknown) => V | null; pick: (mine: V, theirs: V) => V }) {
    this.#drawer = cabinet.drawer<Record<string, V>>(name, {
      parse(v) {
        if (typeof v !== "object" || v === null || Array.isArray(v)) throw new Error("a shard: expected a map");
        const out: Record<string, V> = {};
        for (const [k, x] of Object.entries(v)) {
          const one = o.clean(x);
          if (one !== null) out[k] = one;
        }
        return out;
      },
      merge: (base, mine, theirs) => (mine && theirs ? mergeMaps(base, mine, theirs, o.pick) : (mine ?? theirs)),
      only: (item) => /^s[0-9a-f]$/.test(item),
      permanent: true,
    });
    this.ready = this.#drawer.ready;
    this.all = computed(() => {
      const out = new Map<string, V>();
      for (const item of this.#drawer.items.value.values()) for (const [k, v] of Object.entries(item.value)) out.set(k, v);
      return out;
    });
  }

  // null removes. Shards that change are written once each.
  async set(changes: readonly (readonly [string, V | null])[]): Promise<void> {
    const touched = new Map<string, Record<string, V>>();
    for (const [key, v] of changes) {
      const name = shardOf(key);
      const shard = touched.get(name) ?? { ...this.#drawer.items.peek().get(name)?.value };
      if (v === null) delete shard[key];
      else shard[key] = v;
      touched.set(name, shard);
    }
    await Promise.all([...touched].map(([name, shard]) => this.#drawer.put(name, shard)));
  }
}

function shardOf(key: string): string {
  let h = 2166136261;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 16777619) >>> 0;
  return "s" + ((h >>> 12) % SHARDS).toString(16);
}
