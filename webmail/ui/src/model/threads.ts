// Conversations: mail that names the other's Message-ID, or, where a reply names nobody,
// the nearest earlier mail of the same subject within a month. Sets are joined as cards
// come, in any order.

import type { Card } from "../vault/vault.ts";

const MONTH = 30 * 86_400;
const PREFIX = /^\s*(?:(?:re|aw|sv|vs|antw|odp|ref|rif|fwd?|wg|tr|rv|回复|答复|转发|回覆|返信)\s*(?:\[\d+\])?\s*[:：]\s*)+/i;

interface Named {
  node: number;
  date: number;
  orphan: boolean; // a reply that names nobody
}

export class Threads {
  #parent: number[] = [];
  readonly #mails = new Map<string, number>(); // by mail id
  readonly #names = new Map<string, number>(); // by Message-ID
  readonly #added = new Set<string>();
  readonly #members = new Map<number, string[]>(); // by root: mails' ids
  readonly #subjects = new Map<string, Named[]>();

  #node(key: string, of = this.#mails): number {
    let n = of.get(key);
    if (n === undefined) {
      n = this.#parent.length;
      this.#parent.push(n);
      of.set(key, n);
    }
    return n;
  }
  #root(n: number): number {
    while (this.#parent[n] !== n) {
      this.#parent[n] = this.#parent[this.#parent[n]!]!;
      n = this.#parent[n]!;
    }
    return n;
  }
  #join(a: number, b: number): void {
    const x = this.#root(a);
    const y = this.#root(b);
    if (x === y) return;
    const root = Math.min(x, y);
    const other = Math.max(x, y);
    this.#parent[other] = root;
    const going = this.#members.get(other);
    if (!going) return;
    const all = this.#members.get(root);
    if (all) for (const id of going) all.push(id);
    else this.#members.set(root, going);
    this.#members.delete(other);
  }

  // The number of a mail's conversation; it may change when more cards come.
  of(id: string): number {
    return this.#root(this.#node(id));
  }
  // The mails of its conversation whose cards came by, itself too.
  with(id: string): readonly string[] {
    const n = this.#mails.get(id);
    return (n !== undefined && this.#members.get(this.#root(n))) || [id];
  }
  add(id: string, card: Card): void {
    const known = this.#added.has(id);
    this.#added.add(id);
    const node = this.#node(id);
    if (!known) {
      const root = this.#root(node);
      const all = this.#members.get(root);
      if (all) all.push(id);
      else this.#members.set(root, [id]);
    }
    const me = node;
    if (card.message_id) this.#join(me, this.#node(card.message_id, this.#names));
    if (card.in_reply_to) this.#join(me, this.#node(card.in_reply_to, this.#names));
    for (const r of card.references) if (r) this.#join(me, this.#node(r, this.#names));
    this.#bySubject(me, card);
  }
  #bySubject(node: number, card: Card): void {
    const base = baseSubject(card.subject);
    if (base.length < 3) return;
    const reply = base.length !== card.subject.trim().length && PREFIX.test(card.subject);
    const orphan = reply && !card.in_reply_to && card.references.length === 0;
    const date = card.date || card.arrived;
    const all = this.#subjects.get(base) ?? [];
    const near = (a: Named, b: Named) => a.date <= b.date && b.date - a.date <= MONTH;
    const me = { node, date, orphan };
    if (orphan) {
      const best = all.filter((x) => near(x, me)).sort((a, b) => b.date - a.date)[0];
      if (best) this.#join(node, best.node);
    } else for (const x of all) if (x.orphan && near(me, x)) this.#join(node, x.node);
    // A subject that everything has ("report") is no sign of one conversation.
    if (all.length < 200) all.push(me);
    this.#subjects.set(base, all);
  }
}

export function baseSubject(subject: string): string {
  return subject.replace(PREFIX, "").trim().toLowerCase();
}
