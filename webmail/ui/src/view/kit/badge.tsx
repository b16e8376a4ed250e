import type { ComponentChildren } from "preact";
import { number } from "../../words/index.ts";
import { Icon, type IconName } from "./icon.tsx";
import "./badge.css";

export type Tone = "good" | "warn" | "bad" | "note" | "plain";
const icons: { [tone in Tone]: IconName } = { good: "check", warn: "warn", bad: "wrong", note: "info", plain: "info" };

/** A state: an icon and words, never a colour alone. */
export function State({ tone = "plain", icon, children, soft }: { tone?: Tone; icon?: IconName | undefined; children: ComponentChildren; soft?: boolean }) {
  return <span class={`state state-${tone}${soft ? " state-soft" : ""}`}><Icon name={icon ?? icons[tone]} /><span>{children}</span></span>;
}

/** A count. */
export function Count({ n, label, strong }: { n: number; label: string; strong?: boolean }) {
  return n > 0 ? <span class={"count" + (strong ? " count-strong" : "")}><span aria-hidden="true">{n > 9999 ? "9999+" : number(n)}</span><span class="unseen">{label}</span></span> : null;
}

const hash = (s: string) => { let h = 2166136261; for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619); return h >>> 0; };
export const hueOf = (s: string) => hash(s.toLowerCase()) % 360;

/** A label, or anything else that can be taken away. */
export function Chip({ children, hue, onRemove, removeLabel }: { children: ComponentChildren; hue?: number; onRemove?: () => void; removeLabel?: string }) {
  return (
    <span class={"chip" + (hue !== undefined ? " chip-hue" : "")} style={hue !== undefined ? { "--hue": hue } : undefined}>
      <bdi>{children}</bdi>
      {onRemove && <button type="button" aria-label={removeLabel} onClick={onRemove}><Icon name="close" /></button>}
    </span>
  );
}

const initials = (name: string, address: string) => {
  const words = ((!name.includes("@") && name) || address.split("@")[0] || "").replace(/[^\p{L}\p{N}\s._-]/gu, "").split(/[\s._-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?", last = words.length > 1 ? [...(words[words.length - 1] ?? "")][0] ?? "" : "";
  return (first + last).toLocaleUpperCase();
};

/** Initials on a colour that is the address's own. A drawing only: the name stands beside it. */
export function Avatar({ name, address, size }: { name: string; address: string; size?: number }) {
  // Drawn by the style sheet: it is no text of the button that holds it.
  return <span class="avatar" aria-hidden="true" style={{ "--hue": hueOf(address || name), ...(size && { width: `${size}px`, height: `${size}px`, fontSize: `${size * 0.38}px` }) }} data-initials={initials(name, address)} />;
}

/** Nothing here, said kindly, with what to do next. */
export function EmptyState({ title, children, art = "mail", action }: { title: string; children?: ComponentChildren; art?: IconName; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-art"><Icon name={art} size={36} /></span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action && <div class="empty-action">{action}</div>}
    </div>
  );
}

/** A notice inside a page, with its tone in icon and words. */
export function Note({ tone = "note", icon, title, children, actions }: { tone?: Tone; icon?: IconName; title?: string; children?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <div class={`note note-${tone}`} role={tone === "bad" ? "alert" : "note"}>
      <Icon name={icon ?? icons[tone]} />
      <div class="note-words">{title && <strong>{title}</strong>}{children}</div>
      {actions && <div class="note-actions">{actions}</div>}
    </div>
  );
}
