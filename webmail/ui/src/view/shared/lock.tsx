// What is asked before a link opens: its password, if it has one.
import { useEffect, useRef, useState } from "preact/hooks";
import type { SharedLink } from "../../model/shared.ts";
import { t } from "../../words/index.ts";
import { Button, Field } from "../kit/index.ts";

export function Lock({ link }: { link: SharedLink }) {
  const [password, set] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const fault = link.fault.value;
  useEffect(() => input.current?.focus(), []);
  const open = async () => {
    if (!link.busy.peek() && !(await link.open(password))) input.current?.select();
  };
  return (
    <form class="letter-lock" onSubmit={(e) => { e.preventDefault(); void open(); }}>
      <h1>{t("shared.locked")}</h1>
      <p>{t("shared.locked.text")}</p>
      <Field type="password" label={t("letter.password")} value={password} onValue={set} inputRef={input} autocomplete="off" spellcheck={false} maxLength={1000} required
        error={fault ? t(fault === "wrong" ? "letter.wrong" : fault === "slow-down" ? "letter.answer.slow" : "letter.fault") : undefined} />
      <Button kind="primary" type="submit" icon="unlock" busy={link.busy.value} disabled={password === ""}>{t("shared.open")}</Button>
    </form>
  );
}
