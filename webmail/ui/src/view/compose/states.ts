// What will happen to each recipient's copy, in words and icons.

import type { RecipientState, RecipientView } from "../../model/types.ts";
import { t, type Key } from "../../words/index.ts";
import type { IconName } from "../kit/index.ts";
import type { Tone } from "../kit/index.ts";

export interface Look { icon: IconName; tone: Tone; words: Key }

export const looks: { [s in RecipientState]: Look } = {
  checking: { icon: "refresh", tone: "plain", words: "compose.state.checking" },
  verified: { icon: "shield-check", tone: "good", words: "compose.state.verified" },
  encrypted: { icon: "lock", tone: "good", words: "compose.state.encrypted" },
  password: { icon: "key", tone: "note", words: "compose.state.password" },
  readable: { icon: "eye", tone: "warn", words: "compose.state.readable" },
  blocked: { icon: "wrong", tone: "bad", words: "compose.state.blocked" },
  invalid: { icon: "warn", tone: "bad", words: "compose.state.invalid" },
};

export interface Summary {
  tone: Tone;
  icon: IconName;
  text: string;
  blocked: RecipientView[]; // nothing leaves until these are decided
  invalid: RecipientView[];
  readable: RecipientView[];
  letters: number; // how many get a letter behind a password
}

// summary is the line beside the send button: the weakest of all that will happen.
export function summary(all: readonly RecipientView[]): Summary {
  const of = (s: RecipientState) => all.filter((r) => r.state === s);
  const parts = { blocked: of("blocked"), invalid: of("invalid"), readable: of("readable"), letters: of("password").length };
  const closed = of("verified").length + of("encrypted").length;
  const say = (state: RecipientState, text: string): Summary => ({ tone: looks[state].tone, icon: looks[state].icon, text, ...parts });
  if (all.length === 0) return { tone: "plain", icon: "info", text: "", ...parts };
  if (parts.invalid.length > 0) return say("invalid", t("compose.sum.invalid", { n: parts.invalid.length }));
  if (parts.blocked.length > 0) return say("blocked", t("compose.sum.blocked", { n: parts.blocked.length }));
  if (of("checking").length > 0) return say("checking", t("compose.sum.checking"));
  if (parts.readable.length > 0 && closed > 0) return say("readable", t("compose.sum.mixed", { n: parts.readable.length }));
  if (parts.readable.length > 0) return say("readable", t("compose.sum.readable"));
  if (of("password").length > 0) return say("password", t("compose.sum.password", { n: of("password").length }));
  return of("encrypted").length === 0 ? say("verified", t("compose.sum.verified")) : say("encrypted", t("compose.sum.encrypted"));
}
