// What opens the account: passphrase, recovery kit, passkeys, codes, and when it locks.
import { useEffect, useState } from "preact/hooks";
import type { Devices } from "../../model/devices.ts";
import type { NewTotp, PasskeyLine } from "../../wire/api.ts";
import { shortDate, relative, t } from "../../words/index.ts";
import { Button, Dialog, Field, Icon, IconButton, Note, Select, State, Switch, askText, confirm, toast } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page, Row, Section, Sheet } from "../parts/room.tsx";
import { QrCode } from "../qr/draw.tsx";
import { Retype } from "../welcome/join.tsx";
import { KitPage } from "../welcome/kitpage.tsx";
import { ChoosePassphrase, nothingChosen, useStrength } from "../welcome/passphrase.tsx";
import { seconds } from "./devices.tsx";
import type { Room } from "./index.tsx";
import "../welcome/welcome.css";

type Props = Room & { devices: Devices };

export function Security(p: Props) {
  const { app, desk, devices } = p;
  const [kit, setKit] = useState(false);
  useEffect(() => void devices.factors.load(), [devices]);
  if (kit) return <div class="room"><NewKit {...p} onEnd={() => setKit(false)} /></div>;
  const s = desk.settings.value.value;
  return (
    <Page title={t("settings.part.security")}>
      <Failure word={devices.failed.value} />
      <Section title={t("security.passphrase")} lead={t("security.passphrase.lead")}><ChangePassphrase {...p} /></Section>
      <Section title={t("kit24.title")} lead={t("security.kit.lead")} actions={<Button icon="file-text" onClick={() => setKit(true)}>{t("security.kit.new")}</Button>} />
      <Passkeys {...p} />
      <Totp {...p} />
      <Section title={t("security.lock")} lead={t("security.lock.lead")}>
        <div class="room-form">
          <Select label={t("security.lock")} bare value={String(s.autoLock)} onValue={(v) => void desk.settings.set({ autoLock: Number(v) })}
            options={[...new Set([0, 5, 15, 30, 60, 240, s.autoLock])].sort((a, b) => a - b).map((n) => ({ value: String(n), label: n === 0 ? t("security.lock.never") : t("security.minutes", { n }) }))} />
        </div>
      </Section>
      <Section title={t("security.offline")} lead={t("security.offline.lead")}>
        <div class="room-form"><Switch label={t("security.offline.on")} checked={app.session.offline.own.value} onValue={(own) => app.session.ownDevice(own)} /></div>
      </Section>
    </Page>
  );
}

function ChangePassphrase({ app, desk }: Props) {
  const [open, setOpen] = useState(false);
  const [old, setOld] = useState("");
  const [chosen, setChosen] = useState(nothingChosen);
  const { strength, ready } = useStrength(chosen, desk.account.addresses);
  const fault = app.session.fault.value;
  const close = () => {
    setOpen(false);
    setOld("");
    setChosen(nothingChosen);
    app.session.clearFault();
  };
  const change = async () => {
    if (!ready || !(await app.session.keys.changePassphrase(old, chosen.passphrase))) return;
    close();
    toast(t("security.passphrase.done"));
  };
  if (!open) return <div><Button icon="pen" onClick={() => setOpen(true)}>{t("security.passphrase.change")}</Button></div>;
  return (
    <form class="room-form" onSubmit={(e) => { e.preventDefault(); void change(); }}>
      <input class="unseen" type="email" autocomplete="username" value={desk.account.addresses[0] ?? ""} readOnly tabIndex={-1} aria-hidden="true" />
      <Field type="password" label={t("security.old")} value={old} onValue={setOld} autocomplete="current-password" required autofocus />
      <ChoosePassphrase chosen={chosen} onChosen={setChosen} judged={strength} label={t("security.new")} />
      {fault && <Failure word={fault.word} wait={fault.wait} />}
      <div class="room-form-acts"><Button onClick={close}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={app.session.busy.value} disabled={!ready || old === ""}>{t("security.passphrase.change")}</Button></div>
    </form>
  );
}

/** A new kit takes the old one's place only when it was tried. */
function NewKit({ app, desk, onEnd }: Props & { onEnd: () => void }) {
  const { session } = app;
  const [passphrase, setPassphrase] = useState("");
  const [words, setWords] = useState<string[] | null>(null);
  const [trying, setTrying] = useState(false);
  const fault = session.fault.value;
  useEffect(() => () => session.clearFault(), []);
  if (!words) {
    return (
      <form class="room-form" onSubmit={(e) => { e.preventDefault(); void session.keys.newKit(passphrase).then((w) => { setPassphrase(""); setWords(w); }); }}>
        <header><h1>{t("security.kit.new")}</h1><p class="lead">{t("security.kit.why")}</p></header>
        <Field type="password" label={t("security.old")} value={passphrase} onValue={setPassphrase} autocomplete="current-password" required autofocus />
        {fault && <Failure word={fault.word} wait={fault.wait} />}
        <div class="room-form-acts"><Button onClick={onEnd}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={session.busy.value}>{t("security.kit.make")}</Button></div>
      </form>
    );
  }
  if (!trying) {
    return <KitPage kit={{ words, address: desk.account.addresses[0] ?? "", host: session.server.value?.hostname ?? location.hostname }} title={t("security.kit.new")} lead={t("security.kit.old")} onDone={() => setTrying(true)} onBack={onEnd} />;
  }
  return (
    <Retype busy={session.busy.value} fault={fault?.word ?? ""} finish={t("security.kit.finish")} lead={t("security.kit.try")} onBack={() => setTrying(false)}
      onWords={async (typed) => {
        if (!(await session.keys.confirmKit(typed))) return;
        toast(t("security.kit.done"));
        onEnd();
      }} />
  );
}

function Passkeys({ app, devices }: Props) {
  const { session } = app;
  const add = async () => {
    const name = await askText({ title: t("security.passkey.new"), text: t("security.passkey.text"), label: t("security.passkey.name"), value: t("security.passkey.value"), yes: t("security.passkey.make") });
    if (name && (await session.keys.addPasskey(name.trim().slice(0, 64)))) await devices.factors.load();
  };
  const remove = async (k: PasskeyLine) => {
    if (!(await confirm({ title: t("security.passkey.remove", { name: k.name }), text: t("security.passkey.remove.text"), yes: t("settings.remove"), danger: true }))) return;
    const { keyring } = await app.api.session();
    await devices.removePasskey(k.id, k.unlocks ? keyring.version + 1 : undefined);
  };
  return (
    <Section title={t("security.passkeys")} lead={t("security.passkeys.lead")} actions={session.hasPasskeys && <Button icon="plus" busy={session.busy.value} onClick={() => void add()}>{t("security.passkey.new")}</Button>}>
      {session.fault.value && <Failure word={session.fault.value.word} />}
      {!session.hasPasskeys && <Note tone="note">{t("security.passkey.none")}</Note>}
      <Loaded of={devices.factors}>{(f) => f.passkeys.length === 0 ? <p class="room-empty">{t("security.passkeys.empty")}</p> : (
        <Sheet label={t("security.passkeys")}>
          {f.passkeys.map((k) => (
            <Row key={k.id} lead={<Icon name="key" />} title={<><bdi>{k.name}</bdi>{k.unlocks ? <State tone="good">{t("security.unlocks")}</State> : <State>{t("security.factor")}</State>}</>}
              detail={k.used ? t("security.used", { made: shortDate(seconds(k.created)), used: relative(seconds(k.used)) }) : t("security.unused", { made: shortDate(seconds(k.created)) })}>
              <IconButton icon="trash" danger label={t("settings.remove.named", { name: k.name })} onClick={() => void remove(k)} />
            </Row>
          ))}
        </Sheet>
      )}</Loaded>
    </Section>
  );
}

function Totp({ devices }: Props) {
  const [fresh, setFresh] = useState<NewTotp | undefined>(undefined);
  const leave = async () => {
    if (await confirm({ title: t("security.totp.remove"), text: t("security.totp.remove.text"), yes: t("settings.remove"), danger: true })) await devices.removeTotp();
  };
  return (
    <Section title={t("security.totp")} lead={t("security.totp.lead")}>
      <Loaded of={devices.factors}>{(f) => (
        <Sheet>
          <Row lead={<Icon name="clock" />} title={f.totp ? <State tone="good">{t("security.totp.on")}</State> : t("security.totp.off")}>
            {f.totp ? <Button onClick={() => void leave()}>{t("security.totp.remove")}</Button> : <Button busy={devices.busy.value} onClick={() => void devices.beginTotp().then(setFresh)}>{t("security.totp.set")}</Button>}
          </Row>
        </Sheet>
      )}</Loaded>
      {fresh && <SetTotp devices={devices} fresh={fresh} onClose={() => setFresh(undefined)} />}
    </Section>
  );
}

function SetTotp({ devices, fresh, onClose }: { devices: Devices; fresh: NewTotp; onClose: () => void }) {
  const [code, setCode] = useState("");
  const digits = code.replace(/\D/g, "");
  const save = async () => {
    if (await devices.confirmTotp(digits)) onClose();
    else setCode("");
  };
  return (
    <Dialog title={t("security.totp.set")} size="medium" onClose={onClose} onSubmit={() => { if (digits.length === 6) void save(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={devices.busy.value} disabled={digits.length !== 6}>{t("security.totp.confirm")}</Button></>}>
      <div class="totp">
        <QrCode text={fresh.uri} label={t("security.totp.qr")} />
        <div class="room-form">
          <p>{t("security.totp.scan")}</p>
          <div class="secret"><code>{fresh.secret.match(/.{1,4}/g)?.join(" ")}</code><Copy text={fresh.secret} small /></div>
          <Field label={t("security.totp.code")} value={code} onValue={setCode} inputMode="numeric" autocomplete="one-time-code" maxLength={9} autofocus />
          <Failure word={devices.failed.value} />
        </div>
      </div>
    </Dialog>
  );
}
