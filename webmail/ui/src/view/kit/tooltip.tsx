// One tip for the whole page: whatever carries data-tip shows it at rest of the pointer or at
// keyboard focus. The words are in the control's accessible name already.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { KeyHint } from "./keyhint.tsx";
import "./tooltip.css";

const shown = signal<{ at: Element; text: string; keys: string } | undefined>(undefined);

export function Tooltips() {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(listen, []);
  const tip = shown.value;
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    if (!tip) return void (el.matches(":popover-open") && el.hidePopover());
    el.showPopover();
    const a = tip.at.getBoundingClientRect(), b = el.getBoundingClientRect();
    el.style.left = `${Math.max(6, Math.min(a.left + a.width / 2 - b.width / 2, innerWidth - b.width - 6))}px`;
    el.style.top = `${a.bottom + 6 + b.height > innerHeight ? a.top - b.height - 6 : a.bottom + 6}px`;
  }, [tip]);
  return <div ref={ref} class="tip" popover="manual" aria-hidden="true">{tip && <>{tip.text}{tip.keys && <KeyHint keys={tip.keys} />}</>}</div>;
}

function listen(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hide = () => { clearTimeout(timer); if (shown.peek()) shown.value = undefined; };
  const from = (e: Event) => (e.target instanceof Element ? e.target.closest("[data-tip]") : null);
  const show = (at: Element | null, wait: number) => {
    if (!at || at.getAttribute("aria-expanded") === "true") return hide();
    if (shown.peek()?.at === at) return;
    clearTimeout(timer);
    timer = setTimeout(() => { if (at.isConnected) shown.value = { at, text: at.getAttribute("data-tip") ?? "", keys: at.getAttribute("data-keys") ?? "" }; }, shown.peek() ? 0 : wait);
  };
  let touched = false; // a finger needs no tips, and leaves the focus behind
  const over = (e: PointerEvent) => { if (e.pointerType !== "touch") { const at = from(e); at ? show(at, 500) : hide(); } };
  const focus = (e: FocusEvent) => { const at = touched ? null : from(e); at?.matches(":focus-visible") ? show(at, 300) : hide(); };
  const stop = new AbortController(), o = { signal: stop.signal, capture: true, passive: true };
  addEventListener("pointerdown", (e: PointerEvent) => { touched = e.pointerType === "touch"; }, { signal: stop.signal, capture: true, passive: true });
  addEventListener("pointerover", over, o);
  addEventListener("focusin", focus, o);
  for (const name of ["pointerdown", "keydown", "scroll", "focusout", "blur"]) addEventListener(name, hide, o);
  return () => { stop.abort(); hide(); };
}
