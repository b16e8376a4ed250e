// The seam for the index, which is loaded later than the list. Until then, and for what the
// index has not yet, cards are looked through: subjects, senders, first words.

import { computed, signal } from "@preact/signals";
import { plain } from "../fold.ts";
import type { Sync } from "./sync.ts";
import { slicer } from "./slice.ts";
import type { Search, SearchSeam } from "./types.ts";

export function createSearch(sync: Sync): SearchSeam {
  const index = signal<Search | null>(null);
  const early = new Map<string, string>(); // learned before there was an index
  return {
    use(s) {
      index.value = s;
      for (const [id, text] of early) s.learn(id, text);
      early.clear();
    },
    learn(id, text) {
      const there = index.peek();
      if (there) there.learn(id, text);
      else if (early.size < 500) early.set(id, text);
    },
    progress: computed(() => index.value?.progress.value ?? null),
    version: computed(() => (index.value ? 1 + index.value.version.value : 0)),
    async query(text, o = {}) {
      const better = index.peek();
      if (better) return better.query(text, o);
      const words = plain(text).split(/\s+/).filter(Boolean).slice(0, 20);
      const ids: string[] = [];
      const rest = slicer();
      for (const c of sync.cards()) {
        const hay = plain(`${c.subject} ${c.from_name} ${c.from} ${c.snippet}`);
        if (words.every((w) => hay.includes(w)) && (o.within === undefined || sync.find(c.id)?.mailbox === o.within)) ids.push(c.id);
        await rest();
        if (o.signal?.aborted) break;
      }
      return { ids, words };
    },
    stop() {
      index.peek()?.stop();
    },
  };
}
