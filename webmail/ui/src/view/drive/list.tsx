// What is in a folder, as a table that is moved in by arrows. One row at a time is in the
// order of Tab; what is picked is acted on together.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Entry } from "../../model/drive/drive.ts";
import { bytes, fullDate, shortDate, t } from "../../words/index.ts";
import { Checkbox, Icon, IconButton, Menu } from "../kit/index.ts";
import { iconOf, kindOf } from "../reader/files.ts";
import { type Act, menuOf } from "./acts.tsx";
import { type By, carries, dragged, order, sortBy } from "./order.ts";

interface Props {
  folder: string;
  entries: readonly Entry[];
  picked: ReadonlySet<string>;
  pick: (ids: ReadonlySet<string>) => void;
  open: (e: Entry) => void;
  perform: (a: Act, some?: Entry[]) => void;
  trash: (some: readonly Entry[]) => void;
  move: (some: { folder: string; entries: readonly Entry[] }, to: string) => void;
  offline: boolean;
}
const step = 300; // rows that are drawn at first, and more of them as they come into sight

export function List(p: Props) {
  const { entries, picked, pick } = p;
  const [at, go] = useState(0), [drawn, draw] = useState(step), anchor = useRef(0), body = useRef<HTMLTableSectionElement>(null), foot = useRef<HTMLDivElement>(null);
  const here = Math.min(at, entries.length - 1);
  useEffect(() => {
    if (drawn >= entries.length || !foot.current) return;
    const seen = new IntersectionObserver((all) => { if (all.some((x) => x.isIntersecting)) draw((n) => n + step); });
    seen.observe(foot.current);
    return () => seen.disconnect();
  }, [drawn, entries.length]);
  const focus = (i: number) => {
    if (i >= drawn) draw(i + step);
    go(i);
    requestAnimationFrame(() => (body.current?.children[i] as HTMLElement | undefined)?.focus());
  };
  const toggle = (i: number, range: boolean) => {
    const next = new Set(range ? [] : picked), e = entries[i]!;
    if (range) for (let k = Math.min(anchor.current, i); k <= Math.max(anchor.current, i); k++) next.add(entries[k]!.id);
    else {
      anchor.current = i;
      if (!next.delete(e.id)) next.add(e.id);
    }
    pick(next);
  };
  const about = (i: number): Entry[] => (picked.has(entries[i]!.id) ? entries.filter((e) => picked.has(e.id)) : [entries[i]!]);
  const keys = (e: KeyboardEvent, i: number) => {
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: entries.length - 1, PageDown: i + 10, PageUp: i - 10 }[e.key];
    if (to !== undefined && !e.altKey) {
      const next = Math.max(0, Math.min(entries.length - 1, to));
      if (e.shiftKey) toggle(next, true);
      focus(next);
    } else if (e.target !== e.currentTarget) return; // a button of the row has the key
    else if (e.key === "Enter") p.open(entries[i]!);
    else if (e.key === " ") toggle(i, e.shiftKey);
    else if (e.key === "F2" && !p.offline) p.perform("rename", [entries[i]!]);
    else if (e.key === "Delete" && !p.offline) p.trash(about(i));
    else if (e.key === "a" && (e.ctrlKey || e.metaKey)) pick(new Set(entries.map((x) => x.id)));
    else if (e.key === "Escape" && picked.size > 0) pick(new Set());
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const all = picked.size > 0 && entries.every((e) => picked.has(e.id));
  return (
    <div class="drive-list">
      <table role="grid" aria-multiselectable="true" aria-label={t("drive.content")} aria-rowcount={entries.length + 1}>
        <thead>
          <tr>
            <th class="drive-tick"><Checkbox bare label={t("do.pickall")} checked={all} mixed={picked.size > 0 && !all} onValue={(on) => pick(new Set(on ? entries.map((e) => e.id) : []))} /></th>
            <Head by="name">{t("folder.name")}</Head>
            <Head by="changed">{t("drive.changed")}</Head>
            <Head by="size">{t("drive.size")}</Head>
            <th class="drive-acts"><span class="unseen">{t("drive.more.of")}</span></th>
          </tr>
        </thead>
        <tbody ref={body}>
          {entries.slice(0, drawn).map((e, i) => (
            <Row key={e.id} p={p} e={e} here={i === here} picked={picked.has(e.id)} about={() => about(i)} toggle={(range) => toggle(i, range)} onFocus={() => { if (i !== here) go(i); }} onKeyDown={(k) => keys(k, i)} />
          ))}
        </tbody>
      </table>
      {drawn < entries.length && <div ref={foot} class="drive-foot">{t("drive.more", { count: entries.length - drawn })}</div>}
    </div>
  );
}

function Head({ by, children }: { by: By; children: ComponentChildren }) {
  const o = order.value, on = o.by === by;
  return (
    <th class={`drive-${by}`} aria-sort={on ? (o.down ? "descending" : "ascending") : "none"}>
      <button type="button" onClick={() => sortBy(by)}>{children}{on && <Icon name={o.down ? "down" : "up"} />}</button>
    </th>
  );
}

interface RowProps { p: Props; e: Entry; here: boolean; picked: boolean; about: () => Entry[]; toggle: (range: boolean) => void; onFocus: () => void; onKeyDown: (e: KeyboardEvent) => void }

function Row({ p, e, here, picked, about, toggle, onFocus, onKeyDown }: RowProps) {
  const [over, set] = useState(false);
  const click = (m: MouseEvent) => {
    if ((m.target as Element).closest("button, a, input, label")) return;
    toggle(m.shiftKey);
  };
  const drag = (d: DragEvent) => {
    if (!d.dataTransfer || p.offline) return d.preventDefault();
    const some = about();
    dragged.value = { folder: p.folder, entries: some };
    d.dataTransfer.effectAllowed = "move";
    d.dataTransfer.setData(carries, "files");
    const badge = document.createElement("div");
    badge.className = "drag-badge";
    badge.textContent = t("list.picked", { n: some.length });
    document.body.append(badge);
    d.dataTransfer.setDragImage(badge, -12, -8);
    setTimeout(() => badge.remove(), 0);
  };
  const target = e.kind === "folder" && {
    onDragOver: (d: DragEvent) => { if (dragged.value && !dragged.value.entries.some((x) => x.id === e.id)) { d.preventDefault(); set(true); } },
    onDragLeave: () => set(false),
    onDrop: (d: DragEvent) => {
      const some = dragged.peek();
      set(false);
      if (!some) return;
      d.preventDefault();
      d.stopPropagation();
      dragged.value = undefined;
      p.move(some, e.id);
    },
  };
  const kind = e.kind === "file" ? kindOf(e) : null;
  const when = e.modified > 0 ? Math.floor(e.modified / 1000) : 0;
  return (
    <tr class={(picked ? "drive-on" : "") + (over ? " drive-target" : "")} aria-selected={picked} tabIndex={here ? 0 : -1} draggable onClick={click} onDblClick={(m) => { if (!(m.target as Element).closest("button, input, label")) p.open(e); }}
      onFocus={onFocus} onKeyDown={onKeyDown} onDragStart={drag} onDragEnd={() => { dragged.value = undefined; }} {...target}>
      <td class="drive-tick"><Checkbox bare label={t("drive.pick", { name: e.name })} checked={picked} onValue={() => toggle(false)} /></td>
      <td class="drive-name">
        <button type="button" tabIndex={-1} onClick={() => p.open(e)}>
          <span class={`drive-icon drive-icon-${kind ?? "folder"}`}><Icon name={kind ? iconOf[kind] : "folder"} filled={kind === null} /></span>
          <span class="drive-words"><bdi>{e.name}</bdi><small>{e.kind === "file" && bytes(e.length)}{e.kind === "file" && when > 0 && " · "}{shortDate(when)}</small></span>
        </button>
      </td>
      <td class="drive-changed" title={when ? fullDate(when) : undefined}>{shortDate(when)}</td>
      <td class="drive-size">{e.kind === "file" ? bytes(e.length) : "–"}</td>
      <td class="drive-acts"><Menu align="end" label={t("folder.more", { name: e.name })} entries={menuOf(e, { open: () => p.open(e), perform: (a) => p.perform(a, [e]), trash: () => p.trash([e]), offline: p.offline })} button={(b) => <IconButton {...b} small icon="more" label={t("folder.more", { name: e.name })} />} /></td>
    </tr>
  );
}
