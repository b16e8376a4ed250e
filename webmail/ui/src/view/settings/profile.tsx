// Who one is to others: name, addresses, signatures, templates.
import { useState } from "preact/hooks";
import type { Settings, Signature } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Dialog, Field, IconButton, TextArea, confirm } from "../kit/index.ts";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import type { Own } from "../../model/own.ts";
import { Addresses } from "./addresses.tsx";
import type { Room } from "./index.tsx";

export function Profile({ app, desk, own }: Room & { own: Own }) {
  const s = desk.settings.value.value;
  const set = (change: Partial<Settings>) => void desk.settings.set(change);
  const kept = typeof s.more["name"] === "string" ? s.more["name"] : "";
  const [name, setName] = useState<string | undefined>(undefined);
  const save = () => {
    if (name !== undefined && name.trim() !== kept) set({ more: { ...s.more, name: name.trim().slice(0, 200) } });
    setName(undefined);
  };
  return (
    <Page title={t("settings.part.profile")}>
      <Section title={t("profile.name")}>
        <form class="room-form" onSubmit={(e) => { e.preventDefault(); save(); }}>
          <Field label={t("profile.name.label")} hint={t("profile.name.hint")} value={name ?? kept} onValue={setName} onBlur={save} autocomplete="name" maxLength={200} />
        </form>
      </Section>
      <Addresses app={app} desk={desk} own={own} />
      <Signatures list={s.signatures} onList={(signatures) => set({ signatures })} />
      <Templates desk={desk} />
    </Page>
  );
}

const newId = () => crypto.randomUUID().replaceAll("-", "").slice(0, 16);

// asHtml says plain text as HTML: a signature is written as text and sent as both.
export function asHtml(text: string): string {
  const entity: { [c: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.split("\n").map((l) => `<div>${l.replace(/[&<>"]/g, (c) => entity[c] ?? c) || "<br>"}</div>`).join("");
}

function Signatures({ list, onList }: { list: Signature[]; onList: (l: Signature[]) => void }) {
  const [open, setOpen] = useState<Signature | undefined>(undefined);
  const save = (g: Signature) => {
    const one = { ...g, name: g.name.trim() || t("profile.signature"), html: asHtml(g.text) };
    onList(list.some((x) => x.id === g.id) ? list.map((x) => (x.id === g.id ? one : x)) : [...list, one]);
    setOpen(undefined);
  };
  const remove = async (g: Signature) => {
    if (await confirm({ title: t("profile.signature.remove", { name: g.name }), yes: t("settings.remove"), danger: true })) onList(list.filter((x) => x.id !== g.id));
  };
  return (
    <Section title={t("profile.signatures")} actions={<Button icon="plus" onClick={() => setOpen({ id: newId(), name: "", html: "", text: "" })}>{t("profile.signature.new")}</Button>}>
      {list.length === 0 ? <p class="room-empty">{t("profile.signatures.none")}</p> : (
        <Sheet label={t("profile.signatures")}>
          {list.map((g) => (
            <Row key={g.id} title={g.name} detail={g.text.split("\n").slice(0, 2).join(" · ")}>
              <IconButton icon="pen" label={t("settings.edit.named", { name: g.name })} onClick={() => setOpen(g)} />
              <IconButton icon="trash" danger label={t("settings.remove.named", { name: g.name })} onClick={() => void remove(g)} />
            </Row>
          ))}
        </Sheet>
      )}
      {open && (
        <Dialog title={t("profile.signature")} size="medium" onClose={() => setOpen(undefined)} onSubmit={() => save(open)}
          actions={<><Button onClick={() => setOpen(undefined)}>{t("kit.cancel")}</Button><Button kind="primary" type="submit">{t("settings.save")}</Button></>}>
          <div class="room-form">
            <Field label={t("profile.signature.name")} value={open.name} onValue={(name) => setOpen({ ...open, name })} autofocus maxLength={60} />
            <TextArea label={t("profile.signature.text")} rows={5} value={open.text} maxLength={4000} onValue={(text) => setOpen({ ...open, text })} />
          </div>
        </Dialog>
      )}
    </Section>
  );
}

interface Editing { id?: string; name: string; subject: string; text: string }

function Templates({ desk }: Pick<Room, "desk">) {
  const list = desk.settings.templates.value;
  const [open, setOpen] = useState<Editing | undefined>(undefined);
  const save = async (e: Editing) => {
    await desk.settings.saveTemplate({ ...(e.id ? { id: e.id } : {}), name: e.name.trim() || e.subject.trim() || t("profile.template"), subject: e.subject, text: e.text, html: asHtml(e.text) });
    setOpen(undefined);
  };
  const remove = async (id: string, name: string) => {
    if (await confirm({ title: t("profile.template.remove", { name }), yes: t("settings.remove"), danger: true })) await desk.settings.removeTemplate(id);
  };
  return (
    <Section title={t("profile.templates")} lead={t("profile.templates.lead")} actions={<Button icon="plus" onClick={() => setOpen({ name: "", subject: "", text: "" })}>{t("profile.template.new")}</Button>}>
      {list.length > 0 && (
        <Sheet label={t("profile.templates")}>
          {list.map((m) => (
            <Row key={m.id} title={m.name} detail={m.subject}>
              <IconButton icon="pen" label={t("settings.edit.named", { name: m.name })} onClick={() => setOpen({ id: m.id, name: m.name, subject: m.subject, text: m.text })} />
              <IconButton icon="trash" danger label={t("settings.remove.named", { name: m.name })} onClick={() => void remove(m.id, m.name)} />
            </Row>
          ))}
        </Sheet>
      )}
      {open && (
        <Dialog title={t("profile.template")} size="medium" onClose={() => setOpen(undefined)} onSubmit={() => void save(open)}
          actions={<><Button onClick={() => setOpen(undefined)}>{t("kit.cancel")}</Button><Button kind="primary" type="submit">{t("settings.save")}</Button></>}>
          <div class="room-form">
            <Field label={t("profile.template.name")} value={open.name} autofocus maxLength={60} onValue={(name) => setOpen({ ...open, name })} />
            <Field label={t("profile.template.subject")} value={open.subject} maxLength={200} onValue={(subject) => setOpen({ ...open, subject })} />
            <TextArea label={t("profile.template.text")} rows={8} value={open.text} maxLength={20000} onValue={(text) => setOpen({ ...open, text })} />
          </div>
        </Dialog>
      )}
    </Section>
  );
}
