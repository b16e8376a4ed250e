import { available, choose, language, languages, t } from "../../words/index.ts";
import { Select } from "../kit/index.ts";

/** Before anybody is signed in: each language by its own name, kept on this device. */
export function LanguagePick() {
  return (
    <Select label={t("appearance.language")} bare value={language.value} onValue={(code) => void choose(code).catch(() => {})}
      options={available().map((c) => ({ value: c, label: languages[c] ?? c }))} />
  );
}
