// The owner's key and those of others: what it is, whether the server shows it unchanged,
// and how to be sure of somebody else's.
import { useEffect, useMemo, useState } from "preact/hooks";
import { resource, wordOf } from "../../model/resource.ts";
import type { Recipient } from "../../wire/api.ts";
import { dayDate, t } from "../../words/index.ts";
import { Button, Dialog, Icon, Note, State, Switch } from "../kit/index.ts";
import { Copy, download } from "../parts/copy.tsx";
import { Failure } from "../parts/fault.tsx";
import { Fingerprint } from "../parts/fingerprint.tsx";
import { Loaded, Page, Row, Section, Sheet } from "../parts/room.tsx";
import { QrCode } from "../qr/draw.tsx";
import { BringKey, looksLikeKey, type OwnKey } from "../welcome/choose.tsx";
import { ChoosePassphrase, nothingChosen, useStrength } from "../welcome/passphrase.tsx";
import { armored, unbase64 } from "./armor.ts";
import type { Room } from "./index.tsx";
import { Peers } from "./peers.tsx";
import { Subkeys } from "./subkeys.tsx";

export const qrOf = (fingerprint: string) => `OPENPGP4FPR:${fingerprint.toUpperCase()}`;

export function Keys(room: Room) {
  const { app, desk } = room;
  const account = app.session.account.value ?? desk.account; // as it is now: its key may have changed
  const about = useMemo(() => resource(() => app.vault.describeKey(unbase64(account.certificate).buffer)), [account.certificate]);
  const here = useMemo(() => resource(() => app.vault.state()), [account.certificate]);
  const own = useMemo(() => resource(() => app.vault.ownKey()), [account.certificate]);
  const look = () => {
    void about.load();
    void here.load();
    void own.load();
  };
  useEffect(look, [about, here, own]);
  const kept = Object.hasOwn(app.session.session.value?.keyring.containers ?? {}, `openpgp.${account.fingerprint}`);
  const save = () => download(`${account.addresses[0] ?? "key"}.public.asc`, armored(unbase64(account.certificate), "PUBLIC KEY BLOCK"), "application/pgp-keys");
  const described = about.value.value;
  const swapped = described !== undefined && described.fingerprint.toUpperCase() !== account.fingerprint.toUpperCase();
  return (
    <Page title={t("settings.part.keys")} lead={t("keys.lead")}>
      {swapped && <Note tone="bad" title={t("keys.swapped")}>{t("keys.swapped.text")}</Note>}
      {here.value.value && !here.value.value.mail && <Bring room={room} onDone={() => void here.load()} />}
      <Section title={t("keys.mine")}>
        <div class="sheet">
          <div class="key-main">
            <div class="room-form">
              <Fingerprint hex={account.fingerprint} large />
              <div class="room-form-acts"><Copy text={account.fingerprint} label={t("keys.copy")} /><Button icon="download" onClick={save}>{t("keys.public")}</Button></div>
            </div>
            <QrCode text={qrOf(account.fingerprint)} label={t("keys.qr")} />
          </div>
          <Loaded of={about}>{(k) => (
            <dl class="sheet-block key-facts">
              <div><dt>{t("keys.algorithm")}</dt><dd>{k.algorithm}</dd></div>
              <div><dt>{t("keys.created")}</dt><dd>{dayDate(k.created)}</dd></div>
              <div><dt>{t("keys.expires")}</dt><dd>{k.expires ? dayDate(k.expires) : t("keys.never")}</dd></div>
              <div><dt>{t("keys.ids")}</dt><dd>{k.identities.map((i) => <div key={i}><bdi>{i}</bdi></div>)}</dd></div>
              <div><dt>{t("keys.profile")}</dt><dd>{t(`keys.profile.${account.profile}`)}</dd></div>
            </dl>
          )}</Loaded>
        </div>
      </Section>
      {own.value.value && <Subkeys room={room} own={own.value.value} shown={described} kept={kept} onChanged={look} />}
      <Published room={room} encryption={own.value.value?.encryption ?? described?.encryption ?? ""} />
      {here.value.value?.mail && <Export {...room} />}
      <Peers desk={desk} />
    </Page>
  );
}

/** What others get who ask this server for the owner's key: it must be the owner's. */
function Published({ room: { app, desk }, encryption }: { room: Room; encryption: string }) {
  const account = app.session.account.value ?? desk.account;
  const found = useMemo(() => resource<(Recipient & { encryption: string })[]>(async () => {
    const described = async (r: Recipient) => (r.certificate ? (await app.vault.describeKey(unbase64(r.certificate).buffer).catch(() => null))?.encryption ?? "" : "");
    return Promise.all((await app.api.recipients(account.addresses)).map(async (r) => ({ ...r, encryption: await described(r) })));
  }), [account.certificate]);
  useEffect(() => void found.load(), [found]);
  return (
    <Section title={t("keys.published")} lead={t("keys.published.lead")}>
      <Loaded of={found}>{(list) => (
        <Sheet label={t("keys.published")}>
          {list.map((r) => {
            const same = r.fingerprint?.toUpperCase() === account.fingerprint.toUpperCase() && (encryption === "" || r.encryption === encryption);
            const command = `gpg --auto-key-locate clear,nodefault,wkd --locate-keys ${r.address}`;
            return (
              <Row key={r.address} lead={<Icon name="globe" />} title={<bdi>{r.address}</bdi>} detail={<code>{command}</code>}>
                {r.state !== "key" ? <State tone="warn">{t("keys.unpublished")}</State> : same ? <State tone="good">{t("keys.same")}</State> : <State tone="bad">{t("keys.differs")}</State>}
                <Copy text={command} small />
              </Row>
            );
          })}
        </Sheet>
      )}</Loaded>
    </Section>
  );
}

/** For GnuPG and Thunderbird, under a passphrase of its own. */
function Export({ app, desk }: Room) {
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(nothingChosen);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const [newest, setNewest] = useState(false);
  const { strength, ready } = useStrength(chosen, desk.account.addresses);
  const close = () => {
    setOpen(false);
    setChosen(nothingChosen);
    setFailed("");
  };
  const save = async () => {
    setBusy(true);
    try {
      download(`${desk.account.addresses[0] ?? "key"}.secret.asc`, await app.vault.exportKey({ passphrase: chosen.passphrase, for: newest ? "newest" : "all" }), "application/pgp-keys");
      close();
    } catch (e) {
      setFailed(wordOf(e));
    }
    setBusy(false);
  };
  return (
    <Section title={t("keys.export")} lead={t("keys.export.lead")} actions={<Button icon="download" onClick={() => setOpen(true)}>{t("keys.export.go")}</Button>}>
      {open && (
        <Dialog title={t("keys.export")} size="medium" onClose={close} onSubmit={() => { if (ready) void save(); }}
          actions={<><Button onClick={close}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={busy} disabled={!ready}>{t("keys.export.go")}</Button></>}>
          <div class="room-form">
            <Note tone="warn">{t("keys.export.warn")}</Note>
            <ChoosePassphrase chosen={chosen} onChosen={setChosen} judged={strength} label={t("keys.export.passphrase")} />
            <Switch label={t("keys.export.newest")} checked={newest} onValue={setNewest} />
            <Failure word={failed} />
            <p class="field-hint">{t(newest ? "keys.export.newest.how" : "keys.export.how")}</p>
          </div>
        </Dialog>
      )}
    </Section>
  );
}

/** This browser has no secret key: it lists mail but cannot open it. */
function Bring({ room: { app, desk }, onDone }: { room: Room; onDone: () => void }) {
  const [own, setOwn] = useState<OwnKey>({ armored: "", passphrase: "", keep: false });
  const [failed, setFailed] = useState("");
  const bring = async () => {
    try {
      await app.vault.importKey({ secret_key: own.armored, fingerprint: desk.account.fingerprint, ...(own.passphrase ? { key_passphrase: own.passphrase } : {}) });
      onDone();
    } catch (e) {
      setFailed(wordOf(e));
    }
  };
  return (
    <Section title={t("keys.bring")} lead={t("keys.bring.lead")}>
      <form class="room-form" onSubmit={(e) => { e.preventDefault(); void bring(); }}>
        <BringKey own={own} onOwn={setOwn} here />
        <Failure word={failed} />
        <div><Button kind="primary" type="submit" disabled={!looksLikeKey(own.armored)}>{t("keys.bring.go")}</Button></div>
      </form>
    </Section>
  );
}
