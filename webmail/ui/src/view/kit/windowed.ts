// Draws only the rows that are in sight, of lists of any length. Rows have one height, so
// the place of each is a product; beyond what browsers can lay out the scale is squeezed.
import { useCallback, useLayoutEffect, useState } from "preact/hooks";

export interface Windowed {
  from: number; // the first row to draw
  to: number; // and the one after the last
  height: number; // of the whole, in CSS pixels
  offset: number; // of the first row drawn
  scrollTo: (row: number, where?: "near" | "start") => void;
  sees: (row: number) => boolean; // all of it
}

const most = 8_000_000; // browsers lay out no box much higher

/** el scrolls; rows of rowHeight px stand in it, below `above` px of other things. */
export function useWindowed(el: HTMLElement | null, o: { count: number; rowHeight: number; overscan?: number; above?: number }): Windowed {
  const { count, rowHeight, overscan = 8, above = 0 } = o;
  const [at, setAt] = useState({ top: 0, view: 800 });
  const full = count * rowHeight, height = Math.min(full, most);

  useLayoutEffect(() => {
    if (!el) return;
    let asked = 0;
    const read = () => {
      asked = 0;
      setAt((was) => {
        const top = el.scrollTop, view = el.clientHeight;
        const moved = Math.abs(top - was.top) >= rowHeight / 2 || view !== was.view || top === 0;
        return moved && (top !== was.top || view !== was.view) ? { top, view } : was;
      });
    };
    const ask = () => { asked ||= requestAnimationFrame(read); };
    read();
    el.addEventListener("scroll", ask, { passive: true });
    const sizes = new ResizeObserver(ask);
    sizes.observe(el);
    return () => {
      el.removeEventListener("scroll", ask);
      sizes.disconnect();
      cancelAnimationFrame(asked);
    };
  }, [el, rowHeight]);

  const { from, to, offset } = windowOf({ top: at.top - above, view: at.view, count, rowHeight, overscan });
  const scale = !el || full <= most ? 1 : (most - el.clientHeight) / (full - el.clientHeight);
  const scrollTo = useCallback((row: number, where: "near" | "start" = "near") => {
    if (!el) return;
    const y = row * rowHeight * scale + above;
    if (where === "start") el.scrollTop = y;
    else if (y < el.scrollTop + above) el.scrollTop = y - above;
    else if (y + rowHeight > el.scrollTop + el.clientHeight) el.scrollTop = y + rowHeight - el.clientHeight;
  }, [el, rowHeight, scale, above]);
  const sees = useCallback((row: number) => {
    const y = row * rowHeight * scale;
    return !!el && y >= el.scrollTop && y + above + rowHeight <= el.scrollTop + el.clientHeight;
  }, [el, rowHeight, scale, above]);
  return { from, to, height, offset, scrollTo, sees };
}

/** Which element a row is drawn into: the first row of the window into the one with number turn. */
export interface Elements { from: number; count: number; turn: number }

// Elements are made once and drawn into again and again: making them, moving them and laying
// them out for the first time is most of what scrolling costs. While rows stay in sight they
// keep theirs; after a jump none does, and the elements stay in the order that they have.
export function reuse(was: Elements, from: number, to: number): Elements {
  const count = Math.max(was.count, to - from), by = from - was.from;
  const turn = Math.abs(by) < count ? was.turn + by : was.turn;
  return { from, count, turn: count === 0 ? 0 : ((turn % count) + count) % count };
}
export const elementOf = (e: Elements, row: number): number => (e.turn + row - e.from) % e.count;

/** Which rows stand in a window, and where the first of them is drawn. */
export function windowOf(o: { top: number; view: number; count: number; rowHeight: number; overscan: number }): { from: number; to: number; offset: number } {
  const { view, count, rowHeight, overscan } = o;
  const full = count * rowHeight, top = Math.max(0, o.top);
  const squeezed = full > most;
  const real = squeezed ? (top / Math.max(1, most - view)) * (full - view) : top;
  const from = Math.max(0, Math.min(count, Math.floor(real / rowHeight) - overscan));
  const to = Math.min(count, Math.ceil((real + view) / rowHeight) + overscan);
  return { from, to, offset: squeezed ? top - (real - from * rowHeight) : from * rowHeight };
}
