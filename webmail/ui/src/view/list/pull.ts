// Drawing the top of a list down with a finger asks the server for news.
import { useEffect, useState } from "preact/hooks";

export function usePull(el: HTMLElement | null, refresh: () => Promise<void>): { px: number; armed: boolean } {
  const [state, set] = useState({ px: 0, armed: false });
  useEffect(() => {
    if (!el) return;
    let from: number | undefined, px = 0;
    const start = (e: TouchEvent) => { from = el.scrollTop <= 0 && e.touches.length === 1 ? e.touches[0]?.clientY : undefined; };
    const move = (e: TouchEvent) => {
      if (from === undefined) return;
      const down = (e.touches[0]?.clientY ?? from) - from;
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
