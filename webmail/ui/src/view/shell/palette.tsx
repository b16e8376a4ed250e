// Everything by typing a few letters of it.
import { go } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Picker, useApp, useDesk, type Pick } from "../kit/index.ts";
import { about, commands, firstKeys } from "./commands.ts";
import { listOf } from "./places.ts";

export default function Palette({ onClose }: { onClose: () => void }) {
  const app = useApp(), desk = useDesk();
  const keys = desk.settings.value.value.keys;
  const chosen = about(desk).length > 0;
  const picks: Pick[] = [
    ...commands.filter((c) => !["next", "previous", "send", "palette"].includes(c.id) && (chosen || !c.needsMail)).map((c): Pick => ({ id: c.id, label: t(c.words), icon: c.icon ?? "right", keys: firstKeys(c, keys), group: t(`group.${c.group}`), run: () => c.run(desk) })),
    ...desk.sync.mailboxes.value.filter((b) => !b.role).map((b): Pick => ({ id: `box${b.id}`, label: b.leaf, hint: b.level ? b.name : undefined, icon: "folder", group: t("shell.folders"), run: () => go({ page: "mail", list: listOf(b) }) })),
    ...desk.settings.value.value.labels.map((l): Pick => ({ id: `label${l.keyword}`, label: l.name, icon: "label", group: t("shell.labels"), run: () => go({ page: "mail", list: { kind: "label", name: l.keyword } }) })),
    ...desk.settings.searches.value.map((s): Pick => ({ id: `search${s.id}`, label: s.name, hint: s.text, icon: "search", group: t("shell.searches"), run: () => go({ page: "mail", list: { kind: "search", query: s.text } }) })),
    ...(["system", "light", "dark"] as const).map((theme): Pick => ({ id: theme, label: `${t("look.theme")}: ${t(`look.${theme}`)}`, icon: theme === "dark" ? "moon" : "sun", group: t("look.title"), run: () => void desk.settings.set({ theme }) })),
    { id: "lock", label: t("shell.lock"), icon: "lock", group: t("group.page"), run: () => void app.session.lock() },
  ];
  const searchFor = (typed: string): Pick => ({ id: "find", label: t("palette.find", { text: typed }), icon: "search", run: () => go({ page: "mail", list: { kind: "search", query: typed } }) });
  return <Picker title={t("do.palette")} placeholder={t("palette.placeholder")} picks={picks} extra={searchFor} onClose={onClose} />;
}
