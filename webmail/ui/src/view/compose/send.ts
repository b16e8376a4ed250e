// The questions before a mail leaves, and what to say when it does not.

import type { Desk, DraftHandle, Linking, Notice } from "../../model/types.ts";
import { fullDate, list, t, type Key } from "../../words/index.ts";
import { confirm } from "../kit/index.ts";
import { fromHTML, fromText } from "./editor/parse.ts";
import { own } from "./editor/quotes.ts";
import { forgotten } from "./forgot.ts";
import type { Summary } from "./states.ts";

export type Said = { done: true } | { done: false; fault: string; word?: string };

export const stay: Said = { done: false, fault: "" };

export async function send(desk: Desk, draft: DraftHandle, o: { at: number; sum: Summary; linking?: Linking }): Promise<Said> {
  const c = draft.content.value;
  if (c.to.length + c.cc.length + c.bcc.length === 0) return { done: false, fault: t("compose.nobody") };
  if (o.at && o.at * 1000 < Date.now()) return { done: false, fault: t("compose.past") };
  if (!c.subject.trim() && !(await confirm({ title: t("compose.nosubject.title"), text: t("compose.nosubject.text"), yes: t("compose.sendanyway") }))) return stay;
  const written = own(c.html ? fromHTML(c.html) : fromText(c.text));
  if (forgotten(written, c.subject, c.files.filter((f) => !f.inline).length) && !(await confirm({ title: t("compose.forgot.title"), text: t("compose.forgot.text"), yes: t("compose.sendanyway") }))) return stay;
  const readable = o.sum.readable.map((r) => r.address);
  if (c.encrypt === true && readable.length > 0) return { done: false, fault: t("compose.mustencrypt", { who: list(readable.slice(0, 3)) }) };
  const result = await desk.outbox.send(draft, { ...(o.at && { at: o.at }), readable: readable.length > 0, notice, ...(o.linking && { linking: o.linking }) });
  if (result.state !== "refused") return { done: true };
  return { done: false, fault: faultText(result.fault.word, result.addresses), word: result.fault.word };
}

// What the mail with a link says: nothing of the letter, and enough to know it for what it is.
export const notice: Notice = ({ link, ends, from }) => ({
  subject: t("notice.subject"),
  text: t("notice.text", { who: from.name || from.address, address: from.address, link: `${location.origin}/#/letter/${link}`, when: fullDate(ends) }),
});

const known: { [word: string]: Key } = {
  "blocked": "compose.fault.blocked", "readable": "compose.fault.readable", "no-recipient": "compose.nobody", "invalid": "compose.fault.invalid",
  "not-encrypted": "compose.fault.notencrypted", "too-large": "compose.fault.toolarge", "slow-down": "compose.fault.slow", "over-quota": "compose.fault.quota", "parcel-large": "compose.fault.parcellarge",
  "parcel-late": "compose.fault.parcellate", "parcel-many": "compose.fault.parcelmany",
  "links-waiting": "attach.fault.waiting", "links-offline": "attach.fault.offline", "links-gone": "attach.fault.gone", "links-late": "attach.fault.late", "link-told": "attach.told", "too-many": "attach.fault.many",
};

function faultText(word: string, addresses: readonly string[]): string {
  return t(known[word] ?? "compose.fault.unknown", { who: list(addresses.slice(0, 3)) });
}
