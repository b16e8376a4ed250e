// One recipient's key: what it is, whether it was compared, and what to do when it changed.

import { useState } from "preact/hooks";
import type { Desk, RecipientView } from "../../model/types.ts";
import { fullDate, t } from "../../words/index.ts";
import { Button, Dialog, Field, Note, State } from "../kit/index.ts";
import { looks } from "./states.ts";

// grouped writes a fingerprint as people compare it: ten groups of four.
export const grouped = (fingerprint: string): string => (fingerprint.match(/.{1,4}/gu) ?? []).join(" ");

export function KeyDialog({ desk, address, state, onProtect, onClose }: { desk: Desk; address: string; state: RecipientView | undefined; onProtect: () => void; onClose: () => void }) {
  const pin = desk.pins.of(address);
  const look = looks[state?.state ?? "checking"];
  return (
    <Dialog title={t("compose.key.title")} size="medium" onClose={onClose} actions={<Button kind="primary" onClick={onClose}>{t("kit.close")}</Button>}>
      <p class="key-who"><bdi>{address}</bdi> <State tone={look.tone} icon={look.icon}>{t(look.words)}</State></p>
      {state?.state === "readable" && <p>{t("compose.key.none")}</p>}
      {state?.state === "password" && <p>{t("protect.is")}</p>}
      {(state?.state === "readable" || state?.state === "password") && <p><Button icon="key" onClick={onProtect}>{t(state.state === "password" ? "protect.change" : "protect.title")}</Button></p>}
      {pin && <Fingerprint label={t("compose.key.pinned", { date: fullDate(pin.first) })} value={pin.fingerprint} />}
      {pin && state?.state === "encrypted" && <Compare desk={desk} address={address} />}
      {pin && state?.state === "verified" && <p>{t("compose.key.verified", { date: fullDate(pin.verified) })} <Button small kind="quiet" onClick={() => void desk.pins.unverify(address).then(() => again(desk, address))}>{t("compose.key.unverify")}</Button></p>}
      {state?.offered && <Changed desk={desk} address={address} offered={state.offered} />}
    </Dialog>
  );
}

const again = (desk: Desk, address: string) => desk.outbox.check([...new Set([...desk.outbox.recipients.value.keys(), address.toLowerCase()])], true);

function Fingerprint({ label, value }: { label: string; value: string }) {
  return <figure class="key-print"><figcaption>{label}</figcaption><code dir="ltr">{grouped(value)}</code></figure>;
}

function Compare({ desk, address }: { desk: Desk; address: string }) {
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const check = async () => {
    const same = await desk.pins.verify(address, typed);
    setWrong(!same);
    if (same) again(desk, address);
  };
  return (
    <form onSubmit={(e) => { e.preventDefault(); void check(); }}>
      <Field label={t("compose.key.compare")} hint={t("compose.key.compare.hint")} value={typed} onValue={(v) => { setTyped(v); setWrong(false); }} autocomplete="off" spellcheck={false} error={wrong ? t("compose.key.differs") : undefined} />
      <Button type="submit" icon="shield-check" disabled={typed.trim().length < 16}>{t("compose.key.same")}</Button>
    </form>
  );
}

function Changed({ desk, address, offered }: { desk: Desk; address: string; offered: { fingerprint: string; certificate: string } }) {
  return (
    <>
      <Note tone="bad" icon="key" title={t("compose.key.changed")}>{t("compose.key.changed.text")}</Note>
      <Fingerprint label={t("compose.key.offered")} value={offered.fingerprint} />
      <Button kind="danger" onClick={() => void desk.pins.accept(address, offered.fingerprint, offered.certificate).then(() => again(desk, address))}>{t("compose.key.accept")}</Button>
    </>
  );
}
