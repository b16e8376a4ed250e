import { go } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Button, EmptyState, Spinner, useDesk, type IconName } from "../kit/index.ts";
import type { Key } from "../../words/index.ts";

const art: { [role: string]: IconName } = { inbox: "inbox", sent: "sent", archive: "archive", junk: "shield-check", trash: "trash" };

/** Nothing to show, and why; kinder than an empty box. */
export function EmptyList() {
  const desk = useDesk(), l = desk.list, place = l.place.value;
  const filtered = Object.keys(l.filters.value).length > 0;
  if (desk.sync.state.value === "starting") return <div class="list-starting"><Spinner label={t("status.syncing")} /></div>;
  if (filtered) return <EmptyState art="filter" title={t("empty.filter")} action={<Button onClick={() => { l.filters.value = {}; }}>{t("empty.filter.off")}</Button>} />;
  switch (place.kind) {
    case "search": {
      const p = desk.search.progress.value, all = !p || p.done >= p.of;
      return <EmptyState art="search" title={t("empty.search")} action={<Button onClick={() => go({ page: "mail", list: { kind: "special", name: "inbox" } })}>{t("go.inbox")}</Button>}>{all ? t("empty.search.why") : t("empty.search.part", { percent: Math.floor((100 * p.done) / Math.max(1, p.of)) })}</EmptyState>;
    }
    case "flagged": return <EmptyState art="star" title={t("empty.starred")}>{t("empty.starred.why")}</EmptyState>;
    case "snoozed": return <EmptyState art="clock" title={t("empty.snoozed")}>{t("empty.snoozed.why")}</EmptyState>;
    case "label": return <EmptyState art="label" title={t("empty.label")}>{t("empty.label.why")}</EmptyState>;
    case "all": return <EmptyState art="mail" title={t("empty.all")}>{t("empty.all.why")}</EmptyState>;
    case "mailbox": {
      const role = desk.sync.mailboxes.value.find((b) => b.id === place.mailbox)?.role ?? "";
      const known = role in art;
      return <EmptyState art={art[role] ?? "folder"} title={t((known ? `empty.${role}` : "empty.folder") as Key)}>{t((known ? `empty.${role}.why` : "empty.folder.why") as Key)}</EmptyState>;
    }
  }
}
