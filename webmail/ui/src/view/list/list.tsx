// The list of a place: its head or the bar for what is picked, and the rows in sight.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { elementOf, Progress, reuse, say, useDesk, useWindowed, type Elements, type Windowed } from "../kit/index.ts";
import { openAt } from "../shell/commands.ts";
import { SearchHead } from "../shell/search.tsx";
import { BulkBar, ListHead } from "./head.tsx";
import { beginDrag, endDrag } from "./drag.ts";
import { EmptyList } from "./empty.tsx";
import { usePull } from "./pull.ts";
import { MailRow } from "./row.tsx";
import type { Desk } from "../../model/types.ts";
import "./list.css";

export function ListPane() {
  const desk = useDesk(), l = desk.list;
  const place = l.place.value, count = l.count.value;
  void l.version.value;
  const picked = l.selected.value;
  const [el, setEl] = useState<HTMLDivElement | null>(null);
  const { wide, rowHeight } = useShape(el);
  const w = useWindowed(el, { count, rowHeight, overscan: 5 });
  const used = useRef<Elements>({ from: 0, count: 0, turn: 0 });
  const pull = usePull(el, () => desk.sync.refresh());
  useCursor(desk, el, w);
  useEffect(() => { if (el) el.scrollTop = 0; }, [el, place]);

  const pick = useCallback((i: number, range: boolean) => { l.select(i, range ? "range" : "toggle"); l.setCursor(i); }, [l]);
  const open = useCallback((i: number) => openAt(desk, i), [desk]);
  const drag = useCallback((e: DragEvent, i: number) => {
    const row = l.row(i);
    if (!row) return;
    const many = l.selected.peek().has(row.key);
    beginDrag(e, many ? l.chosen() : row.refs, many ? l.selected.peek().size : 1);
  }, [l]);

  const openKey = desk.mail.key.value, cursor = l.cursor.value, r = route.value;
  const first = cursor >= w.from && cursor < w.to ? cursor : w.from;
  const rows = [], elements = used.current = reuse(used.current, w.from, w.to);
  for (let i = w.from; i < w.to; i++) {
    const row = l.row(i);
    if (row) rows.push(<MailRow key={elementOf(elements, i)} desk={desk} row={row} index={i} count={count} wide={wide} picking={picked.size > 0} picked={picked.has(row.key)} open={row.key === openKey} cursor={i === cursor} tabbable={i === first} top={w.offset + (i - w.from) * rowHeight} list={r} onOpen={open} onPick={pick} onDrag={drag} onDragEnd={endDrag} />);
  }
  return (
    <div class={"list" + (wide ? " list-wide" : "")} onKeyDown={(e) => listKeys(e, desk)}>
      {place.kind === "search" && <SearchHead text={place.text} />}
      {picked.size > 0 ? <BulkBar /> : <ListHead />}
      {place.kind === "search" && l.busy.value && <div class="list-busy"><Progress label={t("list.searching")} /></div>}
      <div ref={setEl} class="list-scroll" aria-busy={l.busy.value}>
        <div class={"list-pull" + (pull.armed ? " list-pull-armed" : "")} style={{ blockSize: `${pull.px}px` }} aria-hidden="true">{pull.px > 0 && t(pull.armed ? "list.pull.let" : "list.pull")}</div>
        {count === 0 && !l.busy.value ? <EmptyList /> : <ul class="list-rows" role="list" aria-label={t("list.title")} style={{ blockSize: `${w.height}px` }}>{rows}</ul>}
      </div>
    </div>
  );
}

/** One line a row where there is room, else three; heights stand in the tokens. */
function useShape(el: HTMLElement | null): { wide: boolean; rowHeight: number } {
  const desk = useDesk();
  const density = desk.settings.value.value.density;
  const [shape, set] = useState({ wide: false, rowHeight: 76 });
  useEffect(() => {
    if (!el) return;
    const measure = () => {
      const style = getComputedStyle(el), root = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const wide = el.clientWidth > 46 * root;
      const rowHeight = Math.round(parseFloat(style.getPropertyValue(wide ? "--row-one" : "--row-two")) * root);
      set((was) => (was.wide === wide && was.rowHeight === rowHeight ? was : { wide, rowHeight }));
    };
    measure();
    const sizes = new ResizeObserver(measure);
    sizes.observe(el);
    return () => sizes.disconnect();
  }, [el, density]);
  return shape;
}

/** Keyboard's place stays in sight, and takes the focus if the focus is in the list or nowhere. */
function useCursor(desk: Desk, el: HTMLElement | null, w: Windowed): void {
  const cursor = desk.list.cursor.value, was = useRef({ cursor, key: "" });
  useEffect(() => {
    const last = was.current, key = (cursor >= 0 && desk.list.row(cursor)?.key) || "";
    was.current = { cursor, key };
    if (cursor < 0 || cursor === last.cursor) return;
    // Mail that comes or goes above moves the row with the cursor: who has scrolled away from it reads elsewhere.
    if (key !== last.key || w.sees(last.cursor)) w.scrollTo(cursor);
    const free = () => document.activeElement === document.body || el?.contains(document.activeElement);
    const take = () => free() && el?.querySelector<HTMLElement>(`[data-row="${cursor}"]`)?.focus({ preventScroll: true });
    if (free()) requestAnimationFrame(take); // unless a key took it elsewhere before that
  }, [cursor, el]);
}

function listKeys(e: KeyboardEvent, desk: Desk): void {
  const l = desk.list, at = l.cursor.peek();
  const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }[e.key];
  if (by !== undefined && !e.ctrlKey && !e.metaKey && !e.altKey) {
    const from = at < 0 ? focusedRow() : at;
    if (at < 0) l.setCursor(from);
    if (e.shiftKey && l.selected.peek().size === 0) l.select(l.cursor.peek(), "only");
    l.move(by);
    if (e.shiftKey) l.select(l.cursor.peek(), "range");
  } else if (e.key === " " && e.target instanceof HTMLAnchorElement) {
    l.select(at < 0 ? focusedRow() : at, "toggle");
    say(t("list.picked", { n: l.selected.peek().size }));
  } else return;
  e.preventDefault();
  e.stopPropagation();
}
const focusedRow = () => Number(document.activeElement?.getAttribute("data-row") ?? 0);

