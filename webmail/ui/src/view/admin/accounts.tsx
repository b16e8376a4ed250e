// The accounts: what they hold, what they may, and the reset that says what it costs.
import { useEffect, useState } from "preact/hooks";
import { type Admin, found } from "../../model/admin.ts";
import type { AdminAccount, AdminInvitation } from "../../wire/api.ts";
import { bytes, shortDate, number, t } from "../../words/index.ts";
import { Avatar, Button, Dialog, Field, Icon, Menu, Meter, Note, State, TextArea, askText, confirm } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Fingerprint } from "../parts/fingerprint.tsx";
import { Loaded, Page } from "../parts/room.tsx";
import { seconds } from "../settings/devices.tsx";
import { Link } from "./link.tsx";

export function Accounts({ admin }: { admin: Admin }) {
  const [typed, setTyped] = useState("");
  const [adding, add] = useState(false);
  const [resetting, reset] = useState<AdminAccount | undefined>(undefined);
  const [link, setLink] = useState<AdminInvitation | undefined>(undefined);
  useEffect(() => void admin.accounts.load(), [admin]);
  return (
    <Page title={t("admin.part.accounts")} lead={t("admin.accounts.lead")} actions={<Button icon="plus" onClick={() => add(true)}>{t("admin.add")}</Button>}>
      <Failure word={admin.failed.value} />
      {link && <Link made={link} onClose={() => setLink(undefined)} />}
      <Field bare type="search" label={t("admin.find")} placeholder={t("admin.find")} value={typed} onValue={setTyped} />
      <Loaded of={admin.accounts}>{(all) => {
        const shown = found(all, typed);
        return (
          <>
            <p class="unseen" role="status">{t("admin.count", { n: shown.length })}</p>
            <ul class="sheet" aria-label={t("admin.part.accounts")}>{shown.slice(0, 200).map((a) => <One key={a.id} admin={admin} account={a} onReset={() => reset(a)} onLink={setLink} />)}</ul>
            {shown.length > 200 && <p class="room-empty">{t("admin.toomany", { n: shown.length })}</p>}
          </>
        );
      }}</Loaded>
      {adding && <Add admin={admin} onClose={() => add(false)} />}
      {resetting && <Reset admin={admin} account={resetting} onClose={() => reset(undefined)} onLink={setLink} />}
    </Page>
  );
}

function One({ admin, account: a, onReset, onLink }: { admin: Admin; account: AdminAccount; onReset: () => void; onLink: (l: AdminInvitation) => void }) {
  const [address = "", ...more] = a.addresses;
  const soon = a.key_expires !== undefined && seconds(a.key_expires) < Date.now() / 1000 + 30 * 86400;
  const quota = async () => {
    const typed = await askText({ title: t("admin.quota.of", { address }), label: t("admin.quota.label"), value: a.quota ? String(a.quota / 1e9) : "0", yes: t("settings.save"), check: (v) => (/^\d{1,6}([.,]\d{1,3})?$/.test(v.trim()) ? undefined : t("admin.quota.wrong")) });
    if (typed !== undefined) await admin.changeAccount(a.id, { quota: Math.round(Number(typed.replace(",", ".")) * 1e9) });
  };
  const operator = async () => {
    if (await confirm({ title: t(a.operator ? "admin.unmake" : "admin.make", { address }), text: t("admin.make.text"), yes: t("admin.yes") })) await admin.changeAccount(a.id, { operator: !a.operator });
  };
  const attach = async () => {
    const made = await admin.invite({ account: a.id, days: 7 });
    if (made !== undefined && made !== true) onLink(made);
  };
  const remove = async () => {
    const typed = await askText({ title: t("admin.remove", { address }), text: t("admin.remove.text"), label: t("admin.remove.type"), yes: t("settings.remove"), check: (v) => (v.trim() === address ? undefined : t("admin.remove.wrong")) });
    if (typed !== undefined) await admin.removeAccount(a.id, typed.trim());
  };
  return (
    <li class="sheet-row">
      <Avatar name="" address={address} size={36} />
      <div class="sheet-words">
        <strong><bdi>{address}</bdi>{a.operator && <State icon="shield">{t("admin.operator")}</State>}{!a.sign_in && <State>{t("admin.nosignin")}</State>}{soon && a.key_expires && <State tone="warn">{t("admin.keyends", { day: shortDate(seconds(a.key_expires)) })}</State>}</strong>
        {more.length > 0 && <small><bdi>{more.join(", ")}</bdi></small>}
        <small><Fingerprint hex={a.fingerprint} /></small>
      </div>
      <div class="account-room">
        <span>{a.quota > 0 ? t("storage.of", { used: bytes(a.bytes), quota: bytes(a.quota) }) : bytes(a.bytes)} · {t("admin.mails", { n: a.messages })}</span>
        {a.quota > 0 && <Meter value={a.bytes} max={a.quota} label={t("admin.full", { address })} />}
      </div>
      <Menu label={t("admin.acts", { address })} align="end" button={(o) => <button type="button" {...o} class="icon-button" aria-label={t("admin.acts", { address })}><Icon name="more" /></button>}
        entries={[
          { label: t("admin.quota"), icon: "storage", run: () => void quota() },
          { label: t(a.operator ? "admin.unmake.go" : "admin.make.go"), icon: "shield", run: () => void operator() },
          !a.sign_in && { label: t("admin.attach"), icon: "link", run: () => void attach() },
          a.sign_in && { label: t("admin.reset"), icon: "key", danger: true, run: onReset },
          { label: t("admin.remove.go"), icon: "trash", danger: true, run: () => void remove() },
        ]} />
    </li>
  );
}

/** For somebody who reads with a mail program and a key of their own; others are invited. */
function Add({ admin, onClose }: { admin: Admin; onClose: () => void }) {
  const [address, setAddress] = useState("");
  const [certificate, setCertificate] = useState("");
  const ready = /^[^\s@]+@[^\s@]+$/.test(address.trim()) && /-----BEGIN PGP PUBLIC KEY BLOCK-----/.test(certificate);
  const go = async () => {
    if (await admin.addAccount({ address: address.trim(), certificate: btoa(certificate.replace(/[^\x00-\x7f]/g, "?")) })) onClose();
  };
  return (
    <Dialog title={t("admin.add")} size="medium" onClose={onClose} onSubmit={() => { if (ready) void go(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={admin.busy.value} disabled={!ready}>{t("admin.add.go")}</Button></>}>
      <div class="room-form">
        <p>{t("admin.add.lead")}</p>
        <Field type="email" label={t("signin.address")} value={address} onValue={setAddress} autofocus />
        <TextArea label={t("keys.public")} hint={t("admin.add.key")} rows={5} spellcheck={false} value={certificate} onValue={setCertificate} />
        <Failure word={admin.failed.value} />
      </div>
    </Dialog>
  );
}

/** Taking a sign-in away costs the owner the old mail, unless the kit or the key is there: it is said before. */
function Reset({ admin, account: a, onClose, onLink }: { admin: Admin; account: AdminAccount; onClose: () => void; onLink: (l: AdminInvitation) => void }) {
  const [typed, setTyped] = useState("");
  const [address = ""] = a.addresses;
  const same = typed.trim() === address;
  const go = async () => {
    const made = await admin.resetSignIn(a.id);
    if (made === undefined) return;
    if (made !== true) onLink(made);
    onClose();
  };
  return (
    <Dialog title={t("admin.reset.of", { address })} size="medium" onClose={onClose} onSubmit={() => { if (same) void go(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="danger" type="submit" busy={admin.busy.value} disabled={!same}>{t("admin.reset.go")}</Button></>}>
      <div class="room-form">
        <Note tone="bad" title={t("admin.reset.cost", { n: a.messages, mails: number(a.messages) })}>{t("admin.reset.cost.text")}</Note>
        <ul class="sees-list">{t("admin.reset.list").split("\n").map((l) => <li key={l}>{l}</li>)}</ul>
        <Field label={t("admin.reset.type")} value={typed} onValue={setTyped} autocomplete="off" />
        <Failure word={admin.failed.value} />
      </div>
    </Dialog>
  );
}
