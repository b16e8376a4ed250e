// Keys to commands: chords held together and letters typed one after another, as the table
// and the owner's own keys say. Typing in a field is never a command, unless Mod is held.
import { command, commands, firstKeys, keysOf, type Command } from "./commands.ts";
import { hint, panel } from "./state.ts";
import { route } from "../../router.ts";
import { t } from "../../words/index.ts";
import type { Desk } from "../../model/types.ts";

const mac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

/** What was pressed, as the table writes it. A sign (#, ?, I) includes its Shift. */
export function chordOf(e: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const mod = mac ? e.metaKey : e.ctrlKey;
  const key = mod && e.key.length === 1 ? e.key.toLowerCase() : e.key;
  const shift = e.shiftKey && (e.key.length > 1 || mod);
  return `${mod ? "Mod+" : ""}${e.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${key}`;
}

export type Table = Map<string, Command>;
/** From keys to commands; also what is wrong with the owner's keys: two commands on one. */
export function tableOf(remapped: { [id: string]: string }): { table: Table; clashes: [string, string, string][] } {
  const table: Table = new Map(), clashes: [string, string, string][] = [];
  for (const c of commands) {
    for (const keys of keysOf(c, remapped).split("|").filter(Boolean)) {
      const other = table.get(keys);
      if (other) clashes.push([keys, other.id, c.id]);
      else table.set(keys, c);
    }
  }
  return { table, clashes };
}

/** Takes chords one by one; answers the command they come to. */
export function reader(table: () => Table, now: () => number = Date.now): (chord: string) => Command | "waits" | undefined {
  let typed = "", at = 0;
  return (chord) => {
    const whole = typed && now() - at < 1500 ? `${typed} ${chord}` : chord;
    typed = "";
    const found = table().get(whole) ?? (whole === chord ? undefined : table().get(chord));
    if (found) return found;
    if (![...table().keys()].some((k) => k.startsWith(whole + " "))) return undefined;
    typed = whole;
    at = now();
    return "waits";
  };
}

const typing = (el: EventTarget | null) => el instanceof HTMLElement && (el.isContentEditable || el instanceof HTMLTextAreaElement || el instanceof HTMLSelectElement || (el instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(el.type)));
const pressing = (el: EventTarget | null) => el instanceof HTMLElement && el.closest("button, a[href], summary, [role='menuitem'], input, label") !== null;
const busy = () => document.querySelector("dialog[open], .menu:popover-open") !== null;

// In the settings and among contacts the list goes on where nobody sees it: no key archives there.
const unseen = (c: Command) => (c.needsMail === true || c.group === "read") && route.peek().page !== "mail";

export function startShortcuts(desk: () => Desk | null): () => void {
  const read = reader(() => tableOf(desk()?.settings.value.peek().keys ?? {}).table);
  const press = (e: KeyboardEvent) => {
    const d = desk();
    if (!d || e.defaultPrevented || e.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(e.key)) return;
    const chord = chordOf(e);
    if (busy() || (typing(e.target) && !chord.startsWith("Mod+k"))) return;
    if ((chord === "Enter" || chord === " ") && pressing(e.target)) return;
    if (chord === "Escape") return escape(d);
    const c = read(chord);
    if (c === undefined || (c !== "waits" && (c.id === "send" || unseen(c)))) return;
    e.preventDefault();
    if (c !== "waits") c.run(d);
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}

function escape(d: Desk): void {
  if (d.list.selected.peek().size) d.list.clearSelection();
  else if (d.mail.key.peek() !== null) command("close").run(d);
}

let hiding: ReturnType<typeof setTimeout> | undefined;
/** Runs a command for a click, and shows its key for the next time. */
export function clicked(id: string, desk: Desk): void {
  const c = command(id);
  panel.value = undefined;
  c.run(desk);
  const s = desk.settings.value.peek();
  const keys = firstKeys(c, s.keys);
  if (!keys || s.more["hints"] === false || matchMedia("(pointer: coarse)").matches) return;
  hint.value = { keys, words: t(c.words) };
  clearTimeout(hiding);
  hiding = setTimeout(() => { hint.value = undefined; }, 3500);
}
