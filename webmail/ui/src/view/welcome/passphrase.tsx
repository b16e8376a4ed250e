// Choosing a passphrase: twice, with an honest word on how hard it is to guess.
import { useMemo, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, Field } from "../kit/index.ts";
import { type Strength, strength, suggest } from "./strength.ts";

export interface Chosen { passphrase: string; again: string }
export const nothingChosen: Chosen = { passphrase: "", again: "" };

export function useStrength(chosen: Chosen, known: string[]): { strength: Strength; ready: boolean } {
  const s = useMemo(() => strength(chosen.passphrase, known), [chosen.passphrase, ...known]);
  return { strength: s, ready: s.enough && chosen.passphrase === chosen.again };
}

export function ChoosePassphrase({ chosen, onChosen, judged, label }: { chosen: Chosen; onChosen: (c: Chosen) => void; judged: Strength; label?: string }) {
  const [left, leave] = useState(false);
  const make = async () => {
    const { words } = await import("../../vault/wordlist.ts");
    onChosen({ passphrase: suggest(words), again: "" });
  };
  const differs = left && chosen.again !== "" && chosen.again !== chosen.passphrase;
  return (
    <>
      <Field type="password" label={label ?? t("passphrase.choose")} value={chosen.passphrase} autocomplete="new-password" required
        hint={t("passphrase.hint")} onValue={(passphrase) => onChosen({ ...chosen, passphrase })} />
      <Meter judged={judged} />
      <div><Button small icon="refresh" onClick={() => void make()}>{t("passphrase.make")}</Button></div>
      <Field type="password" label={t("passphrase.again")} value={chosen.again} autocomplete="new-password" required onBlur={() => leave(true)}
        error={differs ? t("passphrase.differs") : undefined} onValue={(again) => onChosen({ ...chosen, again })} />
    </>
  );
}

export function Meter({ judged: s }: { judged: Strength }) {
  return (
    <div class={`strength strength-${s.grade}`}>
      <div class="strength-bar" aria-hidden="true"><span /><span /><span /><span /></div>
      <p role="status">
        {s.grade === "empty" ? t("strength.empty") : <><strong>{t(`strength.${s.grade}`)}</strong> {s.hint ? t(`strength.hint.${s.hint}`) : t("strength.bits", { n: s.bits })}</>}
      </p>
    </div>
  );
}
