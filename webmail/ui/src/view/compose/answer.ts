// An answer or a forwarded mail, with what was written before below it.

import type { Desk, MailRef, OpenedMail } from "../../model/types.ts";
import { exactDate, fullDate, list, t } from "../../words/index.ts";
import { fromHTML, fromText, headed, quoted } from "./editor/parse.ts";
import { html, text } from "./editor/text.ts";
import { toast } from "../kit/index.ts";

export type How = "reply" | "reply-all" | "forward";

export async function answer(desk: Desk, shown: OpenedMail, ref: MailRef, how: How): Promise<void> {
  const mail = (await desk.mail.complete(ref.id)) ?? shown; // of a large one: where answers go, and who else got it
  const before = mail.html ? fromHTML(mail.html) : fromText(mail.text);
  const doc = how === "forward" ? headed(before, headOf(mail)) : quoted(before, t("compose.wrote", { date: fullDate(mail.date || mail.arrived), who: nameOf(mail) }));
  const draft = await desk.drafts.reply(mail, ref, how, { html: html(doc), text: text(doc) });
  if (how !== "forward") return;
  for (const p of mail.parts.filter((x) => !x.inline)) {
    const file = await desk.mail.part(ref.id, p.index);
    if (file) await draft.attach(file);
    else toast(`${t("files.failed")} \u2068${p.name}\u2069`, { kind: "fault" });
  }
}

const one = (a: { name: string; address: string }): string => (a.name ? `${a.name} <${a.address}>` : a.address);
const nameOf = (m: OpenedMail): string => (m.from[0] ? one(m.from[0]) : t("list.nosender"));

function headOf(m: OpenedMail): string[] {
  const line = (name: string, value: string) => (value ? [`${name}: ${value}`] : []);
  return [
    t("compose.forwarded"), ...line(t("compose.from"), m.from.map(one).join(", ")), ...line(t("compose.date"), exactDate(m.date || m.arrived)),
    ...line(t("compose.subject"), m.subject), ...line(t("compose.to"), list(m.to.slice(0, 20).map(one))), ...line(t("compose.cc"), list(m.cc.slice(0, 20).map(one))),
  ];
}
