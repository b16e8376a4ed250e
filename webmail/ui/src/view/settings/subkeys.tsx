// The subkeys of the owner's key: which one others encrypt to, those before it, and what can
// be done about them: another one, old mail sealed to it, the old secret forgotten, the whole
// prolonged or published again.
import { useState } from "preact/hooks";
import type { KeyChange } from "../../model/types.ts";
import type { KeyDescription, SubkeyDescription } from "../../vault/vault.ts";
import { dayDate, t } from "../../words/index.ts";
import { Button, Dialog, Field, Icon, Note, Progress, State, toast } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Fingerprint } from "../parts/fingerprint.tsx";
import { Row, Section, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const year = 365 * 86_400;
type Act = KeyChange["do"];

export function Subkeys({ room, own, shown, kept, onChanged }: { room: Room; own: KeyDescription; shown: KeyDescription | undefined; kept: boolean; onChanged: () => void }) {
  const [act, setAct] = useState<Act | null>(null);
  const list = own.subkeys.filter((s) => s.use === "encrypt").sort((a, b) => b.created - a.created);
  const old = list.filter((s) => s.revoked > 0 && s.secret);
  const stale = shown !== undefined && shown.fingerprint === own.fingerprint && shown.encryption !== own.encryption;
  const acts = !kept ? undefined : (
    <>
      {own.expires > 0 && <Button icon="calendar" onClick={() => setAct("extend")}>{t("subkeys.extend")}</Button>}
      <Button icon="refresh" onClick={() => setAct("rotate")}>{t("subkeys.rotate")}</Button>
    </>
  );
  return (
    <Section title={t("subkeys.title")} lead={kept ? t("subkeys.lead") : t("subkeys.elsewhere")} actions={acts}>
      {stale && (
        <Note tone="bad" title={t("subkeys.stale")}>
          <p>{t("subkeys.stale.text")}</p>
          {kept && <Button onClick={() => setAct("publish")}>{t("subkeys.publish")}</Button>}
        </Note>
      )}
      <Sheet label={t("subkeys.title")}>
        {list.map((s) => (
          <Row key={s.fingerprint} lead={<Icon name="key" />} title={<>{title(s, own)} {state(s, own)}</>} detail={<Fingerprint hex={s.fingerprint} />} />
        ))}
      </Sheet>
      <ResealCard room={room} old={old.length > 0} kept={kept} onForget={() => setAct("forget")} />
      {act !== null && <ChangeDialog room={room} act={act} onClose={() => setAct(null)} onDone={() => { setAct(null); onChanged(); }} />}
    </Section>
  );
}

const title = (s: SubkeyDescription, own: KeyDescription) =>
  s.revoked > 0 ? t("subkeys.until", { from: dayDate(s.created), to: dayDate(s.revoked) }) : t(s.fingerprint === own.encryption ? "subkeys.since" : "subkeys.made", { from: dayDate(s.created) });

function state(s: SubkeyDescription, own: KeyDescription) {
  if (s.fingerprint === own.encryption) return <State tone="good">{t("subkeys.current")}</State>;
  if (!s.secret) return <State>{t("subkeys.forgotten")}</State>;
  return <State tone="warn">{s.revoked > 0 ? t("subkeys.reading") : t("subkeys.unused")}</State>;
}

/** Every change asks for the passphrase; what it means stands above the field. */
function ChangeDialog({ room: { app, desk }, act, onClose, onDone }: { room: Room; act: Act; onClose: () => void; onDone: () => void }) {
  const [passphrase, setPassphrase] = useState("");
  const fault = app.session.fault.value;
  const { failed, inner, state } = desk.reseal.view.value;
  const close = () => {
    app.session.clearFault();
    onClose();
  };
  const go = async () => {
    const change: KeyChange = act === "extend" ? { do: "extend", until: Math.floor(app.clock.now() / 1000) + 2 * year } : { do: act };
    if (!(await app.session.keys.changeKey(passphrase, change))) return;
    toast(t(`subkeys.${act}.done`));
    if (act === "rotate") void desk.reseal.start().catch(() => {});
    onDone();
  };
  return (
    <Dialog title={t(`subkeys.${act}.title`)} size="medium" onClose={close} onSubmit={() => void go()}
      actions={<><Button onClick={close}>{t("kit.cancel")}</Button><Button kind={act === "forget" ? "danger" : "primary"} type="submit" busy={app.session.busy.value} disabled={passphrase === ""}>{t(`subkeys.${act}.go`)}</Button></>}>
      <div class="room-form">
        <p>{t(`subkeys.${act}.text`)}</p>
        {act === "forget" && (
          <Note tone="warn">
            {state !== "done" && <p>{t("subkeys.forget.undone")}</p>}
            {failed + inner > 0 && <p>{t("subkeys.forget.some", { n: failed + inner })}</p>}
            <p>{t("subkeys.forget.warn")}</p>
          </Note>
        )}
        <input class="unseen" type="email" autocomplete="username" value={desk.account.addresses[0] ?? ""} readOnly tabIndex={-1} aria-hidden="true" />
        <Field type="password" label={t("security.old")} value={passphrase} onValue={setPassphrase} autocomplete="current-password" required autofocus />
        {fault && <Failure word={fault.word} wait={fault.wait} />}
      </div>
    </Dialog>
  );
}

/** Old mail sealed to the new subkey: how far it is, and what may follow. */
function ResealCard({ room: { desk }, old, kept, onForget }: { room: Room; old: boolean; kept: boolean; onForget: () => void }) {
  const v = desk.reseal.view.value;
  if (!old && v.state !== "running") return null;
  const running = v.state === "running";
  const share = v.of > 0 ? v.done / v.of : 0;
  return (
    <div class="room-form">
      <h3>{t("reseal.title")}</h3>
      <p class="field-hint">{t("reseal.lead")}</p>
      {(running || v.state === "paused") && <Progress value={share} label={t("reseal.progress", { done: v.done, of: v.of })} show />}
      {running && !v.here && <p class="field-hint">{t("reseal.elsewhere")}</p>}
      {v.state === "done" && <Note tone="good">{v.failed + v.inner > 0 ? t("reseal.done.some", { n: v.failed + v.inner }) : t("reseal.done")}</Note>}
      {v.word !== "" && <Failure word={v.word} />}
      <div class="room-form-acts">
        {running && <><Button onClick={() => void desk.reseal.pause()}>{t("reseal.pause")}</Button><Button onClick={() => void desk.reseal.stop()}>{t("reseal.stop")}</Button></>}
        {(v.state === "paused" || v.state === "failed") && <Button kind="primary" onClick={() => void desk.reseal.resume()}>{t("reseal.resume")}</Button>}
        {(v.state === "none" || v.state === "stopped" || v.state === "done") && <Button onClick={() => void desk.reseal.start()}>{t(v.state === "done" ? "reseal.again" : "reseal.start")}</Button>}
        {old && kept && !running && <Button kind="danger" onClick={onForget}>{t("subkeys.forget")}</Button>}
      </div>
    </div>
  );
}
