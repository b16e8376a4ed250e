// Browsers that are signed in or ask to be, and what came before.
import { useEffect, useState } from "preact/hooks";
import type { Devices } from "../../model/devices.ts";
import type { WaitingRequest } from "../../wire/api.ts";
import { fullDate, relative, t } from "../../words/index.ts";
import { Button, Dialog, Icon, Note, State, confirm } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page, Row, Section, Sheet } from "../parts/room.tsx";
import { Scan } from "../qr/scan.tsx";
import { fold } from "../welcome/kit.ts";
import { noWords, useList, useWhole, WholeWords, Words } from "../welcome/words.tsx";
import type { Room } from "./index.tsx";

export const seconds = (time: string) => Date.parse(time) / 1000;

export function DevicesPage({ app, devices }: Room & { devices: Devices }) {
  useEffect(() => {
    for (const of of [devices.sessions, devices.requests, devices.history]) void of.load();
    const timer = setInterval(() => void devices.requests.load(), 5000); // somebody may be asking right now
    return () => clearInterval(timer);
  }, [devices]);
  return (
    <Page title={t("settings.part.devices")} lead={t("devices.lead")}>
      <Failure word={devices.failed.value} />
      <Asking app={app} devices={devices} />
      <Sessions devices={devices} />
      <History devices={devices} />
    </Page>
  );
}

function Asking({ app, devices }: Pick<Room, "app"> & { devices: Devices }) {
  const [open, setOpen] = useState<WaitingRequest | undefined>(undefined);
  const list = devices.requests.value.value ?? [];
  return (
    <Section title={t("devices.asking")} lead={t("devices.asking.lead")}>
      {list.length === 0 ? <p class="room-empty">{t("devices.asking.none")}</p> : (
        <Sheet label={t("devices.asking")}>
          {list.map((r) => (
            <Row key={r.id} lead={<Icon name="device" />} title={<bdi>{r.device}</bdi>} detail={t("devices.asked", { when: relative(seconds(r.at)) })}>
              <Button onClick={() => void devices.refuse(r.id)}>{t("devices.refuse")}</Button>
              <Button kind="primary" onClick={() => setOpen(r)}>{t("devices.letin")}</Button>
            </Row>
          ))}
        </Sheet>
      )}
      {open && <Approve app={app} request={open} onClose={() => { setOpen(undefined); void devices.requests.load(); void devices.sessions.load(); }} />}
    </Section>
  );
}

/** The six words come from the other screen: only so is it sure who asks. */
function Approve({ app, request, onClose }: Pick<Room, "app"> & { request: WaitingRequest; onClose: () => void }) {
  const list = useList();
  const [words, setWords] = useState(noWords(6));
  const whole = useWhole(words, list, false);
  const { session } = app;
  const approve = async () => {
    if (await session.approve({ id: request.id, public_key: request.public_key }, words.map((w) => fold(w)[0] ?? "").join(" "))) onClose();
  };
  const scanned = (text: string) => {
    const found = fold(text);
    if (found.length === 6) setWords(found);
  };
  const fault = session.fault.value;
  return (
    <Dialog title={t("approve.title")} size="medium" onClose={onClose} onSubmit={() => { if (whole === "fits") void approve(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={session.busy.value} disabled={whole !== "fits"}>{t("devices.letin")}</Button></>}>
      <div class="sheet-block">
        <p>{t("approve.lead")}</p>
        <Words words={words} onWords={setWords} list={list} label={t("approval.words")} />
        <Scan what={t("approve.what")} onText={scanned} />
        <WholeWords whole={whole} words={words} />
        {fault && <Note tone="bad">{t(fault.word === "closed" ? "approve.differs" : "fault.fault")}</Note>}
        <p class="field-hint">{t("approve.warn")}</p>
      </div>
    </Dialog>
  );
}

function Sessions({ devices }: { devices: Devices }) {
  const others = (devices.sessions.value.value ?? []).filter((s) => !s.current).length;
  const all = async () => {
    if (await confirm({ title: t("devices.endall"), text: t("devices.endall.text"), yes: t("devices.endall"), danger: true })) await devices.endOthers();
  };
  return (
    <Section title={t("devices.sessions")} actions={others > 0 && <Button icon="out" busy={devices.busy.value} onClick={() => void all()}>{t("devices.endall")}</Button>}>
      <Loaded of={devices.sessions}>{(list) => (
        <Sheet label={t("devices.sessions")}>
          {list.map((s) => (
            <Row key={s.id} lead={<Icon name="device" />} title={<><bdi>{s.device}</bdi>{s.current && <State tone="good">{t("devices.here")}</State>}</>}
              detail={t("devices.since", { since: fullDate(seconds(s.created)), used: relative(seconds(s.used)) })}>
              {!s.current && <Button busy={devices.busy.value} onClick={() => void devices.end(s.id)}>{t("devices.end")}</Button>}
            </Row>
          ))}
        </Sheet>
      )}</Loaded>
    </Section>
  );
}

function History({ devices }: { devices: Devices }) {
  return (
    <Section title={t("devices.history")} lead={t("devices.history.lead")}>
      <Loaded of={devices.history}>{(list) => (
        <div class="data-box">
          <table class="data data-stack">
            <thead><tr><th scope="col">{t("devices.when")}</th><th scope="col">{t("devices.how")}</th><th scope="col">{t("devices.device")}</th><th scope="col">{t("devices.outcome")}</th></tr></thead>
            <tbody>
              {list.map((l, i) => (
                <tr key={i}>
                  <td>{fullDate(seconds(l.at))}</td>
                  <td>{t(`devices.how.${l.how}`)}</td>
                  <td><bdi>{l.device}</bdi>{l.door && <small>{t("devices.from", { door: t(`programs.door.${l.door}`), network: l.network || t("programs.uses.somewhere") })}</small>}</td>
                  <td>{l.ok ? <State tone="good" soft>{t("devices.ok")}</State> : <State tone="warn" soft>{t("devices.failed")}</State>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}</Loaded>
    </Section>
  );
}
