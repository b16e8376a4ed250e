// Contacts: sealed, shared by devices, entered or collected from mail that was sent.

import { computed } from "@preact/signals";
import { plain } from "../fold.ts";
import { newKey, type Clock } from "../wire/http.ts";
import type { Address } from "../vault/vault.ts";
import { Shards } from "./shards.ts";
import type { Cabinet, Contact, ContactsModel, Suggestion } from "./types.ts";
import { formatCards, parseCards } from "./vcard.ts";

// With how often and when an address was written to: for the order of completion.
interface Kept extends Contact {
  times: number;
  last: number;
}
const EMPTY: Kept = { id: "", name: "", addresses: [], phones: [], organisation: "", notes: "", keys: [], encrypt: "default", collected: false, uid: "", changed: 0, times: 0, last: 0 };

function clean(v: unknown): Kept | null {
  if (typeof v !== "object" || v === null) return null;
  const c = { ...EMPTY, ...(v as Partial<Kept>) };
  return typeof c.id === "string" && typeof c.name === "string" && Array.isArray(c.addresses) && c.addresses.every((a) => typeof a?.address === "string") ? c : null;
}

export function createContacts(cabinet: Cabinet, clock: Clock): ContactsModel {
  const shards = new Shards<Kept>(cabinet, "contacts", {
    clean,
    pick: (mine, theirs) => ({ ...(mine.changed >= theirs.changed ? mine : theirs), times: Math.max(mine.times, theirs.times), last: Math.max(mine.last, theirs.last) }),
  });
  const now = () => Math.floor(clock.now() / 1000);
  const all = computed(() => [...shards.all.value.values()].sort((a, b) => (plain(a.name) < plain(b.name) ? -1 : 1)));
  const index = computed(() => {
    const out = new Map<string, Kept>();
    for (const c of shards.all.value.values())
      for (const a of c.addresses) {
        const key = a.address.toLowerCase();
        if (!out.has(key) || out.get(key)!.collected) out.set(key, c);
      }
    return out;
  });
  const save = async (c: Partial<Kept>): Promise<Kept> => {
    const was = c.id === undefined ? undefined : shards.all.peek().get(c.id);
    const next: Kept = { ...EMPTY, ...was, ...c, id: c.id ?? newKey(), changed: now() };
    await shards.set([[next.id, next]]);
    return next;
  };

  return {
    all,
    ready: shards.ready,
    byAddress: (address) => index.value.get(address.toLowerCase()),
    save: (c) => save({ collected: false, ...c }),
    remove: (id) => shards.set([[id, null]]),

    // Every word typed begins a word of the name or the address; who is written to often
    // and lately comes first, and who was entered by hand before who was collected.
    complete(typed, limit = 8) {
      const words = plain(typed).split(/\s+/).filter(Boolean);
      if (words.length === 0) return [];
      const out: { s: Suggestion; rank: number }[] = [];
      for (const c of all.value) {
        const k = c as Kept;
        for (const a of c.addresses) {
          const tokens = [...plain(c.name).split(/[\s,.'"-]+/), plain(a.address), ...plain(a.address).split(/[@.+_-]/)];
          if (!words.every((w) => tokens.some((t) => t.startsWith(w)))) continue;
          const days = (now() - k.last) / 86_400;
          out.push({ s: { name: c.name, address: a.address, contact: c.id }, rank: Math.log1p(k.times) * 4 - Math.log1p(Math.max(0, days)) + (c.collected ? 0 : 2) });
        }
      }
      return out.sort((a, b) => b.rank - a.rank || (a.s.address < b.s.address ? -1 : 1)).slice(0, limit).map((x) => x.s);
    },

    async used(addresses: readonly Address[]) {
      const changes = new Map<string, Kept>();
      for (const a of addresses) {
        const had = index.peek().get(a.address.toLowerCase());
        const c: Kept = had ?? { ...EMPTY, id: newKey(), name: a.name || a.address, addresses: [{ address: a.address, label: "" }], collected: true, changed: now() };
        changes.set(c.id, { ...c, times: c.times + 1, last: now() });
      }
      await shards.set([...changes]);
    },

    // A card that is here already (by uid or an address) is joined with it.
    async importCards(vcf) {
      const { contacts, skipped } = parseCards(vcf);
      const uids = new Map([...shards.all.peek().values()].filter((c) => c.uid).map((c) => [c.uid, c]));
      const changes = new Map<string, Kept>();
      let merged = 0;
      for (const c of contacts) {
        const found = uids.get(c.uid) ?? c.addresses.map((a) => index.peek().get(a.address.toLowerCase())).find(Boolean);
        const was = found && (changes.get(found.id) ?? found);
        const next: Kept = was ? join(was, { ...EMPTY, ...c }) : { ...EMPTY, ...c, id: newKey() };
        if (was) merged++;
        changes.set(next.id, { ...next, collected: false, changed: now() });
      }
      await shards.set([...changes]);
      return { added: contacts.length - merged, merged, skipped };
    },
    exportCards(ids) {
      const want = ids && new Set(ids);
      return formatCards(all.peek().filter((c) => (want ? want.has(c.id) : !c.collected)));
    },
  };
}

function join(a: Kept, b: Kept): Kept {
  const add = <T>(x: readonly T[], y: readonly T[], key: (t: T) => string) => [...new Map([...y, ...x].map((t) => [key(t).toLowerCase(), t])).values()];
  return {
    ...a,
    name: a.collected ? b.name : a.name,
    addresses: add(a.addresses, b.addresses, (t) => t.address),
    phones: add(a.phones, b.phones, (t) => t.number),
    keys: add(a.keys, b.keys, (t) => t),
    organisation: a.organisation || b.organisation,
    notes: a.notes === b.notes || b.notes === "" ? a.notes : [a.notes, b.notes].filter(Boolean).join("\n"),
    uid: a.uid || b.uid,
  };
}
