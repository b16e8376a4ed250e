// Sending. What leaves is made and sealed on this device first, with the keys by which the
// server knows a request it has had; then each group of recipients gets its mail, the
// owner the copy in Sent, and the draft rests until it cannot come back. Any of that may
// be broken off and goes on from where it was.

import { computed, signal } from "@preact/signals";
import type { OutboxItem } from "../wire/api.ts";
import { ApiError, newKey, type Api, type Clock } from "../wire/http.ts";
import type { Account, Envelope } from "../wire/api.ts";
import type { Draft, Vault } from "../vault/vault.ts";
import type { SealedCache } from "./cache.ts";
import { shownTo, type Cards } from "./cards.ts";
import type { Drafts, Handle } from "./drafts.ts";
import { tagOfMail } from "./letters.ts";
import { linksRefused, refused, type Filing, type Group } from "./attach/leaving.ts";
import { KeptMails } from "./keptmails.ts";
import { LARGEST, protectedView, type Parcels } from "./parcels.ts";
import { Recipients } from "./recipients.ts";
import type { Sync } from "./sync.ts";
import type { ActionsModel, ContactsModel, DraftContent, DraftHandle, Linking, Notice, Reader, OutboxModel, PinsModel, Receipt, SendResult, SettingsModel } from "./types.ts";

interface Part {
  envelope: Envelope;
  key: string;
  mail: string; // its place in table "files"
  id: string; // of the outbox, once it is there
  parcel?: { name: string; box: string; receipt: Receipt; there: boolean }; // what its link leads to; box: its place in table "files"
}
interface Sending {
  id: string; // of the draft
  parts: Part[];
  sent: { key: string; mail: string; mailbox: number; uid: number; mailId: string };
  made: number;
  delay: number; // seconds
  at: number;
  links?: string[]; // that lead to files of the drive
  until?: number; // seconds: when the first of them ends
}
export interface OutboxParts {
  api: Api;
  vault: Vault;
  cache: SealedCache;
  clock: Clock;
  account: Account;
  sync: Sync;
  cards: Cards;
  drafts: Drafts;
  contacts: ContactsModel;
  pins: PinsModel;
  settings: SettingsModel;
  actions: ActionsModel;
  parcels: Parcels;
  filing: Filing;
}
const RETRY = 15_000;

export class Outbox implements OutboxModel {
  readonly #parts: OutboxParts;
  readonly #list = signal<readonly OutboxItem[]>([]);
  readonly #recipients: Recipients;
  readonly #mails: KeptMails;
  readonly recipients;
  readonly items = computed(() => {
    const known = new Map(this.#parts.drafts.left().flatMap((d) => d.left!.ids.map((id) => [id, d] as const)));
    return this.#list.value.map((i) => {
      const d = known.get(i.id);
      return { ...i, subject: d?.subject ?? "", people: d ? [...d.to, ...d.cc, ...d.bcc] : [] };
    });
  });
  #retry: (() => void) | null = null;
  #timers: (() => void)[] = [];
  #closed = false;
  readonly #going = new Set<string>(); // drafts
  readonly queued = signal<ReadonlySet<string>>(new Set()); // drafts that wait for the network

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#recipients = new Recipients(parts);
    this.recipients = this.#recipients.views;
    this.#mails = new KeptMails(parts.cache);
    parts.drafts.rest = (until) => this.#restUntil(until);
  }
  check(addresses: readonly string[], anew = false): void {
    void this.#recipients.check(addresses, anew).catch(() => {});
  }

  async send(draft: DraftHandle, o: { at?: number; readable?: boolean; notice?: Notice; linking?: Linking } = {}): Promise<SendResult> {
    await draft.save();
    const d = draft.content.peek();
    const groups = await this.#groups(d, o.readable ?? false);
    if ("state" in groups) return groups;
    const at = o.at ?? d.at;
    const s: Sending = {
      id: d.id, parts: [], sent: { key: newKey(), mail: "", mailbox: this.#parts.sync.role("sent")?.id ?? 0, uid: 0, mailId: "" },
      made: this.#parts.clock.now(), delay: at ? 0 : this.#parts.settings.value.peek().undoSend, at,
    };
    let not: SendResult | null;
    try {
      not = linksRefused(d, groups, o.linking) ?? (await this.#make(s, d, groups, o));
    } catch (e) {
      not = refused(d.files.some((f) => f.linked) && e instanceof ApiError ? (e.temporary ? "links-offline" : e.status === 404 ? "links-gone" : e.word) : "not-made", []);
    }
    if (not) {
      await this.#unlink(s);
      return not;
    }
    const result = await this.#go(s);
    if (result.state === "queued") this.queued.value = new Set([...this.queued.peek(), d.id]);
    if (result.state !== "refused") {
      (draft as Handle).stop();
      this.#parts.drafts.drop(draft as Handle);
    }
    return result;
  }

  // Who gets what: those with keys in one mail, hidden ones each in their own (a list of
  // keys tells who else reads it), and all others in the readable one.
  async #groups(d: DraftContent, readable: boolean): Promise<SendResult | Group[]> {
    const open = [...d.to, ...d.cc].map((a) => a.address.toLowerCase());
    const hidden = d.bcc.map((a) => a.address.toLowerCase()).filter((a) => !open.includes(a));
    const all = [...new Set([...open, ...hidden])];
    if (all.length === 0) return refused("no-recipient", []);
    const views = new Map([...(await this.#recipients.check(all, true))].map(([a, v]) => [a, protectedView(v, d.passwords)]));
    const of = (...states: string[]) => all.filter((a) => states.includes(views.get(a)?.state ?? "checking"));
    if (of("invalid").length) return refused("not-an-address", of("invalid"));
    if (of("blocked").length) return refused("key-changed", of("blocked"));
    if (of("checking").length) return refused("not-known", of("checking"));
    const never = d.encrypt === false || (d.encrypt === null && this.#parts.account.encrypt === "never");
    const must = d.encrypt === true || (d.encrypt === null && this.#parts.account.encrypt === "require");
    const handed = of("password");
    const plain = never ? all.filter((a) => !handed.includes(a)) : of("readable");
    if (must && plain.length > 0 && !readable) return refused("no-key", plain);
    const closed = all.filter((a) => !plain.includes(a) && !handed.includes(a));
    const keyOf = (a: string) => this.#recipients.certificate(a)!;
    const seen = closed.filter((a) => open.includes(a));
    const groups: Group[] = closed.filter((a) => !open.includes(a)).map((a) => ({ to: [a], certificates: [keyOf(a)] }));
    if (seen.length) groups.unshift({ to: seen, certificates: seen.map(keyOf) });
    if (plain.length) groups.push({ to: plain, certificates: [] });
    return [...groups, ...handed.map((a): Group => ({ to: [a], certificates: [], password: true }))];
  }

  // Fills s; answers why not, if it may not leave.
  async #make(s: Sending, d: DraftContent, groups: readonly Group[], o: { notice?: Notice; linking?: Linking }): Promise<SendResult | null> {
    const handed = groups.filter((g) => g.password).flatMap((g) => g.to);
    const held = d.files.filter((f) => !f.linked);
    if (handed.length > 0 && held.reduce((n, f) => n + f.size, 0) > LARGEST) return refused("parcel-large", handed);
    const { vault, settings, clock } = this.#parts;
    const attachments: Draft["attachments"] = [];
    for (const f of held) {
      const data = await this.#parts.drafts.files.get(f.id, f.size);
      if (!data) throw new Error("an attachment is not on this device");
      attachments.push({ name: f.name, type: f.type, content_id: f.content_id, data });
    }
    const { at } = s;
    const draft: Draft = {
      from: d.from, to: d.to, cc: d.cc, bcc: [], reply_to: d.reply_to, subject: d.subject, html: d.html, text: d.text, attachments, in_reply_to: d.in_reply_to,
      references: d.references, date: Math.floor((at ? at * 1000 : clock.now()) / 1000), message_id: d.message_id,
    };
    const copies = new Map<Reader, Draft>();
    const copyFor = async (reader: Reader): Promise<Draft> => {
      const x = copies.get(reader) ?? (await this.#linked(s, d, draft, reader, o.linking));
      copies.set(reader, x);
      return { ...x, message_id: draft.message_id, attachments: x.attachments.map((a) => ({ ...a, data: a.data.slice(0) })) };
    };
    for (const g of groups) {
      if (g.password) {
        const part = await this.#hand(d, await copyFor("letter"), g.to[0]!, at, o.notice);
        if (part === null) return refused("parcel-late", g.to);
        s.parts.push({ ...part, envelope: { ...part.envelope, ...(at ? {} : { delay: s.delay }) } });
        continue;
      }
      const sign = g.certificates.length > 0 && (d.sign ?? settings.value.peek().sign);
      const made = await vault.encrypt({ draft: await copyFor(g.certificates.length > 0 ? "sealed" : "readable"), certificates: g.certificates, sign });
      const key = newKey(); // by which the server knows it again, for a week
      const envelope: Envelope = { from: d.from.address, to: g.to, encrypted: g.certificates.length > 0, id: key, ...(at ? { at: new Date(at * 1000).toISOString() } : { delay: s.delay }) };
      s.parts.push({ envelope, key, mail: await this.#mails.keep(made.mail), id: "" });
      draft.message_id = made.message_id; // one mail, however many forms
      if (s.sent.mail === "" && d.bcc.length === 0) s.sent.mail = await this.#mails.keep(made.sent);
    }
    const own = await copyFor([...copies.keys()][0] ?? "sealed");
    if (s.sent.mail === "") s.sent.mail = await this.#mails.keep((await vault.encrypt({ draft: { ...own, bcc: d.bcc }, certificates: [], sign: false })).sent);
    await this.#parts.cache.put("pending", `send/${s.id}`, s);
    return null;
  }
  // A copy for readers of one kind, with links of its own: what is sealed for one is not
  // readable in another.
  async #linked(s: Sending, d: DraftContent, draft: Draft, reader: Reader, linking: Linking | undefined): Promise<Draft> {
    if (!linking || !d.files.some((f) => f.linked)) return draft;
    const made = await linking(d, reader, s.at);
    s.links = [...(s.links ?? []), ...made.ids];
    if (made.ends > 0) s.until = Math.min(s.until ?? Infinity, made.ends);
    return { ...draft, html: made.html, text: made.text, attachments: [...draft.attachments, ...made.attachments] };
  }
  // It does not leave: nobody opens a file by its links. Those that cannot be revoked now stay
  // with the draft.
  async #unlink(s: { id: string; links?: string[] }): Promise<void> {
    if (!s.links?.length) return;
    const rest = await this.#parts.filing.revoke(s.links).catch(() => s.links!);
    const d = this.#parts.drafts.content(s.id);
    if (d && rest.length > 0) await this.#parts.drafts.put({ ...d, links: [...new Set([...d.links, ...rest])] });
  }
  // The letter for the server to keep, and the mail that brings its link: this one says
  // nothing of it. null: it would end too late.
  async #hand(d: DraftContent, draft: Draft, to: string, at: number, notice: Notice | undefined): Promise<Part | null> {
    const { parcels, vault } = this.#parts;
    const made = await parcels.make(to, d.passwords[to]!, draft, at);
    if (made === null) return null;
    if (notice === undefined) throw new Error("nobody said what brings the link");
    const said = notice({ link: made.link, ends: parseInt(made.name.slice(0, 8), 16), from: d.from });
    const bare: Draft = { ...draft, to: [{ name: "", address: to }], cc: [], ...said, html: "", attachments: [], in_reply_to: "", references: [] };
    const { mail } = await vault.encrypt({ draft: bare, certificates: [], sign: false });
    const envelope: Envelope = { from: d.from.address, to: [to], encrypted: false, ...(at ? { at: new Date(at * 1000).toISOString() } : {}) };
    const parcel = { name: made.name, box: await this.#mails.keep(new Uint8Array(made.box)), receipt: made.receipt, there: false };
    return { envelope, key: newKey(), mail: await this.#mails.keep(mail), id: "", parcel };
  }
  async #drop(s: Sending): Promise<void> {
    await this.#parts.cache.remove("pending", `send/${s.id}`);
    this.queued.value = new Set([...this.queued.peek()].filter((id) => id !== s.id));
    await this.#mails.drop([...s.parts.flatMap((p) => [p.mail, p.parcel?.box ?? ""]), s.sent.mail]);
  }

  // From wherever it stopped.
  async #go(s: Sending): Promise<SendResult> {
    if (this.#going.has(s.id)) return { state: "queued" };
    this.#going.add(s.id);
    try {
      return await this.#steps(s);
    } finally {
      this.#going.delete(s.id);
    }
  }
  async #steps(s: Sending): Promise<SendResult> {
    const { api, cache } = this.#parts;
    try {
      for (const p of s.parts) {
        if (p.id !== "") continue;
        if (p.parcel && !p.parcel.there) {
          await this.#parts.parcels.hand(p.parcel.name, (await this.#mails.read(p.parcel.box)).buffer);
          p.parcel.there = true;
          await cache.put("pending", `send/${s.id}`, s);
        }
        p.id = await this.#send(s, p);
        await cache.put("pending", `send/${s.id}`, s);
      }
    } catch (e) {
      if (e instanceof ApiError && (e.temporary || e.status === 401)) {
        this.#later();
        return { state: "queued" };
      }
      // One group was refused: what is out comes back as far as it can, and the draft stays.
      for (const p of s.parts) if (p.id !== "") await api.takeBack(p.id).catch(() => {});
      for (const name of handedIn(s)) await this.#parts.parcels.revoke(name).catch(() => false);
      await this.#unlink(s);
      await this.#drop(s);
      return refused(e instanceof ApiError ? e.word : "not-made", []);
    }
    await this.#after(s).catch((e: unknown) => {
      if (!(e instanceof ApiError)) throw e;
      this.#later();
    });
    return { state: "sent", ids: s.parts.map((p) => p.id) };
  }
  // A strict server holds back nothing that it could read: such a mail goes at once, and
  // cannot be taken back. For a later time there is no way.
  async #send(s: Sending, p: Part): Promise<string> {
    const { api, cache } = this.#parts;
    const mail = await this.#mails.read(p.mail);
    try {
      return (await api.send(p.envelope, mail, p.key)).id;
    } catch (e) {
      if (!(e instanceof ApiError) || e.word !== "strict" || s.at) throw e;
      const { delay: _, ...envelope } = p.envelope;
      p.key = newKey();
      p.envelope = { ...envelope, id: p.key };
      s.delay = 0;
      await cache.put("pending", `send/${s.id}`, s);
      return (await api.send(p.envelope, mail, p.key)).id;
    }
  }
  // It is out: the copy in Sent with its card, the draft's rest, and what belongs to it.
  async #after(s: Sending): Promise<void> {
    const { api, vault, sync, cards, drafts, actions, contacts } = this.#parts;
    const d = drafts.content(s.id);
    const leaves = s.at ? s.at * 1000 : s.made + s.delay * 1000;
    const left = { ids: s.parts.map((p) => p.id), at: leaves, parcels: handedIn(s), ...(s.links && { links: s.links }), ...(s.until && { until: s.until }) };
    if (d && !d.left) await drafts.put({ ...d, left: { ...left, sent: null } });
    for (const { parcel } of s.parts) if (parcel) await this.#parts.parcels.keep(parcel.name, parcel.receipt);
    const mailbox = s.sent.mailbox || (sync.role("sent")?.id ?? 0);
    if (mailbox && s.sent.uid === 0) {
      const mail = await this.#mails.read(s.sent.mail);
      const a = await api.append(mailbox, mail, { flags: ["\\Seen"], key: s.sent.key });
      s.sent = { ...s.sent, mailbox, uid: a.uid, mailId: a.id };
      await this.#parts.cache.put("pending", `send/${s.id}`, s);
      if (d) {
        await drafts.put({ ...d, left: { ...left, sent: { mailbox, uid: a.uid, id: a.id } } });
        const card = await this.#card(a.id, d, mail.buffer);
        await api.putLetter(mailbox, a.uid, "card", await vault.sealCard(card)).then(() => cards.put(a.id, card), () => {});
      }
    }
    if (d?.answers) d.how === "forward" ? actions.label([d.answers], "$Forwarded", true) : actions.answered([d.answers]);
    if (d) await contacts.used([...d.to, ...d.cc, ...d.bcc]);
    await this.#drop(s);
    this.#toast(s, leaves);
    this.#restUntil(leaves);
    void this.refresh();
    void sync.refresh();
  }
  async #card(id: string, d: DraftContent, mail: ArrayBuffer): Promise<Parameters<Vault["sealCard"]>[0]> {
    const now = Math.floor(this.#parts.clock.now() / 1000);
    const files = d.files.filter((f) => !f.inline);
    return {
      id, tag: await tagOfMail(mail), subject: d.subject.slice(0, 60), from_name: d.from.name.slice(0, 25), from: d.from.address.slice(0, 120), recipients: d.to.length + d.cc.length, to: shownTo([...d.to, ...d.cc, ...d.bcc]),
      date: now, arrived: now, snippet: d.text.replace(/\s+/g, " ").trim().slice(0, 60), attachments: files.slice(0, 8).map((f) => ({ name: f.name.slice(0, 25), type: f.type.slice(0, 60), size: f.size })),
      more_attachments: Math.max(0, files.length - 8), message_id: d.message_id, in_reply_to: d.in_reply_to, references: d.references.slice(-4), class: "end-to-end", incomplete: false,
      junk: "", verified: false, dmarc: "", spf: "", dkim: "",
    };
  }
  #toast(s: Sending, leaves: number): void {
    const { actions, clock } = this.#parts;
    if (s.at) return actions.say("send-scheduled", {});
    const left = leaves > clock.now();
    actions.say("sent", {}, left ? { undo: () => void this.takeBack(s.parts[0]!.id) } : {});
  }
  // The draft goes when the mail cannot come back.
  #restUntil(leaves: number): void {
    const wait = leaves - this.#parts.clock.now() + 2_000;
    if (wait < 86_400_000) this.#timers.push(this.#parts.clock.after(Math.max(0, wait), () => void this.tidy().catch(() => {})));
  }
  async tidy(): Promise<void> {
    const due = this.#parts.drafts.left().filter((d) => d.left!.at + 1_000 <= this.#parts.clock.now());
    if (due.length === 0) return;
    const waiting = new Set((await this.#parts.api.outbox()).map((i) => i.id));
    for (const d of due) {
      if (d.left!.ids.some((id) => waiting.has(id))) continue;
      if (d.left!.discarded && !(await this.#removed(d).catch(() => false))) continue;
      await this.#parts.drafts.forget(d);
    }
  }
  // Of a draft that was discarded nothing stays in the drive. It may fail: the next look tries again.
  async #removed(d: DraftContent): Promise<boolean> {
    if ((await this.#parts.filing.revoke(d.links)).length > 0) return false;
    await this.#parts.filing.remove(d.files.filter((f) => f.linked?.own));
    return true;
  }

  async takeBack(id: string): Promise<boolean> {
    const { api, drafts, actions } = this.#parts;
    const d = drafts.left().find((x) => x.left!.ids.includes(id));
    try {
      for (const one of d?.left!.ids ?? [id]) await api.takeBack(one);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      actions.say(e.temporary ? "offline" : "gone-out", {}, { tone: "bad" });
      void this.refresh();
      return false;
    }
    if (d) {
      for (const name of d.left!.parcels ?? []) await this.#parts.parcels.revoke(name).catch(() => false);
      if (d.left!.sent) void api.changes([{ op: "expunge", mailbox: d.left!.sent.mailbox, uids: [d.left!.sent.uid] }]).catch(() => {});
      const links = await this.#parts.filing.revoke([...d.links, ...(d.left!.links ?? [])]).catch(() => d.left!.links ?? []);
      await drafts.put({ ...d, left: null, at: 0, links, changed: drafts.now() });
      actions.say("taken-back", {});
    }
    await this.refresh();
    return true;
  }
  async reschedule(id: string, at: number): Promise<boolean> {
    const d = this.#parts.drafts.left().find((x) => x.left!.ids.includes(id));
    // A letter behind a password, or a link to a file, has its end already.
    if ((d?.left!.until ?? Infinity) < at + 3600) return false;
    if ((d?.left!.parcels ?? []).some((name) => parseInt(name.slice(0, 8), 16) < at + 3600)) return false;
    try {
      for (const one of d?.left!.ids ?? [id]) await this.#parts.api.reschedule(one, new Date(at * 1000).toISOString());
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      return false;
    }
    if (d) await this.#parts.drafts.put({ ...d, left: { ...d.left!, at: at * 1000 } });
    await this.refresh();
    return true;
  }
  async refresh(): Promise<void> {
    try {
      this.#list.value = await this.#parts.api.outbox();
      await this.tidy();
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
    }
  }

  // The owner goes on writing what waits for the network: then it does not leave.
  async unqueue(draft: string): Promise<boolean> {
    const s = await this.#parts.cache.get<Sending>("pending", `send/${draft}`);
    if (!s) return true;
    if (this.#going.has(draft) || s.parts.some((p) => p.id !== "")) return false;
    await this.#drop(s);
    await this.#unlink(s);
    return true;
  }

  // What a broken-off page, or a network that was gone, left.
  async resume(): Promise<void> {
    this.#retry?.();
    this.#retry = null;
    for (const { key, value } of await this.#parts.cache.all<Sending>("pending")) {
      if (!key.startsWith("send/") || this.#closed) continue;
      this.queued.value = new Set([...this.queued.peek(), value.id]);
      const result = await this.#go(value);
      if (result.state === "refused") this.#parts.actions.say("send-failed", {}, { tone: "bad" });
    }
  }
  #later(): void {
    this.#retry?.();
    if (!this.#closed) this.#retry = this.#parts.clock.after(RETRY, () => void this.resume().catch(() => {}));
  }
  close(): void {
    this.#closed = true;
    this.#retry?.();
    for (const stop of this.#timers) stop();
  }
}

const handedIn = (s: Sending): string[] => s.parts.flatMap((p) => (p.parcel?.there ? [p.parcel.name] : []));
