// Mailboxes and their entries, as far as this device knows them. What the server told is
// kept in columns and asked for by modseq; names and counts shown are those with what
// still waits in the queue.

import { computed, signal } from "@preact/signals";
import type { Mailbox } from "../wire/api.ts";
import { ApiError, type Api, type Clock } from "../wire/http.ts";
import type { Card } from "../vault/vault.ts";
import type { SealedCache } from "./cache.ts";
import type { Cards } from "./cards.ts";
import { Box } from "./columns.ts";
import { Overlay } from "./overlay.ts";
import { slicer } from "./slice.ts";
import type { Alarms, MailboxView, MailRef, SyncModel } from "./types.ts";

interface SavedBox {
  box: Mailbox;
  since: number; // modseq up to which entries are known
  whole: boolean; // the first listing has ended
}
interface Saved {
  modseq: number;
  boxes: SavedBox[];
}
interface Known extends SavedBox {
  columns: Box;
}

export interface SyncParts {
  api: Api;
  cache: SealedCache;
  clock: Clock;
  alarms: Alarms;
  cards: Cards;
}

const RETRY = 15_000;
const LIMIT = 20_000;
const TIP = 2_000; // entries that are read before all others
const ROLES: { [use: string]: MailboxView["role"] } = {
  "\\Sent": "sent", "\\Drafts": "drafts", "\\Archive": "archive", "\\Junk": "junk", "\\Trash": "trash", "\\All": "all",
};
const ORDER: MailboxView["role"][] = ["inbox", "drafts", "sent", "archive", "junk", "trash", "all", ""];

export class Sync implements SyncModel {
  readonly #parts: SyncParts;
  readonly #boxes = new Map<number, Known>();
  readonly #where = new Map<string, MailRef>();
  readonly #list = signal<readonly Mailbox[]>([]);
  readonly version = signal(0);
  readonly state = signal<"starting" | "syncing" | "current" | "offline">("starting");
  readonly arrived = signal<readonly MailRef[]>([]);
  told: (box: string) => boolean = (box) => box === "INBOX"; // new mail of which boxes
  readonly overlay = signal(new Overlay([]));
  readonly mailboxes = computed(() => this.#views());
  readonly progress;
  #modseq = 0;
  #running: Promise<void> | null = null;
  #again = false;
  #retry: (() => void) | null = null;
  #saving: (() => void) | null = null;
  #closed = false;
  #saved: { saved: Saved; chunks: Map<number, number[]> } | null = null; // of which only the newest is here
  #loading = false;
  loaded: Promise<void> = Promise.resolve(); // all that this device has is here
  #first = true; // what comes with the first look is not news

  constructor(parts: SyncParts) {
    this.#parts = parts;
    this.progress = parts.cards.progress;
  }
  get modseq(): number {
    return this.#modseq;
  }

  // -- from this device
  // Two steps: the newest of the inbox, which is what is looked at, and then all of it.
  async loadNewest(): Promise<void> {
    const saved = await this.#parts.cache.get<Saved>("state", "mailboxes");
    if (!saved) return;
    const chunks = new Map<number, number[]>();
    for (const key of await this.#parts.cache.raw.keys("entries")) {
      const [box = 0, n = 0] = key.split(".").map(Number);
      const list = chunks.get(box);
      if (list) list.push(n);
      else chunks.set(box, [n]);
    }
    for (const list of chunks.values()) list.sort((a, b) => a - b);
    this.#saved = { saved, chunks };
    this.#modseq = saved.modseq;
    const inbox = saved.boxes.find((s) => s.box.name === "INBOX");
    // Until all is here the server's counts hold, which are those of a mailbox not read whole.
    if (inbox) this.#boxes.set(inbox.box.id, { ...inbox, whole: false, columns: (await this.#tip(inbox.box.id, chunks.get(inbox.box.id) ?? [])) ?? new Box(inbox.box.id) });
    this.#list.value = saved.boxes.map((b) => b.box);
    this.changed();
  }
  async #tip(id: number, chunks: readonly number[]): Promise<Box | null> {
    const found: ArrayBuffer[] = [];
    let entries = 0;
    for (let i = chunks.length - 1; i >= 0 && entries < TIP; i--) {
      const data = await this.#parts.cache.getBytes("entries", `${id}.${chunks[i]}`);
      if (!data) return null;
      found.unshift(data);
      entries += Box.count(data);
    }
    const box = new Box(id);
    try {
      for (const data of found) box.load(data);
    } catch {
      return null;
    }
    return box;
  }
  load(): Promise<void> {
    this.loaded = this.#loadAll();
    return this.loaded;
  }
  async #loadAll(): Promise<void> {
    if (!this.#saved) await this.loadNewest();
    const { saved, chunks } = this.#saved ?? {};
    this.#saved = null;
    if (!saved || !chunks) return;
    this.#loading = true;
    try {
      for (const s of saved.boxes) {
        const known: Known = { ...s, columns: new Box(s.box.id) };
        if (!(await this.#loadBox(known, chunks.get(s.box.id) ?? []))) {
          known.columns = new Box(s.box.id);
          known.since = 0;
          known.whole = false;
        }
        this.#boxes.set(s.box.id, known);
      }
    } finally {
      this.#loading = false;
    }
    this.changed();
  }
  async #loadBox(known: Known, chunks: readonly number[]): Promise<boolean> {
    const rest = slicer();
    for (const n of chunks) {
      const data = await this.#parts.cache.getBytes("entries", `${known.box.id}.${n}`);
      if (!data) return false;
      try {
        known.columns.load(data);
      } catch {
        return false;
      }
      await rest();
    }
    const c = known.columns;
    for (let i = 0; i < c.length; i++) {
      if ((i & 1023) === 1023) await rest();
      this.#where.set(c.ids[i]!, { mailbox: c.id, uid: c.uids[i]!, id: c.ids[i]! });
    }
    return true;
  }
  #saveSoon(): void {
    if (!this.#saving && !this.#closed) this.#saving = this.#parts.clock.after(2_000, () => void this.save().catch(() => {}));
  }
  // Entries before state: a crash between them makes us ask for a little twice.
  async save(): Promise<void> {
    this.#saving?.();
    this.#saving = null;
    if (this.#loading || this.#saved) return; // what is here is less than what is kept
    for (const k of this.#boxes.values()) {
      for (const n of [...k.columns.dirty]) {
        k.columns.dirty.delete(n);
        const data = k.columns.chunk(n);
        const key = `${k.box.id}.${n}`;
        if (data) await this.#parts.cache.putBytes("entries", key, data);
        else await this.#parts.cache.remove("entries", key);
      }
    }
    const boxes = [...this.#boxes.values()].map(({ box, since, whole }) => ({ box, since, whole }));
    await this.#parts.cache.put("state", "mailboxes", { modseq: this.#modseq, boxes } satisfies Saved);
  }

  // -- from the server
  refresh(): Promise<void> {
    if (this.#running) this.#again = true;
    else this.#running = this.#loop();
    return this.#running;
  }
  async #loop(): Promise<void> {
    this.#retry?.();
    this.state.value = this.state.value === "starting" ? "starting" : "syncing";
    try {
      try {
        await this.loaded;
        do {
          this.#again = false;
          await this.#look();
        } while (this.#again && !this.#closed);
      } finally {
        this.#running = null; // in the same turn: who asks from now on begins anew
      }
      this.state.value = "current";
      this.#first = false;
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      this.state.value = "offline";
      if (!this.#closed) this.#retry = this.#parts.clock.after(RETRY, () => void this.refresh().catch(() => {}));
    }
    this.#saveSoon();
    if (!this.#closed) this.#parts.cards.want([...this.#boxes.values()].map((k) => k.columns));
  }
  async #look(): Promise<void> {
    const now = await this.#parts.api.mailboxes();
    if (now.modseq < this.#modseq) this.#parts.alarms.raise({ id: "rolled-back mail", word: "rolled-back", about: "mail" });
    this.#modseq = now.modseq;
    for (const id of [...this.#boxes.keys()]) if (!now.mailboxes.some((b) => b.id === id)) await this.#forget(id);
    for (const box of now.mailboxes) {
      const known = this.#boxes.get(box.id);
      if (known && known.box.uid_validity === box.uid_validity && known.since <= box.modseq) known.box = box;
      else {
        if (known) await this.#forget(box.id);
        this.#boxes.set(box.id, { box, since: 0, whole: false, columns: new Box(box.id) });
      }
    }
    this.#list.value = now.mailboxes;
    const todo = [...this.#boxes.values()].filter((k) => !k.whole || k.since < k.box.modseq);
    todo.sort((a, b) => Number(b.box.name === "INBOX") - Number(a.box.name === "INBOX") || a.box.messages - b.box.messages);
    for (const k of todo) if (!this.#closed) await this.#pull(k);
  }
  async #pull(k: Known): Promise<void> {
    const rest = slicer();
    for (let more = true; more && !this.#closed; ) {
      const c = k.columns;
      const after = c.length > 0 ? c.uids[c.length - 1]! : 0;
      const e = await this.#parts.api.entries(k.box.id, k.whole ? { since: k.since, limit: LIMIT } : { since: 0, after, limit: LIMIT });
      if (!e.complete) {
        await this.#forget(k.box.id);
        Object.assign(k, { since: 0, whole: false, columns: new Box(k.box.id) });
        this.#boxes.set(k.box.id, k);
        continue;
      }
      more = e.more;
      k.box = { ...k.box, modseq: Math.max(k.box.modseq, e.modseq) };
      const { added, changed, gone } = c.merge(e);
      const ids = added.map((uid) => c.ids[c.indexOf(uid)]!);
      const known = new Set(ids.filter((id) => this.#where.get(id)?.mailbox === c.id)); // sealed anew: no news
      for (const id of gone) if (this.#where.get(id)?.mailbox === c.id) this.#where.delete(id);
      added.forEach((uid, i) => this.#where.set(ids[i]!, { mailbox: c.id, uid, id: ids[i]! }));
      // While the first listing runs, the modseq of its first page is the one to go on from:
      // what changed meanwhile on pages that were read comes with it.
      if (k.whole) k.since = e.modseq;
      else if (k.since === 0) k.since = e.modseq;
      if (!k.whole && !more) {
        k.whole = true;
        if (k.since < k.box.modseq) more = true;
      }
      if (k.whole && !this.#first && this.told(k.box.name)) this.#announce(c, added.filter((_, i) => !known.has(ids[i]!)));
      if (added.length + changed.length + gone.length > 0) this.changed();
      this.#parts.cards.changed(c, changed);
      this.#parts.cards.again(c, added.filter((_, i) => known.has(ids[i]!)));
      this.#saveSoon();
      await rest();
    }
  }
  #announce(c: Box, added: readonly number[]): void {
    const news = added.map((uid) => c.indexOf(uid)).filter((i) => i >= 0 && !c.setOf(i).includes("\\Seen"));
    if (news.length > 0) this.arrived.value = news.map((i) => ({ mailbox: c.id, uid: c.uids[i]!, id: c.ids[i]! }));
  }
  async #forget(id: number): Promise<void> {
    const k = this.#boxes.get(id);
    this.#boxes.delete(id);
    if (k) for (const mail of k.columns.ids) if (this.#where.get(mail)?.mailbox === id) this.#where.delete(mail);
    const keys = (await this.#parts.cache.raw.keys("entries")).filter((key) => key.startsWith(`${id}.`));
    await this.#parts.cache.raw.remove("entries", keys);
    this.changed();
  }

  // -- what others see
  changed(): void {
    this.version.value = this.version.peek() + 1;
  }
  setOverlay(o: Overlay): void {
    this.overlay.value = o;
    this.changed();
  }
  columns(mailbox: number): Box | undefined {
    return this.#boxes.get(mailbox)?.columns;
  }
  boxes(): Box[] {
    return [...this.#boxes.values()].map((k) => k.columns);
  }
  get whole(): boolean {
    return this.state.value === "current" && [...this.#boxes.values()].every((k) => k.whole);
  }
  flagsOf(ref: MailRef): readonly string[] {
    const c = this.columns(ref.mailbox);
    const i = c?.indexOf(ref.uid) ?? -1;
    return this.overlay.peek().flags(ref.mailbox, ref.uid, i >= 0 ? c!.setOf(i) : []);
  }
  card(id: string): Card | undefined {
    return this.#parts.cards.get(id);
  }
  cards(): Iterable<Card> {
    return this.#parts.cards.all();
  }
  find(id: string): MailRef | undefined {
    const at = this.#where.get(id);
    if (at) return at;
    for (const { columns: c } of this.#boxes.values()) {
      const i = c.ids.indexOf(id);
      if (i < 0 || i >= c.length) continue;
      const ref = { mailbox: c.id, uid: c.uids[i]!, id };
      this.#where.set(id, ref);
      return ref;
    }
    return undefined;
  }
  role(role: MailboxView["role"]): MailboxView | undefined {
    return this.mailboxes.peek().find((b) => b.role === role);
  }
  #views(): MailboxView[] {
    const overlay = this.overlay.value;
    void this.version.value;
    return this.#list.value
      .map((b): MailboxView => {
        const parts = b.name.split("/");
        return { ...b, ...this.#counts(b, overlay), role: b.name === "INBOX" ? "inbox" : (ROLES[b.use] ?? ""), level: parts.length - 1, leaf: parts.at(-1)! };
      })
      .sort((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role) || (a.name < b.name ? -1 : 1));
  }
  // Counts come from what is here once all of it is: then they fit the list that is seen.
  #counts(b: Mailbox, overlay: Overlay): { messages: number; unseen: number } {
    const k = this.#boxes.get(b.id);
    if (!k?.whole) return { messages: b.messages, unseen: b.unseen };
    const c = k.columns;
    const seenSets = c.flagSets.map((s) => s.includes("\\Seen"));
    const hidden = overlay.hidden(b.id);
    let messages = c.length;
    let unseen = 0;
    for (let i = 0; i < c.length; i++) if (!seenSets[c.flags[i]!]) unseen++;
    const unseenWith = (mailbox: number, uid: number) => !this.flagsOf({ mailbox, uid, id: "" }).includes("\\Seen");
    for (const uid of new Set([...overlay.flagged(b.id), ...(hidden ?? [])])) {
      const i = c.indexOf(uid);
      if (i < 0) continue;
      if (!seenSets[c.flags[i]!]) unseen--;
      if (hidden?.has(uid)) messages--;
      else if (unseenWith(b.id, uid)) unseen++;
    }
    for (const g of overlay.ghosts(b.id)) {
      messages++;
      if (unseenWith(g.mailbox, g.uid)) unseen++;
    }
    return { messages, unseen };
  }

  async idle(): Promise<void> {
    while (this.#running || this.#parts.cards.busy) {
      await this.#running;
      await this.#parts.cards.idle();
    }
  }
  close(): void {
    this.#closed = true;
    this.#retry?.();
    this.#saving?.();
  }
}
