import type { ComponentChildren, HTMLAttributes, Ref, TextareaHTMLAttributes } from "preact";
import { useId, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";
import "./field.css";

interface Around {
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: string | undefined; // what was expected, in words
  bare?: boolean; // the label is read aloud only
}

function Frame({ label, hint, error, bare, id, children }: Around & { id: string; children: ComponentChildren }) {
  return (
    <div class={"field" + (error ? " field-wrong" : "")}>
      <label class={bare ? "unseen" : "field-label"} for={id}>{label}</label>
      {children}
      {hint && <div class="field-hint" id={`${id}-hint`}>{hint}</div>}
      {error && <div class="field-error" id={`${id}-error`} role="alert"><Icon name="warn" /><span>{error}</span></div>}
    </div>
  );
}

const described = (id: string, a: Around) => [a.hint && `${id}-hint`, a.error && `${id}-error`].filter(Boolean).join(" ") || undefined;

type Native<E extends HTMLElement> = Omit<HTMLAttributes<E>, "label" | "onInput" | "onChange" | "role" | "value" | "size">;

export interface FieldProps extends Around, Native<HTMLInputElement> {
  type?: "text" | "email" | "password" | "search" | "number" | "url" | "date" | "time" | "datetime-local" | undefined;
  value: string;
  onValue?: (value: string) => void;
  name?: string;
  autocomplete?: string;
  placeholder?: string;
  maxLength?: number;
  min?: string | number;
  max?: string | number;
  step?: string | number;
  pattern?: string;
  required?: boolean;
  disabled?: boolean;
  readOnly?: boolean;
  inputRef?: Ref<HTMLInputElement>;
}

/** One line of text. type="password" brings a button that shows what was typed. */
export function Field({ label, hint, error, bare, onValue, inputRef, ...rest }: FieldProps) {
  const own = useId(), id = typeof rest.id === "string" ? rest.id : own;
  const [seen, see] = useState(false);
  const secret = rest.type === "password";
  const around: Around = { label, hint, error, ...(bare && { bare }) };
  const input = (
    <input {...(rest as object)} {...(inputRef && { ref: inputRef })} type={(secret && seen ? "text" : rest.type ?? "text") as "text"} id={id} aria-invalid={error ? true : undefined} aria-describedby={described(id, around)}
      class={`input${rest.class ? ` ${String(rest.class)}` : ""}`} onInput={(e) => onValue?.(e.currentTarget.value)} />
  );
  return (
    <Frame {...around} id={id}>
      {secret ? <div class="input-with">{input}<IconButton small icon={seen ? "eye-off" : "eye"} label={t(seen ? "kit.hide" : "kit.show")} pressed={seen} onClick={() => see(!seen)} /></div> : input}
    </Frame>
  );
}

export function TextArea({ label, hint, error, bare, onValue, ...rest }: Around & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "label" | "onInput"> & { onValue?: (value: string) => void }) {
  const own = useId(), id = typeof rest.id === "string" ? rest.id : own;
  const around: Around = { label, hint, error, ...(bare && { bare }) };
  return (
    <Frame {...around} id={id}>
      <textarea rows={4} {...rest} id={id} aria-invalid={error ? true : undefined} aria-describedby={described(id, around)} class="input" onInput={(e) => onValue?.(e.currentTarget.value)} />
    </Frame>
  );
}

export interface Option<T extends string = string> { value: T; label: string; disabled?: boolean }

export function Select<T extends string>({ label, hint, error, bare, options, value, onValue, ...rest }: Around & Native<HTMLSelectElement> & { disabled?: boolean; name?: string; options: readonly Option<T>[]; value: T; onValue: (value: T) => void }) {
  const own = useId(), id = typeof rest.id === "string" ? rest.id : own;
  const around: Around = { label, hint, error, ...(bare && { bare }) };
  return (
    <Frame {...around} id={id}>
      <span class="select">
        <select {...(rest as object)} id={id} class="input" aria-describedby={described(id, around)} value={value} onChange={(e) => onValue(e.currentTarget.value as T)}>
          {options.map((o) => <option key={o.value} value={o.value} disabled={o.disabled} selected={o.value === value}>{o.label}</option>)}
        </select>
        <Icon name="down" />
      </span>
    </Frame>
  );
}

interface Ticked { label: ComponentChildren; hint?: ComponentChildren; checked: boolean; onValue: (on: boolean) => void; disabled?: boolean; bare?: boolean }

/** On or off, at once. */
export function Switch({ label, hint, checked, onValue, disabled, bare }: Ticked) {
  const id = useId();
  return (
    <div class="tick-row">
      <label for={id} class={bare ? "unseen" : "tick-label"}>{label}{hint && <small id={`${id}-hint`}>{hint}</small>}</label>
      <input id={id} class="switch" type="checkbox" role="switch" checked={checked} disabled={disabled} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(e) => onValue(e.currentTarget.checked)} />
    </div>
  );
}

/** Ticked or not, to be sent with the rest of a form. */
export function Checkbox({ label, hint, checked, onValue, disabled, bare, mixed }: Ticked & { mixed?: boolean }) {
  const id = useId();
  return (
    <div class="tick-row tick-row-start">
      <input id={id} class="checkbox" type="checkbox" checked={checked} indeterminate={mixed ?? false} disabled={disabled} onChange={(e) => onValue(e.currentTarget.checked)} />
      <label for={id} class={bare ? "unseen" : "tick-label"}>{label}{hint && <small>{hint}</small>}</label>
    </div>
  );
}

/** One of a few, all in sight. */
export function Choice<T extends string>({ label, options, value, onValue, bare }: { label: string; options: readonly (Option<T> & { hint?: string })[]; value: T; onValue: (value: T) => void; bare?: boolean }) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class={bare ? "unseen" : "field-label"}>{label}</legend>
      {options.map((o) => (
        <label key={o.value} class="choice-one">
          <input type="radio" name={name} value={o.value} checked={o.value === value} disabled={o.disabled} onChange={() => onValue(o.value)} />
          <span>{o.label}{o.hint && <small>{o.hint}</small>}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** The same in one bar, for short words. */
export function Segments<T extends string>({ label, options, value, onValue }: { label: string; options: readonly (Option<T> & { icon?: Parameters<typeof Icon>[0]["name"] })[]; value: T; onValue: (value: T) => void }) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="unseen">{label}</legend>
      {options.map((o) => (
        <label key={o.value} data-tip={o.icon ? o.label : undefined}>
          <input class="unseen" type="radio" name={name} value={o.value} checked={o.value === value} onChange={() => onValue(o.value)} />
          {o.icon ? <><Icon name={o.icon} /><span class="unseen">{o.label}</span></> : <span>{o.label}</span>}
        </label>
      ))}
    </fieldset>
  );
}
