// Making, renaming and removing folders and labels: what is asked, and what is refused.
import { trashFolder } from "../../model/organise.ts";
import type { Desk, MailboxView } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { askText, confirm } from "../kit/index.ts";

/** What is wrong with a folder's name; undefined if nothing. */
export function wrongName(name: string, taken: readonly string[]): string | undefined {
  const n = name.trim();
  if (!n || n.split("/").some((part) => !part.trim())) return t("folder.wrong.empty");
  if (new TextEncoder().encode(n).length > 200) return t("folder.wrong.long");
  if (/[\u0000-\u001f\u007f%*]/.test(n)) return t("folder.wrong.sign");
  if (n.toLowerCase() === "inbox" || taken.includes(n)) return t("folder.wrong.taken");
  return undefined;
}

const names = (desk: Desk) => desk.sync.mailboxes.peek().map((b) => b.name);

export async function newFolder(desk: Desk, below?: MailboxView): Promise<string | undefined> {
  const prefix = below ? below.name + "/" : "";
  const name = await askText({ title: t(below ? "folder.sub" : "folder.new"), label: t("folder.name"), yes: t("folder.make"), check: (v) => wrongName(prefix + v, names(desk)) });
  if (name === undefined) return undefined;
  return (await desk.actions.createMailbox(prefix + name.trim())) ? prefix + name.trim() : undefined;
}

export async function renameFolder(desk: Desk, box: MailboxView): Promise<void> {
  const above = box.name.slice(0, box.name.length - box.leaf.length);
  const name = await askText({ title: t("folder.rename"), label: t("folder.name"), value: box.leaf, yes: t("folder.rename"), check: (v) => (above + v.trim() === box.name ? undefined : wrongName(above + v, names(desk))) });
  if (name !== undefined && above + name.trim() !== box.name) await desk.actions.renameMailbox(box.name, above + name.trim());
}

export async function removeFolder(desk: Desk, box: MailboxView): Promise<void> {
  if (await trashFolder(desk, box)) return;
  const sure = await confirm({ title: t("folder.delete.ask", { name: box.leaf }), text: t("folder.delete.text", { n: box.messages }), yes: t("folder.delete"), danger: true });
  if (sure) await desk.actions.removeMailbox(box.name);
}

export async function emptyBox(desk: Desk, box: MailboxView, label: string): Promise<void> {
  if (box.messages === 0) return;
  const sure = await confirm({ title: t("folder.empty.ask", { name: label }), text: t("folder.empty.text", { n: box.messages }), yes: t("folder.empty"), danger: true });
  if (sure) desk.actions.emptyMailbox(box.id);
}

export async function newLabel(desk: Desk, start = ""): Promise<string | undefined> {
  const taken = desk.settings.value.peek().labels.map((l) => l.name.toLowerCase());
  const check = (v: string) => (!v.trim() ? t("folder.wrong.empty") : taken.includes(v.trim().toLowerCase()) ? t("folder.wrong.taken") : undefined);
  const name = start || (await askText({ title: t("label.new"), label: t("label.name"), yes: t("folder.make"), check }));
  if (!name?.trim()) return undefined;
  return (await desk.settings.newLabel(name.trim(), taken.length % 12)).keyword;
}
