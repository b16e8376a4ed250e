// The search of one account: it feeds the index with the words of mail that is new to it,
// shares what was indexed with the owner's other devices, and answers queries.

import { signal } from "@preact/signals";
import type { Cabinet, MailRef, Search, SettingsModel, SyncModel, Vault } from "../model/types.ts";
import { slicer, sorted } from "../model/slice.ts";
import type { Api, Clock } from "../wire/http.ts";
import { plain } from "../fold.ts";
import { toHex } from "../vault/bytes.ts";
import { SearchClient, type Port } from "./client.ts";
import { compile, leaves, type Row, type Test } from "./evaluate.ts";
import { parse, phrasesOf, wordsOf } from "./query.ts";
import { sizes } from "./segment.ts";

const drawer = "segments";
const batch = 400; // mails whose words are fetched at once
const TERMS = 4; // bit in letters: its words lie at the server
const uploadEvery = 10 * 60_000; // a fixed rhythm: uploads say nothing of what arrived
const mostFresh = 8; // small segments before they are merged
const mostText = 400_000; // characters of one mail that are learned
const foldAt = 4000; // characters that are folded at once
const mostPhrases = 200; // mails that are opened to confirm a phrase

export interface SearchParts {
  api: Pick<Api, "terms" | "changes" | "letter">;
  vault: Pick<Vault, "openTerms" | "fold" | "openMail" | "forget">;
  sync: SyncModel;
  cabinet: Pick<Cabinet, "list" | "read" | "write" | "remove" | "version" | "refresh">;
  settings: Pick<SettingsModel, "value">;
  clock: Clock;
  port: Port;
}

export function createSearch(p: SearchParts): Search {
  return new Engine(p);
}

class Engine implements Search {
  readonly progress = signal<{ done: number; of: number } | null>(null);
  readonly version = signal(0);
  private readonly index: SearchClient;
  private readonly loaded = new Map<string, number>(); // segment -> size
  private readonly without = new Set<string>(); // mails whose words do not open here
  private stopped = false;
  private running: Promise<void> | null = null;
  private again = false;
  private uploaded = 0;
  private readonly lessons: { id: string; text: string }[] = [];
  private later: (() => void) | null = null;
  private readonly ends: (() => void)[] = [];

  constructor(private readonly p: SearchParts) {
    this.index = new SearchClient(p.port);
    const wake = () => this.wake();
    this.ends.push(p.sync.version.subscribe(wake), p.cabinet.version.subscribe(wake));
  }

  stop(): void {
    this.stopped = true;
    this.ends.forEach((end) => end());
    this.later?.();
    this.index.close();
  }

  // wake runs a round, and one more if something came meanwhile.
  private wake(): void {
    this.again = true;
    this.running ??= (async () => {
      while (this.again && !this.stopped) {
        this.again = false;
        try {
          await this.round();
        } catch {
          return; // the network, or the vault is locked: the next change wakes it
        }
      }
    })().finally(() => { this.running = null; });
  }

  private async round(): Promise<void> {
    await this.loadSegments();
    await this.readWords();
    await this.takeLessons();
    await this.share();
  }

  private grown(): void {
    this.version.value = this.version.peek() + 1;
  }

  private async loadSegments(): Promise<void> {
    const there = new Map(this.p.cabinet.list(drawer).map((i) => [i.name, i.size]));
    const gone = [...this.loaded.keys()].filter((name) => !there.has(name));
    for (const [name, size] of there) {
      if (this.loaded.has(name) || this.stopped) continue;
      const bytes = await this.p.cabinet.read(drawer, name);
      this.loaded.set(name, size);
      if (bytes && (await this.index.load(name, bytes))) this.grown(); // a damaged one is passed over: its mails are read again
    }
    if (gone.length > 0) {
      await this.index.drop(gone); // after the ones that stand for them are here
      gone.forEach((name) => this.loaded.delete(name));
    }
  }

  // unread finds the mails whose words lie at the server and are new to the index, the newest
  // first; of is how many mails there are. It gives the page a turn now and then.
  private async unread(): Promise<{ wanted: MailRef[]; of: number }> {
    const rest = slicer();
    const wanted = new Map<string, MailRef>();
    let of = 0;
    for (const box of this.p.sync.mailboxes.value) {
      const c = this.p.sync.columns(box.id);
      of += c?.length ?? 0;
      for (let i = (c?.length ?? 0) - 1; c && i >= 0; i--) {
        if ((i & 1023) === 0) await rest();
        if (i >= c.length || !((c.letters[i] as number) & TERMS)) continue;
        const id = c.ids[i] as string;
        if (!this.index.has(id) && !this.without.has(id)) wanted.set(id, { mailbox: box.id, uid: c.uids[i] as number, id });
      }
    }
    const order = await sorted([...wanted.values()], (a, b) => a.mailbox - b.mailbox || b.uid - a.uid, rest);
    return { wanted: order, of };
  }

  private async readWords(): Promise<void> {
    const { wanted, of } = await this.unread();
    for (let at = 0; at < wanted.length && !this.stopped; ) {
      const box = (wanted[at] as MailRef).mailbox;
      const some = wanted.slice(at, at + batch).filter((r) => r.mailbox === box);
      this.progress.value = { done: of - wanted.length + at, of };
      await this.readSome(box, some);
      at += some.length;
    }
    this.progress.value = null;
  }

  private async readSome(box: number, refs: MailRef[]): Promise<void> {
    const frames = (await this.p.api.terms(box, refs.map((r) => r.uid))).filter((f) => f.data.byteLength > 0);
    const words = await this.p.vault.openTerms(frames.map((f) => f.data));
    const ids = new Map(refs.map((r) => [r.uid, r.id]));
    const mails: { id: string; terms: string[] }[] = [];
    frames.forEach((f, i) => {
      const terms = words[i];
      const id = ids.get(f.uid);
      if (id && terms) mails.push({ id, terms });
    });
    await this.index.add(mails);
    if (mails.length > 0) this.grown();
    for (const r of refs) if (!this.index.has(r.id)) this.without.add(r.id);
  }

  // share seals what is new in segments, at a fixed rhythm, and merges small ones.
  private async share(): Promise<void> {
    const now = this.p.clock.now();
    if (this.stopped || now - this.uploaded < uploadEvery) return;
    this.later?.();
    this.later = this.p.clock.after(uploadEvery, () => this.wake());
    const small = [...this.loaded].filter(([, size]) => size < sizes.full).map(([name]) => name);
    const merge = small.length >= mostFresh ? small : [];
    if (merge.length > 0) await this.index.unpack(merge);
    const packed = await this.index.pack(true);
    if (packed.length > 0) this.uploaded = now;
    for (const segment of packed) {
      const name = toHex(crypto.getRandomValues(new Uint8Array(8)));
      await this.p.cabinet.write(drawer, name, 0, segment.bytes.slice().buffer);
      this.loaded.set(name, segment.bytes.length);
      await this.index.load(name, segment.bytes.buffer);
      await this.index.settled(segment.ids);
      await this.shed(segment.ids);
    }
    const listed = new Map(this.p.cabinet.list(drawer).map((i) => [i.name, i.version]));
    for (const name of merge) {
      await this.p.cabinet.remove(drawer, name, listed.get(name) ?? 1);
      this.loaded.delete(name);
    }
    if (merge.length > 0) await this.index.drop(merge);
  }

  // shed lets the server drop words that stand in a segment now.
  private async shed(ids: readonly string[]): Promise<void> {
    const rest = slicer();
    const going = new Set(ids);
    for (const box of this.p.sync.mailboxes.value) {
      const c = this.p.sync.columns(box.id);
      const uids: number[] = [];
      for (let i = 0; c && i < c.length; i++) {
        if ((i & 1023) === 1023) await rest();
        if (i < c.length && (c.letters[i] as number) & TERMS && going.has(c.ids[i] as string)) uids.push(c.uids[i] as number);
      }
      if (uids.length > 0) await this.p.api.changes([{ op: "shed", mailbox: box.id, uids, letters: ["terms"] }]);
    }
  }

  learn(id: string, text: string): void {
    this.lessons.push({ id, text });
    this.wake();
  }

  // takeLessons indexes what a client has read itself, beside the words that the server gave.
  private async takeLessons(): Promise<void> {
    for (let l = this.lessons.shift(); l && !this.stopped; l = this.lessons.shift()) {
      const words = new Set<string>();
      for (let at = 0; at < Math.min(l.text.length, mostText); at += foldAt) {
        for (const w of await this.p.vault.fold(l.text.slice(at, at + foldAt + 40))) words.add(w);
      }
      await this.index.add([{ id: l.id, terms: [...words].sort() }]);
      this.grown();
    }
  }

  async query(text: string, o: { within?: number; signal?: AbortSignal } = {}): Promise<{ ids: string[]; words: string[] }> {
    const { query } = parse(text, Math.floor(this.p.clock.now() / 1000));
    const asked = leaves(query);
    const needs = await Promise.all(asked.map(async (leaf) => ({ terms: await this.p.vault.fold(leaf.text), prefix: leaf.prefix })));
    const test = compile(query, await this.index.search(needs));
    let found = await this.scan(test, o);
    const phrases = phrasesOf(query);
    if (phrases.length > 0) found = await this.confirm(found, phrases, o.signal);
    return { ids: found.map((f) => f.id), words: wordsOf(query) };
  }

  // scan asks every mail, and leaves the page a turn now and then.
  private async scan(test: Test, o: { within?: number; signal?: AbortSignal }): Promise<{ id: string; date: number }[]> {
    const rest = slicer();
    const rows = await this.rows(rest);
    const found: { id: string; date: number }[] = [];
    let n = 0;
    for (const row of rows.values()) {
      if ((++n & 255) === 0) {
        await rest();
        if (o.signal?.aborted) return [];
      }
      if ((o.within === undefined || row.isIn(o.within)) && test(row)) found.push({ id: row.id, date: row.date });
    }
    return sorted(found, (a, b) => b.date - a.date, rest);
  }

  // rows has each mail once, wherever it lies.
  private async rows(rest: () => Promise<void> | undefined): Promise<Map<string, LazyRow>> {
    const rows = new Map<string, LazyRow>();
    const labels = new Map(this.p.settings.value.value.labels.map((l) => [l.keyword.toLowerCase(), l.name]));
    const { snoozed, muted } = this.p.settings.value.value;
    const all: Around = { sync: this.p.sync, labels, snoozed, muted: new Set(muted) };
    for (const box of this.p.sync.mailboxes.value) {
      const c = this.p.sync.columns(box.id);
      for (let i = 0; c && i < c.length; i++) {
        if ((i & 1023) === 1023) await rest();
        if (i >= c.length) break; // it shrank meanwhile
        const id = c.ids[i] as string;
        const seen = rows.get(id);
        if (seen) seen.also(box);
        else rows.set(id, new LazyRow(all, id, box, c.uids[i] as number, c.received[i] as number, c.sizes[i] as number, ((c.classes[i] as number) & 2) !== 0));
      }
    }
    return rows;
  }

  // confirm opens the newest candidates and looks for the phrases in their text.
  private async confirm(found: { id: string; date: number }[], phrases: string[], stop?: AbortSignal): Promise<{ id: string; date: number }[]> {
    const wanted = phrases.map((f) => plain(f).replace(/\s+/gu, " ").trim());
    const out: { id: string; date: number }[] = [];
    for (const f of found.slice(0, mostPhrases)) {
      if (stop?.aborted) return [];
      const text = await this.textOf(f.id);
      if (text === null || wanted.every((w) => text.includes(w))) out.push(f);
    }
    return out;
  }

  // textOf is a mail's text, plain; null: it cannot be had now.
  private async textOf(id: string): Promise<string | null> {
    const ref = this.p.sync.find(id);
    if (!ref) return null;
    try {
      const message = await this.p.api.letter(ref.mailbox, ref.uid, "message");
      const mail = await this.p.vault.openMail({ message });
      await this.p.vault.forget(mail.handle);
      const html = mail.html.replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/giu, " ").replace(/<[^>]*>/gu, " ").replace(/&nbsp;|&#160;/gu, " ");
      return plain(`${mail.subject} ${mail.text} ${html}`).replace(/\s+/gu, " ");
    } catch {
      return null;
    }
  }
}

// What rows are asked against.
interface Around {
  sync: SyncModel;
  labels: ReadonlyMap<string, string>;
  snoozed: { [id: string]: { until: number } };
  muted: ReadonlySet<string>;
}
type Place = { id: number; name: string };

// A row that looks its card up only when a test asks for it. There is one for each mail:
// it holds little, since making 100,000 of them costs more than asking them.
class LazyRow implements Row {
  private more: Place[] | null = null; // copies of it elsewhere

  constructor(private readonly all: Around, readonly id: string, private readonly place: Place, private readonly uid: number,
    private readonly received: number, readonly size: number, readonly end_to_end: boolean) {}

  also(place: Place): void {
    (this.more ??= []).push(place);
  }
  isIn(box: number): boolean {
    return this.place.id === box || this.more?.some((p) => p.id === box) === true;
  }

  private get card() { return this.all.sync.card(this.id); }
  get mailboxes(): string[] { return [this.place, ...(this.more ?? [])].map((p) => p.name); }
  get from(): string { return this.card?.from ?? ""; }
  get from_name(): string { return this.card?.from_name ?? ""; }
  get subject(): string { return this.card?.subject ?? ""; }
  get snippet(): string { return this.card?.snippet ?? ""; }
  get files(): string[] { return this.card?.attachments.map((a) => a.name) ?? []; }
  get attachments(): number { return (this.card?.attachments.length ?? 0) + (this.card?.more_attachments ?? 0); }
  get date(): number { return this.card?.arrived || this.received; }
  get flags(): readonly string[] { return this.all.sync.flagsOf({ mailbox: this.place.id, uid: this.uid, id: this.id }); }
  get labels(): string[] { return this.flags.flatMap((f) => this.all.labels.get(f.toLowerCase()) ?? []); }
  get snoozed(): boolean { return (this.all.snoozed[this.id]?.until ?? 0) > 0; }
  get muted(): boolean {
    const c = this.card;
    return c !== undefined && [c.message_id, c.in_reply_to, ...c.references].some((id) => this.all.muted.has(id));
  }
}
