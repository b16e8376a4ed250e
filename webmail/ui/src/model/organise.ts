// Looking after labels, folders and saved searches. The server knows a label's keyword and
// never its name: a rename is one line of the settings, and all mails follow.

import { moved } from "./rules.ts";
import type { Desk, Label, MailboxView, MailRef, Settings } from "./types.ts";

export const LABEL_COLOURS = 12;

/** Folders whose new mail is told: the inbox, unless their owner chose. */
export const noticedIn = (s: Settings): string[] => {
  const kept = s.more["noticed"];
  return Array.isArray(kept) ? kept.filter((x): x is string => typeof x === "string") : ["INBOX"];
};

/** Every mail that has a keyword, wherever it lies. */
export function mailsWith(sync: Desk["sync"], keyword: string): MailRef[] {
  const out: MailRef[] = [];
  for (const box of sync.mailboxes.peek()) {
    const c = sync.columns(box.id);
    if (!c) continue;
    const sets = c.flagSets.map((flags) => flags.includes(keyword));
    for (let i = 0; i < c.length; i++) if (sets[c.flags[i]!]) out.push({ mailbox: box.id, uid: c.uids[i]!, id: c.ids[i]! });
  }
  return out;
}

const labelsOf = (desk: Desk) => desk.settings.value.peek().labels;
const put = (desk: Desk, labels: Label[]) => desk.settings.set({ labels });

export const changeLabel = (desk: Desk, keyword: string, change: Partial<Omit<Label, "keyword">>): Promise<void> =>
  put(desk, labelsOf(desk).map((l) => (l.keyword === keyword ? { ...l, ...change } : l)));

export const moveLabel = (desk: Desk, from: number, to: number): Promise<void> => put(desk, moved(labelsOf(desk), from, to));

/** The label goes, from every mail too. */
export async function removeLabel(desk: Desk, keyword: string): Promise<void> {
  const mails = mailsWith(desk.sync, keyword);
  await put(desk, labelsOf(desk).filter((l) => l.keyword !== keyword));
  if (mails.length > 0) desk.actions.label(mails, keyword, false);
}

/** What has one label gets another, and the one is gone. */
export async function mergeLabels(desk: Desk, from: string, into: string): Promise<void> {
  if (from === into) return;
  const mails = mailsWith(desk.sync, from);
  const known = new Set(mailsWith(desk.sync, into).map((m) => `${m.mailbox} ${m.uid}`));
  const fresh = mails.filter((m) => !known.has(`${m.mailbox} ${m.uid}`));
  if (fresh.length > 0) desk.actions.label(fresh, into, true);
  await removeLabel(desk, from);
}

/** What a folder is called when it lies below another; "" is the top. */
export const nameBelow = (box: MailboxView, parent: string): string => (parent === "" ? box.leaf : `${parent}/${box.leaf}`);

/** Where a folder can lie: at the top, or in any folder of the owner's that is not in itself. */
export function placesFor(boxes: readonly MailboxView[], box: MailboxView): string[] {
  const inside = (name: string) => name === box.name || name.startsWith(box.name + "/");
  return ["", ...boxes.filter((b) => b.role === "" && !inside(b.name)).map((b) => b.name)];
}

/** A name that is free below the trash. */
export function nameInTrash(boxes: readonly MailboxView[], trash: MailboxView, box: MailboxView): string {
  const taken = new Set(boxes.map((b) => b.name));
  for (let n = 1; ; n++) {
    const name = `${trash.name}/${box.leaf}${n === 1 ? "" : ` ${n}`}`;
    if (!taken.has(name)) return name;
  }
}

/** A folder goes to the trash with all that is in it, and comes back by undo; one that is there
 * already goes for ever. Answers false for that: it is to be asked first. */
export async function trashFolder(desk: Desk, box: MailboxView): Promise<boolean> {
  const boxes = desk.sync.mailboxes.peek();
  const trash = desk.sync.role("trash");
  if (!trash || box.name.startsWith(trash.name + "/")) return false;
  const was = box.name;
  const name = nameInTrash(boxes, trash, box);
  if (await desk.actions.renameMailbox(was, name)) desk.actions.say("folder-trashed", { name: box.leaf }, { undo: () => void desk.actions.renameMailbox(name, was) });
  return true;
}
