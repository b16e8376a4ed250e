// The account's addresses: its name, and aliases that its owner adds and gives up.
import { useEffect, useState } from "preact/hooks";
import type { Own } from "../../model/own.ts";
import type { Settings } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Field, IconButton, Note, Select, State, confirm, toast } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Row, Section, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

export function Addresses({ app, desk, own }: Room & { own: Own }) {
  const s = desk.settings.value.value;
  const set = (change: Partial<Settings>) => void desk.settings.set(change);
  const { addresses } = desk.account;
  const [first = ""] = addresses;
  useEffect(() => void own.settings.load(), [own]);
  useEffect(() => void own.named.load(), [own, desk.account.certificate]);
  const named = own.named.value.value;
  const from = typeof s.more["from"] === "string" && addresses.includes(s.more["from"]) ? s.more["from"] : first;
  const remove = async (a: string) => {
    if (await confirm({ title: t("alias.remove", { address: a }), text: t("alias.remove.text"), yes: t("alias.remove.yes"), danger: true })) await own.remove(a);
  };
  return (
    <Section title={t("profile.addresses")} lead={t("alias.lead", { plus: first.replace("@", "+shop@") })}>
      <Failure word={own.failed.value} />
      <Sheet label={t("profile.addresses")}>
        {addresses.map((a, i) => (
          <Row key={a} title={<><bdi>{a}</bdi>{i === 0 && <State>{t("profile.first")}</State>}</>}
            detail={named === undefined ? undefined : named.has(a.toLowerCase()) ? t("alias.named") : t("alias.unnamed")}>
            {s.signatures.length > 0 && <Select bare label={t("profile.signature.for", { address: a })} value={s.signatureFor[a] ?? ""}
              onValue={(id) => set({ signatureFor: { ...s.signatureFor, [a]: id } })}
              options={[{ value: "", label: t("profile.signature.none") }, ...s.signatures.map((g) => ({ value: g.id, label: g.name }))]} />}
            {i > 0 && <IconButton icon="trash" danger label={t("alias.give", { address: a })} onClick={() => void remove(a)} />}
          </Row>
        ))}
      </Sheet>
      {named && addresses.some((a) => !named.has(a.toLowerCase())) && <Unnamed {...{ app, desk, own }} name={typeof s.more["name"] === "string" ? s.more["name"] : ""} />}
      <Loaded of={own.settings}>{(o) => <Add own={own} desk={desk} domains={app.session.server.value?.domains ?? [first.split("@")[1] ?? ""]} most={o.aliases} former={o.former} />}</Loaded>
      {addresses.length > 1 && (
        <div class="room-form">
          <Select label={t("alias.from")} hint={t("alias.from.hint")} value={from} onValue={(a) => set({ more: { ...s.more, from: a } })} options={addresses.map((a) => ({ value: a, label: a }))} />
        </div>
      )}
    </Section>
  );
}

/** Others look a key up by address: until the key names an alias they find none for it. */
function Unnamed({ own, name }: Room & { own: Own; name: string }) {
  const go = async () => {
    if (await own.nameAll(name)) toast(t("alias.key.done"));
  };
  return (
    <Note tone="note" icon="key" title={t("alias.key.title")} actions={<Button busy={own.busy.value} onClick={() => void go()}>{t("alias.key.go")}</Button>}>
      <p>{t("alias.key.text")}</p>
    </Note>
  );
}

function Add({ own, desk, domains, most, former }: Pick<Room, "desk"> & { own: Own; domains: readonly string[]; most: number; former: readonly string[] }) {
  const mine = desk.account.addresses[0]?.split("@")[1] ?? "";
  const [local, setLocal] = useState("");
  const [domain, setDomain] = useState(mine);
  const left = most - (desk.account.addresses.length - 1);
  if (left <= 0) return <p class="room-empty">{most === 0 ? t("profile.addresses.lead") : t("alias.full", { n: most })}</p>;
  const add = async () => {
    const typed = local.trim().toLowerCase().split("@")[0] ?? "";
    if (typed && (await own.add(`${typed}@${domain}`))) setLocal("");
  };
  return (
    <>
      <form class="alias-add" onSubmit={(e) => { e.preventDefault(); void add(); }}>
        <Field label={t("alias.new")} hint={t("alias.left", { n: left })} value={local} onValue={setLocal} autocomplete="off" maxLength={64} spellcheck={false} />
        <Select label={t("alias.domain")} value={domain} onValue={setDomain} options={domains.map((d) => ({ value: d, label: "@" + d }))} />
        <Button icon="plus" type="submit" busy={own.busy.value} disabled={local.trim() === ""}>{t("alias.add")}</Button>
      </form>
      {former.length > 0 && (
        <details class="alias-former">
          <summary>{t("alias.former")}</summary>
          <p>{t("alias.former.text")}</p>
          <Sheet label={t("alias.former")}>{former.map((a) => <Row key={a} title={<bdi>{a}</bdi>}><Button busy={own.busy.value} onClick={() => void own.add(a)}>{t("alias.back")}</Button></Row>)}</Sheet>
        </details>
      )}
    </>
  );
}
