// Mail that is being dragged. What travels with the pointer holds nothing readable: other
// windows learn that something was dragged, and nothing else.
import { signal } from "@preact/signals";
import type { Desk, MailRef } from "../../model/types.ts";
import { t } from "../../words/index.ts";

export const dragged = signal<readonly MailRef[] | undefined>(undefined);

export function beginDrag(e: DragEvent, refs: readonly MailRef[], rows: number): void {
  if (!e.dataTransfer) return;
  dragged.value = refs;
  e.dataTransfer.effectAllowed = "move";
  e.dataTransfer.setData("application/x-sealpost", "mail");
  const badge = document.createElement("div");
  badge.className = "drag-badge";
  badge.textContent = t("list.dragging", { n: rows });
  document.body.append(badge);
  e.dataTransfer.setDragImage(badge, -12, -8);
  setTimeout(() => badge.remove(), 0);
}
export const endDrag = () => { dragged.value = undefined; };

/** What a drop on a place of the sidebar does. */
export function dropOn(desk: Desk, to: { mailbox: number } | { label: string } | { star: true }): void {
  const refs = dragged.peek();
  dragged.value = undefined;
  if (!refs?.length) return;
  if ("mailbox" in to) desk.actions.move(refs.filter((r) => r.mailbox !== to.mailbox), to.mailbox);
  else if ("label" in to) desk.actions.label(refs, to.label, true);
  else desk.actions.flag(refs, true);
  desk.list.clearSelection();
}
