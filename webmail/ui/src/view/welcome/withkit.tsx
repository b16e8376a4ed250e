// Coming in with the recovery kit: 24 words typed, pasted or scanned.
import { useState } from "preact/hooks";
import type { SessionModel } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Field, Note } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Scan } from "../qr/scan.tsx";
import { fold, length } from "./kit.ts";
import { OwnDevice } from "./own.tsx";
import { SecondFactor, useFactor } from "./signin.tsx";
import { noWords, useList, useWhole, WholeWords, Words } from "./words.tsx";

export function WithKit({ session, address, onAddress, onBack }: { session: SessionModel; address: string; onAddress: (v: string) => void; onBack: () => void }) {
  const list = useList();
  const [words, setWords] = useState(noWords(length));
  const whole = useWhole(words, list, true);
  const factor = useFactor(session);
  const fault = session.fault.value;
  const go = (more: { code?: string; assertion?: unknown } = {}) => session.signInWithKit({ address: address.trim(), words: words.map((w) => fold(w)[0] ?? "").join(" "), ...more });
  if (factor.methods) return <SecondFactor session={session} methods={factor.methods} onCode={go} onBack={onBack} />;
  return (
    <>
      <header>
        <h1>{t("withkit.title")}</h1>
        <p class="lead">{t("withkit.lead")}</p>
      </header>
      <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); void go(); }}>
        <Field type="email" label={t("signin.address")} value={address} onValue={onAddress} autocomplete="username" required />
        <KitWords words={words} onWords={setWords} list={list} />
        <WholeWords whole={whole} words={words} />
        <OwnDevice session={session} />
        {fault && <Failure word={fault.word} wait={fault.wait} />}
        <div class="welcome-acts">
          <Button icon="back" kind="quiet" onClick={onBack}>{t("welcome.back")}</Button>
          <Button kind="primary" type="submit" busy={session.busy.value} disabled={whole !== "fits" || address.trim() === ""}>{t("signin.go")}</Button>
        </div>
      </form>
    </>
  );
}

/** The 24 fields with the scanner beside them: signing in, typing back and unlocking share it. */
export function KitWords({ words, onWords, list }: { words: string[]; onWords: (w: string[]) => void; list: readonly string[] }) {
  const [other, setOther] = useState(false);
  const scanned = (text: string) => {
    const found = fold(text);
    setOther(found.length !== length);
    if (found.length === length) onWords(found);
  };
  return (
    <>
      <Words words={words} onWords={onWords} list={list} label={t("withkit.words")} />
      <Scan what={t("withkit.what")} onText={scanned} />
      {other && <Note tone="warn">{t("withkit.else")}</Note>}
    </>
  );
}
