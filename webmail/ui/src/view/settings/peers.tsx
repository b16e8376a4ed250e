// Keys of others as this owner has seen them, and the comparing that makes sure of them.
import { useState } from "preact/hooks";
import type { Desk, Pin } from "../../model/types.ts";
import { shortDate, t } from "../../words/index.ts";
import { Button, Dialog, Field, Icon, IconButton, Note, State, confirm } from "../kit/index.ts";
import { Fingerprint } from "../parts/fingerprint.tsx";
import { Row, Section, Sheet } from "../parts/room.tsx";
import { QrCode } from "../qr/draw.tsx";
import { Scan } from "../qr/scan.tsx";

export function Peers({ desk }: { desk: Desk }) {
  const [open, setOpen] = useState<string | undefined>(undefined);
  const pins = [...desk.pins.all.value.values()].sort((a, b) => a.address.localeCompare(b.address));
  const forget = async (p: Pin) => {
    if (await confirm({ title: t("peers.forget", { address: p.address }), text: t("peers.forget.text"), yes: t("peers.forget.go"), danger: true })) await desk.pins.forget(p.address);
  };
  return (
    <Section title={t("peers.title")} lead={t("peers.lead")}>
      {pins.length === 0 ? <p class="room-empty">{t("peers.none")}</p> : (
        <Sheet label={t("peers.title")}>
          {pins.map((p) => (
            <Row key={p.address} lead={<Icon name={p.verified ? "shield-check" : "shield"} />} title={<><bdi>{p.address}</bdi><PinState pin={p} /></>} detail={<Fingerprint hex={p.fingerprint} />}>
              <Button onClick={() => setOpen(p.address)}>{t("peers.compare")}</Button>
              <IconButton icon="trash" danger label={t("peers.forget", { address: p.address })} onClick={() => void forget(p)} />
            </Row>
          ))}
        </Sheet>
      )}
      {open !== undefined && <Compare desk={desk} address={open} onClose={() => setOpen(undefined)} />}
    </Section>
  );
}

export function PinState({ pin }: { pin: Pin }) {
  return pin.verified ? <State tone="good">{t("peers.verified")}</State> : <State>{t("peers.seen", { day: shortDate(pin.first) })}</State>;
}

// fingerprintIn finds one in what was scanned or typed: "OPENPGP4FPR:…", groups, or bare.
export function fingerprintIn(text: string): string {
  const hex = text.replace(/^openpgp4fpr:/i, "").replace(/[\s:]/g, "").toUpperCase();
  return /^([0-9A-F]{40}|[0-9A-F]{64})$/.test(hex) ? hex : "";
}

/** Compares what the other person says with what is pinned: read aloud, typed or scanned. */
export function Compare({ desk, address, onClose }: { desk: Desk; address: string; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [outcome, setOutcome] = useState<"" | "same" | "other">("");
  const pin = desk.pins.of(address);
  if (!pin) return null;
  const try_ = async (text: string) => setOutcome((await desk.pins.verify(address, fingerprintIn(text))) ? "same" : "other");
  const scanned = (text: string) => {
    setTyped(fingerprintIn(text));
    void try_(text);
  };
  return (
    <Dialog title={t("compare.title")} size="medium" onClose={onClose} onSubmit={() => void try_(typed)}
      actions={outcome === "same" ? <Button kind="primary" onClick={onClose}>{t("compare.close")}</Button>
        : <><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" disabled={fingerprintIn(typed) === ""}>{t("compare.go")}</Button></>}>
      <div class="room-form">
        <p>{t("compare.lead", { address })}</p>
        <div class="key-main">
          <Fingerprint hex={pin.fingerprint} large />
          <QrCode text={`OPENPGP4FPR:${pin.fingerprint.toUpperCase()}`} label={t("keys.qr")} />
        </div>
        {outcome === "same" ? <Note tone="good">{t("compare.same")}</Note> : (
          <>
            <Field label={t("compare.type")} hint={t("compare.hint")} value={typed} autocomplete="off" spellcheck={false} onValue={(v) => { setTyped(v); setOutcome(""); }} />
            <Scan what={t("compare.what")} onText={scanned} />
            {outcome === "other" && <Note tone="bad" title={t("compare.differs")}>{t("compare.differs.text")}</Note>}
          </>
        )}
      </div>
    </Dialog>
  );
}
