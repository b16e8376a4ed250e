// Moving in and out: mail from files, sealed here; mail from another server; everything out.
import { useMemo, useRef, useState } from "preact/hooks";
import type { ExportForm, ExportRun, ImportRun } from "../../model/moving.ts";
import { chooseTarget, partSize, savesOneFile } from "../../move/sink.ts";
import { bytes, number, t, type Key } from "../../words/index.ts";
import { Button, Choice, Field, Icon, Note, Progress, Select, Switch, confirm, download } from "../kit/index.ts";
import { faultWords } from "../parts/fault.tsx";
import { Page, Section } from "../parts/room.tsx";
import type { Room } from "./index.tsx";
import { FromServer } from "./movingserver.tsx";
import "./moving.css";

export function Moving(room: Room) {
  return (
    <Page title={t("settings.part.moving")} lead={t("moving.lead")}>
      <FromFiles {...room} />
      <FromServer {...room} />
      <TakeOut {...room} />
    </Page>
  );
}

function FromFiles({ desk }: Room) {
  const run = desk.moving.importing.value;
  const [into, setInto] = useState("INBOX");
  const [folders, setFolders] = useState(true);
  const [other, setOther] = useState(false);
  const take = async (files: readonly File[]) => {
    setOther(false);
    if (files.length === 0) return;
    if (run?.state === "waiting") setOther(!(await desk.moving.again(files)));
    else if (run === null || run.state === "done") await desk.moving.bringIn(files, { into, folders });
  };
  return (
    <Section title={t("moving.files")} lead={t("moving.files.lead")}>
      {run !== null && <ImportCard run={run} desk={desk} />}
      {other && <Note tone="bad">{t("moving.different")}</Note>}
      {(run === null || run.state === "done" || run.state === "waiting") && (
        <>
          <Drop label={run?.state === "waiting" ? t("moving.pick.again") : t("moving.pick")} onFiles={(f) => void take(f)} />
          {run?.state !== "waiting" && (
            <div class="room-form">
              <Select label={t("moving.into")} value={into} onValue={setInto} options={desk.sync.mailboxes.value.map((b) => ({ value: b.name, label: b.role ? t(`box.${b.role}` as "box.inbox") : b.name }))} />
              <Switch label={t("moving.folders")} hint={t("moving.folders.hint")} checked={folders} onValue={setFolders} />
            </div>
          )}
        </>
      )}
    </Section>
  );
}

/** Files by a button, or dropped. */
function Drop({ label, onFiles }: { label: string; onFiles: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  return (
    <div class={`moving-drop${over ? " moving-drop-over" : ""}`}
      onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); onFiles([...(e.dataTransfer?.files ?? [])]); }}>
      <Icon name="upload" />
      <p>{t("moving.drop")}</p>
      <Button kind="primary" onClick={() => input.current?.click()}>{label}</Button>
      <input ref={input} type="file" multiple hidden aria-label={label} data-moving onChange={(e) => { onFiles([...(e.currentTarget.files ?? [])]); e.currentTarget.value = ""; }} />
    </div>
  );
}

function ImportCard({ run, desk }: { run: ImportRun } & Pick<Room, "desk">) {
  const { moving } = desk;
  const share = run.bytes > 0 ? Math.min(1, run.read / run.bytes) : 0;
  const refused = Object.values(run.refused).reduce<number>((n, x) => n + (x ?? 0), 0);
  const title = run.names.length === 1 ? (run.names[0] ?? "") : t("moving.several", { n: run.names.length });
  const stop = async () => {
    if (run.state === "done" || await confirm({ title: t("moving.stop"), text: t("moving.stop.text"), yes: t("moving.stop.yes") })) await moving.stopImport();
  };
  return (
    <div class="sheet moving-card" role="group" aria-label={t("moving.files")}>
      <div class="sheet-block">
        <header class="moving-head"><strong><bdi>{title}</bdi></strong><span class="state" aria-live="polite">{t(`moving.state.${run.state}`)}</span></header>
        <Progress value={share} label={t("moving.read", { done: bytes(run.read), of: bytes(run.bytes) })} show />
        <dl class="moving-counts">
          <Count name={t("moving.brought")} n={run.brought} good />
          <Count name={t("moving.encrypted")} n={run.encrypted} />
          <Count name={t("moving.already")} n={run.already} />
          <Count name={t("moving.refused")} n={refused} bad={refused > 0} />
        </dl>
        {run.state === "running" && <p class="moving-rate">{t("moving.awake")}{run.rate > 0 && ` ${t("moving.rate", { n: number(Math.round(run.rate)) })}.`}</p>}
        {run.fault !== "" && <Note tone={run.state === "running" ? "warn" : "bad"}>{faultWords(run.fault)}{run.state === "running" && ` ${t("moving.tries")}`}</Note>}
        {run.state === "waiting" && <Note tone="note">{t("moving.waiting")}</Note>}
        {refused > 0 && <Refused run={run} />}
        <div class="room-actions">
          {run.state === "running" && <Button icon="dash" onClick={() => moving.pauseImport(true)}>{t("moving.pause")}</Button>}
          {run.state === "paused" && <Button kind="primary" icon="right" onClick={() => moving.pauseImport(false)}>{t("moving.goon")}</Button>}
          <Button onClick={() => void stop()}>{run.state === "done" ? t("moving.clear") : t("moving.stop")}</Button>
        </div>
      </div>
    </div>
  );
}

function Count({ name, n, good, bad }: { name: string; n: number; good?: boolean; bad?: boolean }) {
  return <div class={good ? "moving-good" : bad ? "moving-bad" : undefined}><dd>{number(n)}</dd><dt>{name}</dt></div>;
}

const why = (word: string) => t(`moving.why.${word}` as Key);

function Refused({ run }: { run: ImportRun }) {
  const all = Object.entries(run.refused).filter(([, n]) => (n ?? 0) > 0);
  return (
    <details class="moving-refused">
      <summary>{t("moving.refused.why")}</summary>
      <ul>{all.map(([word, n]) => <li key={word}>{number(n ?? 0)} × {why(word)}</li>)}</ul>
      <ol>{run.failures.map((f) => <li key={f.number}>{t("moving.number", { number: number(f.number) })}: {why(f.why)}{f.about !== "" && <> <bdi>{f.about}</bdi></>}</li>)}</ol>
    </details>
  );
}

const forms: ExportForm[] = ["eml", "mbox", "sealed"];

function TakeOut({ desk }: Room) {
  const run = desk.moving.exporting.value;
  const [form, setForm] = useState<ExportForm>("eml");
  const [box, setBox] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const boxes = desk.sync.mailboxes.value;
  const short = passphrase !== "" && [...passphrase].length < 12;
  const target = useMemo(() => `sealpost-${new Date().toISOString().slice(0, 10)}`, []);
  const save = async (again: boolean) => {
    const to = await chooseTarget(target, (name, blob) => download(name, blob));
    if (to === null) return;
    if (again) await desk.moving.goOn(to);
    else await desk.moving.takeOut({ mailboxes: box === "" ? [] : [Number(box)], form, passphrase, readme: t("moving.readme") }, to);
    setPassphrase("");
  };
  const idle = run === null || run.state === "done";
  return (
    <Section title={t("moving.out")} lead={t("moving.out.lead")}>
      {run !== null && <ExportCard run={run} desk={desk} onGoOn={() => void save(true)} />}
      {idle && (
        <div class="room-form">
          <Choice label={t("moving.form")} value={form} onValue={setForm} options={forms.map((f) => ({ value: f, label: t(`moving.form.${f}` as Key), hint: t(`moving.form.${f}.hint` as Key) }))} />
          <Select label={t("moving.which")} value={box} onValue={setBox} options={[{ value: "", label: t("moving.all") }, ...boxes.map((b) => ({ value: `${b.id}`, label: b.name }))]} />
          <Field type="password" autocomplete="new-password" label={t("moving.key")} hint={t("moving.key.hint")} value={passphrase} onValue={setPassphrase} error={short ? t("moving.key.short") : undefined} />
          {!savesOneFile() && <Note tone="note">{t("moving.parts", { size: bytes(partSize) })}</Note>}
          <div class="room-form-acts"><Button kind="primary" icon="download" disabled={short} onClick={() => void save(false)}>{t("moving.save")}</Button></div>
        </div>
      )}
    </Section>
  );
}

function ExportCard({ run, desk, onGoOn }: { run: ExportRun; onGoOn: () => void } & Pick<Room, "desk">) {
  const { moving } = desk;
  return (
    <div class="sheet moving-card" role="group" aria-label={t("moving.out")}>
      <div class="sheet-block">
        <header class="moving-head"><strong>{t(`moving.form.${run.form}` as Key)}</strong><span class="state" aria-live="polite">{run.state === "done" && run.fault !== "" ? t("moving.failed") : t(`moving.state.out.${run.state}` as Key)}</span></header>
        <Progress value={run.of > 0 ? run.done / run.of : run.state === "done" ? 1 : 0} label={t("moving.written", { done: number(run.done), of: number(run.of), size: bytes(run.bytes) })} show />
        {run.state === "running" && <p class="moving-rate">{t("moving.awake")}</p>}
        {run.closed > 0 && <Note tone="warn">{t("moving.closed", { n: run.closed })}</Note>}
        {run.missing > 0 && <Note tone="warn">{t("moving.missing", { n: run.missing })}</Note>}
        {run.fault !== "" && <Note tone="bad">{faultWords(run.fault)}</Note>}
        {run.state === "waiting" && <Note tone="note">{t("moving.waiting.out", { n: run.part })}</Note>}
        <div class="room-actions">
          {run.state === "running" && <Button icon="dash" onClick={() => moving.pauseExport(true)}>{t("moving.pause")}</Button>}
          {run.state === "paused" && <Button kind="primary" icon="right" onClick={() => moving.pauseExport(false)}>{t("moving.goon")}</Button>}
          {run.state === "waiting" && !savesOneFile() && <Button kind="primary" icon="right" onClick={onGoOn}>{t("moving.goon")}</Button>}
          <Button onClick={() => void moving.stopExport()}>{run.state === "done" ? t("moving.clear") : t("moving.stop")}</Button>
        </div>
      </div>
    </div>
  );
}
