// A menu is a popover beside its button: the browser closes it at Escape and at a click
// outside; arrows, Home, End and first letters move in it.
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";
import { KeyHint } from "./keyhint.tsx";
import "./menu.css";

export type MenuEntry =
  | { label: string; icon?: IconName | undefined; keys?: string | undefined; hint?: string | undefined; checked?: boolean | undefined; danger?: boolean; disabled?: boolean; run: () => void }
  | { heading: string }
  | "line";

export interface MenuProps {
  // Draws the button; spread what it is given.
  button: (o: { ref: (el: HTMLButtonElement | null) => void; onClick: () => void; "aria-haspopup": "menu"; "aria-expanded": boolean; "aria-controls": string }) => ComponentChildren;
  entries: readonly (MenuEntry | false | undefined)[];
  label: string;
  head?: ComponentChildren; // above the entries
  align?: "start" | "end";
}

export function Menu({ button, entries, label, head, align = "start" }: MenuProps) {
  const id = useId();
  const anchor = useRef<HTMLButtonElement | null>(null), menu = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const show = () => {
    if (!menu.current || !anchor.current) return;
    if (open) return menu.current.hidePopover();
    setOpen(true);
    menu.current.showPopover();
    requestAnimationFrame(() => {
      place(menu.current, anchor.current, align);
      step(menu.current, 0);
    });
  };
  return (
    <>
      {button({ ref: (el) => { anchor.current = el; }, onClick: show, "aria-haspopup": "menu", "aria-expanded": open, "aria-controls": id })}
      <div ref={menu} id={id} class="menu" popover="auto" onToggle={(e) => { if (e.newState === "closed") setOpen(false); }} onKeyDown={(e) => keys(e, menu.current, anchor.current)}>
        {open && head}
        {open && <div role="menu" aria-label={label}>{entries.map((e, i) => e && <Entry key={i} entry={e} close={() => { menu.current?.hidePopover(); anchor.current?.focus(); }} />)}</div>}
      </div>
    </>
  );
}

function Entry({ entry, close }: { entry: MenuEntry; close: () => void }) {
  if (entry === "line") return <div class="menu-line" role="separator" />;
  if ("heading" in entry) return <div class="menu-heading" role="presentation">{entry.heading}</div>;
  const { checked } = entry;
  return (
    <button type="button" class={"menu-item" + (entry.danger ? " menu-danger" : "")} role={checked === undefined ? "menuitem" : "menuitemcheckbox"} aria-checked={checked}
      tabIndex={-1} disabled={entry.disabled} onClick={() => { close(); entry.run(); }} onPointerMove={(e) => e.currentTarget.focus({ preventScroll: true })}>
      {checked !== undefined ? <span class="menu-mark">{checked && <Icon name="check" />}</span> : entry.icon && <Icon name={entry.icon} />}
      <span class="menu-words">{entry.label}{entry.hint && <small>{entry.hint}</small>}</span>
      {entry.keys && <KeyHint keys={entry.keys} />}
    </button>
  );
}

/** Puts a popover beside what opened it, inside the window. */
export function place(box: HTMLElement | null, at: Element | null, align: "start" | "end"): void {
  if (!box || !at) return;
  const a = at.getBoundingClientRect(), b = box.getBoundingClientRect(), gap = 4, edge = 8;
  const rtl = getComputedStyle(at).direction === "rtl";
  const left = (align === "end") !== rtl ? a.right - b.width : a.left;
  const below = a.bottom + gap + b.height <= innerHeight - edge || a.top < innerHeight - a.bottom;
  box.style.left = `${Math.max(edge, Math.min(left, innerWidth - b.width - edge))}px`;
  if (below) {
    box.style.top = `${a.bottom + gap}px`;
    box.style.maxHeight = `${innerHeight - a.bottom - gap - edge}px`;
  } else {
    box.style.top = `${Math.max(edge, a.top - gap - b.height)}px`;
    box.style.maxHeight = `${a.top - gap - edge}px`;
  }
}

const items = (menu: HTMLElement | null) => [...(menu?.querySelectorAll<HTMLElement>(".menu-item:not(:disabled)") ?? [])];

function step(menu: HTMLElement | null, to: number): void {
  const all = items(menu);
  all[(to + all.length) % all.length]?.focus();
}

function keys(e: KeyboardEvent, menu: HTMLElement | null, anchor: HTMLElement | null): void {
  const all = items(menu), at = all.indexOf(document.activeElement as HTMLElement);
  if (e.key === "ArrowDown") step(menu, at + 1);
  else if (e.key === "ArrowUp") step(menu, at - 1);
  else if (e.key === "Home") step(menu, 0);
  else if (e.key === "End") step(menu, -1);
  else if (e.key === "Tab") { menu?.hidePopover(); return; }
  else if (e.key === "Escape") { menu?.hidePopover(); anchor?.focus(); }
  else if (e.key.length === 1 && !e.ctrlKey && !e.metaKey && !(e.target instanceof HTMLInputElement)) {
    const letter = e.key.toLowerCase();
    const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((el) => el.textContent?.trim().toLowerCase().startsWith(letter));
    if (letter !== " ") next?.focus(); else return;
  } else return;
  e.preventDefault();
  e.stopPropagation();
}
