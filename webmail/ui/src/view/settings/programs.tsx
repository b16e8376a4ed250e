// App passwords for mail programs, and how to set those up.
import { useEffect, useState } from "preact/hooks";
import { type Devices, scopes } from "../../model/devices.ts";
import type { AppPassword, AppPasswordUse } from "../../wire/api.ts";
import { dayDate, shortDate, list, relative, t } from "../../words/index.ts";
import { Button, Checkbox, Dialog, Field, Icon, IconButton, Note, Switch, confirm } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page, Row, Section, Sheet } from "../parts/room.tsx";
import { seconds } from "./devices.tsx";
import type { Room } from "./index.tsx";

export function Programs({ app, desk, devices }: Room & { devices: Devices }) {
  const [making, make] = useState(false);
  const [shown, show] = useState<AppPassword | undefined>(undefined);
  useEffect(() => void devices.passwords.load(), [devices]);
  const remove = async (p: AppPassword) => {
    if (await confirm({ title: t("programs.remove", { name: p.name }), text: t("programs.remove.text"), yes: t("settings.remove"), danger: true })) await devices.removePassword(p.name);
  };
  const host = app.session.server.value?.hostname ?? location.hostname;
  const [address = ""] = desk.account.addresses;
  return (
    <Page title={t("settings.part.programs")} lead={t("programs.lead")}>
      <Section title={t("programs.passwords")} lead={t("programs.passwords.lead")} actions={<Button icon="plus" kind="primary" onClick={() => make(true)}>{t("programs.new")}</Button>}>
        <Failure word={devices.failed.value} />
        {shown && <Shown made={shown} address={address} host={host} onClose={() => show(undefined)} />}
        <Loaded of={devices.passwords}>{(all) => all.length === 0 ? <p class="room-empty">{t("programs.none")}</p> : (
          <Sheet label={t("programs.passwords")}>
            {all.map((p) => (
              <Program key={p.name} p={p} onRemove={() => void remove(p)} />
            ))}
          </Sheet>
        )}</Loaded>
      </Section>
      <Section title={t("programs.setup")} lead={t("programs.setup.lead")}>
        <Hints host={host} address={address} />
      </Section>
      {making && <Make devices={devices} onClose={() => make(false)} onMade={(p) => { make(false); show(p); }} />}
    </Page>
  );
}

/** A password, and where it was used from lately: networks and days, never a whole address. */
function Program({ p, onRemove }: { p: AppPassword; onRemove: () => void }) {
  const last = p.uses.slice(0, 6);
  return (
    <Row lead={<Icon name="key" />} title={<bdi>{p.name}</bdi>}
      detail={<>
        {`${list(p.scopes.map((s) => t(`programs.scope.${s}` as "programs.scope.imap")))} · ${p.used ? t("programs.used", { used: relative(seconds(p.used)) }) : t("programs.unused", { made: shortDate(seconds(p.created)) })}`}
        {last.length > 0 && <span class="uses">{last.map((u) => <span key={u.door + u.network}>{useLine(u)}</span>)}</span>}
      </>}>
      <IconButton icon="trash" danger label={t("settings.remove.named", { name: p.name })} onClick={onRemove} />
    </Row>
  );
}
const useLine = (u: AppPasswordUse) => t("programs.uses.line", { door: t(`programs.door.${u.door}`), network: u.network || t("programs.uses.somewhere"), day: dayDate(seconds(u.last)) });

function Make({ devices, onClose, onMade }: { devices: Devices; onClose: () => void; onMade: (p: AppPassword) => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<string[]>(["imap", "smtp"]);
  const [file, setFile] = useState(true);
  const taken = (devices.passwords.value.value ?? []).some((p) => p.name === name.trim());
  const make = async () => {
    const made = await devices.newPassword({ name: name.trim(), scopes: chosen, file_sent: file && chosen.includes("smtp") });
    if (made) onMade(made);
  };
  return (
    <Dialog title={t("programs.new")} onClose={onClose} onSubmit={() => { if (name.trim() && !taken && chosen.length > 0) void make(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={devices.busy.value} disabled={name.trim() === "" || taken || chosen.length === 0}>{t("programs.make")}</Button></>}>
      <div class="room-form">
        <Field label={t("programs.name")} hint={t("programs.name.hint")} value={name} onValue={setName} maxLength={64} autofocus error={taken ? t("programs.taken") : undefined} />
        <fieldset class="choice">
          <legend class="field-label">{t("programs.may")}</legend>
          {scopes.map((s) => <Checkbox key={s} label={t(`programs.scope.${s}`)} hint={t(`programs.hint.${s}`)} checked={chosen.includes(s)} onValue={(on) => setChosen(on ? [...chosen, s] : chosen.filter((x) => x !== s))} />)}
        </fieldset>
        {chosen.includes("smtp") && <Switch label={t("programs.file")} hint={t("programs.file.hint")} checked={file} onValue={setFile} />}
        <Failure word={devices.failed.value} />
      </div>
    </Dialog>
  );
}

/** The password is shown here once: the server keeps only what checks it. */
function Shown({ made, address, host, onClose }: { made: AppPassword; address: string; host: string; onClose: () => void }) {
  const password = made.password ?? "";
  return (
    <Note tone="good" icon="key" title={t("programs.made", { name: made.name })} actions={<Button onClick={onClose}>{t("programs.gone")}</Button>}>
      <p>{t("programs.once")}</p>
      <div class="secret"><code>{password}</code><Copy text={password} /></div>
      <p>{t("programs.with", { address, host })}</p>
    </Note>
  );
}

function Hints({ host, address }: { host: string; address: string }) {
  const mutt = [
    `set imap_user = "${address}"`,
    `set folder = "imaps://${host}/"`,
    `set spoolfile = "+INBOX"`,
    `set smtp_url = "smtps://${address.replace("@", "%40")}@${host}/"`,
    `set record = ""   # the server files what you send`,
    `set crypt_use_gpgme = yes`,
  ].join("\n");
  return (
    <div class="sheet">
      {(["thunderbird", "k9", "apple"] as const).map((p) => (
        <details key={p} class="program">
          <summary>{t(`programs.${p}`)}</summary>
          <div><ol>{t(`programs.${p}.steps`).split("\n").map((l) => <li key={l}>{l}</li>)}</ol>{p === "apple" && <p><a href="/setup">{t("programs.profile")}</a></p>}</div>
        </details>
      ))}
      <details class="program">
        <summary>{t("programs.mutt")}</summary>
        <div><pre><code>{mutt}</code></pre><Copy text={mutt} small /></div>
      </details>
      <details class="program">
        <summary>{t("programs.any")}</summary>
        <div>
          <p>{t("programs.any.imap", { host })}</p><p>{t("programs.any.smtp", { host })}</p><p>{t("programs.any.user", { address })}</p>
          <p><a href="/setup">{t("welcome.setup")}</a></p>
        </div>
      </details>
    </div>
  );
}
