// Dialogs are native ones: focus, Escape and the top layer are the browser's work.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, IconButton } from "./button.tsx";
import { Field } from "./field.tsx";
import "./dialog.css";

export interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  actions?: ComponentChildren; // buttons, the main one last
  size?: "small" | "medium" | "large";
  bare?: boolean; // the title is read aloud only
  must?: boolean; // it cannot be waved away: no cross, no Escape
  onSubmit?: () => void; // makes it a form
}

/** Open as long as it is drawn. */
export function Dialog({ title, onClose, children, actions, size = "small", bare, must, onSubmit }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const d = ref.current, before = document.activeElement;
    d?.showModal();
    return () => {
      d?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const inner = (
    <>
      <header class={bare ? "unseen" : "dialog-head"}>
        <h2 id={id}>{title}</h2>
        {!must && !bare && <IconButton icon="close" label={t("kit.close")} onClick={onClose} />}
      </header>
      <div class="dialog-body">{children}</div>
      {actions && <footer class="dialog-actions">{actions}</footer>}
    </>
  );
  return (
    <dialog ref={ref} class={`dialog dialog-${size}${bare ? " dialog-bare" : ""}`} aria-labelledby={id}
      onCancel={(e) => { e.preventDefault(); if (!must) onClose(); }}
      onPointerDown={(e) => { if (e.target === ref.current && !must) onClose(); }}>
      {onSubmit ? <form class="dialog-frame" onSubmit={(e) => { e.preventDefault(); onSubmit(); }}>{inner}</form> : <div class="dialog-frame">{inner}</div>}
    </dialog>
  );
}

interface Asked {
  title: string;
  text?: string;
  yes: string;
  danger?: boolean;
  input?: { label: string; value: string; check?: (value: string) => string | undefined };
  answer: (value: string | undefined) => void;
}
const asked = signal<(Asked & { value: string; error?: string }) | undefined>(undefined);

const put = (a: Asked) => { asked.value?.answer(undefined); asked.value = { ...a, value: a.input?.value ?? "" }; };

/** Asks, and answers whether it was wished. */
export const confirm = (o: { title: string; text?: string; yes: string; danger?: boolean }) =>
  new Promise<boolean>((done) => put({ ...o, answer: (v) => done(v !== undefined) }));

/** Asks for one line; undefined if it was waved away. check says what is wrong with it. */
export const askText = (o: { title: string; text?: string; yes: string; label: string; value?: string; check?: (value: string) => string | undefined }) =>
  new Promise<string | undefined>((done) => put({ title: o.title, yes: o.yes, ...(o.text && { text: o.text }), input: { label: o.label, value: o.value ?? "", ...(o.check && { check: o.check }) }, answer: done }));

/** Draws what confirm and askText ask; once in the app. */
export function Questions() {
  const q = asked.value;
  if (!q) return null;
  const end = (v: string | undefined) => { asked.value = undefined; q.answer(v); };
  const yes = () => {
    const error = q.input?.check?.(q.value);
    if (error) asked.value = { ...q, error };
    else end(q.value);
  };
  return (
    <Dialog title={q.title} onClose={() => end(undefined)} onSubmit={yes}
      actions={<><Button onClick={() => end(undefined)}>{t("kit.cancel")}</Button><Button kind={q.danger ? "danger" : "primary"} type="submit">{q.yes}</Button></>}>
      {q.text && <p>{q.text}</p>}
      {q.input && <Field label={q.input.label} value={q.value} autofocus error={q.error} onValue={(value) => { asked.value = { ...q, value }; }} />}
    </Dialog>
  );
}
