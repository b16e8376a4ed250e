import { useState } from "preact/hooks";
import { wordOf } from "../../model/resource.ts";
import { t } from "../../words/index.ts";
import { Button, Field, IconButton, TextArea } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { cleaned, type Editing } from "./merge.ts";

const bad = (address: string) => address.trim() !== "" && !/^[^\s@]+@[^\s@]+$/.test(address.trim());

export function EditContact({ start, onSave, onCancel }: { start: Editing; onSave: (e: Editing) => Promise<void>; onCancel: () => void }) {
  const { name, addresses, phones, organisation, notes, keys, encrypt } = start;
  const [e, set] = useState<Editing>({ name, addresses: addresses.length > 0 ? addresses : [{ address: "", label: "" }], phones, organisation, notes, keys, encrypt });
  const [failed, setFailed] = useState("");
  const clean = cleaned(e);
  const empty = clean.name === "" && clean.addresses.length === 0;
  const wrong = e.addresses.some((a) => bad(a.address));
  const save = () => onSave(clean).catch((fault: unknown) => setFailed(wordOf(fault)));
  return (
    <form class="room contact-edit" onSubmit={(ev) => { ev.preventDefault(); if (!empty && !wrong) void save(); }}>
      <h1>{t(start.name || start.addresses[0]?.address ? "contacts.edit" : "contacts.new")}</h1>
      <Field label={t("contacts.name")} value={e.name} onValue={(v) => set({ ...e, name: v })} autofocus maxLength={200} />
      <Lines legend={t("contacts.addresses")} add={t("contacts.address.add")} type="email" words={(number) => t("contacts.address.n", { number })}
        lines={e.addresses.map((a) => ({ value: a.address, label: a.label }))} wrong={(v) => (bad(v) ? t("contacts.bad") : undefined)}
        onLines={(lines) => set({ ...e, addresses: lines.map((l) => ({ address: l.value, label: l.label })) })} />
      <Lines legend={t("contacts.phones")} add={t("contacts.phone.add")} type="text" words={(number) => t("contacts.phone.n", { number })}
        lines={e.phones.map((p) => ({ value: p.number, label: p.label }))}
        onLines={(lines) => set({ ...e, phones: lines.map((l) => ({ number: l.value, label: l.label })) })} />
      <Field label={t("contacts.organisation")} value={e.organisation} maxLength={200} onValue={(v) => set({ ...e, organisation: v })} />
      <TextArea label={t("contacts.notes")} value={e.notes} maxLength={20000} onValue={(v) => set({ ...e, notes: v })} />
      <Failure word={failed} />
      <div class="room-form-acts"><Button onClick={onCancel}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" disabled={empty || wrong}>{t("settings.save")}</Button></div>
    </form>
  );
}

interface Line { value: string; label: string }

/** Lines of one kind, each with what it is called. */
function Lines({ legend, add, type, words, lines, wrong, onLines }: {
  legend: string; add: string; type: "email" | "text"; words: (number: number) => string; lines: Line[]; wrong?: (v: string) => string | undefined; onLines: (l: Line[]) => void;
}) {
  const put = (i: number, one: Line | undefined) => onLines(lines.flatMap((x, k) => (k === i ? (one ? [one] : []) : [x])));
  return (
    <fieldset class="contact-lines">
      <legend class="field-label">{legend}</legend>
      {lines.map((l, i) => (
        <div key={i} class="contact-line">
          <Field bare type={type} label={words(i + 1)} placeholder={words(i + 1)} value={l.value} maxLength={320} error={wrong?.(l.value)} onValue={(value) => put(i, { ...l, value })} />
          <Field bare label={t("contacts.label.n", { number: i + 1 })} placeholder={t("contacts.label")} value={l.label} maxLength={40} onValue={(label) => put(i, { ...l, label })} />
          <IconButton icon="close" label={t("contacts.drop", { what: l.value || String(i + 1) })} onClick={() => put(i, undefined)} />
        </div>
      ))}
      <div><Button small icon="plus" onClick={() => onLines([...lines, { value: "", label: "" }])}>{add}</Button></div>
    </fieldset>
  );
}
