// Signing in: address and passphrase, then what else is needed. What was typed stays in
// this component while a second factor or another way is asked for.
import { useEffect, useState } from "preact/hooks";
import type { SessionModel } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Field, Icon, type IconName, Note } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Approval } from "./approval.tsx";
import { Frame, Promises } from "./frame.tsx";
import { OwnDevice } from "./own.tsx";
import { WithKit } from "./withkit.tsx";

type Way = "passphrase" | "kit" | "device";

export function SignIn({ session }: { session: SessionModel }) {
  const [way, setWay] = useState<Way>("passphrase");
  const [address, setAddress] = useState(session.address.value);
  const [passphrase, setPassphrase] = useState("");
  const factor = useFactor(session);
  const turn = (to: Way) => {
    session.clearFault();
    factor.leave();
    if (to !== "device") session.stopAsking();
    setWay(to);
  };
  const unknown = session.need.value?.kind === "unknown-device" && way === "passphrase";
  const host = session.server.value?.hostname ?? location.hostname;
  if (way === "kit") return <Frame host={host}><WithKit session={session} address={address} onAddress={setAddress} onBack={() => turn("passphrase")} /></Frame>;
  return (
    <Frame host={host} aside={<Promises />}>
      {way === "device" ? <Approval session={session} address={address} onAddress={setAddress} onBack={() => turn("passphrase")} />
        : factor.methods
          ? <SecondFactor session={session} methods={factor.methods} onCode={(more) => session.signIn({ address, passphrase, ...more })} onBack={() => { turn("passphrase"); setPassphrase(""); }} />
          : (
            <>
              <Passphrase session={session} address={address} onAddress={setAddress} passphrase={passphrase} onPassphrase={setPassphrase} unknown={unknown} />
              <Ways session={session} address={address} only={unknown} onWay={turn} />
              <JoinHere session={session} />
            </>
          )}
    </Frame>
  );
}

/** What second factors were asked for: the session forgets it with every try, this page until one leaves it. */
export function useFactor(session: SessionModel): { methods: string[] | undefined; leave: () => void } {
  const [methods, set] = useState<string[] | undefined>(undefined);
  const need = session.need.value;
  const wrong = session.fault.value?.word === "wrong-sign-in";
  useEffect(() => {
    if (need?.kind === "second-factor") set(need.methods);
    else if (wrong) set(undefined); // it was not the code that was wrong
  }, [need, wrong]);
  const asked = need?.kind === "second-factor" ? need.methods : methods;
  return { methods: wrong ? undefined : asked, leave: () => set(undefined) };
}

function Passphrase({ session, address, onAddress, passphrase, onPassphrase, unknown }: {
  session: SessionModel; address: string; onAddress: (v: string) => void; passphrase: string; onPassphrase: (v: string) => void; unknown: boolean;
}) {
  const fault = session.fault.value;
  const submit = async () => {
    if (await session.signIn({ address: address.trim(), passphrase })) onPassphrase("");
  };
  return (
    <>
      <h1>{t("signin.title")}</h1>
      {session.ended.value && !fault && !unknown && <Note tone="warn">{t("signin.ended")}</Note>}
      <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); void submit(); }}>
        <Field type="email" name="username" label={t("signin.address")} value={address} onValue={onAddress} autocomplete="username" required autofocus={address === ""} />
        <Field type="password" name="password" label={t("signin.passphrase")} value={passphrase} onValue={onPassphrase} autocomplete="current-password" required autofocus={address !== ""} />
        {fault && <Failure word={fault.word} wait={fault.wait} />}
        {unknown && <Note tone="note" icon="device" title={t("signin.unknown")}>{t("signin.unknown.text")}</Note>}
        {!unknown && <OwnDevice session={session} />}
        {!unknown && <Button kind="primary" type="submit" busy={session.busy.value}>{t(session.busy.value ? "signin.working" : "signin.go")}</Button>}
      </form>
    </>
  );
}

function Ways({ session, address, only, onWay }: { session: SessionModel; address: string; only: boolean; onWay: (w: Way) => void }) {
  const busy = session.busy.value;
  return (
    <div class="ways">
      {!only && <p class="ways-title">{t("signin.or")}</p>}
      {session.hasPasskeys && <WayButton icon="key" title={t("signin.passkey")} hint={t("signin.passkey.hint")} disabled={busy} onClick={() => void session.signInWithPasskey(address.trim() || undefined)} />}
      <WayButton icon="device" title={t("signin.device")} hint={t("signin.device.hint")} disabled={busy} onClick={() => onWay("device")} />
      <WayButton icon="file-text" title={t("signin.kit")} hint={t("signin.kit.hint")} disabled={busy} onClick={() => onWay("kit")} />
    </div>
  );
}

export function WayButton({ icon, title, hint, onClick, disabled }: { icon: IconName; title: string; hint: string; onClick: () => void; disabled?: boolean }) {
  return (
    <button type="button" class="way" onClick={onClick} disabled={disabled}>
      <Icon name={icon} /><span><strong>{title}</strong><small>{hint}</small></span><Icon name="right" />
    </button>
  );
}

function JoinHere({ session }: { session: SessionModel }) {
  return session.server.value?.open ? <p>{t("signin.new")} <a href="#/join/">{t("signin.join")}</a></p> : null;
}

/** The second factor: a code of six digits, or a passkey. */
export function SecondFactor({ session, methods, onCode, onBack }: {
  session: SessionModel; methods: string[]; onCode: (more: { code?: string; assertion?: unknown }) => Promise<boolean>; onBack: () => void;
}) {
  const [code, setCode] = useState("");
  const [refused, refuse] = useState(false); // a code was sent, and asked for again
  const digits = code.replace(/\D/g, "");
  const fault = session.fault.value;
  const totp = methods.includes("totp");
  const sent = (ok: boolean) => {
    setCode("");
    refuse(!ok && session.need.value?.kind === "second-factor");
  };
  const send = async () => sent(await onCode({ code: digits }));
  const passkey = async () => {
    const assertion = await session.askAssertion();
    if (assertion) sent(await onCode({ assertion }));
  };
  // Six digits are a whole code: nobody need press a button for it.
  useEffect(() => {
    if (digits.length === 6 && !session.busy.value) void send();
  }, [digits]);
  return (
    <>
      <header>
        <h1>{t("second.title")}</h1>
        <p class="lead">{t(totp ? "second.totp" : "second.passkey")}</p>
      </header>
      <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); void (totp ? send() : passkey()); }}>
        {totp && <Field label={t("second.code")} value={code} onValue={setCode} autocomplete="one-time-code" inputMode="numeric" maxLength={9} autofocus />}
        {fault && <Failure word={fault.word} wait={fault.wait} />}
        {refused && !fault && <Failure word="second-factor" />}
        {totp && <Button kind="primary" type="submit" busy={session.busy.value} disabled={digits.length !== 6}>{t("signin.go")}</Button>}
        {methods.includes("passkey") && <Button kind={totp ? "plain" : "primary"} icon="key" busy={session.busy.value} onClick={() => void passkey()}>{t("second.use")}</Button>}
      </form>
      <div class="welcome-acts"><Button icon="back" kind="quiet" onClick={onBack}>{t("welcome.back")}</Button></div>
    </>
  );
}
