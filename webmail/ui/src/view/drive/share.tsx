// A link to one file: how long it lives, how often it serves, whether it asks for a
// password; then the link itself. The link is in no address of ours.
import { useMemo, useState } from "preact/hooks";
import type { FileEntry } from "../../files/folder.ts";
import { type LinkView, sharesOf } from "../../model/drive/shares.ts";
import type { Desk } from "../../model/types.ts";
import { fullDate, t, type Key } from "../../words/index.ts";
import { ApiError } from "../../wire/http.ts";
import { Button, Dialog, Field, Note, Select, Switch, useApp } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { QrCode } from "../qr/draw.tsx";
import { Meter } from "../welcome/passphrase.tsx";
import { strength, suggest } from "../welcome/strength.ts";
import "./share.css";

const day = 86_400_000;
export const lives = ["", "1", "7", "30", "90"] as const; // days; "": what the server does by itself
export const lifeWords = (days: string): string => (days === "" ? t("share.life.usual") : t("protect.days", { n: Number(days) }));
export const endsOf = (days: string, now = Date.now()): { ends?: number } => (days === "" ? {} : { ends: now + Number(days) * day - 60_000 });
const most = ["0", "1", "3", "10", "100"] as const;
export const mostWords = (n: string): string => (n === "0" ? t("share.most.none") : t("share.count", { n: Number(n) }));
const least = 8; // characters of a password

/** Why it was not made, in words. */
export const faultOf = (e: unknown): Key => (e instanceof ApiError && e.status === 422 ? "share.fault.limit" : "share.fault");

export default function Share({ desk, entry, onClose, onLink }: { desk: Desk; entry: FileEntry; onClose: () => void; onLink?: (url: string) => void }) {
  const shares = sharesOf(useApp(), desk);
  const [life, setLife] = useState(""), [times, setTimes] = useState("0"), [locked, lock] = useState(false), [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false), [fault, setFault] = useState<Key>(), [made, setMade] = useState<{ id: string; url: string }>();
  const word = password.trim(), judged = useMemo(() => strength(word, [entry.name]), [word]);
  const good = !locked || word.length >= least;
  const make = async () => {
    if (busy || !good) return;
    setBusy(true);
    setFault(undefined);
    try {
      const link = await shares.makeLink(entry, { ...endsOf(life), most: Number(times), ...(locked && { password: word }) });
      if (onLink) return onLink(link.url);
      setMade(link);
    } catch (e) {
      setFault(faultOf(e));
    } finally {
      setBusy(false);
    }
  };
  const suggestOne = async () => setPassword(suggest((await import("../../vault/wordlist.ts")).words, 5));
  if (made) return <Made desk={desk} url={made.url} password={locked ? word : ""} onClose={onClose} />;
  return (
    <Dialog title={t("share.title")} size="medium" onClose={onClose} onSubmit={() => void make()}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" icon="link" busy={busy} disabled={!good}>{t("share.make")}</Button></>}>
      <div class="share">
        <p class="share-name"><bdi>{entry.name}</bdi></p>
        <Select label={t("share.life")} value={life} options={lives.map((d) => ({ value: d, label: lifeWords(d) }))} onValue={setLife} />
        <Select label={t("share.most")} value={times} options={most.map((n) => ({ value: n, label: mostWords(n) }))} onValue={setTimes} />
        <Switch label={t("share.protect")} checked={locked} onValue={lock} />
        {locked && (
          <>
            <Field type="text" label={t("protect.password")} value={password} maxLength={200} autocomplete="off" spellcheck={false} onValue={setPassword} hint={t("protect.password.hint", { n: least })} />
            <div class="protect-acts"><Button small icon="refresh" onClick={() => void suggestOne()}>{t("protect.make")}</Button></div>
            {word !== "" && <Meter judged={judged} />}
            {good && !judged.enough && <Note tone="warn">{t("protect.weak")}</Note>}
          </>
        )}
        <Note tone="note" icon="person">{t(locked ? "share.who.password" : "share.who")}</Note>
        {fault && <Note tone="bad">{t(fault)}</Note>}
      </div>
    </Dialog>
  );
}

/** A link, whole: to be handed on. */
export function Made({ desk, url, password, title, onClose }: { desk: Desk; url: string; password: string; title?: string; onClose: () => void }) {
  const [code, show] = useState(false);
  const mail = async () => {
    onClose();
    await desk.drafts.create({ text: url, html: `<p>${url}</p>` }); // of our own making: nothing in it is markup
  };
  return (
    <Dialog title={title ?? t("share.link")} size="medium" onClose={onClose} actions={<Button kind="primary" onClick={onClose}>{t("kit.close")}</Button>}>
      <div class="share">
        <Field label={t("share.link")} value={url} readOnly onFocus={(e) => e.currentTarget.select()} dir="ltr" autocomplete="off" spellcheck={false} />
        <div class="protect-acts">
          <Copy text={url} />
          <Button icon="mail" onClick={() => void mail()}>{t("share.mail")}</Button>
          <Button icon="eye" onClick={() => show(!code)}>{t("share.code")}</Button>
        </div>
        {code && <QrCode text={url} label={t("share.code")} />}
        {password && <><Field label={t("protect.password")} value={password} readOnly autocomplete="off" /><div class="protect-acts"><Copy text={password} label={t("protect.copy")} /></div><Note tone="warn">{t("share.once")}</Note></>}
      </div>
    </Dialog>
  );
}

/** When a link ends and how often it serves, changed afterwards. */
export function Change({ link, save, onClose }: { link: LinkView; save: (o: { ends?: number; most?: number }) => Promise<void>; onClose: () => void }) {
  const [life, setLife] = useState(""), [times, setTimes] = useState(String(link.most)), [fault, setFault] = useState<Key>();
  const change = () => save({ ...endsOf(life), ...(Number(times) !== link.most && { most: Number(times) }) }).then(onClose, (e: unknown) => setFault(faultOf(e)));
  const options = [...new Set<string>([...most, String(link.most)])].sort((a, b) => Number(a) - Number(b));
  return (
    <Dialog title={t("share.change")} onClose={onClose} onSubmit={() => void change()} actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit">{t("share.change")}</Button></>}>
      <div class="share">
        <Select label={t("share.life")} value={life} options={lives.map((d) => ({ value: d, label: d === "" ? t("share.until", { when: fullDate(link.ends / 1000) }) : lifeWords(d) }))} onValue={setLife} />
        <Select label={t("share.most")} value={times} options={options.map((n) => ({ value: n, label: mostWords(n) }))} onValue={setTimes} />
        {fault && <Note tone="bad">{t(fault)}</Note>}
      </div>
    </Dialog>
  );
}
