// The page of an upload request, for anybody: what is asked for, and a way to bring it that
// nobody but whoever asks can open.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Asked as Model, type Item } from "../../model/asked.ts";
import type { Ask, Event } from "../../asked/line.ts";
import workerUrl from "../../asked/worker.ts?worker&url";
import { Client } from "../../shared/client.ts";
import { bytes, fullDate, t, type Key } from "../../words/index.ts";
import { Button, Icon, IconButton, Note, Progress, Seal, Spinner } from "../kit/index.ts";
import "../letter/letter.css";
import "./asked.css";

/** The page of /r/ID#SECRET: the secret has left the address bar before (stranger.tsx). */
export function Asked({ id, secret }: { id: string; secret: string }) {
  const asked = useMemo(() => begin(id, secret), [id, secret]);
  useEffect(() => {
    void asked.open();
    const online = () => asked.wake();
    const leave = (e: BeforeUnloadEvent) => { if (asked.busy.peek()) e.preventDefault(); };
    addEventListener("online", online);
    addEventListener("beforeunload", leave);
    return () => { removeEventListener("online", online); removeEventListener("beforeunload", leave); asked.close(); };
  }, [asked]);
  const phase = asked.phase.value, told = asked.told.value;
  return (
    <div class="letter">
      <header class="letter-head"><Seal size={32} /><span>{location.hostname}</span></header>
      <main class="letter-narrow asked">
        <section class="letter-sheet">
          {phase === "fetching" && <p class="letter-wait"><Spinner label={t("asked.wait")} /></p>}
          {phase === "failed" && <><h1>{t("asked.failed")}</h1><p>{t("letter.failed.text")}</p><Button kind="primary" icon="refresh" onClick={() => void asked.open()}>{t("letter.again")}</Button></>}
          {phase === "gone" && <Gone again={secret === ""} />}
          {phase === "open" && told && <Bring asked={asked} title={told.title} note={told.note} />}
        </section>
      </main>
      <footer class="letter-foot">
        <p><Icon name="lock" />{t("asked.who")}</p>
        {told && <p><Icon name="clock" />{t("asked.until", { when: fullDate(told.expires) })}</p>}
        {told?.report && <p><Icon name="info" />{t("shared.report", { where: `\u2068${told.report}\u2069` })}</p>}
      </footer>
    </div>
  );
}

function begin(id: string, secret: string): Model {
  const client = new Client<Ask, Event>(workerUrl, (e) => asked.event(e));
  const asked: Model = new Model(id, secret, client);
  return asked;
}

function Gone({ again }: { again: boolean }) {
  return (
    <>
      <h1>{t(again ? "letter.reload" : "asked.gone")}</h1>
      <p>{t(again ? "asked.reload" : "asked.gone.text")}</p>
      {!again && <Note tone="note">{t("shared.gone.ask")}</Note>}
    </>
  );
}

function Bring({ asked, title, note }: { asked: Model; title: string; note: string }) {
  const head = useRef<HTMLHeadingElement>(null), pick = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  useEffect(() => head.current?.focus(), []);
  const items = asked.items.value, left = asked.left.value, busy = asked.busy.value;
  const done = items.filter((i) => i.state === "done").length;
  const drop = (e: DragEvent) => {
    e.preventDefault();
    setOver(false);
    asked.add([...(e.dataTransfer?.files ?? [])].filter((f) => f.size > 0 || f.type !== "")); // a folder is no file
  };
  return (
    <>
      <h1 ref={head} tabIndex={-1} dir="auto">{title || t("asked.title")}</h1>
      {note && <p class="asked-note" dir="auto">{note}</p>}
      <p>{t("asked.lead")}</p>
      <div aria-live="polite">{!busy && done > 0 && <Note tone="good" icon="check" title={t("asked.done", { n: done })}>{t("asked.done.text")}</Note>}</div>
      {items.length > 0 && <ul class="asked-items">{items.map((i) => <Row key={i.n} item={i} asked={asked} />)}</ul>}
      {busy && <p class="field-hint">{t("shared.stay")}</p>}
      {left.files > 0 ? (
        <div class={over ? "asked-drop over" : "asked-drop"} onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
          <Button kind={items.length === 0 ? "primary" : "plain"} icon="attach" onClick={() => pick.current?.click()}>{t(items.length === 0 ? "asked.pick" : "asked.more")}</Button>
          <p class="field-hint">{t("asked.limits", { n: left.files, size: bytes(left.bytes) })}</p>
          <input ref={pick} type="file" multiple hidden aria-label={t("asked.pick")} onChange={(e) => { asked.add(e.currentTarget.files ?? []); e.currentTarget.value = ""; }} />
        </div>
      ) : !busy && <Note tone="note">{t("asked.full")}</Note>}
    </>
  );
}

const faults: { [word: string]: Key } = { gone: "asked.over", "too-many": "asked.many", "too-large": "asked.large", "over-quota": "asked.noroom", changed: "asked.changed" };

function Row({ item, asked }: { item: Item; asked: Model }) {
  const { n, state, name, size, share, word } = item;
  const going = state === "running" || state === "waiting", final = word === "gone" || word === "too-large";
  const says = state === "done" ? t("asked.sent") : state === "queued" ? t("asked.queued") : state === "stopped" ? t("asked.stopped") : state === "failed" ? t(faults[word ?? ""] ?? "letter.fault") : state === "waiting" ? t("asked.lost") : "";
  return (
    <li class={`asked-${state}`}>
      <Icon name={state === "done" ? "check" : "file"} />
      <div>
        <p><bdi>{name}</bdi> <small>{bytes(size)}</small></p>
        {going && <Progress show value={share} label={t("shared.of", { done: bytes(Math.round(size * share)), all: bytes(size) })} />}
        {says && <small role={state === "failed" ? "alert" : undefined}>{says}</small>}
      </div>
      {state === "waiting" && <IconButton icon="refresh" label={t("letter.again")} onClick={() => asked.wake()} />}
      {(state === "failed" || state === "stopped") && !final && <IconButton icon="refresh" label={t("asked.again", { name })} onClick={() => asked.again(n)} />}
      {state !== "done" && <IconButton icon="close" label={t("asked.stop", { name })} onClick={() => asked.stop(n)} />}
    </li>
  );
}
