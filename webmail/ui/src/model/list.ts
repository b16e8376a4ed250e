// The list that is seen: which rows, in which order. Rows are built when they are looked
// at; the order of 100,000 lies in plain arrays and is made anew in slices.

import { effect, signal } from "@preact/signals";
import type { Card } from "../vault/vault.ts";
import { SNOOZED } from "./actions.ts";
import type { Box } from "./columns.ts";
import type { Clock } from "../wire/http.ts";
import { slicer, sorted } from "./slice.ts";
import type { Sync } from "./sync.ts";
import { Threads, baseSubject } from "./threads.ts";
import type { Fault, Filters, ListModel, MailRef, Place, Row, SearchSeam, Settings, SettingsModel, SortBy } from "./types.ts";

export interface ListParts {
  sync: Sync;
  settings: SettingsModel;
  search: SearchSeam;
  clock: Clock;
  closed: (id: string) => boolean;
  me: readonly string[]; // own addresses
  threads: Threads;
}

// Rows as spans of flat arrays: row i is at[starts[i]] to at[starts[i + 1]], newest first.
interface Order {
  starts: Int32Array;
  boxes: Int32Array; // mailbox of each
  uids: Uint32Array;
  keys: string[];
}
const ASK_AGAIN = 400; // ms: the index grows in steps
const NOTHING: Order = { starts: new Int32Array(1), boxes: new Int32Array(0), uids: new Uint32Array(0), keys: [] };
const LARGE = 5_000;
const GLANCE = 200; // rows
const CLASSES = ["", "sealed on arrival", "end-to-end", "both"];

interface Found {
  box: number;
  uid: number;
  id: string;
  date: number;
}

export class List implements ListModel {
  readonly #parts: ListParts;
  readonly place = signal<Place>({ kind: "mailbox", mailbox: 0 });
  readonly sort = signal<{ by: SortBy; up: boolean }>({ by: "date", up: false });
  readonly filters = signal<Filters>({});
  readonly conversations = signal(true);
  readonly count = signal(0);
  readonly version = signal(0);
  readonly busy = signal(false);
  readonly fault = signal<Fault | null>(null);
  readonly words = signal<readonly string[]>([]);
  readonly cursor = signal(-1);
  readonly selected = signal<ReadonlySet<string>>(new Set());
  #roles = new Map<number, string>(); // of mailboxes
  #order = NOTHING;
  #rows = new Map<number, Row>();
  #found: readonly string[] | null = null; // of a search
  #held = new Set<string>(); // stay though the filter would drop them: they were just read
  #anchor = -1;
  #fresh = true; // another place than what was built last
  #snoozed: Settings["snoozed"] | null = null; // as the build under way has it
  #took = 0; // ms that the last build took
  #later: (() => void) | null = null;
  #building: Promise<void> | null = null;
  #again = false;
  #search: AbortController | null = null;
  #asking: (() => void) | null = null;
  #stops: (() => void)[] = [];

  constructor(parts: ListParts) {
    this.#parts = parts;
    this.#stops.push(
      effect(() => {
        void parts.sync.version.value;
        this.#roles = new Map(parts.sync.mailboxes.peek().map((b) => [b.id, b.role]));
        void parts.settings.value.value;
        this.#refresh();
      }),
      effect(() => {
        void [this.place.value, this.sort.value, this.filters.value, this.conversations.value];
        this.#held.clear();
        this.#fresh = true;
        this.#rebuild();
      }),
      effect(() => {
        if (parts.search.version.value > 0) this.#askAgain();
      }),
    );
  }
  close(): void {
    for (const stop of this.#stops) stop();
    this.#later?.();
    this.#asking?.();
    this.#search?.abort();
  }

  show(place: Place): void {
    this.clearSelection();
    this.cursor.value = -1;
    this.#search?.abort();
    this.#found = null;
    this.fault.value = null;
    this.place.value = place;
    this.words.value = [];
    if (place.kind === "search") void this.#query(place);
    else this.busy.value = false;
  }
  async #query(place: Place & { kind: "search" }): Promise<void> {
    const stop = (this.#search = new AbortController());
    this.busy.value = true;
    try {
      const { ids, words } = await this.#parts.search.query(place.text, { signal: stop.signal, ...(place.within === undefined ? {} : { within: place.within }) });
      if (!stop.signal.aborted) {
        this.#found = ids;
        this.words.value = words.slice(0, 20);
      }
    } catch {
      if (!stop.signal.aborted) this.fault.value = { word: "search-failed" };
    }
    if (stop.signal.aborted) return;
    this.busy.value = false;
    this.#rebuild();
  }
  // The index knows more than it did: on a new device it comes after the question.
  #askAgain(): void {
    if (this.place.peek().kind !== "search") return;
    this.#asking ??= this.#parts.clock.after(ASK_AGAIN, () => {
      this.#asking = null;
      const place = this.place.peek();
      if (place.kind !== "search") return;
      this.#search?.abort();
      void this.#query(place);
    });
  }
  // A mail that is being read stays where it is, though it is no longer unread.
  hold(id: string): void {
    this.#held.add(id);
  }

  // -- building
  // While cards pour in, a long list is not sorted for each handful of them.
  #refresh(): void {
    if (this.#took < 100 || this.#fresh || this.#parts.sync.progress.peek() === null) return this.#rebuild();
    this.#rows.clear();
    this.version.value = this.version.peek() + 1;
    this.#later ??= this.#parts.clock.after(Math.min(3_000, this.#took * 4), () => {
      this.#later = null;
      this.#rebuild();
    });
  }
  #rebuild(): void {
    this.#rows.clear();
    this.version.value = this.version.peek() + 1; // flags show at once, the order follows
    if (this.#building) {
      this.#again = true;
      return;
    }
    const began = performance.now();
    this.#building = Promise.resolve()
      .then(() => this.#build())
      .finally(() => {
        this.#building = null;
        this.#took = performance.now() - began;
        if (this.#again) {
          this.#again = false;
          this.#rebuild();
        }
      });
  }
  async settled(): Promise<void> {
    while (this.#building) await this.#building;
  }
  async #build(): Promise<void> {
    const { snoozed } = this.#parts.settings.value.peek();
    this.#snoozed = Object.keys(snoozed).length > 0 ? snoozed : null;
    if (this.#fresh) this.#glance();
    const rest = slicer();
    const found = await this.#collect(rest);
    const { by, up } = this.sort.peek();
    const date = (a: Found, b: Found) => b.date - a.date || b.uid - a.uid;
    const newest = await sorted(found, date, rest);
    const groups = this.conversations.peek() ? await this.#group(newest, rest) : newest.map((f) => [f]);
    const order = by === "date" ? groups : await sorted(groups, this.#compare(by), rest);
    if (up) order.reverse();
    this.#take(order, found.length);
  }
  // A large mailbox that was just opened: its newest at once, all of it as soon as it is
  // sorted.
  #glance(): void {
    this.#fresh = false;
    const place = this.place.peek();
    const c = place.kind === "mailbox" ? this.#parts.sync.columns(place.mailbox) : undefined;
    if (!c || c.length < LARGE || this.sort.peek().by !== "date" || this.sort.peek().up) return;
    const want = this.#sets(c, place);
    const groups = new Map<string | number, Found[]>();
    for (let i = c.length - 1; i >= 0 && groups.size < GLANCE && c.length - i < LARGE; i--) {
      if (!this.#passes(c, i, want)) continue;
      const f = this.#at(c, i);
      const key = this.conversations.peek() ? this.#parts.threads.of(f.id) : f.id;
      const group = groups.get(key);
      if (group) group.push(f);
      else groups.set(key, [f]);
    }
    const all = [...groups.values()];
    this.#take(all, all.reduce((n, g) => n + g.length, 0));
  }
  async #collect(rest: () => Promise<void> | undefined): Promise<Found[]> {
    const place = this.place.peek();
    const out: Found[] = [];
    if (place.kind === "search") {
      const wants = new Map<Box, (i: number) => boolean>();
      for (const id of this.#found ?? []) {
        const ref = this.#parts.sync.find(id);
        const c = ref && this.#parts.sync.columns(ref.mailbox);
        if (c) {
          let want = wants.get(c);
          if (!want) wants.set(c, (want = this.#sets(c, place)));
          const i = c.indexOf(ref.uid);
          if (this.#passes(c, i, want)) out.push(this.#at(c, i));
        }
        await rest();
      }
      return out;
    }
    const boxes = place.kind === "mailbox" ? [this.#parts.sync.columns(place.mailbox)] : this.#everywhere();
    const seen = place.kind === "mailbox" ? null : new Set<string>();
    for (const c of boxes) {
      if (!c) continue;
      const want = this.#sets(c, place);
      for (let i = 0; i < c.length; i++) {
        if ((i & 511) === 511) await rest();
        if (i >= c.length || seen?.has(c.ids[i]!) || !this.#passes(c, i, want)) continue;
        seen?.add(c.ids[i]!);
        out.push(this.#at(c, i));
      }
    }
    if (place.kind === "mailbox")
      for (const g of this.#parts.sync.overlay.peek().ghosts(place.mailbox)) {
        const c = this.#parts.sync.columns(g.mailbox);
        const i = c?.indexOf(g.uid) ?? -1;
        if (c && i >= 0) out.push(this.#at(c, i));
      }
    return out;
  }
  // Not what was thrown away or is junk.
  #everywhere(): Box[] {
    const out = new Set(this.#parts.sync.mailboxes.peek().filter((b) => b.role === "trash" || b.role === "junk").map((b) => b.id));
    return this.#parts.sync.boxes().filter((b) => !out.has(b.id));
  }
  #at(c: Box, i: number): Found {
    const id = c.ids[i]!;
    const woke = this.#snoozed?.[id]?.until ?? 0;
    const date = woke > 0 && woke <= this.#now() ? Math.max(woke, c.received[i]!) : c.received[i]!;
    return { box: c.id, uid: c.uids[i]!, id, date };
  }
  #now(): number {
    return this.#parts.clock.now() / 1000;
  }
  // Which flag sets fit: decided once for each set, not for each mail.
  #sets(c: Box, place: Place): (i: number) => boolean {
    const overlay = this.#parts.sync.overlay.peek();
    const changed = new Set(overlay.flagged(c.id));
    const f = this.filters.peek();
    const test = (flags: readonly string[], id: string) => {
      const asleep = flags.includes(SNOOZED) && (this.#parts.settings.value.peek().snoozed[id]?.until ?? 0) > this.#now();
      if (place.kind === "snoozed") return asleep;
      if (place.kind === "mailbox" && asleep) return false;
      if (place.kind === "label" && !flags.includes(place.keyword)) return false;
      if ((place.kind === "flagged" || f.flagged) && !flags.includes("\\Flagged")) return false;
      return !(f.unread && flags.includes("\\Seen")) || this.#held.has(id);
    };
    const fits = c.flagSets.map((s) => (s.includes(SNOOZED) ? null : test(s, "")));
    return (i) => {
      const quick = this.#held.size === 0 || !f.unread ? fits[c.flags[i]!] : null;
      if (!changed.has(c.uids[i]!) && quick !== null && quick !== undefined) return quick;
      return test(overlay.flags(c.id, c.uids[i]!, c.setOf(i)), c.ids[i]!);
    };
  }
  #passes(c: Box, i: number, want: (i: number) => boolean): boolean {
    if (i < 0 || this.#parts.sync.overlay.peek().hidden(c.id)?.has(c.uids[i]!)) return false;
    const f = this.filters.peek();
    if (f.class && CLASSES[c.classes[i]!] !== f.class) return false;
    if (f.attachments && !hasAttachments(this.#parts.sync.card(c.ids[i]!))) return false;
    return want(i);
  }
  async #group(found: readonly Found[], rest: () => Promise<void> | undefined): Promise<Found[][]> {
    const groups = new Map<number, Found[]>();
    for (let i = 0; i < found.length; i++) {
      const f = found[i]!;
      const n = this.#parts.threads.of(f.id);
      const group = groups.get(n);
      if (group) group.push(f);
      else groups.set(n, [f]);
      if ((i & 1023) === 1023) await rest();
    }
    return [...groups.values()];
  }
  #compare(by: SortBy): (a: Found[], b: Found[]) => number {
    const size = (f: Found) => {
      const c = this.#parts.sync.columns(f.box);
      return c?.sizes[c.indexOf(f.uid)] ?? 0;
    };
    const text = (f: Found): string => {
      const c = this.#parts.sync.card(f.id);
      if (!c) return "\uffff";
      return by === "from" ? (c.from_name || c.from).toLowerCase() : baseSubject(c.subject);
    };
    const keys = new Map<Found, string | number>();
    const key = (f: Found) => {
      let k = keys.get(f);
      if (k === undefined) keys.set(f, (k = by === "size" ? -size(f) : text(f)));
      return k;
    };
    return (x, y) => {
      const a = key(x[0]!);
      const b = key(y[0]!);
      return a < b ? -1 : a > b ? 1 : y[0]!.date - x[0]!.date;
    };
  }
  #take(groups: readonly Found[][], mails: number): void {
    const o: Order = { starts: new Int32Array(groups.length + 1), boxes: new Int32Array(mails), uids: new Uint32Array(mails), keys: [] };
    let at = 0;
    groups.forEach((g, i) => {
      o.starts[i] = at;
      for (const f of g) {
        o.boxes[at] = f.box;
        o.uids[at++] = f.uid;
      }
      // Of the oldest: a new mail in a conversation leaves its row the same.
      o.keys.push(g.at(-1)!.id);
    });
    o.starts[groups.length] = at;
    const was = this.#order.keys[this.cursor.peek()];
    this.#order = o;
    this.#rows.clear();
    if (was !== undefined) {
      const now = o.keys.indexOf(was);
      this.cursor.value = now >= 0 ? now : Math.min(this.cursor.peek(), groups.length - 1);
    }
    if (this.selected.peek().size > 0) {
      const keys = new Set(o.keys);
      const kept = [...this.selected.peek()].filter((k) => keys.has(k));
      if (kept.length !== this.selected.peek().size) this.selected.value = new Set(kept);
    }
    this.count.value = groups.length;
    this.version.value = this.version.peek() + 1;
  }

  // -- rows
  row(i: number): Row | undefined {
    const had = this.#rows.get(i);
    if (had) return had;
    if (i < 0 || i >= this.#order.keys.length) return undefined;
    const row = this.#row(i);
    this.#rows.set(i, row);
    return row;
  }
  refsOf(i: number): MailRef[] {
    const o = this.#order;
    const out: MailRef[] = [];
    for (let k = o.starts[i]!; k < o.starts[i + 1]!; k++) {
      const c = this.#parts.sync.columns(o.boxes[k]!);
      const at = c?.indexOf(o.uids[k]!) ?? -1;
      out.push({ mailbox: o.boxes[k]!, uid: o.uids[k]!, id: at >= 0 ? c!.ids[at]! : "" });
    }
    return out;
  }
  #row(i: number): Row {
    const refs = this.refsOf(i);
    const ref = refs[0]!;
    const c = this.#parts.sync.columns(ref.mailbox);
    const at = c?.indexOf(ref.uid) ?? -1;
    const card = this.#parts.sync.card(ref.id);
    const flags = refs.map((r) => this.#parts.sync.flagsOf(r));
    const any = (f: string) => flags.some((s) => s.includes(f));
    const settings = this.#parts.settings.value.peek();
    const woke = settings.snoozed[ref.id]?.until ?? 0;
    const names = new Set(settings.labels.map((l) => l.keyword));
    return {
      key: this.#order.keys[i]!, ref, refs, card, closed: !card && (this.#parts.closed(ref.id) || (at >= 0 && !(c!.letters[at]! & 16) && !this.#parts.sync.progress.peek())),
      senders: this.#senders(refs), ...this.#recipients(refs, ref.mailbox), subject: card?.subject ?? "", snippet: card?.snippet ?? "",
      date: at >= 0 ? Math.max(c!.received[at]!, woke <= this.#now() ? woke : 0) : 0, size: at >= 0 ? c!.sizes[at]! : 0,
      unread: flags.some((s) => !s.includes("\\Seen")), flagged: any("\\Flagged"), answered: flags[0]!.includes("\\Answered"),
      attachments: refs.reduce((n, r) => n + countAttachments(this.#parts.sync.card(r.id)), 0),
      labels: [...new Set(flags.flat())].filter((f) => names.has(f)), class: (at >= 0 ? c!.classes[at]! : 0) as Row["class"], verified: card?.verified ?? false,
      muted: this.#muted(card, settings.muted), wakes: any(SNOOZED) ? woke : 0, waiting: refs.some((r) => this.#parts.sync.overlay.peek().touches(r)),
    };
  }
  #senders(refs: readonly MailRef[]): Row["senders"] {
    const out = new Map<string, Row["senders"][number]>();
    for (const r of refs.slice(0, 50)) {
      const card = this.#parts.sync.card(r.id);
      if (!card) continue;
      const address = card.from.toLowerCase();
      if (!out.has(address)) out.set(address, { name: card.from_name || card.from, address: card.from, me: this.#parts.me.includes(address) });
    }
    return [...out.values()].reverse();
  }
  // Whom the newest went to, where its owner wrote it: in Sent and Drafts, and wherever else
  // a row would say nothing but "me".
  #recipients(refs: readonly MailRef[], mailbox: number): Pick<Row, "recipients" | "more"> {
    const { me, sync } = this.#parts;
    const card = refs.map((r) => sync.card(r.id)).find((c) => c && c.to.length > 0);
    const role = this.#roles.get(mailbox);
    const mine = () => refs.every((r) => me.includes(sync.card(r.id)?.from.toLowerCase() ?? ""));
    if (!card || (role !== "sent" && role !== "drafts" && !mine())) return { recipients: [], more: 0 };
    const recipients = card.to.map((a) => ({ name: a.name || a.address, address: a.address, me: me.includes(a.address.toLowerCase()) }));
    return { recipients, more: Math.max(0, card.recipients - recipients.length) };
  }
  #muted(card: Card | undefined, muted: readonly string[]): boolean {
    if (!card || muted.length === 0) return false;
    return [card.references[0], card.in_reply_to, card.message_id].some((id) => !!id && muted.includes(id));
  }
  indexOf(key: string): number {
    return this.#order.keys.indexOf(key);
  }

  // -- cursor and selection
  move(by: number): void {
    if (this.count.peek() > 0) this.setCursor(Math.max(0, Math.min(this.count.peek() - 1, this.cursor.peek() + by)));
  }
  setCursor(i: number): void {
    this.cursor.value = Math.max(-1, Math.min(this.count.peek() - 1, i));
  }
  select(i: number, how: "only" | "toggle" | "range"): void {
    const key = this.#order.keys[i];
    if (key === undefined) return;
    const next = new Set(how === "only" ? [] : this.selected.peek());
    if (how === "range" && this.#anchor >= 0) {
      for (let k = Math.min(i, this.#anchor); k <= Math.max(i, this.#anchor); k++) if (this.#order.keys[k] !== undefined) next.add(this.#order.keys[k]!);
    } else {
      if (how === "toggle" && next.has(key)) next.delete(key);
      else next.add(key);
      this.#anchor = i;
    }
    this.cursor.value = i;
    this.selected.value = next;
  }
  selectAll(): void {
    this.selected.value = new Set(this.#order.keys);
  }
  clearSelection(): void {
    this.#anchor = -1;
    if (this.selected.peek().size > 0) this.selected.value = new Set();
  }
  chosen(): MailRef[] {
    const chosen = this.selected.peek();
    if (chosen.size === 0) return this.cursor.peek() >= 0 && this.cursor.peek() < this.count.peek() ? this.refsOf(this.cursor.peek()) : [];
    const out: MailRef[] = [];
    this.#order.keys.forEach((k, i) => chosen.has(k) && out.push(...this.refsOf(i)));
    return out;
  }
}

const countAttachments = (c: Card | undefined) => (c ? c.attachments.length + c.more_attachments : 0);
const hasAttachments = (c: Card | undefined) => countAttachments(c) > 0;
