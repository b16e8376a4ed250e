// The rows' content: cards, opened from pages, from this device's copies, or from the
// server, newest first. Old ones are folded into pages that all devices share.

import { signal } from "@preact/signals";
import { ApiError, newKey, type Api, type Clock } from "../wire/http.ts";
import type { Address, Card, Vault } from "../vault/vault.ts";
import { pad, type SealedCache } from "./cache.ts";
import type { CabinetModel } from "./cabinet.ts";
import type { Box } from "./columns.ts";
import { decodePage, encodePage, PAGE } from "./pages.ts";
import { slicer, sorted } from "./slice.ts";

const BATCH = 500;
const FIRST_BATCH = 60; // what is seen first: a small one paints sooner
const FIRST = "first";
const MOST_FIRST = 200;
const CARD = 16; // bit in letters
const FOLD_LEAST = 200;
const FOLD_AGE = 3 * 86_400; // seconds: younger mail still moves about, and its card may get better
const RETRY = 20_000;
const DEAD_AFTER = 10 * 60_000; // ms
const GROWN = 20; // better cards that are worth writing a page again

// Whom a card names: more would make it large.
export const shownTo = (to: readonly Address[]): Address[] => to.slice(0, 3).map(({ name, address }) => ({ name: name.slice(0, 20), address: address.slice(0, 80) }));

interface Page {
  version: number;
  ids: string[];
  generations: number[]; // of those cards
  newest: number; // seconds: which to open first next time
}
interface Wanted {
  box: number;
  uid: number;
  id: string;
}

const generation = (c: Card | undefined) => c?.generation ?? 0;

function push<T>(lists: Map<number, T[]>, at: number, value: T): void {
  const list = lists.get(at);
  if (list) list.push(value);
  else lists.set(at, [value]);
}

export interface CardsParts {
  api: Api;
  vault: Vault;
  cache: SealedCache;
  cabinet: CabinetModel;
  clock: Clock;
}

export class Cards {
  readonly progress = signal<{ done: number; of: number } | null>(null);
  onChange: () => void = () => {};
  onDone: () => void = () => {}; // nothing is left to open: the order may be made for good
  onCard: (card: Card) => void = () => {};
  readonly #parts: CardsParts;
  readonly #cards = new Map<string, Card>();
  readonly #early = new Map<string, Card>(); // of the last time, until their own are open
  #kept = ""; // what is kept of them
  readonly #from = new Map<string, string>(); // by mail id: the page it came from
  readonly #pages = new Map<string, Page>();
  readonly #closedIds = new Set<string>(); // there is a card, and it does not open
  readonly #stale = new Set<string>(); // there may be a better card at the server
  readonly #grown = new Map<string, number>(); // by page: cards of it that are better here
  readonly #missed = new Map<string, number>(); // ms: since when a mail of a page is in no mailbox
  readonly #checked = new Set<string>(); // it came from a page, and the letter beside it is no newer one
  #newest: { [page: string]: number } = {};
  #boxes: readonly Box[] = [];
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  #retry: (() => void) | null = null;
  fold = true;
  whole: () => boolean = () => false; // every mailbox has been read

  constructor(parts: CardsParts) {
    this.#parts = parts;
  }
  get(id: string): Card | undefined {
    return this.#cards.get(id) ?? this.#early.get(id);
  }

  // What was seen first the last time is kept in one piece, so that it is there before all
  // pages are open. It is shown and no more: the pages and letters say what is so.
  async loadFirst(): Promise<void> {
    const data = await this.#parts.cache.getBytes("state", FIRST);
    for (const c of (data && decodePage(data)) ?? []) {
      if (this.#cards.has(c.id)) continue;
      this.#early.set(c.id, c);
      this.onCard(c);
    }
    this.#kept = this.#mark([...this.#early.values()]);
  }
  async keepFirst(ids: readonly string[]): Promise<void> {
    const cards = ids.slice(0, MOST_FIRST).flatMap((id) => this.#cards.get(id) ?? []);
    const mark = this.#mark(cards);
    if (mark === this.#kept || this.#stopped) return;
    this.#kept = mark;
    await this.#parts.cache.putBytes("state", FIRST, pad(new Uint8Array(encodePage(cards))).buffer);
  }
  #mark(cards: readonly Card[]): string {
    return cards.map((c) => `${c.id}.${generation(c)}.${c.to.length}`).join();
  }
  all(): Iterable<Card> {
    return this.#cards.values();
  }
  isClosed(id: string): boolean {
    return this.#closedIds.has(id);
  }
  get busy(): boolean {
    return this.#running !== null;
  }
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }
  stop(): void {
    this.#stopped = true;
    this.#retry?.();
  }

  // Entries changed: a mail whose card came from a page and has a card letter again got a
  // better one.
  changed(box: Box, uids: readonly number[]): void {
    for (const uid of uids) {
      const i = box.indexOf(uid);
      if (i >= 0 && box.letters[i]! & CARD && (this.#from.has(box.ids[i]!) || this.#cards.get(box.ids[i]!)?.incomplete)) this.#stale.add(box.ids[i]!);
    }
  }
  // A mail that was here has another uid: it was sealed anew, and so was its card.
  again(box: Box, uids: readonly number[]): void {
    for (const uid of uids) {
      const i = box.indexOf(uid);
      if (i >= 0 && box.letters[i]! & CARD) this.#stale.add(box.ids[i]!);
    }
  }
  // Nothing newer of it is known to be at the server.
  settled(id: string): boolean {
    return !this.#stale.has(id) && !this.#unsure(id);
  }
  // It came from a page: who sealed the mail anew after that left a card letter again.
  #unsure(id: string): boolean {
    return this.#from.has(id) && !this.#checked.has(id);
  }
  generation(id: string): number {
    return generation(this.#cards.get(id));
  }
  // A card that this device has made, or that does not belong to its mail (null).
  put(id: string, card: Card | null): void {
    if (card) {
      this.#set(card);
      if (generation(card) > 0) this.#from.delete(id); // the page has the one before
    } else {
      this.#cards.delete(id);
      this.#closedIds.add(id);
      void this.#parts.cache.raw.remove("cards", [id]);
    }
    this.onChange();
  }

  // Cards of pages are made better there: no letter of theirs is at the server any more.
  paged(id: string): boolean {
    return this.#from.has(id);
  }
  improve(card: Card): void {
    const page = this.#from.get(card.id);
    if (page === undefined) return;
    this.#set(card);
    this.#grown.set(page, (this.#grown.get(page) ?? 0) + 1);
    this.onChange();
  }

  #set(card: Card): void {
    this.#cards.set(card.id, card);
    this.onCard(card);
  }

  want(boxes: readonly Box[]): void {
    this.#boxes = boxes;
    if (this.#stopped) return;
    if (this.#running) this.#again = true;
    else
      this.#running = this.#loop().finally(() => {
        this.#running = null;
      });
  }
  async #loop(): Promise<void> {
    this.#retry?.();
    try {
      do {
        this.#again = false;
        await this.#openNewest();
        await this.#openPages();
        await this.#openCards();
        this.#early.clear();
        if (this.fold) await this.#tidy();
      } while (this.#again && !this.#stopped);
    } catch (e) {
      if (!this.#stopped) this.#retry = this.#parts.clock.after(RETRY, () => this.want(this.#boxes));
      if (!(e instanceof ApiError) && !this.#stopped) throw e;
    } finally {
      const worked = this.progress.peek() !== null;
      this.progress.value = null;
      if (worked && !this.#stopped) this.onDone();
    }
  }

  // -- pages
  async #openPages(): Promise<void> {
    if (this.#pages.size === 0) this.#newest = (await this.#parts.cache.get<{ [page: string]: number }>("state", "pages")) ?? {};
    const lines = this.#parts.cabinet.list("pages").filter((l) => this.#pages.get(l.name)?.version !== l.version);
    lines.sort((a, b) => (this.#newest[b.name] ?? Infinity) - (this.#newest[a.name] ?? Infinity));
    const rest = slicer();
    let done = 0;
    for (const l of lines) {
      if (this.#stopped) return;
      const data = await this.#parts.cabinet.read("pages", l.name);
      const cards = data && decodePage(data);
      // One that does not open has raised its alarm; it is not tried again at this version.
      this.#takePage(l.name, l.version, cards ?? []);
      this.progress.value = { done: ++done * PAGE, of: lines.length * PAGE };
      if (done === 1 || done % 10 === 0) this.onChange();
      await rest();
    }
    for (const name of [...this.#pages.keys()]) if (this.#parts.cabinet.line("pages", name)?.gone) this.#pages.delete(name);
    if (lines.length === 0) return;
    this.onChange();
    await this.#parts.cache.put("state", "pages", Object.fromEntries([...this.#pages].map(([n, p]) => [n, p.newest])));
  }
  #takePage(name: string, version: number, cards: readonly Card[]): void {
    let newest = 0;
    for (const c of cards) {
      newest = Math.max(newest, c.arrived || c.date);
      const was = this.#cards.get(c.id);
      const fuller = was && this.#from.get(c.id) === name && c.to.length > was.to.length && generation(c) === generation(was);
      if (was && !was.incomplete && generation(was) >= generation(c) && !fuller) continue;
      this.#set(c);
      this.#from.set(c.id, name);
      this.#checked.delete(c.id);
      this.#closedIds.delete(c.id);
    }
    this.#pages.set(name, { version, ids: cards.map((c) => c.id), generations: cards.map(generation), newest });
  }

  // -- single cards
  // The newest are in no page yet, and what is looked at: some of them before all pages.
  async #openNewest(): Promise<void> {
    if (this.#pages.size > 0) return;
    const newest: (Wanted & { at: number })[] = [];
    for (const b of this.#boxes)
      for (let i = b.length - 1; i >= Math.max(0, b.length - FIRST_BATCH); i--)
        if (b.letters[i]! & CARD && !this.get(b.ids[i]!)) newest.push({ box: b.id, uid: b.uids[i]!, id: b.ids[i]!, at: b.received[i]! });
    const batch = newest.sort((a, b) => b.at - a.at).slice(0, FIRST_BATCH);
    if (batch.length === 0) return;
    await this.#openBatch(batch);
    this.onChange();
  }
  async #missing(): Promise<Wanted[]> {
    const out: (Wanted & { at: number })[] = [];
    const seen = new Set<string>();
    const rest = slicer();
    for (const b of this.#boxes)
      for (let i = b.length - 1; i >= 0; i--) {
        if ((i & 1023) === 0) await rest();
        if (i >= b.length || !(b.letters[i]! & CARD)) continue;
        const id = b.ids[i]!;
        if (seen.has(id)) continue;
        if (this.settled(id) && (this.#cards.has(id) || this.#closedIds.has(id))) continue;
        seen.add(id);
        out.push({ box: b.id, uid: b.uids[i]!, id, at: b.received[i]! });
      }
    return sorted(out, (a, b) => b.at - a.at, rest);
  }
  async #openCards(): Promise<void> {
    const all = await this.#missing();
    const rest = slicer();
    for (let from = 0; from < all.length && !this.#stopped; from += BATCH) {
      // The first batch is what is seen first: a small one paints sooner.
      const batch = from === 0 ? all.slice(0, FIRST_BATCH) : all.slice(from - BATCH + FIRST_BATCH, from + FIRST_BATCH);
      await this.#openBatch(batch);
      this.progress.value = { done: Math.min(from + FIRST_BATCH, all.length), of: all.length };
      this.onChange();
      await rest();
    }
    if (all.length > FIRST_BATCH && !this.#stopped) {
      const left = await this.#missing();
      for (let from = 0; from < left.length && !this.#stopped; from += BATCH) await this.#openBatch(left.slice(from, from + BATCH));
      if (left.length) this.onChange();
    }
  }
  async #openBatch(batch: readonly Wanted[]): Promise<void> {
    const here = await this.#parts.cache.raw.many("cards", batch.map((w) => w.id));
    const unsure = new Set(batch.filter((w) => !this.#stale.has(w.id) && this.#unsure(w.id)).map((w) => w.id));
    const need = batch.filter((w, i) => !here[i] || !this.settled(w.id));
    const fetched = await this.#fetch(need);
    const known: { w: Wanted; card: ArrayBuffer }[] = [];
    batch.forEach((w, i) => {
      const card = fetched.get(w.id) ?? here[i];
      if (card && card.byteLength > 0) known.push({ w, card });
      else if (fetched.has(w.id)) this.#closedIds.add(w.id);
      this.#stale.delete(w.id);
    });
    const cards = await this.#parts.vault.openCards({ ids: known.map((k) => k.w.id), cards: known.map((k) => k.card) });
    cards.forEach((card, i) => {
      const id = known[i]!.w.id;
      const was = this.#cards.get(id);
      if (unsure.has(id)) this.#checked.add(id);
      if (card && was && (generation(card) < generation(was) || (unsure.has(id) && generation(card) === generation(was)))) return;
      if (card) {
        this.#set(card);
        this.#from.delete(id);
        this.#closedIds.delete(id);
      } else if (!this.#cards.has(id)) this.#closedIds.add(id);
    });
  }
  async #fetch(need: readonly Wanted[]): Promise<Map<string, ArrayBuffer>> {
    const out = new Map<string, ArrayBuffer>();
    const boxes = new Map<number, Wanted[]>();
    for (const w of need) push(boxes, w.box, w);
    for (const [box, wanted] of boxes) {
      const ids = new Map(wanted.map((w) => [w.uid, w.id]));
      const frames = await this.#parts.api.cards(box, [...ids.keys()].sort((a, b) => a - b));
      for (const f of frames) {
        const id = ids.get(f.uid);
        if (id) out.set(id, f.data);
      }
    }
    await this.#parts.cache.raw.put("cards", [...out].filter(([, d]) => d.byteLength > 0)).catch(() => {});
    return out;
  }

  // -- folding
  // Cards of some age go into pages, and the server drops them. Two devices that do it at
  // once make two pages with the same cards: of those, the one whose name sorts first keeps
  // them, and who sees a page that holds nothing of its own removes it, if it is unchanged.
  async #tidy(): Promise<void> {
    if (!this.#boxes.length || this.#stopped) return;
    await this.#dropDoubles();
    await this.#rewrite();
    const before = this.#parts.clock.now() / 1000 - FOLD_AGE;
    const ready: (Wanted & { card: Card })[] = [];
    const rest = slicer();
    for (const b of this.#boxes)
      for (let i = 0; i < b.length; i++) {
        if ((i & 1023) === 0) await rest();
        if (i >= b.length || !(b.letters[i]! & CARD)) continue;
        const card = this.#cards.get(b.ids[i]!);
        if (card && !card.incomplete && b.received[i]! < before && !this.#stale.has(card.id)) ready.push({ box: b.id, uid: b.uids[i]!, id: card.id, card });
      }
    const paged = ready.filter((r) => this.#checked.has(r.id) && this.#from.has(r.id)); // another device folded it and did not get to shed
    await this.#shed(paged);
    const once = new Map<string, (typeof ready)[number]>();
    for (const r of await sorted(ready, (a, b) => b.card.arrived - a.card.arrived, rest)) {
      if (!this.#from.has(r.id)) once.set(r.id, r);
      await rest();
    }
    const fresh = [...once.values()];
    for (let from = 0; from + FOLD_LEAST <= fresh.length && !this.#stopped; from += PAGE) {
      const part = fresh.slice(from, from + PAGE);
      const name = newKey().slice(0, 16);
      const version = await this.#parts.cabinet.write("pages", name, 0, encodePage(part.map((p) => p.card)));
      for (const p of part) this.#from.set(p.id, name);
      this.#pages.set(name, { version, ids: part.map((p) => p.id), generations: part.map((p) => generation(p.card)), newest: part[0]!.card.arrived });
      // All copies of a mail lose their card: they share the page's.
      const ids = new Set(part.map((p) => p.id));
      await this.#shed(ready.filter((r) => ids.has(r.id)));
    }
  }
  // Pages of which more than half is dead are written anew without it, and so are those whose
  // cards got better. Two devices that do so at once: the second meets a conflict, reads what
  // the first wrote, and finds nothing to do. A mail is dead when it was in no mailbox for a
  // while, all of them being read: one that is being moved is nowhere for a moment. That
  // another page has it too is no death, or two devices could each trust the other's page.
  async #rewrite(): Promise<void> {
    if (!this.whole()) return;
    const now = this.#parts.clock.now();
    const here = new Set<string>();
    const rest = slicer();
    for (const b of this.#boxes)
      for (let i = 0; i < b.length; i++) {
        if ((i & 1023) === 0) await rest();
        if (i < b.length) here.add(b.ids[i]!);
      }
    for (const [name, page] of [...this.#pages]) {
      if (this.#stopped) return;
      await rest();
      const living = page.ids.filter((id) => {
        if (here.has(id)) this.#missed.delete(id);
        else if (!this.#missed.has(id)) this.#missed.set(id, now);
        return now - (this.#missed.get(id) ?? now) < DEAD_AFTER;
      });
      const grown = this.#grown.get(name) ?? 0;
      if (page.ids.length === 0 || (living.length * 2 >= page.ids.length && grown < GROWN)) continue;
      await this.#replace(name, page, living);
    }
  }
  async #replace(name: string, page: Page, living: readonly string[]): Promise<void> {
    const { cabinet } = this.#parts;
    const cards = living.flatMap((id) => this.#cards.get(id) ?? []);
    try {
      if (cards.length === 0) {
        await cabinet.remove("pages", name, page.version);
        this.#pages.delete(name);
      } else this.#pages.set(name, { ...page, version: await cabinet.write("pages", name, page.version, encodePage(cards)), ids: cards.map((c) => c.id), generations: cards.map(generation) });
      this.#grown.delete(name);
    } catch (e) {
      if (!(e instanceof ApiError) || e.word !== "conflict") throw e;
      await cabinet.refresh(); // the next look reads what another device made of it
    }
  }
  async #shed(mails: readonly Wanted[]): Promise<void> {
    const boxes = new Map<number, number[]>();
    for (const m of mails) push(boxes, m.box, m.uid);
    for (const [mailbox, uids] of boxes)
      for (let i = 0; i < uids.length; i += PAGE)
        await this.#parts.api.changes([{ op: "shed", mailbox, uids: uids.slice(i, i + PAGE).sort((a, b) => a - b), letters: ["card"] }]);
    await this.#parts.cache.raw.remove("cards", mails.map((m) => m.id));
  }
  async #dropDoubles(): Promise<void> {
    const owner = new Map<string, { name: string; generation: number }>();
    const rest = slicer();
    const names = [...this.#pages.keys()].sort();
    for (const name of names) {
      await rest();
      this.#pages.get(name)?.ids.forEach((id, i) => {
        const g = this.#pages.get(name)!.generations[i]!;
        if (g > (owner.get(id)?.generation ?? -1)) owner.set(id, { name, generation: g });
      });
    }
    for (const name of names) {
      const page = this.#pages.get(name);
      if (!page || page.ids.length === 0 || page.ids.some((id) => owner.get(id)?.name === name)) continue;
      try {
        await this.#parts.cabinet.remove("pages", name, page.version);
        this.#pages.delete(name);
        for (const id of page.ids) if (this.#from.get(id) === name) this.#from.set(id, owner.get(id)!.name);
      } catch (e) {
        if (!(e instanceof ApiError) || e.word !== "conflict") throw e;
      }
    }
  }
}
