// What is known of a mail, in words and icons, outside of what the sender can draw on.
import { useState } from "preact/hooks";
import type { OpenedMail, Trust, TrustState } from "../../model/types.ts";
import { t, type Key } from "../../words/index.ts";
import { Icon, Note, type IconName, type Tone } from "../kit/index.ts";

const icons: { [word in TrustState["word"]]?: IconName } = {
  "class-arrival": "seal", "class-end-to-end": "lock", "class-both": "shield-check", "class-readable": "unlock",
  "signed-verified": "pen", "signed-unverified": "pen", "signed-sender-open": "question", "sender-unprotected": "question", "signed-other": "question", "signature-bad": "wrong", "signature-partial": "question", "signature-unknown-key": "question",
  "domain-proven": "globe", "domain-unproven": "question", "domain-failed": "wrong",
};
const tones: { [tone in TrustState["tone"]]: Tone } = { good: "good", plain: "plain", caution: "warn", bad: "bad" };
// Isolated, so that no name or address turns the sentence around (UAX 9, FSI and PDI).
const isolate = (values: TrustState["values"]) => Object.fromEntries(Object.entries(values).map(([k, v]) => [k, `\u2068${v}\u2069`]));

const words = (s: TrustState) => t(`trust.${s.word}` as Key, isolate(s.values));
const why = (s: TrustState) => t(`trust.${s.word}.why` as Key, isolate(s.values));

export function TrustLine({ trust, opened }: { trust: Trust; opened: OpenedMail }) {
  const [open, show] = useState(false);
  const all = [trust.class, trust.signature, trust.domain, trust.sender].filter((s) => s !== null);
  return (
    <div class="trust">
      <button type="button" class="trust-line" aria-expanded={open} onClick={() => show(!open)} data-tip={t("trust.explain")}>
        {all.map((s) => <span key={s.word} class={`trust-word trust-${tones[s.tone]}`}><Icon name={icons[s.word] ?? "info"} />{words(s)}</span>)}
        <Icon name={open ? "up" : "down"} />
      </button>
      {open && (
        <dl class="trust-why">
          {all.map((s) => <div key={s.word}><dt><Icon name={icons[s.word] ?? "info"} />{words(s)}</dt><dd>{why(s)}{s === trust.signature && opened.signature.fingerprint && <code>{opened.signature.fingerprint.replace(/(.{4})/g, "$1 ").trim()}</code>}</dd></div>)}
        </dl>
      )}
    </div>
  );
}

export function Warnings({ trust }: { trust: Trust }) {
  if (trust.warnings.length === 0) return null;
  return (
    <div class="mail-notice" role="group" aria-label={t("trust.warnings")}>
      {trust.warnings.map((w) => <Note key={w.word} tone={w.tone === "bad" ? "bad" : w.tone === "caution" ? "warn" : "note"} title={words(w)}><p>{why(w)}</p></Note>)}
    </div>
  );
}
