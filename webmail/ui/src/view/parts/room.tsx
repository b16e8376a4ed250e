// What every page of a room is furnished with: a head, sections, rows that name a thing
// and what can be done with it.
import type { ComponentChildren } from "preact";
import { t } from "../../words/index.ts";
import type { Resource } from "../../model/resource.ts";
import { Button, Spinner } from "../kit/index.ts";
import { Failure } from "./fault.tsx";
import "./parts.css";

export function Page({ title, lead, children, actions }: { title: string; lead?: ComponentChildren; children: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <div class="room">
      <header class="room-head">
        <h1>{title}</h1>
        {actions && <div class="room-actions">{actions}</div>}
        {lead && <p class="room-lead">{lead}</p>}
      </header>
      {children}
    </div>
  );
}

export function Section({ title, lead, children, actions, id }: { title: string; lead?: ComponentChildren; children?: ComponentChildren; actions?: ComponentChildren; id?: string }) {
  return (
    <section class="room-section" aria-label={title} id={id}>
      <header>
        <h2>{title}</h2>
        {actions && <div class="room-actions">{actions}</div>}
        {lead && <p>{lead}</p>}
      </header>
      {children}
    </section>
  );
}

/** Rows in one sheet. */
export function Sheet({ children, label }: { children: ComponentChildren; label?: string }) {
  return <ul class="sheet" aria-label={label}>{children}</ul>;
}

export function Row({ title, detail, children, lead }: { title: ComponentChildren; detail?: ComponentChildren; children?: ComponentChildren; lead?: ComponentChildren }) {
  return (
    <li class="sheet-row">
      {lead && <span class="sheet-lead">{lead}</span>}
      <span class="sheet-words"><strong>{title}</strong>{detail && <small>{detail}</small>}</span>
      {children && <span class="sheet-acts">{children}</span>}
    </li>
  );
}

/** Draws what was read; before that it says that it reads, or why it could not. */
export function Loaded<T>({ of, children }: { of: Resource<T>; children: (value: T) => ComponentChildren }) {
  const value = of.value.value;
  if (value !== undefined) return <>{children(value)}{of.failed.value && <Failure word={of.failed.value} />}</>;
  if (of.failed.value === "") return <p class="room-wait"><Spinner label={t("parts.reading")} /></p>;
  return (
    <div class="room-failed">
      <Failure word={of.failed.value} />
      <Button icon="refresh" onClick={() => void of.load()}>{t("parts.again")}</Button>
    </div>
  );
}
