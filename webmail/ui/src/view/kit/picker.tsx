// Type and choose: a field over a list, moved in by arrows while the typing goes on.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Dialog } from "./dialog.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { KeyHint } from "./keyhint.tsx";
import "./picker.css";

export interface Pick {
  id: string;
  label: string;
  icon?: IconName | undefined;
  hint?: string | undefined;
  keys?: string | undefined;
  checked?: boolean | undefined;
  group?: string | undefined;
  disabled?: boolean | undefined;
  mark?: ComponentChildren;
  run: () => void;
}

const fold = (s: string) => s.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
/** How well typed words stand in a label: 0 not at all, more is better. */
export function fits(label: string, typed: string): number {
  const l = fold(label), q = fold(typed).trim();
  if (!q) return 1;
  if (l.startsWith(q)) return 4;
  const words = q.split(/\s+/);
  if (words.every((w) => l.split(/[\s/·]+/).some((part) => part.startsWith(w)))) return 3;
  return words.every((w) => l.includes(w)) ? 2 : 0;
}

export interface PickerProps {
  title: string;
  placeholder: string;
  picks: readonly Pick[];
  stay?: boolean; // several may be chosen, one after another
  extra?: (typed: string) => Pick | undefined; // such as "make a new one of this name"
  onClose: () => void;
  foot?: ComponentChildren;
}

export function Picker({ title, placeholder, picks, stay, extra, onClose, foot }: PickerProps) {
  const [typed, type] = useState(""), [at, go] = useState(0);
  const id = useId(), list = useRef<HTMLDivElement>(null);
  const found = useMemo(() => {
    const some = picks.map((p, i) => ({ p, i, fit: fits(`${p.label} ${p.hint ?? ""}`, typed) })).filter((x) => x.fit > 0);
    if (typed.trim()) some.sort((a, b) => b.fit - a.fit || a.i - b.i);
    const more = typed.trim() ? extra?.(typed.trim()) : undefined;
    return [...some.slice(0, 100).map((x) => x.p), ...(more ? [more] : [])];
  }, [picks, typed, extra]);
  const here = Math.min(at, found.length - 1);
  useEffect(() => { list.current?.querySelector("[aria-selected='true']")?.scrollIntoView({ block: "nearest" }); }, [here]);
  const run = (p: Pick | undefined) => {
    if (!p || p.disabled) return;
    if (!stay) onClose();
    p.run();
  };
  const keys = (e: KeyboardEvent) => {
    const to: { [key: string]: number } = { ArrowDown: here + 1, ArrowUp: here - 1 };
    if (e.key in to) go(((to[e.key] ?? 0) + found.length) % Math.max(1, found.length));
    else if (e.key === "Enter") run(found[here]);
    else return;
    e.preventDefault();
  };
  return (
    <Dialog title={title} bare onClose={onClose}>
      <div class="picker">
        <div class="picker-field">
          <Icon name="search" />
          <input autofocus type="text" role="combobox" aria-label={title} aria-expanded="true" aria-controls={id} aria-activedescendant={found[here] ? `${id}-${here}` : undefined} aria-autocomplete="list"
            placeholder={placeholder} value={typed} onInput={(e) => { type(e.currentTarget.value); go(0); }} onKeyDown={keys} spellcheck={false} autocomplete="off" />
        </div>
        <div ref={list} class="picker-list" role="listbox" id={id} aria-label={title} aria-multiselectable={stay || undefined}>
          {found.map((p, i) => (
            <div key={p.id}>
              {p.group && p.group !== found[i - 1]?.group && !typed.trim() && <div class="picker-group" role="presentation">{p.group}</div>}
              <div id={`${id}-${i}`} class="picker-one" role="option" aria-selected={i === here} aria-disabled={p.disabled} aria-checked={p.checked} onPointerMove={() => i !== here && go(i)} onClick={() => run(p)}>
                {p.checked !== undefined && <span class="picker-check">{p.checked && <Icon name="check" />}</span>}
                {p.mark ?? (p.icon && <Icon name={p.icon} />)}
                <span class="picker-words"><bdi>{p.label}</bdi>{p.hint && <small><bdi>{p.hint}</bdi></small>}</span>
                {p.keys && <KeyHint keys={p.keys} />}
              </div>
            </div>
          ))}
        </div>
        {found.length === 0 && <p class="picker-none" role="status">{t("kit.nothingfound")}</p>}
        {foot && <div class="picker-foot">{foot}</div>}
      </div>
    </Dialog>
  );
}
