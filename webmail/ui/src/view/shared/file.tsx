// The file behind a link: what it is, how far it came, and a look at it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { SharedLink, Way } from "../../model/shared.ts";
import type { Told } from "../../shared/line.ts";
import { bytes, t, type Key } from "../../words/index.ts";
import { Button, Icon, Note, Progress, confirm } from "../kit/index.ts";
import { iconOf, kindOf, risky } from "../reader/files.ts";
import { Look } from "./look.tsx";

export function File({ link, told }: { link: SharedLink; told: Told }) {
  const head = useRef<HTMLHeadingElement>(null);
  const [looking, look] = useState(false);
  useEffect(() => head.current?.focus(), []);
  const kind = kindOf(told), way = link.way.value;
  const shows = kind === "image" || kind === "text" || kind === "pdf" || kind === "audio" || kind === "video";
  const going = way.kind === "starting" || (way.kind === "going" && ["running", "waiting", "paused"].includes(way.state));
  const save = async () => {
    if (risky(told.name) && !(await confirm({ title: t("files.risky"), text: t("files.risky.why", { name: `\u2068${told.name}\u2069` }), yes: t("files.save"), danger: true }))) return;
    await link.download(told.name);
  };
  return (
    <article class="letter-sheet">
      <div class="shared-file">
        <Icon name={iconOf[kind]} />
        <div>
          <h1 ref={head} tabIndex={-1} dir="auto">{told.name}</h1>
          <p>{bytes(told.length)}{told.left !== null && <> · {t("shared.left", { n: told.left })}</>}</p>
        </div>
      </div>
      <div aria-live="polite"><Going link={link} told={told} way={way} /></div>
      {!going && (
        <div class="letter-acts">
          <Button kind="primary" icon="download" onClick={() => void save()}>{t("shared.download")}</Button>
          {shows && !looking && <Button icon="eye" onClick={() => look(true)}>{t("shared.look")}</Button>}
        </div>
      )}
      {told.left !== null && way.kind === "idle" && !looking && <p class="field-hint">{t("shared.counts")}</p>}
      {looking && <Look link={link} told={told} kind={kind} />}
    </article>
  );
}

const ends: { [word: string]: [Key, Key] } = {
  damaged: ["shared.damaged", "shared.damaged.text"], gone: ["shared.gone", "shared.gone.text"],
};

function Going({ link, told, way }: { link: SharedLink; told: Told; way: Way }) {
  if (link.noStream.value) return <Note tone="warn">{t("shared.nostream")}</Note>;
  if (way.kind === "idle") return null;
  if (way.kind === "starting") return <Progress label={t("shared.download")} />;
  if (way.state === "done") return <Note tone="good" icon="check" title={t("shared.done")}>{t("shared.done.text")}</Note>;
  if (way.state === "stopped") return <Note tone="note">{t("shared.stopped")}</Note>;
  if (way.state === "failed") {
    const [title, text] = ends[way.word ?? ""] ?? ["shared.failed", "letter.failed.text"];
    return <Note tone="bad" title={t(title)}>{t(text)}</Note>;
  }
  const words = way.state === "waiting" ? t("shared.lost") : way.state === "paused" ? t("shared.paused") : t("shared.stay");
  return (
    <div class="shared-way">
      <Progress show value={told.length > 0 ? way.have / told.length : 1} label={t("shared.of", { done: bytes(way.have), all: bytes(told.length) })} />
      <p class="field-hint">{words}</p>
      <div class="letter-acts">
        {way.state === "waiting" && <Button icon="refresh" onClick={() => link.wake()}>{t("letter.again")}</Button>}
        {way.state !== "waiting" && <Button onClick={() => link.pause(way.state !== "paused")}>{t(way.state === "paused" ? "shared.resume" : "shared.pause")}</Button>}
        <Button kind="quiet" onClick={() => link.stop()}>{t("kit.cancel")}</Button>
      </div>
    </div>
  );
}
