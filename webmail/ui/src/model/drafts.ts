// Drafts: saved sealed on this device within seconds of a change, then for all devices.
// Where two of them wrote at once, fields are joined, and a text that both changed is kept
// twice: nothing that was typed is lost.

import { computed, effect, signal } from "@preact/signals";
import { newKey, type Clock } from "../wire/http.ts";
import type { Address, OpenedMail } from "../vault/vault.ts";
import { mergeMaps } from "./drawer.ts";
import type { DraftFiles } from "./draftfiles.ts";
import { baseSubject } from "./threads.ts";
import type { ActionsModel, Cabinet, DraftContent, DraftFile, DraftHandle, DraftLine, DraftsModel, DraftState, Drawer, MailRef, SettingsModel } from "./types.ts";

export interface DraftsParts {
  clock: Clock;
  files: DraftFiles;
  actions: ActionsModel;
  settings: SettingsModel;
  me: Address;
  own: readonly string[];
}

const QUIET = 1_000; // a pause in typing
const LATEST = 4_000; // saved by then in any case
const UNDO = 12_000; // what was discarded may come back
const held = (d: DraftContent) => d.files.filter((f) => !f.linked); // their bytes lie among those of drafts
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

const blank = (id: string, from: Address): DraftContent => ({
  id, from, to: [], cc: [], bcc: [], reply_to: [], subject: "", html: "", text: "", files: [], in_reply_to: "", references: [], message_id: "", answers: null, how: "new",
  sign: null, encrypt: null, passwords: {}, linksAs: "", linkDays: 30, links: [], at: 0, changed: 0, conflict: false, left: null,
});
function parse(v: unknown): DraftContent {
  const d = v as DraftContent;
  if (typeof d !== "object" || d === null || typeof d.id !== "string") throw new Error("a draft: expected its id");
  return { ...blank(d.id, { name: "", address: "" }), ...d };
}
export const isEmpty = (d: DraftContent): boolean =>
  d.to.length + d.cc.length + d.bcc.length + d.files.length === 0 && d.subject.trim() === "" && d.text.trim() === "" && d.html.replace(/<[^>]*>/g, "").trim() === "";

// Three sides of a draft. Answers what both agree on, and, where both changed the text,
// the other's as a copy of its own.
// What an answer begins with, below what is written. Views make one with words and formatting.
export interface Quote { html: string; text: string }
function plainQuote(mail: OpenedMail, how: "reply" | "reply-all" | "forward"): Quote {
  const text = mail.text.trimEnd();
  return { html: "", text: how === "forward" ? text : text.split("\n").map((l) => (l.startsWith(">") ? ">" + l : "> " + l)).join("\n") };
}

export function mergeDrafts(base: DraftContent | undefined, mine: DraftContent, theirs: DraftContent): { merged: DraftContent; copy: DraftContent | null } {
  const text = (d: DraftContent | undefined) => d && JSON.stringify([d.html, d.text]);
  const both = text(mine) !== text(theirs) && text(base) !== text(mine) && text(base) !== text(theirs);
  const fields = mergeMaps(base as unknown as Record<string, unknown>, mine as unknown as Record<string, unknown>, theirs as unknown as Record<string, unknown>) as unknown as DraftContent;
  const merged = { ...fields, html: fields.html, changed: Math.max(mine.changed, theirs.changed) };
  if (text(base) === text(mine)) [merged.html, merged.text] = [theirs.html, theirs.text];
  else [merged.html, merged.text] = [mine.html, mine.text];
  // What was sent by one side stays sent; what was typed meanwhile stays as a copy.
  return { merged, copy: both ? { ...theirs, id: copyId(theirs), conflict: true, left: null, message_id: "" } : null };
}
// The same on every device that sees the conflict, so that one copy comes of it.
function copyId(d: DraftContent): string {
  let h = [2166136261, 40389];
  for (const c of d.id + d.changed + d.text + d.html) h = h.map((x, i) => Math.imul(x ^ (c.codePointAt(0)! + i), 16777619) >>> 0);
  return h.map((x) => x.toString(16).padStart(8, "0")).join("");
}

export class Drafts implements DraftsModel {
  readonly #parts: DraftsParts;
  readonly #drawer: Drawer<DraftContent>;
  readonly #open = signal<readonly Handle[]>([]);
  readonly #recovered = signal<readonly string[]>([]);
  readonly recovered = this.#recovered;
  readonly open = this.#open;
  readonly all = computed(() => this.#lines());
  #stops: (() => void)[] = [];

  constructor(cabinet: Cabinet, parts: DraftsParts) {
    this.#parts = parts;
    this.#drawer = cabinet.drawer<DraftContent>("drafts", {
      parse,
      only: (name) => /^[0-9a-f]{16}$/.test(name),
      merge: (base, mine, theirs) => {
        if (!mine || !theirs) {
          // Changed on one side and removed on the other: what was typed wins.
          const left = mine ?? theirs;
          return left && base && same(left, base) ? null : left;
        }
        const { merged, copy } = mergeDrafts(base, mine, theirs);
        if (copy) queueMicrotask(() => void this.#drawer.put(copy.id, copy).catch(() => {}));
        return merged;
      },
    });
    this.#stops.push(
      effect(() => {
        const items = this.#drawer.items.value;
        for (const h of this.#open.peek()) h.arrived(items.get(h.id)?.value);
      }),
    );
  }
  unqueue: (id: string) => Promise<boolean> = async () => true; // set by the outbox
  rest: (until: number) => void = () => {}; // as well
  // Called once what lay on this device is read.
  loaded(): void {
    this.#recovered.value = [...this.#drawer.items.peek().values()].filter((i) => i.waiting && !i.value.left).map((i) => i.name);
    for (const i of this.#drawer.items.peek().values()) if (i.waiting) this.upload(i.value);
  }
  #lines(): DraftLine[] {
    return [...this.#drawer.items.value.values()]
      .filter((i) => !i.value.left)
      .map(({ value: d, waiting }) => ({ id: d.id, to: d.to, subject: d.subject, snippet: d.text.replace(/\s+/g, " ").slice(0, 160), changed: d.changed, files: d.files.length, conflict: d.conflict, waiting }))
      .sort((a, b) => b.changed - a.changed);
  }

  // quote stands below the signature, where an answer is written above it.
  async create(start: Partial<DraftContent> = {}, quote?: Quote): Promise<DraftHandle> {
    const id = newKey().slice(0, 16);
    const settings = this.#parts.settings.value.peek();
    const from = start.from ?? { ...this.#parts.me };
    const signature = settings.signatures.find((s) => s.id === settings.signatureFor[from.address.toLowerCase()]);
    const words = {
      text: (signature ? `\n\n-- \n${signature.text}` : "") + (quote ? `\n\n${quote.text}` : ""),
      html: settings.plainText || !(signature || quote) ? "" : `<div><br></div>${signature?.html ?? ""}${quote?.html ?? ""}`,
    };
    const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
    return this.#take({ ...blank(id, from), ...words, message_id: `<${newKey()}@${domain}>`, ...start, id });
  }
  async edit(id: string): Promise<DraftHandle | null> {
    const open = this.#open.peek().find((h) => h.id === id);
    if (!open && !(await this.unqueue(id))) return null; // it is leaving
    const value = this.#drawer.items.peek().get(id)?.value;
    this.#recovered.value = this.#recovered.peek().filter((x) => x !== id);
    return open ?? (value ? this.#take(value) : null);
  }
  #take(content: DraftContent): Handle {
    const h = new Handle(this, content, this.#parts.clock);
    this.#open.value = [...this.#open.peek(), h];
    return h;
  }

  async reply(mail: OpenedMail, ref: MailRef, how: "reply" | "reply-all" | "forward", quote: Quote = plainQuote(mail, how)): Promise<DraftHandle> {
    const mine = (a: Address) => this.#parts.own.includes(a.address.toLowerCase());
    const own = [...mail.to, ...mail.cc].find(mine);
    const from = own ? { name: this.#parts.me.name, address: own.address } : { ...this.#parts.me };
    const written = mail.from.every(mine); // an answer to oneself goes to whom one wrote
    const back = written ? mail.to : mail.reply_to.length > 0 ? mail.reply_to : mail.from;
    const seen = new Set<string>(back.map((a) => a.address.toLowerCase()));
    const rest = [...(written ? [] : mail.to), ...mail.cc].filter((a) => !mine(a) && !seen.has(a.address.toLowerCase()) && seen.add(a.address.toLowerCase()));
    const base = baseOf(mail.subject);
    const start: Partial<DraftContent> =
      how === "forward"
        ? { subject: "Fwd: " + base, how }
        : {
            to: [...back], cc: how === "reply-all" ? rest : [], subject: "Re: " + base, how,
            in_reply_to: mail.message_id, references: [...mail.references, mail.message_id].filter(Boolean).slice(-20),
          };
    return this.create({ from, ...start, answers: ref }, quote);
  }

  // -- for handles and for the outbox
  content(id: string): DraftContent | undefined {
    return this.#drawer.items.peek().get(id)?.value;
  }
  waiting(id: string): boolean {
    return this.#drawer.items.value.get(id)?.waiting ?? false;
  }
  left(): DraftContent[] {
    return [...this.#drawer.items.value.values()].map((i) => i.value).filter((d) => d.left);
  }
  put(d: DraftContent): Promise<void> {
    return this.#drawer.put(d.id, d);
  }
  now(): number {
    return this.#parts.clock.now();
  }
  get files(): DraftFiles {
    return this.#parts.files;
  }
  upload(d: DraftContent): void {
    for (const f of held(d)) void this.#parts.files.upload(f.id, f.size).catch(() => {});
  }
  drop(h: Handle): void {
    this.#open.value = this.#open.peek().filter((x) => x !== h);
  }
  async forget(d: DraftContent): Promise<void> {
    await this.#drawer.remove(d.id);
    for (const f of held(d)) await this.#parts.files.remove(f.id, f.size);
  }
  async discard(d: DraftContent): Promise<void> {
    if (d.links.length > 0 || d.files.some((f) => f.linked?.own)) return this.#discardLinked(d);
    const files = await Promise.all(held(d).map(async (f) => [f, await this.#parts.files.get(f.id, f.size)] as const));
    await this.forget(d);
    this.#parts.actions.say("draft-discarded", {}, {
      undo: () =>
        void (async () => {
          for (const [f, data] of files) if (data) await this.#parts.files.put(f.id, data);
          await this.put(d);
          this.upload(d);
        })(),
    });
  }
  // What it put into the drive goes with it, when it cannot come back: until then it rests, so
  // that any device does that.
  async #discardLinked(d: DraftContent): Promise<void> {
    const at = this.now() + UNDO;
    await this.put({ ...d, left: { ids: [], at, sent: null, discarded: true } });
    this.rest(at);
    this.#parts.actions.say("draft-discarded", {}, { undo: () => void this.put({ ...d, changed: this.now() }) });
  }
  async saveAll(): Promise<void> {
    await Promise.all(this.#open.peek().map((h) => h.flush()));
  }
  close(): void {
    for (const stop of this.#stops) stop();
    for (const h of this.#open.peek()) h.stop();
  }
}

const baseOf = (subject: string): string => {
  const base = baseSubject(subject);
  return base === "" ? subject : subject.slice(subject.toLowerCase().lastIndexOf(base));
};

class Handle implements DraftHandle {
  readonly id: string;
  readonly content;
  readonly savedAt = signal(0);
  readonly state;
  take: () => void = () => {};
  readonly #drafts: Drafts;
  readonly #clock: Clock;
  readonly #phase = signal<"saved" | "unsaved" | "saving">("saved");
  #base: DraftContent; // what was stored when this began, or was last saved
  #quiet: (() => void) | null = null;
  #first = 0; // of the changes that are not saved
  #gone = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(drafts: Drafts, content: DraftContent, clock: Clock) {
    this.id = content.id;
    this.#drafts = drafts;
    this.#clock = clock;
    this.#base = content;
    this.content = signal(content);
    this.state = computed((): DraftState => {
      if (this.content.value.conflict) return "conflict";
      if (this.#phase.value !== "saved") return this.#phase.value;
      return drafts.waiting(this.id) ? "offline" : "saved";
    });
  }
  update(change: Partial<DraftContent>): void {
    if (this.#gone) return;
    const next = { ...this.content.peek(), ...change, id: this.id };
    if (same(next, this.content.peek())) return;
    const now = this.#clock.now();
    this.content.value = { ...next, changed: now };
    if (this.#phase.peek() !== "unsaved") this.#first = now;
    this.#phase.value = "unsaved";
    this.#quiet?.();
    this.#quiet = this.#clock.after(Math.max(0, Math.min(QUIET, this.#first + LATEST - now)), () => void this.#saveChanges().catch(() => {}));
  }
  // Another device, or tab, stored something.
  arrived(theirs: DraftContent | undefined): void {
    if (!theirs || this.#gone || same(theirs, this.#base)) return;
    this.take();
    if (this.#phase.peek() === "saved") {
      this.#base = theirs;
      this.content.value = theirs;
    }
  }
  save(): Promise<void> {
    // Asked for by name, it stores also what nobody has touched yet.
    if (this.#phase.peek() === "saved" && !this.#drafts.content(this.id) && !isEmpty(this.content.peek())) this.#phase.value = "unsaved";
    return this.#saveChanges();
  }
  #saveChanges(): Promise<void> {
    this.take();
    this.#quiet?.();
    this.#quiet = null;
    this.#saving = this.#saving.then(() => this.#save());
    return this.#saving;
  }
  async #save(): Promise<void> {
    if (this.#gone || this.#phase.peek() !== "unsaved") return;
    this.#phase.value = "saving";
    let mine = this.content.peek();
    const stored = this.#drafts.content(this.id);
    if (stored && !same(stored, this.#base) && !same(stored, mine)) {
      const { merged, copy } = mergeDrafts(this.#base, mine, stored);
      if (copy) await this.#drafts.put(copy);
      mine = merged;
      this.content.value = merged;
    }
    try {
      this.#base = mine;
      await this.#drafts.put(mine);
      this.savedAt.value = this.#clock.now();
      this.#phase.value = same(this.content.peek(), mine) ? "saved" : "unsaved";
    } catch (e) {
      this.#phase.value = "unsaved";
      throw e;
    }
    this.#drafts.upload(mine);
    if (this.#phase.peek() === "unsaved") this.#quiet = this.#clock.after(QUIET, () => void this.#saveChanges().catch(() => {}));
  }

  flush(): Promise<void> {
    return this.#saveChanges();
  }

  async attach(file: { name: string; type: string; data: ArrayBuffer; inline?: boolean; content_id?: string }): Promise<DraftFile> {
    const f: DraftFile = { id: newKey().slice(0, 16), name: file.name, type: file.type, size: file.data.byteLength, content_id: file.content_id ?? (file.inline ? this.#contentID() : ""), inline: file.inline ?? false };
    await this.#drafts.files.put(f.id, file.data);
    this.update({ files: [...this.content.peek().files, f] });
    return f;
  }
  // By it the text names a picture that stands in it.
  #contentID(): string {
    const { address } = this.content.peek().from;
    return `${newKey()}@${address.slice(address.lastIndexOf("@") + 1)}`;
  }
  async detach(id: string): Promise<void> {
    const f = this.content.peek().files.find((x) => x.id === id);
    if (!f) return;
    this.update({ files: this.content.peek().files.filter((x) => x.id !== id) });
    await this.save();
    if (!f.linked) await this.#drafts.files.remove(f.id, f.size);
  }
  async file(id: string): Promise<ArrayBuffer | null> {
    const f = this.content.peek().files.find((x) => x.id === id);
    return f && !f.linked ? this.#drafts.files.get(f.id, f.size) : null;
  }
  async close(): Promise<void> {
    await this.#saveChanges();
    this.stop();
    this.#drafts.drop(this);
    if (isEmpty(this.content.peek())) await this.#drafts.forget(this.content.peek());
  }
  async discard(): Promise<void> {
    this.stop();
    this.#drafts.drop(this);
    await this.#saving;
    await this.#drafts.discard(this.content.peek());
  }
  // It was given to the outbox: no further change.
  stop(): void {
    this.#gone = true;
    this.#quiet?.();
  }
}
export type { Handle };
