// Contacts put together: nothing that any of them held is lost.
import type { Contact } from "../../model/types.ts";

export type Editing = Pick<Contact, "name" | "addresses" | "phones" | "organisation" | "notes" | "keys" | "encrypt">;

export const blank = (): Editing => ({ name: "", addresses: [{ address: "", label: "" }], phones: [], organisation: "", notes: "", keys: [], encrypt: "default" });

function once<T>(list: T[], key: (t: T) => string): T[] {
  const seen = new Set<string>();
  return list.filter((x) => {
    const k = key(x).toLowerCase();
    return k !== "" && !seen.has(k) && seen.add(k) !== undefined;
  });
}

// merged keeps the first's words where they differ, and the strictest wish for encryption.
export function merged(contacts: readonly Contact[]): Editing {
  const words = (f: (c: Contact) => string) => contacts.map(f).find((x) => x !== "") ?? "";
  const wishes = contacts.map((c) => c.encrypt);
  return {
    name: words((c) => c.name),
    addresses: once(contacts.flatMap((c) => c.addresses), (a) => a.address),
    phones: once(contacts.flatMap((c) => c.phones), (p) => p.number.replace(/[^\d+]/g, "")),
    organisation: words((c) => c.organisation),
    notes: once(contacts.map((c) => c.notes), (n) => n).join("\n\n"),
    // Base64 differs by case alone: keys are compared as they are.
    keys: [...new Set(contacts.flatMap((c) => c.keys))],
    encrypt: wishes.includes("always") ? "always" : wishes.includes("never") && !wishes.includes("default") ? "never" : "default",
  };
}

// alike are groups that are probably one person: an address in common, or the same whole name.
export function alike(contacts: readonly Contact[]): Contact[][] {
  const first = new Map<string, string>();
  const root = new Map<string, string>(contacts.map((c) => [c.id, c.id]));
  const find = (id: string): string => {
    let at = id;
    for (let up = root.get(at); up !== undefined && up !== at; up = root.get(at)) at = up;
    return at;
  };
  for (const c of contacts) {
    const marks = c.addresses.map((a) => `a ${a.address.toLowerCase()}`);
    if (/\S+\s+\S+/.test(c.name)) marks.push(`n ${c.name.trim().toLowerCase().replace(/\s+/g, " ")}`);
    for (const m of marks) {
      const other = first.get(m);
      if (other === undefined) first.set(m, c.id);
      else root.set(find(c.id), find(other));
    }
  }
  const groups = new Map<string, Contact[]>();
  for (const c of contacts) groups.set(find(c.id), [...(groups.get(find(c.id)) ?? []), c]);
  return [...groups.values()].filter((g) => g.length > 1);
}

// matching is what the search field means: every word somewhere in name, address or the rest.
export function matching(contacts: readonly Contact[], typed: string): Contact[] {
  const plain = (s: string) => s.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = plain(typed).split(/\s+/).filter(Boolean);
  return contacts.filter((c) => {
    const text = plain([c.name, c.organisation, ...c.addresses.map((a) => a.address), ...c.phones.map((p) => p.number)].join(" "));
    return words.every((w) => text.includes(w));
  });
}

// cleaned is what is kept of a form: no empty lines, nothing around the words.
export function cleaned(e: Editing): Editing {
  return {
    ...e,
    name: e.name.trim(),
    organisation: e.organisation.trim(),
    notes: e.notes.trim(),
    addresses: once(e.addresses.map((a) => ({ address: a.address.trim(), label: a.label.trim() })), (a) => a.address),
    phones: once(e.phones.map((p) => ({ number: p.number.trim(), label: p.label.trim() })), (p) => p.number),
  };
}
