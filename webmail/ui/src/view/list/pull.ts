// Drawing the top of a list down with a finger asks the server for news.
import { useEffect, useState } from "preact/hooks";

export function usePull(el: HTMLElement | null, refresh: () => Promise<void>): { px: number; armed: boolean } {
  const [state, set] = useState({ px: 0, armed: false });
  useEffect(() => {
    if (!el) return;
    let from: Touch | undefined, px = 0, known = false; // known: it goes down, and not aside
    const start = (e: TouchEvent) => {
      from = el.scrollTop <= 0 && e.touches.length === 1 ? e.touches[0] : undefined;
      known = false;
    };
    const move = (e: TouchEvent) => {
      const at = e.touches[0];
      if (from === undefined || !at) return;
      const down = at.clientY - from.clientY, aside = Math.abs(at.clientX - from.clientX);
      if (!known) {
        if (Math.max(down, aside) < 10) return;
        if (aside >= down) return void (from = undefined); // a row is drawn aside
        known = true;
      }
      if (el.scrollTop > 0 || down <= 0) px = 0;
      else px = Math.min(90, down / 2);
      set({ px, armed: px > 56 });
    };
    const end = () => {
      if (from === undefined) return;
      from = undefined;
      if (px > 56) void refresh();
      px = 0;
      set({ px: 0, armed: false });
    };
    const stop = new AbortController(), o = { passive: true, signal: stop.signal };
    el.addEventListener("touchstart", start, o);
    el.addEventListener("touchmove", move, o);
    el.addEventListener("touchend", end, o);
    el.addEventListener("touchcancel", end, o);
    return () => stop.abort();
  }, [el]);
  return state;
}
