// The operators' pages. There is nothing here that reads mail or takes a key.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { createAdmin } from "../../model/admin.ts";
import type { App } from "../../model/types.ts";
import { href, route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { EmptyState, Icon, type IconName } from "../kit/index.ts";
import { Accounts } from "./accounts.tsx";
import { Domains } from "./domains.tsx";
import { Invitations } from "./invitations.tsx";
import { Overview } from "./overview.tsx";
import { Queue } from "./queue.tsx";
import { Reports } from "./reports.tsx";
import "../settings/settings.css";

const places: [string, IconName][] = [["overview", "storage"], ["accounts", "people"], ["invitations", "mail"], ["domains", "globe"], ["queue", "sent"], ["reports", "file-text"]];

export function Admin({ app }: { app: App }) {
  const admin = useMemo(() => createAdmin(app.api), [app]);
  const at = route.value;
  const part = at.page === "admin" ? at.part : "";
  if (!app.session.account.value?.operator) return <EmptyState art="shield" title={t("admin.closed")}>{t("admin.closed.text")}</EmptyState>;
  const pages: { [part: string]: () => ComponentChildren } = {
    overview: () => <Overview admin={admin} />,
    accounts: () => <Accounts admin={admin} />,
    invitations: () => <Invitations admin={admin} />,
    domains: () => <Domains admin={admin} />,
    queue: () => <Queue admin={admin} />,
    reports: () => <Reports admin={admin} />,
  };
  const known = part in pages;
  return (
    <div class={`settings${known ? " settings-in" : ""}`}>
      <nav class="settings-nav" aria-label={t("admin.title")}>
        <h1>{t("admin.title")}</h1>
        <ul>
          {places.map(([p, icon]) => (
            <li key={p}>
              <a class={`settings-place${p === part || (!known && p === "overview") ? " settings-here" : ""}`} href={href({ page: "admin", part: p })} aria-current={p === part ? "page" : undefined}>
                <Icon name={icon} /><span>{t(`admin.part.${p}` as "admin.part.overview")}</span><Icon name="right" />
              </a>
            </li>
          ))}
        </ul>
        <p class="settings-foot">{t("admin.nothing")}</p>
      </nav>
      <section class="settings-page" aria-label={t("admin.title")} tabIndex={0}>
        <a class="room-back" href={href({ page: "admin", part: "" })}><Icon name="back" />{t("admin.title")}</a>
        {(pages[part] ?? pages["overview"])?.()}
      </section>
    </div>
  );
}
