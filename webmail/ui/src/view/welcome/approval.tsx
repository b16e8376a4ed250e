// A new device waits to be let in by one that is signed in: it shows six words and a code
// that say which key it made.
import { useEffect, useState } from "preact/hooks";
import type { SessionModel } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Field, Spinner } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { QrCode } from "../qr/draw.tsx";
import { inQr } from "./kit.ts";
import { OwnDevice } from "./own.tsx";

export function Approval({ session, address, onAddress, onBack }: { session: SessionModel; address: string; onAddress: (v: string) => void; onBack: () => void }) {
  const [typed, setTyped] = useState(address);
  const asking = session.asking.value;
  const fault = session.fault.value;
  const ask = () => {
    onAddress(typed.trim());
    void session.askAnotherDevice(typed.trim());
  };
  useEffect(() => () => session.stopAsking(), []);
  return (
    <>
      <header>
        <h1>{t("approval.title")}</h1>
        <p class="lead">{t(asking ? "approval.compare" : "approval.lead")}</p>
      </header>
      {asking ? (
        <div class="waiting">
          <ol class="waiting-words" aria-label={t("approval.words")}>{asking.words.map((w) => <li key={w}>{w}</li>)}</ol>
          <QrCode text={inQr(asking.words)} label={t("approval.qr")} />
          <p class="waiting-state" role="status"><Spinner />{t("approval.waiting")}</p>
        </div>
      ) : (
        <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); ask(); }}>
          <Field type="email" label={t("signin.address")} value={typed} onValue={setTyped} autocomplete="username" required autofocus />
          <OwnDevice session={session} />
          {fault && <Failure word={fault.word} wait={fault.wait} />}
          <Button kind="primary" type="submit" busy={session.busy.value}>{t("approval.ask")}</Button>
        </form>
      )}
      <div class="welcome-acts"><Button icon="back" kind="quiet" onClick={onBack}>{t("welcome.back")}</Button></div>
    </>
  );
}
