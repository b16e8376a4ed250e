// Who changes how the account is entered shows once more who they are: a session may have
// been left open on a desk. It counts for five minutes.
import { useEffect, useState } from "preact/hooks";
import type { App } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Dialog, Field } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";

export function Prove({ app }: { app: App }) {
  const { session } = app;
  const p = session.proof.state.value;
  return p ? <Ask app={app} busy={p.busy} word={p.word} /> : null;
}

function Ask({ app, busy, word }: { app: App; busy: boolean; word: string }) {
  const { session } = app;
  const [passphrase, setPassphrase] = useState("");
  useEffect(() => { if (word) setPassphrase(""); }, [word]);
  return (
    <Dialog title={t("prove.title")} onClose={() => session.proof.stop()} onSubmit={() => { if (passphrase) void session.proof.give({ passphrase }); }}
      actions={<>
        <Button onClick={() => session.proof.stop()}>{t("kit.cancel")}</Button>
        {session.hasPasskeys && <Button icon="key" busy={busy} onClick={() => void session.proof.give({ passkey: true })}>{t("prove.passkey")}</Button>}
        <Button kind="primary" type="submit" busy={busy} disabled={passphrase === ""}>{t("prove.go")}</Button>
      </>}>
      <div class="room-form">
        <p>{t("prove.lead")}</p>
        <input class="unseen" type="email" autocomplete="username" value={session.account.value?.addresses[0] ?? ""} readOnly tabIndex={-1} aria-hidden="true" />
        <Field type="password" label={t("security.old")} value={passphrase} onValue={setPassphrase} autocomplete="current-password" required autofocus />
        <Failure word={word === "not-found" ? "no-passkey" : word} />
      </div>
    </Dialog>
  );
}
