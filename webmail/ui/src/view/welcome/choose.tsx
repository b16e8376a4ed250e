// The first step of joining: address, name, passphrase, and perhaps a key of one's own.
import { useRef, useState } from "preact/hooks";
import type { SessionModel } from "../../model/types.ts";
import type { Invitation } from "../../wire/api.ts";
import { t } from "../../words/index.ts";
import { Button, Choice, Field, Note, Select, Switch, TextArea } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { OwnDevice } from "./own.tsx";
import { ChoosePassphrase, nothingChosen, useStrength } from "./passphrase.tsx";

export interface OwnKey { armored: string; passphrase: string; keep: boolean }

export function Choose({ session, invitation, onLeave }: { session: SessionModel; invitation: Invitation | null; onLeave: () => void }) {
  const domains = invitation?.domains ?? session.server.value?.domains ?? [];
  const fixed = invitation?.address ?? "";
  const [local, setLocal] = useState("");
  const [domain, setDomain] = useState(domains[0] ?? "");
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState(nothingChosen);
  const [own, setOwn] = useState<OwnKey | undefined>(undefined);
  const address = fixed || (local.trim() === "" ? "" : `${local.trim().toLowerCase()}@${domain}`);
  const { strength, ready } = useStrength(chosen, [address, name]);
  const fault = session.fault.value;
  const lacksKey = own !== undefined && !looksLikeKey(own.armored);
  const submit = async () => {
    const key = own ? { secretKey: own.armored, keep: own.keep, ...(own.passphrase ? { keyPassphrase: own.passphrase } : {}) } : {};
    await session.joining.make({ address, name: name.trim(), passphrase: chosen.passphrase, ...key });
  };
  return (
    <form class="welcome-form" onSubmit={(e) => { e.preventDefault(); if (ready && !lacksKey) void submit(); }}>
      <header>
        <h1>{t(invitation?.attach ? "join.attach" : "join.title")}</h1>
        <p class="lead">{t(invitation?.attach ? "join.attach.lead" : "join.lead")}</p>
      </header>
      {fixed
        ? <Field type="email" label={t("signin.address")} value={fixed} readOnly autocomplete="username" hint={t("join.fixed")} />
        : <ChooseAddress local={local} onLocal={setLocal} domain={domain} onDomain={setDomain} domains={domains} />}
      <Field label={t("join.name")} value={name} onValue={setName} autocomplete="name" hint={t("join.name.hint")} maxLength={200} />
      <ChoosePassphrase chosen={chosen} onChosen={setChosen} judged={strength} />
      <Switch label={t("join.own")} hint={t(invitation?.attach ? "join.own.attach" : "join.own.hint")} checked={own !== undefined} onValue={(on) => setOwn(on ? { armored: "", passphrase: "", keep: false } : undefined)} />
      {own && <BringKey own={own} onOwn={setOwn} />}
      <OwnDevice session={session} />
      {fault && <Failure word={fault.word} wait={fault.wait} />}
      <div class="welcome-acts">
        <Button kind="quiet" icon="back" onClick={onLeave}>{t("welcome.back")}</Button>
        <Button kind="primary" type="submit" busy={session.busy.value} disabled={!ready || address === "" || lacksKey}>{t(session.busy.value ? "join.making" : own ? "join.go" : "join.next")}</Button>
      </div>
    </form>
  );
}

function ChooseAddress({ local, onLocal, domain, onDomain, domains }: { local: string; onLocal: (v: string) => void; domain: string; onDomain: (v: string) => void; domains: string[] }) {
  const wrong = local !== "" && !/^[^\s@"(),:;<>[\\\]]{1,64}$/.test(local.trim());
  return (
    <div class="address">
      <Field label={t("join.address")} value={local} onValue={onLocal} autocomplete="username" autocapitalize="none" required maxLength={64} error={wrong ? t("join.address.wrong") : undefined} />
      <span aria-hidden="true">@</span>
      {domains.length > 1
        ? <Select label={t("join.domain")} value={domain} onValue={onDomain} options={domains.map((d) => ({ value: d, label: d }))} />
        : <Field label={t("join.domain")} value={domain} readOnly />}
    </div>
  );
}

/** A secret key of one's own: pasted or from a file, for this browser alone if so wished. */
export function BringKey({ own, onOwn, here }: { own: OwnKey; onOwn: (o: OwnKey) => void; here?: boolean }) {
  const file = useRef<HTMLInputElement>(null);
  const read = async (f: File | undefined) => {
    if (f && f.size < 1_000_000) onOwn({ ...own, armored: await f.text() });
  };
  const wrong = own.armored.trim() !== "" && !looksLikeKey(own.armored);
  return (
    <>
      <TextArea label={t("own.key")} value={own.armored} rows={4} spellcheck={false} autocomplete="off" onValue={(armored) => onOwn({ ...own, armored })}
        hint={t("own.key.hint")} error={wrong ? t("own.wrong") : undefined} />
      <div>
        <Button small icon="upload" onClick={() => file.current?.click()}>{t("own.file")}</Button>
        <input ref={file} class="unseen" type="file" accept=".asc,.key,.pgp,.gpg,.txt" tabIndex={-1} aria-hidden="true" onChange={(e) => void read(e.currentTarget.files?.[0])} />
      </div>
      <Field type="password" label={t("own.passphrase")} value={own.passphrase} autocomplete="off" hint={t("own.passphrase.hint")} onValue={(passphrase) => onOwn({ ...own, passphrase })} />
      {!here && <Choice label={t("own.where")} value={own.keep ? "server" : "here"} onValue={(v) => onOwn({ ...own, keep: v === "server" })}
        options={[{ value: "here", label: t("own.here"), hint: t("own.here.hint") }, { value: "server", label: t("own.server"), hint: t("own.server.hint") }]} />}
      {!here && !own.keep && <Note tone="note">{t("own.here.note")}</Note>}
    </>
  );
}

export const looksLikeKey = (text: string) => /-----BEGIN PGP PRIVATE KEY BLOCK-----[\s\S]+-----END PGP PRIVATE KEY BLOCK-----/.test(text);
