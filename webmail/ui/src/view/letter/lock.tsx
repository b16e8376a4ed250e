// What is asked before the letter opens: one password.
import { useEffect, useRef, useState } from "preact/hooks";
import type { StrangersLetter } from "../../model/stranger.ts";
import { t, type Key } from "../../words/index.ts";
import { Button, Field } from "../kit/index.ts";

const faults: { [word: string]: Key } = { closed: "letter.wrong", weak: "letter.weak", "too-large": "letter.large" };

export function Lock({ letter }: { letter: StrangersLetter }) {
  const [password, set] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const fault = letter.fault.value;
  useEffect(() => input.current?.focus(), []);
  const open = async () => {
    if (!(await letter.open(password))) input.current?.select();
  };
  return (
    <form class="letter-lock" onSubmit={(e) => { e.preventDefault(); void open(); }}>
      <h1>{t("letter.closed")}</h1>
      <p>{t("letter.closed.text")}</p>
      {letter.hint.value && <p class="letter-hint"><span>{t("letter.hint")}</span><bdi dir="auto">{letter.hint.value}</bdi></p>}
      <Field type="password" label={t("letter.password")} value={password} onValue={set} inputRef={input} autocomplete="off" spellcheck={false} maxLength={1000} required
        error={fault ? t(faults[fault.word] ?? "letter.fault") : undefined} />
      <Button kind="primary" type="submit" icon="unlock" busy={letter.busy.value} disabled={password.trim() === ""}>{t("letter.open")}</Button>
    </form>
  );
}
