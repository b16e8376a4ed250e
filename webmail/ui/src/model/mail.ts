// Reading: a conversation, of which the newest and the unread mails are open. The vault
// opens; here is decided what is fetched, what may be said, and what is marked as read.

import { signal } from "@preact/signals";
import { ApiError, type Api, type Clock } from "../wire/http.ts";
import type { Content, Wanted } from "./attach/cutout.ts";
import type { Card, OpenedMail, Vault } from "../vault/vault.ts";
import type { Actions } from "./actions.ts";
import type { Cards } from "./cards.ts";
import type { Better } from "./better.ts";
import type { Letters } from "./letters.ts";
import type { List } from "./list.ts";
import type { Sync } from "./sync.ts";
import type { Threads } from "./threads.ts";
import { judge } from "./trust.ts";
import type { Alarms, ContactsModel, Fault, MailModel, MailRef, MailView, PinsModel, Row, SettingsModel } from "./types.ts";

export interface MailParts {
  api: Api;
  vault: Vault;
  clock: Clock;
  alarms: Alarms;
  sync: Sync;
  cards: Cards;
  threads: Threads;
  letters: Letters;
  list: List;
  actions: Actions;
  settings: SettingsModel;
  contacts: ContactsModel;
  pins: PinsModel;
  better: Better;
  me: readonly string[];
  cut(p: Wanted): Promise<Content>; // of what lies in the drive
}

interface Whole {
  mail: OpenedMail;
  pictures: { content_id: string; type: string; data: ArrayBuffer }[];
}
const AT_ONCE = 4 << 20; // octets of a mail whose rest follows its text by itself
const MOST_PICTURES = 32 << 20; // octets of a mail that is fetched for its pictures
const MOST_SHOWN = 16 << 20; // and of the pictures
const MOST = 100; // mails of a conversation that are listed
const bytes = (b64: string) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0)).buffer;

export class Mail implements MailModel {
  readonly #parts: MailParts;
  readonly mails = signal<readonly MailView[]>([]);
  readonly key = signal<string | null>(null);
  readonly fault = signal<Fault | null>(null);
  #turn = 0; // grows when another conversation is shown
  #stop: AbortController | null = null;
  #timers: (() => void)[] = [];
  readonly #completing = new Map<string, Promise<Whole | null>>();

  constructor(parts: MailParts) {
    this.#parts = parts;
    parts.actions.onMoved = (from, to) => this.#follow(from, to);
  }

  async show(row: Row): Promise<void> {
    const { list } = this.#parts;
    await this.#show(row.refs, row.key, list.conversations.peek());
    const next = list.row(list.indexOf(row.key) + 1);
    if (next && this.key.peek() === row.key) this.#prefetch(next.ref);
  }
  async showRef(ref: MailRef): Promise<void> {
    const turn = this.#turn;
    await this.#parts.sync.loaded; // how it is fetched stands with its entry
    if (turn === this.#turn) await this.#show([ref], ref.id, false);
  }
  async #show(refs: readonly MailRef[], key: string, whole: boolean): Promise<void> {
    this.close();
    const turn = ++this.#turn;
    this.#stop = new AbortController();
    this.key.value = key;
    for (const r of refs) this.#parts.list.hold(r.id);
    const all = whole ? this.#conversation(refs) : [...refs].reverse();
    const last = all.at(-1);
    this.mails.value = all.map((ref): MailView => ({
      ref, card: this.#parts.sync.card(ref.id), expanded: ref === last || !this.#parts.sync.flagsOf(ref).includes("\\Seen"),
      state: "closed", fault: null, opened: null, trust: null, remote: false,
    }));
    // The newest first: it is what is read.
    for (const v of [...this.mails.peek()].reverse()) {
      if (turn !== this.#turn) return;
      if (v.expanded) await this.#open(v.ref);
    }
  }
  // Oldest first; what lies elsewhere (Sent, other folders) belongs to it too.
  #conversation(refs: readonly MailRef[]): MailRef[] {
    const out = new Map(refs.map((r) => [r.id, r]));
    const bins = new Set(this.#parts.sync.mailboxes.peek().filter((b) => b.role === "trash" || b.role === "junk" || b.role === "drafts").map((b) => b.id));
    for (const id of refs[0] ? this.#parts.threads.with(refs[0].id) : []) {
      const ref = out.has(id) ? undefined : this.#parts.sync.find(id);
      if (ref && !bins.has(ref.mailbox)) out.set(id, ref);
    }
    const at = (r: MailRef) => {
      const c = this.#parts.sync.columns(r.mailbox);
      return c?.received[c.indexOf(r.uid)] ?? 0;
    };
    return [...out.values()].sort((a, b) => at(a) - at(b) || a.uid - b.uid).slice(-MOST);
  }

  close(): void {
    this.#turn++;
    this.#stop?.abort();
    for (const stop of this.#timers) stop();
    this.#timers = [];
    this.#completing.clear();
    for (const v of this.mails.peek()) if (v.opened) void this.#parts.vault.forget(v.opened.handle).catch(() => {});
    this.mails.value = [];
    this.key.value = null;
    this.fault.value = null;
  }
  async toggle(id: string): Promise<void> {
    const v = this.#view(id);
    if (!v) return;
    this.#set(id, { expanded: !v.expanded });
    if (!v.expanded && v.state !== "open") await this.#open(v.ref);
  }
  #view(id: string): MailView | undefined {
    return this.mails.peek().find((v) => v.ref.id === id);
  }
  #set(id: string, change: Partial<MailView>): void {
    this.mails.value = this.mails.peek().map((v) => (v.ref.id === id ? { ...v, ...change } : v));
  }
  #follow(from: MailRef, to: MailRef): void {
    if (this.#view(from.id)) this.#set(from.id, { ref: to });
  }

  async #open(ref: MailRef): Promise<void> {
    const turn = this.#turn;
    this.#set(ref.id, { state: "loading", fault: null });
    try {
      const { mail, message } = await this.#fetch(ref).catch(async (e: unknown) => {
        // What is kept may be from before it was sealed anew.
        if (e instanceof ApiError || !(await this.#parts.letters.drop(ref.id))) throw e;
        return this.#fetch(ref);
      });
      if (turn !== this.#turn) return void this.#parts.vault.forget(mail.handle).catch(() => {});
      const trust = judge(mail, this.#known(ref, mail));
      const from = mail.from[0]?.address.toLowerCase() ?? "";
      const remote = mail.verified && from !== "" && this.#parts.settings.value.peek().remoteSenders.includes(from);
      this.#set(ref.id, { state: "open", opened: mail, trust, remote });
      this.#seenLater(ref);
      const size = this.#sizeByBody(ref);
      if (size > 0 && size <= AT_ONCE) void this.#complete(ref.id);
      void this.#betterCard(ref, mail, message).catch(() => {}); // a courtesy to the list: it may fail
    } catch (e) {
      if (turn !== this.#turn) return;
      this.#set(ref.id, { state: "failed", fault: { word: e instanceof ApiError ? (e.temporary ? "offline" : "not-found") : "closed" } });
    }
  }
  async #fetch(was: MailRef): Promise<{ mail: OpenedMail; message: ArrayBuffer }> {
    const { letters, sync, vault } = this.#parts;
    const ref = (sync.columns(was.mailbox)?.indexOf(was.uid) ?? -1) >= 0 ? was : (sync.find(was.id) ?? was); // it may have been sealed anew
    const c = sync.columns(ref.mailbox);
    const bits = c?.letters[c.indexOf(ref.uid)] ?? 1;
    const signal = this.#stop?.signal;
    const [message, header, body] = await Promise.all([
      letters.has(bits, "body") ? new ArrayBuffer(0) : letters.get(ref, "message", signal),
      letters.has(bits, "header") ? letters.get(ref, "header", signal) : undefined,
      letters.has(bits, "body") ? letters.get(ref, "body", signal) : undefined,
    ]);
    const card = sync.card(ref.id);
    const verify = await this.#keys(ref, card);
    const mail = await vault.openMail({
      message, ...(header ? { header } : {}), ...(body ? { body } : {}), ...(card ? { card } : {}), ...(verify.length ? { verify } : {}),
    });
    return { mail, message };
  }
  // Keys that may have signed it: the pinned one, a contact's, or for mail that was
  // encrypted by its sender what can be found (and is pinned by that).
  async #keys(ref: MailRef, card: Card | undefined): Promise<ArrayBuffer[]> {
    const { api, pins, contacts, sync } = this.#parts;
    const from = card?.from ?? "";
    if (from === "") return [];
    const out = (contacts.byAddress(from)?.keys ?? []).map(bytes);
    const pin = pins.of(from);
    if (pin) out.push(bytes(pin.certificate));
    const c = sync.columns(ref.mailbox);
    const kind = c?.classes[c.indexOf(ref.uid)] ?? 0;
    if (out.length > 0 || kind < 2) return out;
    try {
      const [r] = await api.recipients([from]);
      if (r?.state === "key" && r.certificate) {
        await pins.check(r);
        out.push(bytes(r.certificate));
      }
    } catch {
      // then it is signed by a key we do not know
    }
    return out;
  }
  #known(ref: MailRef, mail: OpenedMail): Parameters<typeof judge>[1] {
    const box = this.#parts.sync.mailboxes.peek().find((b) => b.id === ref.mailbox);
    const from = mail.from[0]?.address ?? "";
    return {
      own: this.#parts.me,
      outgoing: (box?.role === "sent" || box?.role === "drafts") && this.#parts.me.includes(from.toLowerCase()),
      names: this.#parts.contacts.all.peek().map((c) => ({ name: c.name, addresses: c.addresses.map((a) => a.address) })),
      pin: this.#parts.pins.of(from),
    };
  }
  #seenLater(ref: MailRef): void {
    const wait = this.#parts.settings.value.peek().seenAfter;
    if (wait < 0) return;
    const mark = () => {
      const now = this.#view(ref.id);
      if (now) this.#parts.actions.seen([now.ref], true, true);
    };
    if (wait === 0) mark();
    else this.#timers.push(this.#parts.clock.after(wait * 1000, mark));
  }
  #prefetch(ref: MailRef): void {
    const c = this.#parts.sync.columns(ref.mailbox);
    const i = c?.indexOf(ref.uid) ?? -1;
    if (!c || i < 0 || c.sizes[i]! > 1_000_000) return;
    void this.#parts.letters.get(ref, "message", this.#stop?.signal).catch(() => {});
    if (c.letters[i]! & 2) void this.#parts.letters.get(ref, "header", this.#stop?.signal).catch(() => {});
  }

  async #betterCard(ref: MailRef, mail: OpenedMail, message: ArrayBuffer): Promise<void> {
    const card = await this.#parts.better.look(ref, mail, message);
    if (card) this.#set(ref.id, { card });
  }

  showRemote(id: string, always: boolean): void {
    this.#set(id, { remote: true });
    const from = this.#view(id)?.opened?.from[0]?.address.toLowerCase();
    const senders = this.#parts.settings.value.peek().remoteSenders;
    if (always && from && !senders.includes(from)) void this.#parts.settings.set({ remoteSenders: [...senders, from] });
  }
  async part(id: string, index: number): Promise<{ name: string; type: string; data: ArrayBuffer } | null> {
    const part = await this.#whole(id, (handle) => this.#parts.vault.part(handle, index));
    if (!part?.cut) return part;
    const got = await this.#parts.cut({ ...part, size: part.cut.size, cut: part.cut }).catch(() => "failed" as const);
    if (typeof got === "object") return got;
    this.fault.value = { word: got === "gone" ? "not-found" : "offline" };
    return null;
  }
  async source(id: string): Promise<ArrayBuffer | null> {
    return this.#whole(id, (handle) => this.#parts.vault.source(handle));
  }
  async original(id: string): Promise<{ data: Blob; whole: boolean } | null> {
    const got = await this.#whole(id, async (handle) => ({ source: await this.#parts.vault.source(handle), cuts: await this.#parts.vault.cuts(handle) }));
    if (!got) return null;
    const data = new Blob([got.source]);
    if (got.cuts.length === 0) return { data, whole: true };
    const { putBack } = await import("./attach/cutout.ts");
    const back = await putBack(got.source, got.cuts, (p) => this.#parts.cut(p)).catch(() => null);
    return { data: back ?? data, whole: back !== null };
  }
  // A large mail was opened by its text and what its card says. The rest of its header (who
  // else got it, where answers go, what was signed) and its pictures come with all of it.
  complete(id: string): Promise<OpenedMail | null> {
    return this.#complete(id).then((w) => w?.mail ?? null);
  }
  pictures(id: string): ReturnType<MailModel["pictures"]> {
    const v = this.#view(id);
    const size = v ? this.#sizeByBody(v.ref) : 0;
    if (!v?.opened || size === 0 || size > MOST_PICTURES || !/\bcid:/i.test(v.opened.html)) return null;
    return { size, fetch: async () => (await this.#complete(id))?.pictures ?? [] };
  }
  // 0: all of it was opened at once.
  #sizeByBody(ref: MailRef): number {
    const c = this.#parts.sync.columns(ref.mailbox);
    const i = c?.indexOf(ref.uid) ?? -1;
    return c && i >= 0 && this.#parts.letters.has(c.letters[i]!, "body") ? c.sizes[i]! : 0;
  }
  #complete(id: string): Promise<Whole | null> {
    const v = this.#view(id);
    if (!v?.opened) return Promise.resolve(null);
    if (this.#sizeByBody(v.ref) === 0) return Promise.resolve({ mail: v.opened, pictures: [] });
    const under = this.#completing.get(id) ?? this.#fill(v).catch(() => null);
    this.#completing.set(id, under);
    void under.then((w) => w ?? this.#completing.delete(id)); // another time, perhaps
    return under;
  }
  async #fill(v: MailView): Promise<Whole> {
    const { letters, vault } = this.#parts;
    const verify = await this.#keys(v.ref, v.card);
    const whole = await vault.openMail({ message: await letters.get(v.ref, "message", this.#stop?.signal), ...(v.card ? { card: v.card } : {}), ...(verify.length ? { verify } : {}) });
    try {
      const pictures = await this.#shown(whole);
      const now = this.#view(v.ref.id)?.opened ?? v.opened!;
      const { handle, html, text, parts } = now;
      const mail = { ...whole, handle, html, text, parts };
      this.#set(v.ref.id, { opened: mail, trust: judge(mail, this.#known(v.ref, mail)) });
      return { mail, pictures };
    } finally {
      await vault.forget(whole.handle);
    }
  }
  async #shown(mail: OpenedMail): Promise<Whole["pictures"]> {
    const out: Whole["pictures"] = [];
    let room = MOST_SHOWN;
    for (const p of mail.parts) {
      if (p.content_id === "" || !p.type.startsWith("image/") || p.size > room || out.length >= 25) continue;
      room -= p.size;
      out.push({ content_id: p.content_id, type: p.type, data: (await this.#parts.vault.part(mail.handle, p.index)).data });
    }
    return out;
  }
  // Of a large mail only its text was fetched: attachments and source need all of it.
  async #whole<T>(id: string, f: (handle: number) => Promise<T>): Promise<T | null> {
    const v = this.#view(id);
    if (!v?.opened) return null;
    const { sync, letters, vault } = this.#parts;
    const c = sync.columns(v.ref.mailbox);
    const bits = c?.letters[c.indexOf(v.ref.uid)] ?? 1;
    this.fault.value = null;
    try {
      if (!letters.has(bits, "body")) return await f(v.opened.handle);
      const whole = await vault.openMail({ message: await letters.get(v.ref, "message", this.#stop?.signal) });
      try {
        return await f(whole.handle);
      } finally {
        await vault.forget(whole.handle);
      }
    } catch (e) {
      this.fault.value = { word: e instanceof ApiError ? "offline" : "closed" };
      return null;
    }
  }
}
