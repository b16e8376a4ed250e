// Opening an account, in three steps: choose, keep the kit, try the kit. Nothing reaches
// the server before the kit was tried.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Joining, SessionModel } from "../../model/types.ts";
import { go } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Button, Spinner } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Choose } from "./choose.tsx";
import { Frame } from "./frame.tsx";
import { fold, length } from "./kit.ts";
import { KitPage } from "./kitpage.tsx";
import { noWords, useList, useWhole, WholeWords } from "./words.tsx";
import { KitWords } from "./withkit.tsx";

export function Join({ session, token }: { session: SessionModel; token: string }) {
  const joining = session.joining.state.value;
  const host = session.server.value?.hostname ?? location.hostname;
  const busy = session.busy.value;
  const asked = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (busy || asked.current === token) return;
    asked.current = token;
    void session.joining.begin(token);
  }, [token, busy]);
  const leave = () => {
    session.joining.leave();
    go({ page: "sign-in" });
  };
  if (!joining) return <Frame host={host} narrow><Opening session={session} onLeave={leave} /></Frame>;
  return (
    <Frame host={host}>
      <Steps at={joining.step} />
      {joining.step === "choose" && <Choose session={session} invitation={joining.invitation} onLeave={leave} />}
      {joining.step === "words" && (
        <KitPage kit={{ words: joining.words, address: session.address.value, host }} title={t("join.kit")} lead={t("join.kit.lead")}
          onDone={() => session.joining.wordsWritten()} onBack={leave} />
      )}
      {joining.step === "retype" && (
        <Retype busy={session.busy.value} fault={session.fault.value?.word ?? ""} finish={t("join.finish")} onBack={() => session.joining.showWordsAgain()}
          onWords={async (words) => {
            if (await session.joining.finish(words)) go({ page: "settings", part: "begin" }, { replace: true });
          }} />
      )}
    </Frame>
  );
}

function Opening({ session, onLeave }: { session: SessionModel; onLeave: () => void }) {
  const fault = session.fault.value;
  if (!fault) return <p class="waiting"><Spinner label={t("join.opening")} /></p>;
  return (
    <>
      <h1>{t("join.closed")}</h1>
      <Failure word={fault.word === "not-found" ? "no-invitation" : fault.word} wait={fault.wait} />
      <div class="welcome-acts"><Button icon="back" onClick={onLeave}>{t("join.signin")}</Button></div>
    </>
  );
}

const order: Joining["step"][] = ["choose", "words", "retype"];

function Steps({ at }: { at: Joining["step"] }) {
  return (
    <ol class="steps" aria-label={t("join.steps")}>
      {order.map((s, i) => <li key={s} aria-current={s === at ? "step" : undefined} class={i < order.indexOf(at) ? "steps-done" : undefined}>{t(`join.step.${s}`)}</li>)}
    </ol>
  );
}

/** The kit is typed back or scanned: only who really kept it gets on. */
export function Retype({ busy, fault, finish, lead, onWords, onBack }: { busy: boolean; fault: string; finish: string; lead?: string; onWords: (words: string) => Promise<void>; onBack: () => void }) {
  const list = useList();
  const [words, setWords] = useState(noWords(length));
  const whole = useWhole(words, list, true);
  const send = () => void onWords(words.map((w) => fold(w)[0] ?? "").join(" "));
  return (
    <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); if (whole === "fits") send(); }}>
      <header>
        <h1>{t("retype.title")}</h1>
        <p class="lead">{lead ?? t("retype.lead")}</p>
      </header>
      <KitWords words={words} onWords={setWords} list={list} />
      <WholeWords whole={whole} words={words} />
      <Failure word={fault === "closed" ? "other-kit" : fault} />
      <div class="welcome-acts">
        <Button icon="back" kind="quiet" onClick={onBack} disabled={busy}>{t("retype.again")}</Button>
        <Button kind="primary" type="submit" busy={busy} disabled={whole !== "fits"}>{finish}</Button>
      </div>
    </form>
  );
}
