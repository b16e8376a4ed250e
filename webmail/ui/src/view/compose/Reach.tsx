// What happens to files that leave as links: nothing to ask where all have keys; where some
// have none, the writer says which of three ways they get them.

import { useMemo, useState } from "preact/hooks";
import { LARGEST, tells } from "../../model/attach/copies.ts";
import type { DraftContent, LinkWay } from "../../model/types.ts";
import { bytes, list, t } from "../../words/index.ts";
import { Button, Choice, Dialog, Field, Note, Select, State } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { Meter } from "../welcome/passphrase.tsx";
import { strength, suggest } from "../welcome/strength.ts";

const least = 8; // characters
const days = [1, 7, 30, 90] as const;
const ways = ["link", "password", "plain"] as const;
export interface Chosen { way: LinkWay; days: number; password: string }

// One line below the files: what was chosen, or that somebody must.
export function ReachLine({ c, readable, letters, password, onChoose }: { c: DraftContent; readable: readonly string[]; letters: boolean; password: string; onChoose: () => void }) {
  if (!c.files.some((f) => f.linked)) return null;
  if (readable.length === 0) return <p class="reach"><State tone="good" icon="lock" soft>{t(letters ? "attach.reach.letter" : "attach.reach.sealed", { days: t("protect.days", { n: c.linkDays }) })}</State><Button small kind="quiet" onClick={onChoose}>{t("attach.change")}</Button></p>;
  const open = c.linksAs === "" || (c.linksAs === "password" && password === "");
  return (
    <p class="reach">
      <State tone={open ? "warn" : c.linksAs === "password" ? "note" : "warn"} icon={open ? "question" : c.linksAs === "password" ? "key" : "eye"} soft>{t(open || c.linksAs === "" ? "attach.reach.choose" : `attach.reach.${c.linksAs}`, { days: t("protect.days", { n: c.linkDays }) })}</State>
      <Button small kind="quiet" onClick={onChoose}>{t(open ? "attach.choose" : "attach.change")}</Button>
    </p>
  );
}

export function Reach({ c, readable, preset, password: was, onSet, onClose }: { c: DraftContent; readable: readonly string[]; preset: LinkWay; password: string; onSet: (o: Chosen) => void; onClose: () => void }) {
  const large = c.files.reduce((n, f) => n + f.size, 0) > LARGEST;
  const [way, setWay] = useState<LinkWay>(c.linksAs || (preset === "plain" && large ? "link" : preset));
  const [last, setLast] = useState(c.linkDays);
  const [typed, setTyped] = useState(was);
  const password = typed.trim();
  const judged = useMemo(() => strength(password, [...readable]), [password]);
  const told = tells(c, password);
  const good = readable.length === 0 || (way === "plain" && !large) || way === "link" || (way === "password" && password.length >= least && !told);
  const make = async () => {
    const { words } = await import("../../vault/wordlist.ts");
    setTyped(suggest(words, 5));
  };
  return (
    <Dialog title={t("attach.reach.title")} size="medium" onClose={onClose} onSubmit={() => { if (good) onSet({ way, days: last, password: way === "password" ? password : "" }); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" disabled={!good}>{t("attach.reach.set")}</Button></>}>
      <div class="protect">
        {readable.length > 0 && <p>{t("attach.reach.lead", { who: `\u2068${list(readable.slice(0, 3))}\u2069` })}</p>}
        {readable.length > 0 && <Choice label={t("attach.reach.ways")} value={way} onValue={setWay}
          options={ways.map((w) => ({ value: w, label: t(`attach.way.${w}`), hint: w === "plain" && large ? t("attach.way.toolarge", { size: bytes(LARGEST) }) : t(`attach.way.${w}.hint`), disabled: w === "plain" && large }))} />}
        {readable.length > 0 && way === "password" && <>
          <Field type="password" label={t("protect.password")} value={typed} maxLength={200} autocomplete="off" spellcheck={false} onValue={setTyped} error={told ? t("attach.told") : undefined} hint={t("protect.password.hint", { n: least })} />
          <div class="protect-acts"><Button small icon="refresh" onClick={() => void make()}>{t("protect.make")}</Button>{password.length >= least && <Copy small text={password} label={t("protect.copy")} />}</div>
          {password !== "" && <Meter judged={judged} />}
          {password.length >= least && !judged.enough && <Note tone="warn">{t("protect.weak")}</Note>}
          <Note tone="note" icon="person">{t("attach.tell")}</Note>
        </>}
        {way !== "plain" && <Select label={t("attach.days")} value={String(last)} options={days.map((n) => ({ value: String(n), label: t("protect.days", { n }) }))} onValue={(n) => setLast(Number(n))} />}
      </div>
    </Dialog>
  );
}
