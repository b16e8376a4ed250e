// A frame as high as what is in it. What measures itself by the frame's own height
// would grow for ever: after some rounds the frame stays and scrolls inside.

import type { Signal } from "@preact/signals";
import type { FrameWindow } from "./sanitize.ts";

const highest = 60_000;
const rounds = 12; // of growing, each within a breath of the last
const breath = 400; // ms

// After its colours changed back, or its width, a mail is fitted anew.
export function refit(view: FrameWindow): void {
  view.document.body.style.removeProperty("zoom");
  fitWidth(view);
}

// Makes what is wider than the frame narrower, down to half, as a phone does. Called
// early, while little stands there: later, everything would be laid out once more.
export function fitWidth(view: FrameWindow): void {
  const root = view.document.documentElement;
  const over = root.scrollWidth / Math.max(1, root.clientWidth);
  if (over <= 1.02) return;
  const style = view.document.body.style;
  style.setProperty("zoom", String(Math.max(0.5, (Number(style.getPropertyValue("zoom")) || 1) / over)));
}

export function fitHeight(frame: HTMLIFrameElement, view: FrameWindow, height: Signal<number>, end: AbortSignal): void {
  const root = view.document.documentElement;
  const body = view.document.body;
  let grown = 0;
  let last = 0;
  let width = 0;
  const measure = () => {
    if (end.aborted || !frame.isConnected) return;
    if (root.clientWidth !== width) {
      if (width > 0) refit(view);
      else fitWidth(view);
      width = root.clientWidth;
      grown = 0;
    }
    const bar = root.scrollWidth > root.clientWidth ? 16 : 0;
    // Where zoom is as CSS has it now, what overflows is told in the zoomed element's own pixels.
    const high = Math.max(body.getBoundingClientRect().height, body.scrollHeight * (body.currentCSSZoom ?? 1));
    const wanted = Math.min(highest, Math.ceil(high) + bar);
    if (Math.abs(wanted - height.value) < 2) return;
    const now = performance.now();
    grown = wanted > height.value && now - last < breath ? grown + 1 : 0;
    last = now;
    if (grown > rounds || wanted === highest) root.classList.add("sp-tall");
    if (grown > rounds) return;
    height.value = wanted;
    frame.style.height = `${wanted}px`;
  };
  const watch = new ResizeObserver(measure);
  watch.observe(body);
  watch.observe(frame);
  view.document.addEventListener("load", measure, { capture: true, signal: end });
  view.document.addEventListener("toggle", measure, { capture: true, signal: end });
  end.addEventListener("abort", () => watch.disconnect(), { once: true });
  measure();
}
