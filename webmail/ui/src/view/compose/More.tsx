// What else can be done with a mail that is being written.

import type { Desk, DraftHandle } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { askText, IconButton, Menu, say, type MenuEntry } from "../kit/index.ts";
import type { Editor } from "./editor/editor.ts";
import { fromHTML, fromText } from "./editor/parse.ts";

export function More({ desk, draft, editor, plain, onPlain, onProtect }: { desk: Desk; draft: DraftHandle; editor: Editor | null; plain: boolean; onPlain: (on: boolean) => void; onProtect?: (() => void) | undefined }) {
  const c = draft.content.value;
  const { signatures } = desk.settings.value.value;
  const templates = desk.settings.templates.value;
  const insert = (html: string, text: string) => {
    if (plain) draft.update({ text: `${c.text}${c.text && !c.text.endsWith("\n") ? "\n" : ""}${text}` });
    else editor?.insert(html ? fromHTML(html) : fromText(text));
  };
  const keep = async () => {
    const name = await askText({ title: t("compose.template.save"), label: t("compose.template.name"), yes: t("compose.template.keep"), value: c.subject });
    if (!name?.trim()) return;
    const now = draft.content.value;
    await desk.settings.saveTemplate({ name: name.trim().slice(0, 100), subject: now.subject, html: now.html, text: now.text });
    say(t("compose.template.saved"));
  };
  const signs = c.sign ?? desk.settings.value.value.sign;
  const entries: (MenuEntry | false)[] = [
    { label: t("compose.sign"), icon: "pen", checked: signs, hint: t("compose.sign.hint"), run: () => draft.update({ sign: !signs }) },
    { label: t("compose.encrypt"), icon: "lock", checked: c.encrypt === true, hint: t("compose.encrypt.hint"), run: () => draft.update({ encrypt: c.encrypt === true ? null : true }) },
    onProtect !== undefined && { label: t("protect.title"), icon: "key", checked: Object.values(c.passwords).some(Boolean), hint: t("protect.menu"), run: onProtect },
    "line",
    { label: t("compose.plain"), checked: plain, run: () => onPlain(!plain) },
    (editor?.hasQuote ?? false) && { label: t("compose.dropquote"), icon: "quote", run: () => editor?.dropQuote() },
    "line",
    ...signatures.map((s): MenuEntry => ({ label: t("compose.signature", { name: s.name }), icon: "pen", run: () => insert(s.html, s.text) })),
    ...templates.map((m): MenuEntry => ({ label: t("compose.template", { name: m.name }), icon: "file-text", run: () => { insert(m.html, m.text); if (m.subject && !draft.content.value.subject) draft.update({ subject: m.subject }); } })),
    { label: t("compose.template.save"), icon: "plus", run: () => void keep() },
  ];
  return <Menu label={t("compose.more")} entries={entries} button={(b) => <IconButton {...b} icon="more" label={t("compose.more")} />} />;
}
