import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";
import { Spinner } from "./progress.tsx";
import "./button.css";

type Native = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "size" | "icon">;

export interface ButtonProps extends Native {
  kind?: "primary" | "plain" | "quiet" | "danger";
  small?: boolean;
  icon?: IconName | undefined;
  busy?: boolean; // shows that it works, and takes no second click
  children?: ComponentChildren;
}

export function Button({ kind = "plain", small, icon, busy, children, class: extra, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button button-${kind}${small ? " button-small" : ""}${extra ? ` ${String(extra)}` : ""}`} aria-busy={busy || undefined} disabled={busy || rest.disabled}>
      {busy ? <Spinner /> : icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  );
}

export interface IconButtonProps extends Native {
  icon: IconName;
  label: string; // what it does, in words: read aloud and shown as a tip
  keys?: string | undefined; // its shortcut, shown in the tip
  filled?: boolean;
  small?: boolean;
  pressed?: boolean | undefined; // for one that stays on
  danger?: boolean;
}

export function IconButton({ icon, label, keys, filled, small, pressed, danger, class: extra, ...rest }: IconButtonProps) {
  return (
    <button
      type="button" aria-label={label} data-tip={label} data-keys={keys} aria-pressed={pressed} aria-keyshortcuts={keys}
      {...rest} class={`icon-button${small ? " icon-button-small" : ""}${danger ? " icon-button-danger" : ""}${extra ? ` ${String(extra)}` : ""}`}>
      <Icon name={icon} filled={filled ?? false} />
    </button>
  );
}
