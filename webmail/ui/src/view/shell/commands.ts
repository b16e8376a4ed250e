// Every command of the mail pages: its words, its keys and what it does, in one table.
// Keys, menus, the palette and the help page all read it; settings may give other keys.
//
// "Mod+k" is held together (Mod is Ctrl, or Command on a Mac), "g i" is typed one after
// another, "j|ArrowDown" is either.
import type { Desk, MailRef, OpenedMail, Row } from "../../model/types.ts";
import type { IconName } from "../kit/index.ts";
import type { Key } from "../../words/index.ts";
import { go, route } from "../../router.ts";
import { isEmpty, withList, withMail } from "./places.ts";
import { panel, type Panel } from "./state.ts";

export type Group = "read" | "act" | "write" | "go" | "page";
export interface Command {
  id: string;
  words: Key;
  keys: string;
  group: Group;
  icon?: IconName;
  needsMail?: boolean; // greyed out unless something is chosen or open
  run: (desk: Desk) => void;
}

/** What a command is about: what is picked, else the mail that is open, else the cursor's. */
export function about(desk: Desk): readonly MailRef[] {
  if (desk.list.selected.value.size > 0) return desk.list.chosen();
  const open = openRow(desk);
  return open ? open.refs : desk.mail.mails.value.length ? desk.mail.mails.value.map((m) => m.ref) : desk.list.chosen();
}
export function openRow(desk: Desk): Row | undefined {
  const key = desk.mail.key.value;
  return key === null ? undefined : desk.list.row(desk.list.indexOf(key));
}

/** Acts, and where the open mail goes away opens the next. */
function away(act: (desk: Desk, refs: readonly MailRef[]) => void): (desk: Desk) => void {
  return (desk) => {
    const refs = about(desk), key = desk.mail.key.peek();
    if (!refs.length) return;
    const at = key === null ? -1 : desk.list.indexOf(key);
    const leaves = at >= 0 && refs.some((r) => desk.mail.mails.peek().some((m) => m.ref.id === r.id));
    act(desk, refs);
    desk.list.clearSelection();
    if (!leaves) return;
    const next = desk.list.row(at);
    if (next && next.key !== key) openAt(desk, at);
    else if (!next) closeMail(desk);
  };
}

export function openAt(desk: Desk, i: number): void {
  const row = desk.list.row(i);
  if (!row) return;
  desk.list.setCursor(i);
  go(withMail(route.peek(), row.ref), { replace: route.peek().page === "mail" && !isEmpty(route.peek()) });
  void desk.mail.show(row);
}
export function closeMail(desk: Desk): void {
  desk.mail.close();
  go(withMail(route.peek(), undefined));
}

function step(by: number): (desk: Desk) => void {
  return (desk) => {
    const key = desk.mail.key.peek();
    if (key !== null) {
      const at = desk.list.indexOf(key);
      return openAt(desk, at < 0 ? Math.max(0, desk.list.cursor.peek()) : at + by);
    }
    if (desk.list.cursor.peek() < 0) desk.list.setCursor(0);
    else desk.list.move(by);
  };
}

/** Answers a mail; the editor that quotes it comes when it is first needed. */
export async function answerTo(desk: Desk, mail: OpenedMail, ref: MailRef, how: "reply" | "reply-all" | "forward"): Promise<void> {
  await (await import("../compose/answer.ts")).answer(desk, mail, ref, how);
}
const newest = (desk: Desk) => desk.mail.mails.peek().findLast((m) => m.state === "open" && m.opened);
async function answer(desk: Desk, how: "reply" | "reply-all" | "forward"): Promise<void> {
  if (desk.mail.key.peek() === null) openAt(desk, desk.list.cursor.peek());
  const m = newest(desk);
  if (m?.opened) await answerTo(desk, m.opened, m.ref, how);
}

const flagsOf = (desk: Desk, refs: readonly MailRef[], flag: string) => refs.some((r) => desk.sync.flagsOf(r).includes(flag));
const open = (p: Panel) => (desk: Desk) => { if (p === "palette" || p === "help" || about(desk).length) panel.value = p; };
const place = (name: Parameters<typeof withList>[0]) => () => go(withList(name));

export const commands: readonly Command[] = [
  { id: "next", words: "do.next", keys: "j", group: "read", run: step(1) },
  { id: "previous", words: "do.previous", keys: "k", group: "read", run: step(-1) },
  { id: "open", words: "do.open", keys: "o|Enter", group: "read", icon: "mail-open", run: (d) => openAt(d, d.list.cursor.peek()) },
  { id: "close", words: "do.close", keys: "u", group: "read", icon: "back", run: closeMail },
  { id: "pick", words: "do.pick", keys: "x", group: "read", icon: "check", run: (d) => d.list.select(d.list.cursor.peek(), "toggle") },
  { id: "pick-all", words: "do.pickall", keys: "* a|Mod+a", group: "read", run: (d) => d.list.selectAll() },
  { id: "pick-none", words: "do.picknone", keys: "* n", group: "read", run: (d) => d.list.clearSelection() },

  { id: "archive", words: "do.archive", keys: "e", group: "act", icon: "archive", needsMail: true, run: away((d, r) => d.actions.archive(r)) },
  { id: "trash", words: "do.trash", keys: "#|Delete", group: "act", icon: "trash", needsMail: true, run: away(trash) },
  { id: "junk", words: "do.junk", keys: "!", group: "act", icon: "junk", needsMail: true, run: away((d, r) => d.actions.junk(r, !inRole(d, r, "junk"))) },
  { id: "star", words: "do.star", keys: "s", group: "act", icon: "star", needsMail: true, run: (d) => { const r = about(d); d.actions.flag(r.slice(0, d.list.selected.peek().size ? r.length : 1), !flagsOf(d, r, "\\Flagged")); } },
  { id: "seen", words: "do.seen", keys: "I", group: "act", icon: "mail-open", needsMail: true, run: (d) => d.actions.seen(about(d), true) },
  { id: "unseen", words: "do.unseen", keys: "U", group: "act", icon: "mail", needsMail: true, run: (d) => { const r = about(d); if (d.mail.key.peek() !== null) closeMail(d); d.actions.seen(r, false); } },
  { id: "move", words: "do.move", keys: "v", group: "act", icon: "move", needsMail: true, run: open("move") },
  { id: "label", words: "do.label", keys: "l", group: "act", icon: "label", needsMail: true, run: open("label") },
  { id: "snooze", words: "do.snooze", keys: "b", group: "act", icon: "clock", needsMail: true, run: open("snooze") },
  { id: "mute", words: "do.mute", keys: "m", group: "act", icon: "mute", needsMail: true, run: away((d, r) => d.actions.mute(r, true)) },
  { id: "undo", words: "do.undo", keys: "z|Mod+z", group: "act", icon: "undo", run: (d) => d.actions.undo() },

  { id: "compose", words: "do.compose", keys: "c", group: "write", icon: "pen", run: (d) => void d.drafts.create() },
  { id: "reply", words: "do.reply", keys: "r", group: "write", icon: "reply", needsMail: true, run: (d) => void answer(d, "reply") },
  { id: "reply-all", words: "do.replyall", keys: "a", group: "write", icon: "reply-all", needsMail: true, run: (d) => void answer(d, "reply-all") },
  { id: "forward", words: "do.forward", keys: "f", group: "write", icon: "forward", needsMail: true, run: (d) => void answer(d, "forward") },
  { id: "send", words: "do.send", keys: "Mod+Enter", group: "write", icon: "sent", run: () => {} }, // the composer's own

  { id: "go-inbox", words: "go.inbox", keys: "g i", group: "go", icon: "inbox", run: place("inbox") },
  { id: "go-starred", words: "go.starred", keys: "g t", group: "go", icon: "star", run: place("starred") },
  { id: "go-snoozed", words: "go.snoozed", keys: "g b", group: "go", icon: "clock", run: place("snoozed") },
  { id: "go-sent", words: "go.sent", keys: "g s", group: "go", icon: "sent", run: place("sent") },
  { id: "go-drafts", words: "go.drafts", keys: "g d", group: "go", icon: "draft", run: place("drafts") },
  { id: "go-archive", words: "go.archive", keys: "g a", group: "go", icon: "archive", run: place("archive") },
  { id: "go-junk", words: "go.junk", keys: "g j", group: "go", icon: "junk", run: place("junk") },
  { id: "go-trash", words: "go.trash", keys: "g #", group: "go", icon: "trash", run: place("trash") },
  { id: "go-all", words: "go.all", keys: "g l", group: "go", icon: "all", run: place("all") },
  { id: "go-contacts", words: "go.contacts", keys: "g c", group: "go", icon: "people", run: () => go({ page: "contacts", id: "" }) },
  { id: "go-drive", words: "go.drive", keys: "g f", group: "go", icon: "storage", run: () => go({ page: "drive", at: "" }) },
  { id: "go-settings", words: "go.settings", keys: "g ,", group: "go", icon: "settings", run: () => go({ page: "settings", part: "" }) },

  { id: "search", words: "do.search", keys: "/", group: "page", icon: "search", run: () => document.getElementById("search")?.focus() },
  { id: "palette", words: "do.palette", keys: "Mod+k", group: "page", icon: "keyboard", run: open("palette") },
  { id: "help", words: "do.help", keys: "?", group: "page", icon: "question", run: open("help") },
  { id: "refresh", words: "do.refresh", keys: "Shift+F5", group: "page", icon: "refresh", run: (d) => void d.sync.refresh() },
];

export const inRole = (desk: Desk, refs: readonly MailRef[], role: "junk" | "trash" | "archive") => {
  const id = desk.sync.role(role)?.id;
  return id !== undefined && refs.length > 0 && refs.every((r) => r.mailbox === id);
};

/** In the bin already: for ever. */
function trash(desk: Desk, refs: readonly MailRef[]): void {
  if (inRole(desk, refs, "trash")) desk.actions.expunge(refs);
  else desk.actions.trash(refs);
}

const byId = new Map(commands.map((c) => [c.id, c]));
export const command = (id: string): Command => {
  const c = byId.get(id);
  if (!c) throw new Error(`no command is called ${id}`);
  return c;
};

/** The keys of a command as this owner has them. */
export const keysOf = (c: Command, remapped: { [id: string]: string }): string => remapped[c.id] ?? c.keys;
/** The first of them, for a hint. */
export const firstKeys = (c: Command, remapped: { [id: string]: string }): string => keysOf(c, remapped).split("|")[0] ?? "";
