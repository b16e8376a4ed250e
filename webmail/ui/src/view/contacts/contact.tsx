// One contact: what is known, the keys, and what mail to them would be.
import { useEffect, useMemo, useState } from "preact/hooks";
import { resource } from "../../model/resource.ts";
import type { App, Contact, Desk } from "../../model/types.ts";
import { go } from "../../router.ts";
import { dayDate, t } from "../../words/index.ts";
import { Avatar, Button, Icon, Note, Select, State, confirm } from "../kit/index.ts";
import { download } from "../parts/copy.tsx";
import { Fingerprint } from "../parts/fingerprint.tsx";
import { Loaded, Row, Section, Sheet } from "../parts/room.tsx";
import { unbase64 } from "../settings/armor.ts";
import { Compare, PinState } from "../settings/peers.tsx";
import { EditContact } from "./edit.tsx";

interface Props { app: App; desk: Desk; contact: Contact }

export function ContactPage({ app, desk, contact: c }: Props) {
  const [editing, edit] = useState(false);
  const { contacts } = desk;
  const name = c.name || c.addresses[0]?.address || t("contacts.unnamed");
  const remove = async () => {
    if (!(await confirm({ title: t("contacts.remove", { name }), yes: t("settings.remove"), danger: true }))) return;
    await contacts.remove(c.id);
    go({ page: "contacts", id: "" });
  };
  if (editing) return <EditContact start={c} onSave={async (e) => { await contacts.save({ id: c.id, ...e, collected: false }); edit(false); }} onCancel={() => edit(false)} />;
  return (
    <div class="room">
      <header class="contact-head">
        <Avatar name={c.name} address={c.addresses[0]?.address ?? ""} size={72} />
        <div><h1><bdi>{name}</bdi></h1>{c.organisation && <p><bdi>{c.organisation}</bdi></p>}{c.collected && <State icon="sent">{t("contacts.collected")}</State>}</div>
        <div class="room-actions">
          <Button icon="pen" onClick={() => edit(true)}>{t("contacts.edit")}</Button>
          <Button icon="download" onClick={() => download(`${name.replace(/[^\p{L}\p{N} ._-]/gu, "_")}.vcf`, contacts.exportCards([c.id]), "text/vcard;charset=utf-8")}>{t("contacts.card")}</Button>
          <Button icon="trash" kind="danger" onClick={() => void remove()}>{t("settings.remove")}</Button>
        </div>
      </header>
      <Sheet label={t("contacts.reach")}>
        {c.addresses.map((a) => (
          <Row key={a.address} lead={<Icon name="mail" />} title={<bdi>{a.address}</bdi>} detail={a.label}>
            <a class="button button-plain" href={`#/compose?to=${encodeURIComponent(c.name ? `${c.name} <${a.address}>` : a.address)}`}>{t("contacts.write")}</a>
          </Row>
        ))}
        {c.phones.map((p) => <Row key={p.number} lead={<Icon name="device" />} title={<bdi>{p.number}</bdi>} detail={p.label} />)}
      </Sheet>
      {c.notes && <Section title={t("contacts.notes")}><p class="contact-notes">{c.notes}</p></Section>}
      <Encryption app={app} desk={desk} contact={c} />
    </div>
  );
}

function Encryption({ app, desk, contact: c }: Props) {
  const [comparing, compare] = useState("");
  void desk.pins.all.value;
  const pinned = c.addresses.flatMap((a) => desk.pins.of(a.address) ?? []);
  return (
    <Section title={t("contacts.keys")} lead={t("contacts.keys.lead")}>
      {pinned.length > 0 && (
        <Sheet label={t("contacts.keys")}>
          {pinned.map((p) => (
            <Row key={p.address} lead={<Icon name={p.verified ? "shield-check" : "shield"} />} title={<><bdi>{p.address}</bdi><PinState pin={p} /></>} detail={<Fingerprint hex={p.fingerprint} />}>
              <Button onClick={() => compare(p.address)}>{t("peers.compare")}</Button>
            </Row>
          ))}
        </Sheet>
      )}
      {c.keys.map((k) => <KeptKey key={k} app={app} desk={desk} contact={c} certificate={k} />)}
      {pinned.length === 0 && c.keys.length === 0 && <p class="room-empty">{t("contacts.nokey")}</p>}
      <div class="room-form">
        <Select label={t("contacts.encrypt")} value={c.encrypt} onValue={(encrypt) => void desk.contacts.save({ id: c.id, encrypt })}
          options={(["default", "always", "never"] as const).map((v) => ({ value: v, label: t(`contacts.encrypt.${v}`) }))} />
      </div>
      {comparing && <Compare desk={desk} address={comparing} onClose={() => compare("")} />}
    </Section>
  );
}

/** A key that stands in the contact itself: it can be taken for its address. */
function KeptKey({ app, desk, contact: c, certificate }: Props & { certificate: string }) {
  const about = useMemo(() => resource(() => app.vault.describeKey(unbase64(certificate).buffer)), [certificate]);
  useEffect(() => void about.load(), [about]);
  const [address] = c.addresses;
  const pin = address && desk.pins.of(address.address);
  return (
    <Loaded of={about}>{(k) => (
      <Note tone={k.usable ? "plain" : "warn"} icon="key" title={k.usable ? t("contacts.kept") : t("contacts.unusable")}
        actions={k.usable && address && pin?.fingerprint !== k.fingerprint && <Button onClick={() => void desk.pins.accept(address.address, k.fingerprint, certificate)}>{t("contacts.use")}</Button>}>
        <p><Fingerprint hex={k.fingerprint} /></p>
        <p>{k.algorithm}, {t("contacts.made", { day: dayDate(k.created) })}</p>
        <p><bdi>{k.identities.join(", ")}</bdi></p>
      </Note>
    )}</Loaded>
  );
}
