// A password for those who have no key: chosen or made here, and told by another way than
// the mail that brings the link.

import { useMemo, useState } from "preact/hooks";
import type { Protection } from "../../model/types.ts";
import { list, t } from "../../words/index.ts";
import { Button, Dialog, Field, Note, Select, Switch } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { Meter } from "../welcome/passphrase.tsx";
import { strength, suggest } from "../welcome/strength.ts";

const least = 8; // characters
const hours = [1, 24, 72, 168, 336, 672] as const;
export const fresh: Protection = { password: "", hint: "", hours: 336, answers: true };

export function Protect({ addresses, now, onSet, onClose }: { addresses: readonly string[]; now: Protection | undefined; onSet: (p: Protection | null) => void; onClose: () => void }) {
  const [p, setP] = useState(now ?? fresh);
  const set = (change: Partial<Protection>) => setP({ ...p, ...change });
  const password = p.password.trim();
  const judged = useMemo(() => strength(password, [...addresses, p.hint]), [password, p.hint]);
  const make = async () => {
    const { words } = await import("../../vault/wordlist.ts");
    set({ password: suggest(words, 5) });
  };
  const good = password.length >= least && !p.hint.toLowerCase().includes(password.toLowerCase());
  return (
    <Dialog title={t("protect.title")} size="medium" onClose={onClose} onSubmit={() => { if (good) onSet({ ...p, password, hint: p.hint.trim() }); }}
      actions={<>{now && <Button kind="danger" onClick={() => onSet(null)}>{t("protect.off")}</Button>}<Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" icon="key" disabled={!good}>{t("protect.set")}</Button></>}>
      <div class="protect">
        <p>{t("protect.lead", { who: `\u2068${list(addresses.slice(0, 3))}\u2069` })}</p>
        <Field type="password" label={t("protect.password")} value={p.password} maxLength={200} autocomplete="off" spellcheck={false} autofocus onValue={(password) => set({ password })}
          error={password !== "" && p.hint.toLowerCase().includes(password.toLowerCase()) ? t("protect.inhint") : undefined} hint={t("protect.password.hint", { n: least })} />
        <div class="protect-acts"><Button small icon="refresh" onClick={() => void make()}>{t("protect.make")}</Button>{good && <Copy small text={password} label={t("protect.copy")} />}</div>
        {password !== "" && <Meter judged={judged} />}
        {good && !judged.enough && <Note tone="warn">{t("protect.weak")}</Note>}
        <Note tone="note" icon="person">{t("protect.tell")}</Note>
        <Field label={t("protect.hint")} value={p.hint} maxLength={200} autocomplete="off" hint={t("protect.hint.hint")} onValue={(hint) => set({ hint })} />
        <Select label={t("protect.ends")} value={String(p.hours)} options={hours.map((h) => ({ value: String(h), label: span(h) }))} onValue={(h) => set({ hours: Number(h) })} />
        <Switch label={t("protect.answers")} hint={t("protect.answers.hint")} checked={p.answers} onValue={(answers) => set({ answers })} />
      </div>
    </Dialog>
  );
}

const span = (h: number): string => (h < 24 ? t("protect.hours", { n: h }) : t("protect.days", { n: h / 24 }));
