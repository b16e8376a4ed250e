// The session lives, the keys are away: the passphrase, a passkey or the kit brings them
// back without asking the server who this is.
import { useState } from "preact/hooks";
import type { SessionModel } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Avatar, Button, Field, Note } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Frame } from "./frame.tsx";
import { fold, length } from "./kit.ts";
import { WayButton } from "./signin.tsx";
import { KitWords } from "./withkit.tsx";
import { noWords, useList, useWhole, WholeWords } from "./words.tsx";

export function Locked({ session }: { session: SessionModel }) {
  const [kit, setKit] = useState(false);
  const address = session.account.value?.addresses[0] ?? session.address.value;
  const turn = (on: boolean) => {
    session.clearFault();
    setKit(on);
  };
  return (
    <Frame host={session.server.value?.hostname ?? location.hostname} narrow={!kit}>
      <header class="locked-head">
        <Avatar name="" address={address} size={56} />
        <div><h1>{t("lock.title")}</h1><p class="lead"><bdi>{address}</bdi></p></div>
      </header>
      {kit ? <ByKit session={session} onBack={() => turn(false)} /> : <ByPassphrase session={session} address={address} onKit={() => turn(true)} />}
    </Frame>
  );
}

function ByPassphrase({ session, address, onKit }: { session: SessionModel; address: string; onKit: () => void }) {
  const [passphrase, setPassphrase] = useState("");
  const fault = session.fault.value;
  const busy = session.busy.value;
  const unlock = async () => {
    await session.unlock({ passphrase });
    setPassphrase((now) => (now === passphrase ? "" : now)); // what is typed since it was refused stays
  };
  return (
    <>
      <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); void unlock(); }}>
        <input class="unseen" type="email" autocomplete="username" value={address} readOnly tabIndex={-1} aria-hidden="true" />
        <Field type="password" label={t("signin.passphrase")} value={passphrase} onValue={setPassphrase} autocomplete="current-password" autofocus required />
        {session.offline.apart.value && !fault && <Note tone="note" icon="offline">{t("lock.apart")}</Note>}
        {fault && <Failure word={fault.word} wait={fault.wait} />}
        {session.need.value?.kind === "unknown-device" && <Note tone="note" icon="device" title={t("signin.unknown")}>{t("lock.unknown")}</Note>}
        <Button kind="primary" icon="unlock" type="submit" busy={busy}>{t("lock.open")}</Button>
      </form>
      <div class="ways">
        {session.hasPasskeys && <WayButton icon="key" title={t("signin.passkey")} hint={t("lock.passkey")} disabled={busy} onClick={() => void session.unlock({ passkey: true })} />}
        <WayButton icon="file-text" title={t("signin.kit")} hint={t("signin.kit.hint")} disabled={busy} onClick={onKit} />
      </div>
      <div class="welcome-acts"><Button kind="quiet" icon="out" onClick={() => void session.signOut()}>{t("lock.out")}</Button></div>
    </>
  );
}

function ByKit({ session, onBack }: { session: SessionModel; onBack: () => void }) {
  const list = useList();
  const [words, setWords] = useState(noWords(length));
  const whole = useWhole(words, list, true);
  const fault = session.fault.value;
  const unlock = () => void session.unlock({ words: words.map((w) => fold(w)[0] ?? "").join(" ") });
  return (
    <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); unlock(); }}>
      <KitWords words={words} onWords={setWords} list={list} />
      <WholeWords whole={whole} words={words} />
      {fault && <Failure word={fault.word} wait={fault.wait} />}
      <div class="welcome-acts">
        <Button kind="quiet" icon="back" onClick={onBack}>{t("welcome.back")}</Button>
        <Button kind="primary" icon="unlock" type="submit" busy={session.busy.value} disabled={whole !== "fits"}>{t("lock.open")}</Button>
      </div>
    </form>
  );
}
