// Settings: one sealed item that devices share field by field, with lists in drawers of
// their own.

import { computed } from "@preact/signals";
import { newKey } from "../wire/http.ts";
import { mergeMaps } from "./drawer.ts";
import type { Cabinet, Drawer, Label, RulesCopy, SavedSearch, Settings, SettingsModel, Template } from "./types.ts";

export const DEFAULTS: Settings = {
  locale: "", theme: "system", density: "comfortable", panes: 3, conversations: true, autoLock: 0, undoSend: 10, seenAfter: 1, remote: "ask", remoteSenders: [],
  offlineDays: 14, signatures: [], signatureFor: {}, plainText: false, sign: true, labels: [], muted: [], snoozed: {}, keys: {}, notices: false, more: {},
};

type Doc = Record<string, unknown>;
const NAME = "settings";
const RULES = "rules"; // of the same drawer

// Maps join by key; lists of things with an id by that; lists of words as sets.
function join(base: Doc | undefined, mine: Doc, theirs: Doc): Doc {
  const out = mergeMaps(base, mine, theirs);
  for (const k of ["snoozed", "signatureFor", "keys", "more"] as const) {
    const at = (d: Doc | undefined) => (isMap(d?.[k]) ? (d![k] as Doc) : undefined);
    if (at(mine) && at(theirs)) out[k] = mergeMaps(at(base), at(mine)!, at(theirs)!);
  }
  for (const [k, id] of [["signatures", "id"], ["labels", "keyword"], ["muted", ""], ["remoteSenders", ""]] as const) {
    const at = (d: Doc | undefined) => (Array.isArray(d?.[k]) ? byId(d![k] as unknown[], id) : undefined);
    if (at(mine) && at(theirs)) out[k] = Object.values(mergeMaps(at(base), at(mine)!, at(theirs)!));
  }
  return out;
}
const isMap = (v: unknown): v is Doc => typeof v === "object" && v !== null && !Array.isArray(v);
const byId = (list: unknown[], id: string): Doc => Object.fromEntries(list.map((x) => [id === "" ? String(x) : String((x as Doc)[id]), x]));

const doc = (v: unknown): Doc => {
  if (!isMap(v)) throw new Error("settings: expected a map");
  return v;
};

// A list with ids in one item of a drawer.
class Shelf<T extends { id: string }> {
  readonly #drawer: Drawer<Record<string, T>>;
  readonly all;
  constructor(cabinet: Cabinet, name: string) {
    this.#drawer = cabinet.drawer<Record<string, T>>(name, {
      parse: (v) => doc(v) as Record<string, T>,
      merge: (base, mine, theirs) => (mine && theirs ? mergeMaps(base, mine, theirs) : (mine ?? theirs)),
      permanent: true,
    });
    this.all = computed(() => Object.values(this.#drawer.items.value.get("all")?.value ?? {}));
  }
  #now(): Record<string, T> {
    return this.#drawer.items.peek().get("all")?.value ?? {};
  }
  save(v: Omit<T, "id"> & { id?: string }): Promise<void> {
    const id = v.id ?? newKey().slice(0, 16);
    return this.#drawer.put("all", { ...this.#now(), [id]: { ...v, id } as unknown as T });
  }
  order(ids: readonly string[]): Promise<void> {
    const now = this.#now();
    const first = ids.filter((id) => now[id]).map((id) => [id, now[id]!] as const);
    return this.#drawer.put("all", { ...Object.fromEntries(first), ...Object.fromEntries(Object.entries(now).filter(([id]) => !ids.includes(id))) });
  }
  remove(id: string): Promise<void> {
    const { [id]: _, ...rest } = this.#now();
    return this.#drawer.put("all", rest);
  }
}

export function createSettings(cabinet: Cabinet): SettingsModel {
  const drawer = cabinet.drawer<Doc>("settings", {
    parse: doc,
    merge: (base, mine, theirs) => (mine && theirs ? join(base, mine, theirs) : (mine ?? theirs)),
    permanent: true,
  });
  const stored = () => drawer.items.peek().get(NAME)?.value ?? {};
  const searches = new Shelf<SavedSearch>(cabinet, "searches");
  const templates = new Shelf<Template>(cabinet, "templates");
  const value = computed(() => clean(drawer.items.value.get(NAME)?.value ?? {}));
  const model: SettingsModel = {
    value,
    ready: drawer.ready,
    set: (change) => drawer.put(NAME, { ...stored(), ...change }),
    searches: searches.all,
    saveSearch: (s) => searches.save(s),
    removeSearch: (id) => searches.remove(id),
    orderSearches: (ids) => searches.order(ids),
    rulesCopy: computed(() => copyOf(drawer.items.value.get(RULES)?.value)),
    keepRules: ({ rules, vacation }) => drawer.put(RULES, { at: Math.floor(Date.now() / 1000), rules, vacation }),
    templates: templates.all,
    saveTemplate: (t) => templates.save(t),
    removeTemplate: (id) => templates.remove(id),
    // The server sees the keyword, never the name.
    async newLabel(name, colour) {
      const label: Label = { keyword: "$label-" + newKey().slice(0, 10), name, colour };
      await model.set({ labels: [...value.peek().labels, label] });
      return label;
    },
  };
  return model;
}

function copyOf(d: Doc | undefined): RulesCopy | null {
  if (!d || !Array.isArray(d["rules"]) || !isMap(d["vacation"]) || typeof d["at"] !== "number") return null;
  return d as unknown as RulesCopy;
}

// Another version of the client may have written a field differently: then ours is taken.
function clean(stored: Doc): Settings {
  const out: Doc = { ...DEFAULTS };
  for (const [k, v] of Object.entries(DEFAULTS)) {
    const s = stored[k];
    if (s !== undefined && typeof s === typeof v && Array.isArray(s) === Array.isArray(v) && s !== null) out[k] = s;
  }
  return out as unknown as Settings;
}
