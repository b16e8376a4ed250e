// A row drawn aside by a finger does something when it was drawn far enough: towards the
// end one thing, towards the start another, as the owner chose.
import type { Desk, MailRef } from "../../model/types.ts";
import type { IconName } from "../kit/index.ts";
import type { Key } from "../../words/index.ts";

export type Swipe = "archive" | "trash" | "seen" | "star" | "snooze" | "none";
export interface Swipes { end: Swipe; start: Swipe } // towards the reading direction's end, and back

export const swipeWords: { [s in Exclude<Swipe, "none">]: { words: Key; icon: IconName; tone: string } } = {
  archive: { words: "do.archive", icon: "archive", tone: "good" },
  trash: { words: "do.trash", icon: "trash", tone: "bad" },
  seen: { words: "do.seentoggle", icon: "mail-open", tone: "note" },
  star: { words: "do.star", icon: "star", tone: "warn" },
  snooze: { words: "do.snooze", icon: "clock", tone: "note" },
};

export function swipesOf(desk: Desk): Swipes {
  const own = desk.settings.value.peek().more["swipe"] as Partial<Swipes> | undefined;
  const known = (s: unknown, usual: Swipe): Swipe => (typeof s === "string" && (s === "none" || s in swipeWords) ? (s as Swipe) : usual);
  return { end: known(own?.end, "archive"), start: known(own?.start, "trash") };
}

export function runSwipe(desk: Desk, what: Swipe, refs: readonly MailRef[], unread: boolean, flagged: boolean): void {
  switch (what) {
    case "archive": return desk.actions.archive(refs);
    case "trash": return desk.actions.trash(refs);
    case "seen": return desk.actions.seen(refs, unread);
    case "star": return desk.actions.flag(refs.slice(0, 1), !flagged);
    case "snooze": return desk.actions.snooze(refs, tomorrow());
    case "none": return;
  }
}
const tomorrow = () => { const d = new Date(); d.setDate(d.getDate() + 1); d.setHours(8, 0, 0, 0); return Math.floor(d.getTime() / 1000); };

export interface Drawn { side: "end" | "start"; px: number; armed: boolean; back?: boolean } // back: let go of, on its way to its place

/** Watches one finger on a row. drawn undefined: nothing was drawn. */
export function startSwipe(e: PointerEvent, row: HTMLElement, allowed: Swipes, drawn: (d: Drawn | undefined) => void, done: (side: "end" | "start") => void): void {
  if (e.pointerType !== "touch" || !e.isPrimary) return;
  const rtl = getComputedStyle(row).direction === "rtl" ? -1 : 1, width = row.clientWidth;
  let last: Drawn | undefined, sideways = false;
  const move = (m: PointerEvent) => {
    if (m.pointerId !== e.pointerId) return; // another finger, or a mouse
    const dx = (m.clientX - e.clientX) * rtl, dy = Math.abs(m.clientY - e.clientY);
    if (!sideways) {
      if (dy > 10 && dy > Math.abs(dx)) return end();
      if (Math.abs(dx) < 14) return;
      sideways = true;
      row.setPointerCapture(m.pointerId);
    }
    const side = dx > 0 ? "end" : "start";
    last = allowed[side] === "none" ? undefined : { side, px: dx * rtl, armed: Math.abs(dx) > Math.min(140, width * 0.33) };
    drawn(last);
  };
  const up = (m: PointerEvent) => {
    if (m.pointerId !== e.pointerId) return;
    const was = last;
    end();
    if (was?.armed) done(was.side);
  };
  const cancel = (m: PointerEvent) => { if (m.pointerId === e.pointerId) end(); };
  const end = () => {
    stop.abort();
    drawn(last && { ...last, px: 0, armed: false, back: true });
  };
  const stop = new AbortController(), o = { signal: stop.signal };
  addEventListener("pointermove", move, o);
  addEventListener("pointerup", up, o);
  addEventListener("pointercancel", cancel, o);
}
