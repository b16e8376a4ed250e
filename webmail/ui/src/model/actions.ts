// What the owner does to mail. Each action shows at once, can be undone, and finds its way
// to the server when there is one.

import { computed, signal } from "@preact/signals";
import type { Change } from "../wire/api.ts";
import { ApiError, type Api, type Clock } from "../wire/http.ts";
import type { Act } from "./overlay.ts";
import type { Queue } from "./queue.ts";
import type { Sync } from "./sync.ts";
import type { ActionsModel, MailRef, MailboxView, SettingsModel, Toast } from "./types.ts";

interface Step {
  ids: string[]; // in the queue
  inverse: Act[];
  also?: () => void; // more to put back
  toast: number;
}
export interface ActionsParts {
  api: Api;
  clock: Clock;
  sync: Sync;
  queue: Queue;
  settings: SettingsModel;
}

const SHOWN = 8_000;
const HELD = 10_000; // what cannot be put back is held back instead
const STEPS = 50;
export const SNOOZED = "$Snoozed";

export class Actions implements ActionsModel {
  readonly #parts: ActionsParts;
  readonly #toasts = signal<readonly Toast[]>([]);
  readonly #steps = signal<readonly Step[]>([]);
  readonly toasts = this.#toasts;
  readonly waiting;
  readonly canUndo = computed(() => this.#steps.value.length > 0);
  #ids = 1;
  #timers = new Map<number, () => void>();

  constructor(parts: ActionsParts) {
    this.#parts = parts;
    this.waiting = parts.queue.waiting;
    parts.queue.onMoved = (from, to) => this.#follow(from, to);
  }

  // -- flags
  #flags(refs: readonly MailRef[], add: string[], remove: string[], word: string | null): Step | null {
    const change = refs.filter((r) => {
      const now = this.#parts.sync.flagsOf(r);
      return add.some((f) => !now.includes(f)) || remove.some((f) => now.includes(f));
    });
    if (change.length === 0) return null;
    // Back to what each had: one inverse for each kind of difference.
    const kinds = new Map<string, Act & { op: "flags" }>();
    for (const r of change) {
      const now = this.#parts.sync.flagsOf(r);
      const back = { remove: add.filter((f) => !now.includes(f)), add: remove.filter((f) => now.includes(f)) };
      const key = JSON.stringify(back);
      const act = kinds.get(key) ?? { op: "flags", refs: [], ...back };
      act.refs.push(r);
      kinds.set(key, act);
    }
    return this.#do({ op: "flags", refs: [...change], add, remove }, [...kinds.values()], word, { count: change.length });
  }
  flag(refs: readonly MailRef[], on: boolean): void {
    this.#flags(refs, on ? ["\\Flagged"] : [], on ? [] : ["\\Flagged"], null);
  }
  seen(refs: readonly MailRef[], on: boolean, quiet = false): void {
    this.#flags(refs, on ? ["\\Seen"] : [], on ? [] : ["\\Seen"], quiet ? "" : on ? "read" : "unread");
  }
  answered(refs: readonly MailRef[]): void {
    this.#flags(refs, ["\\Answered"], [], "");
  }
  label(refs: readonly MailRef[], keyword: string, on: boolean): void {
    this.#flags(refs, on ? [keyword] : [], on ? [] : [keyword], on ? "labelled" : "unlabelled");
  }

  // -- places
  move(refs: readonly MailRef[], mailbox: number): void {
    this.#move(refs, mailbox, "moved", {});
  }
  #move(refs: readonly MailRef[], to: number, word: string, values: Toast["values"]): void {
    const go = refs.filter((r) => r.mailbox !== to);
    if (go.length === 0) return;
    const back = new Map<number, MailRef[]>();
    for (const r of go) back.set(r.mailbox, [...(back.get(r.mailbox) ?? []), r]);
    const inverse = [...back].map(([box, list]): Act => ({ op: "move", refs: list, to: box }));
    const name = this.#parts.sync.mailboxes.peek().find((b) => b.id === to);
    this.#do({ op: "move", refs: [...go], to }, inverse, word, { count: go.length, mailbox: name?.leaf ?? "", ...values });
  }
  copy(refs: readonly MailRef[], mailbox: number): void {
    this.#queue({ op: "copy", refs: [...refs], to: mailbox });
    this.say("copied", { count: refs.length });
  }
  #to(role: MailboxView["role"], refs: readonly MailRef[], word: string): void {
    const box = this.#parts.sync.role(role);
    if (box) this.#move(refs, box.id, word, {});
    else void this.#make(role).then((id) => (id === null ? this.say("failed", {}, { tone: "bad" }) : this.#move(refs, id, word, {})));
  }
  // A mailbox that an account lacks is made when it is needed.
  async #make(role: MailboxView["role"]): Promise<number | null> {
    const name = { archive: "Archive", junk: "Junk", trash: "Trash" }[role as string];
    if (!name) return null;
    try {
      await this.#parts.api.changes([{ op: "create", name, use: `\\${name}` }]);
      await this.#parts.sync.refresh();
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
    }
    return this.#parts.sync.role(role)?.id ?? null;
  }
  archive(refs: readonly MailRef[]): void {
    this.#to("archive", refs, "archived");
  }
  junk(refs: readonly MailRef[], on: boolean): void {
    const inbox = this.#parts.sync.role("inbox");
    if (on) this.#to("junk", refs, "junked");
    else if (inbox) this.#move(refs, inbox.id, "not-junk", {});
  }
  trash(refs: readonly MailRef[]): void {
    const bin = this.#parts.sync.role("trash")?.id;
    const here = refs.filter((r) => r.mailbox === bin);
    if (here.length > 0) this.expunge(here);
    if (here.length < refs.length) this.#to("trash", refs.filter((r) => r.mailbox !== bin), "trashed");
  }
  expunge(refs: readonly MailRef[]): void {
    if (refs.length > 0) this.#do({ op: "expunge", refs: [...refs] }, [], "deleted", { count: refs.length }, HELD);
  }
  emptyMailbox(mailbox: number): void {
    const c = this.#parts.sync.columns(mailbox);
    if (!c) return;
    const hidden = this.#parts.sync.overlay.peek().hidden(mailbox);
    const refs: MailRef[] = [];
    for (let i = 0; i < c.length; i++) if (!hidden?.has(c.uids[i]!)) refs.push({ mailbox, uid: c.uids[i]!, id: c.ids[i]! });
    this.expunge(refs);
  }

  // -- later, and never
  snooze(refs: readonly MailRef[], until: number): void {
    const was = this.#parts.settings.value.peek().snoozed;
    const next = { ...was };
    for (const r of refs) {
      if (until > 0) next[r.id] = { until, from: r.mailbox };
      else delete next[r.id];
    }
    void this.#parts.settings.set({ snoozed: next });
    const step = this.#flags(refs, until > 0 ? [SNOOZED] : [], until > 0 ? [] : [SNOOZED], until > 0 ? "snoozed" : "woken");
    if (step) step.also = () => {
      const now = { ...this.#parts.settings.value.peek().snoozed };
      for (const r of refs) {
        if (was[r.id]) now[r.id] = was[r.id]!;
        else delete now[r.id];
      }
      void this.#parts.settings.set({ snoozed: now });
    };
  }
  // Those whose time has come are unread again, on top (list.ts sorts by when they woke).
  wake(now: number): void {
    const due = Object.entries(this.#parts.settings.value.peek().snoozed).filter(([, s]) => s.until <= now);
    const refs = due.map(([id]) => this.#parts.sync.find(id)).filter((r): r is MailRef => !!r && this.#parts.sync.flagsOf(r).includes(SNOOZED));
    if (refs.length > 0) this.#queue({ op: "flags", refs, add: [], remove: [SNOOZED, "\\Seen"] });
  }
  mute(refs: readonly MailRef[], on: boolean): void {
    const roots = refs.map((r) => this.#root(r)).filter((x) => x !== "");
    const was = this.#parts.settings.value.peek().muted;
    const set = new Set(was);
    for (const id of roots) on ? set.add(id) : set.delete(id);
    void this.#parts.settings.set({ muted: [...set].slice(-2_000) });
    this.say(on ? "muted" : "unmuted", {}, { undo: () => void this.#parts.settings.set({ muted: was }) });
  }
  #root(r: MailRef): string {
    const c = this.#parts.sync.card(r.id);
    return c ? (c.references[0] ?? (c.in_reply_to || c.message_id)) : "";
  }

  // -- doing and undoing
  #queue(act: Act, delay = 0): string[] {
    const { ids, saved } = this.#parts.queue.add(act, delay);
    saved.catch(() => this.say("not-kept", {}, { tone: "bad" })); // this browser's store is full or gone
    return ids;
  }
  // word null: no toast, yet undoable; "": neither.
  #do(act: Act, inverse: Act[], word: string | null, values: Toast["values"], delay = 0): Step | null {
    const ids = this.#queue(act, delay);
    if (word === "") return null;
    const step: Step = { ids, inverse, toast: 0 };
    if (word !== null) step.toast = this.#toast(word, values, () => this.#undo(step), "plain", delay || SHOWN);
    this.#steps.value = [...this.#steps.peek().slice(-STEPS + 1), step];
    return step;
  }
  undo(): void {
    const step = this.#steps.peek().at(-1);
    if (step) this.#undo(step);
  }
  #undo(step: Step): void {
    if (!this.#steps.peek().includes(step)) return;
    this.#steps.value = this.#steps.peek().filter((s) => s !== step);
    if (step.toast) this.dismiss(step.toast);
    const waiting = step.ids.filter((id) => this.#parts.queue.knows(id));
    const out = this.#parts.queue.cancel(waiting);
    step.also?.();
    if (step.ids.length === waiting.length && out.length === 0) return; // nothing had left
    if (step.inverse.length === 0) return void this.say("too-late", {}, { tone: "bad" });
    for (const act of step.inverse) this.#queue(act);
  }
  // A mail has moved: steps that remember its old place follow it.
  #follow(from: MailRef, to: MailRef): void {
    const move = (r: MailRef) => (r.mailbox === from.mailbox && r.uid === from.uid ? to : r);
    for (const s of this.#steps.peek()) for (const act of s.inverse) act.refs = act.refs.map(move);
    this.onMoved(from, to);
  }
  onMoved: (from: MailRef, to: MailRef) => void = () => {};

  say(word: string, values: Toast["values"] = {}, o: { undo?: () => void; tone?: Toast["tone"] } = {}): void {
    this.#toast(word, values, o.undo ?? null, o.tone ?? "plain", SHOWN);
  }
  #toast(word: string, values: Toast["values"], undo: (() => void) | null, tone: Toast["tone"], shown: number): number {
    const id = this.#ids++;
    const back = undo && (() => {
      this.dismiss(id);
      undo();
    });
    const until = this.#parts.clock.now() + shown;
    this.#toasts.value = [...this.#toasts.peek().slice(-2), { id, word, values, undo: back, tone, until }];
    this.#timers.set(id, this.#parts.clock.after(shown, () => this.dismiss(id)));
    return id;
  }
  dismiss(id: number): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
    this.#toasts.value = this.#toasts.peek().filter((t) => t.id !== id);
  }
  close(): void {
    for (const stop of this.#timers.values()) stop();
  }

  // -- mailboxes: asked of the server at once, as names may be taken
  async #boxes(...changes: Change[]): Promise<boolean> {
    try {
      await this.#parts.api.changes(changes);
      await this.#parts.sync.refresh();
      return true;
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      this.say(e.temporary ? "offline" : "mailbox-refused", {}, { tone: "bad" });
      return false;
    }
  }
  createMailbox(name: string): Promise<boolean> {
    return this.#boxes({ op: "create", name }, { op: "subscribe", name, on: true });
  }
  renameMailbox(from: string, name: string): Promise<boolean> {
    // Mail programs show what is subscribed, and that goes by name.
    const moved = this.#parts.sync.mailboxes.peek().filter((b) => b.subscribed && (b.name === from || b.name.startsWith(from + "/")));
    return this.#boxes({ op: "rename", from, name }, ...moved.flatMap((b): Change[] => [
      { op: "subscribe", name: b.name, on: false }, { op: "subscribe", name: name + b.name.slice(from.length), on: true },
    ]));
  }
  removeMailbox(name: string): Promise<boolean> {
    return this.#boxes({ op: "remove", name });
  }
  subscribeMailbox(name: string, on: boolean): Promise<boolean> {
    return this.#boxes({ op: "subscribe", name, on });
  }
}
