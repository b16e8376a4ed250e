// An answer that only the letter's writer opens.
import { useRef, useState } from "preact/hooks";
import { ANSWER_LARGEST, type StrangersLetter } from "../../model/stranger.ts";
import type { OpenedParcel } from "../../vault/vault.ts";
import { bytes, t, type Key } from "../../words/index.ts";
import { Button, Field, Icon, Note, TextArea } from "../kit/index.ts";

const faults: { [word: string]: Key } = {
  "too-many": "letter.answer.many", "not-found": "letter.answer.gone", "over-quota": "letter.answer.full", "slow-down": "letter.answer.slow", "too-large": "letter.large", "not-sealed": "letter.answer.key", "no-key": "letter.answer.key",
};

export function Answer({ letter, opened }: { letter: StrangersLetter; opened: OpenedParcel }) {
  const who = opened.from.name || opened.from.address;
  const [writing, write] = useState(false);
  const [text, setText] = useState(""), [name, setName] = useState(""), [files, setFiles] = useState<File[]>([]);
  const pick = useRef<HTMLInputElement>(null);
  const size = files.reduce((n, f) => n + f.size, 0), large = size > ANSWER_LARGEST;
  const send = async () => {
    const data = await Promise.all(files.map(async (f) => ({ name: f.name, type: f.type || "application/octet-stream", data: await f.arrayBuffer() })));
    if (!(await letter.answer({ name: name.trim(), text, files: data }))) return;
    write(false);
    setText("");
    setFiles([]);
  };
  if (!writing) {
    return (
      <section class="letter-sheet letter-answer">
        {letter.answered.value > 0 && <Note tone="good" icon="check" title={t("letter.answered")}>{t("letter.answered.text", { who: `\u2068${who}\u2069` })}</Note>}
        <Button kind={letter.answered.value > 0 ? "plain" : "primary"} icon="reply" onClick={() => write(true)}>{t(letter.answered.value > 0 ? "letter.answer.more" : "letter.answer")}</Button>
      </section>
    );
  }
  const fault = letter.fault.value;
  return (
    <form class="letter-sheet letter-answer" aria-label={t("letter.answer")} onSubmit={(e) => { e.preventDefault(); if (!large) void send(); }}>
      <h2>{t("letter.answer.to", { who: `\u2068${who}\u2069` })}</h2>
      <p class="field-hint">{t("letter.answer.lead", { address: `\u2068${opened.to}\u2069` })}</p>
      <Field label={t("letter.answer.name")} value={name} onValue={setName} maxLength={80} autocomplete="name" />
      <TextArea label={t("letter.answer.text")} value={text} onValue={setText} rows={9} maxLength={500_000} dir="auto" autofocus />
      {files.length > 0 && (
        <ul class="letter-chosen" aria-label={t("compose.files")}>
          {files.map((f, i) => <li key={i}><Icon name="file" /><bdi>{f.name}</bdi><small>{bytes(f.size)}</small><button type="button" aria-label={t("compose.detach", { name: f.name })} onClick={() => setFiles(files.filter((x) => x !== f))}><Icon name="close" /></button></li>)}
        </ul>
      )}
      {large && <Note tone="bad">{t("letter.answer.toolarge", { size: bytes(ANSWER_LARGEST) })}</Note>}
      {fault && <Note tone="bad">{t(faults[fault.word] ?? "letter.fault")}</Note>}
      <div class="letter-acts">
        <Button kind="primary" type="submit" icon="out" busy={letter.busy.value} disabled={large || (text.trim() === "" && files.length === 0)}>{t("letter.answer.send")}</Button>
        <Button icon="attach" onClick={() => pick.current?.click()}>{t("compose.attach")}</Button>
        <Button kind="quiet" onClick={() => write(false)}>{t("kit.cancel")}</Button>
        <input ref={pick} type="file" multiple hidden onChange={(e) => { setFiles([...files, ...(e.currentTarget.files ?? [])].slice(0, 50)); e.currentTarget.value = ""; }} />
      </div>
    </form>
  );
}
