// Contacts: a list with its search beside one of them; on a phone one after the other.
import { useRef, useState } from "preact/hooks";
import type { App, Contact, Desk } from "../../model/types.ts";
import { go, href, route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Avatar, Button, EmptyState, Field, Icon, Menu, Note, confirm, toast } from "../kit/index.ts";
import { download } from "../parts/copy.tsx";
import { ContactPage } from "./contact.tsx";
import { EditContact } from "./edit.tsx";
import { alike, blank, matching, merged } from "./merge.ts";
import "../parts/parts.css";
import "./contacts.css";

export function Contacts({ app, desk }: { app: App; desk: Desk }) {
  const { contacts } = desk;
  const at = route.value;
  const id = at.page === "contacts" ? at.id : "";
  const [typed, setTyped] = useState("");
  const all = contacts.all.value;
  const shown = matching(all, typed);
  const open = all.find((c) => c.id === id);
  return (
    <div class={`contacts${id ? " contacts-in" : ""}`}>
      <nav class="contacts-side" aria-label={t("contacts.title")}>
        <header><h1>{t("contacts.title")}</h1><Tools desk={desk} /></header>
        <Field bare type="search" label={t("contacts.search")} placeholder={t("contacts.search")} value={typed} onValue={setTyped} />
        <Alike desk={desk} groups={alike(all)} />
        <p class="unseen" role="status">{t("contacts.count", { n: shown.length })}</p>
        <ul class="contacts-list">{shown.map((c) => <Line key={c.id} contact={c} here={c.id === id} />)}</ul>
        {contacts.ready.value && all.length === 0 && <p class="room-empty">{t("contacts.none")}</p>}
        {all.length > 0 && shown.length === 0 && <p class="room-empty">{t("contacts.nobody")}</p>}
      </nav>
      <section class="contacts-page" aria-label={t("contacts.single")}>
        <a class="room-back" href={href({ page: "contacts", id: "" })}><Icon name="back" />{t("contacts.title")}</a>
        {id === "new" ? <EditContact start={blank()} onSave={async (e) => go({ page: "contacts", id: (await contacts.save(e)).id }, { replace: true })} onCancel={() => go({ page: "contacts", id: "" })} />
          : open ? <ContactPage key={open.id} app={app} desk={desk} contact={open} />
          : <EmptyState art="people" title={t(id ? "contacts.gone" : "contacts.choose")}>{t("contacts.choose.text")}</EmptyState>}
      </section>
    </div>
  );
}

function Line({ contact: c, here }: { contact: Contact; here: boolean }) {
  const [first] = c.addresses;
  const name = c.name || first?.address || t("contacts.unnamed");
  return (
    <li>
      <a class={`contacts-line${here ? " contacts-here" : ""}`} href={href({ page: "contacts", id: c.id })} aria-current={here ? "page" : undefined}>
        <Avatar name={c.name} address={first?.address ?? ""} size={36} />
        <span class="contacts-words"><strong><bdi>{name}</bdi></strong>{c.name && first && <small><bdi>{first.address}</bdi></small>}</span>
        {c.keys.length > 0 && <Icon name="key" />}
      </a>
    </li>
  );
}

function Tools({ desk: { contacts } }: { desk: Desk }) {
  const file = useRef<HTMLInputElement>(null);
  const read = async (f: File | undefined) => {
    if (!f) return;
    try {
      const n = await contacts.importCards(await f.text());
      toast(t("contacts.imported", { added: n.added, merged: n.merged, skipped: n.skipped }));
    } catch {
      toast(t("contacts.notread"), { kind: "fault" });
    }
  };
  return (
    <span class="room-actions">
      <Button icon="plus" kind="primary" onClick={() => go({ page: "contacts", id: "new" })}>{t("contacts.new")}</Button>
      <Menu label={t("contacts.more")} align="end" button={(o) => <button type="button" {...o} class="icon-button" aria-label={t("contacts.more")}><Icon name="more" /></button>}
        entries={[
          { label: t("contacts.import"), icon: "upload", hint: t("contacts.import.hint"), run: () => file.current?.click() },
          { label: t("contacts.export"), icon: "download", disabled: contacts.all.value.length === 0, run: () => download("contacts.vcf", contacts.exportCards(), "text/vcard;charset=utf-8") },
        ]} />
      <input ref={file} class="unseen" type="file" accept=".vcf,.vcard,text/vcard,text/x-vcard" tabIndex={-1} aria-hidden="true"
        onChange={(e) => { void read(e.currentTarget.files?.[0]); e.currentTarget.value = ""; }} />
    </span>
  );
}

/** Two entries that are one person, with a way to make them one. */
function Alike({ desk: { contacts }, groups }: { desk: Desk; groups: Contact[][] }) {
  const [left, leave] = useState<readonly string[]>([]);
  const key = (g: Contact[]) => g.map((c) => c.id).sort().join();
  const group = groups.find((g) => !left.includes(key(g)));
  if (!group) return null;
  const name = group.find((c) => c.name)?.name ?? group[0]?.addresses[0]?.address ?? "";
  const merge = async () => {
    const [first, ...rest] = group;
    if (!first || !(await confirm({ title: t("contacts.merge", { name }), text: t("contacts.merge.text", { n: group.length }), yes: t("contacts.merge.go") }))) return;
    await contacts.save({ id: first.id, ...merged(group), collected: group.every((c) => c.collected) });
    for (const c of rest) await contacts.remove(c.id);
    go({ page: "contacts", id: first.id });
  };
  return (
    <Note tone="plain" icon="people" actions={<><Button small onClick={() => leave([...left, key(group)])}>{t("contacts.apart")}</Button><Button small onClick={() => void merge()}>{t("contacts.merge.go")}</Button></>}>
      {t("contacts.alike", { name, n: group.length })}
    </Note>
  );
}
