// The letter itself: who says they wrote it, the text in its frame, the files.
import { useEffect, useRef, useState } from "preact/hooks";
import { showMail, type Shown } from "../../frame/frame.ts";
import type { StrangersLetter } from "../../model/stranger.ts";
import type { OpenedParcel, Part } from "../../vault/vault.ts";
import { bytes, fullDate, t } from "../../words/index.ts";
import { Avatar, Icon, Note, Spinner, confirm, toast } from "../kit/index.ts";
import { iconOf, kindOf, risky, save } from "../reader/files.ts";
import { dark } from "../shell/state.ts";

export function Reading({ letter, opened: o }: { letter: StrangersLetter; opened: OpenedParcel }) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => head.current?.focus(), []);
  const files = o.parts.filter((p) => !p.inline);
  return (
    <article class="letter-sheet">
      <h1 ref={head} tabIndex={-1} dir="auto">{o.subject || t("letter.nosubject")}</h1>
      <div class="letter-from">
        <Avatar name={o.from.name} address={o.from.address} size={40} />
        <p><strong><bdi>{o.from.name || o.from.address}</bdi></strong>{o.from.name && <bdi>{o.from.address}</bdi>}<small>{t("letter.to", { who: `\u2068${o.to}\u2069`, when: fullDate(o.date) })}</small></p>
      </div>
      <Body letter={letter} opened={o} />
      {files.length > 0 && <Files letter={letter} files={files} />}
    </article>
  );
}

function Body({ letter, opened: o }: { letter: StrangersLetter; opened: OpenedParcel }) {
  const box = useRef<HTMLDivElement>(null), [shown, set] = useState<Shown>();
  useEffect(() => {
    if (!box.current) return;
    const s = showMail(box.current, o.html, {
      text: o.text, dark: dark.peek(), title: t("letter.frame"), quote: t("reader.quote"),
      parts: o.parts.filter((p) => p.content_id).map((p) => ({ content_id: p.content_id, type: p.type, data: () => letter.file(p.index) })),
    });
    set(s);
    return () => s.destroy();
  }, [o.handle]);
  useEffect(() => shown?.setDark(dark.value), [shown, dark.value]);
  const state = shown?.state.value ?? "loading", links = shown?.links.value ?? [], images = shown?.blocked.value.images ?? 0;
  return (
    <div class="letter-body">
      {images > 0 && <Note tone="note" icon="image">{t("letter.pictures", { n: images })}</Note>}
      {links.length > 0 && <Note tone="warn" title={t("links.title", { n: links.length })}>{links.slice(0, 3).map((l, i) => <p key={i}>{t("links.where", { words: `\u2068${l.words.slice(0, 80)}\u2069`, host: `\u2068${l.host}\u2069` })}</p>)}</Note>}
      {shown?.cut.value && <Note tone="warn">{t("reader.cut")}</Note>}
      {state === "loading" && <p class="letter-wait"><Spinner label={t("reader.drawing")} /></p>}
      <div ref={box} class={o.html ? "letter-frame" : "letter-frame letter-text"} />
      {state === "failed" && <pre class="letter-plain" dir="auto">{o.text}</pre>}
    </div>
  );
}

function Files({ letter, files }: { letter: StrangersLetter; files: Part[] }) {
  const keep = async (p: Part) => {
    if (risky(p.name) && !(await confirm({ title: t("files.risky"), text: t("files.risky.why", { name: `\u2068${p.name}\u2069` }), yes: t("files.save"), danger: true }))) return;
    await letter.file(p.index).then((data) => save(p.name, data), () => toast(t("files.failed"), { kind: "fault" }));
  };
  return (
    <section class="letter-files" aria-label={t("list.attachments", { n: files.length })}>
      <h2>{t("list.attachments", { n: files.length })}</h2>
      <ul>
        {files.map((p) => (
          <li key={p.index}>
            <button type="button" onClick={() => void keep(p)}>
              <span class="unseen">{t("files.save")}</span><Icon name={iconOf[kindOf(p)]} /><span><bdi>{p.name || t("files.unnamed")}</bdi><small>{bytes(p.size)}{risky(p.name) && <> · {t("files.program")}</>}</small></span><Icon name="download" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
