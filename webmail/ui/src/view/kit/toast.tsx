// What just happened, at the foot of the window, with a way back; and one line that is
// only read aloud.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../words/index.ts";
import { IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { KeyHint } from "./keyhint.tsx";
import "./toast.css";

export interface Toast {
  id: number;
  text: string;
  kind?: "done" | "fault" | undefined;
  icon?: IconName | undefined;
  keys?: string | undefined; // the shortcut that would have done it
  action?: { label: string; run: () => void } | undefined;
  seconds?: number | undefined; // 0: until it is closed
}

export const toasts = signal<Toast[]>([]);
let last = 0;

/** Shows a toast; answers what takes it away. At most three are in sight. */
export function toast(text: string, o: Omit<Toast, "id" | "text"> = {}): () => void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-2), { id, text, ...o }];
  return () => dismiss(id);
}
export const dismiss = (id: number) => { toasts.value = toasts.value.filter((x) => x.id !== id); };

const spoken = signal("");
/** Reads a line aloud to who listens to the screen. */
export function say(text: string): void {
  spoken.value = spoken.value === text ? text + "\u00a0" : text;
}

/** Draws them; once in the app. */
export function Toasts() {
  return (
    <>
      <div class="unseen" role="status" aria-live="polite">{spoken.value}</div>
      <section class="toasts" aria-label={t("kit.notices")} aria-live="polite" aria-relevant="additions">
        {toasts.value.map((x) => <One key={x.id} toast={x} />)}
      </section>
    </>
  );
}

function One({ toast: x }: { toast: Toast }) {
  const held = useRef(false);
  useEffect(() => {
    const seconds = x.seconds ?? (x.kind === "fault" ? 12 : x.action ? 8 : 5);
    if (!seconds) return;
    let left = seconds * 2;
    const timer = setInterval(() => { if (!held.current && --left <= 0) dismiss(x.id); }, 500);
    return () => clearInterval(timer);
  }, [x]);
  const hold = (on: boolean) => () => { held.current = on; };
  const icon = x.icon ?? (x.kind === "fault" ? "warn" : undefined);
  return (
    <div class={"toast" + (x.kind === "fault" ? " toast-fault" : "")} onPointerEnter={hold(true)} onPointerLeave={hold(false)} onFocusIn={hold(true)} onFocusOut={hold(false)}>
      {icon && <Icon name={icon} />}
      <span class="toast-words">{x.text}</span>
      {x.keys && <span class="toast-keys">{t("kit.nexttime")} <KeyHint keys={x.keys} /></span>}
      {x.action && <button type="button" class="toast-action" onClick={() => { dismiss(x.id); x.action?.run(); }}>{x.action.label}</button>}
      <IconButton small icon="close" label={t("kit.dismiss")} onClick={() => dismiss(x.id)} />
    </div>
  );
}
