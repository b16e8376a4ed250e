// The settings: a list of pages beside the page; on a phone one after the other.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { createDevices } from "../../model/devices.ts";
import { createOwn } from "../../model/own.ts";
import type { App, Desk } from "../../model/types.ts";
import { href, route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Icon, type IconName } from "../kit/index.ts";
import { Appearance } from "./appearance.tsx";
import { AttachmentsPage } from "./attachments.tsx";
import { Begin } from "./begin.tsx";
import { DevicesPage } from "./devices.tsx";
import { Filters } from "./filters.tsx";
import { Keys } from "./keys.tsx";
import { Letters } from "./letters.tsx";
import { Moving } from "./moving.tsx";
import { Organise } from "./organise.tsx";
import { Privacy } from "./privacy.tsx";
import { Prove } from "./prove.tsx";
import { Profile } from "./profile.tsx";
import { Programs } from "./programs.tsx";
import { Reading } from "./reading.tsx";
import { Security } from "./security.tsx";
import { Shortcuts } from "./shortcuts.tsx";
import { Storage } from "./storage.tsx";
import { Writing } from "./writing.tsx";
import "./settings.css";

const groups: { name: string; parts: [string, IconName][] }[] = [
  { name: "you", parts: [["begin", "seal"], ["profile", "person"], ["keys", "key"]] },
  { name: "mail", parts: [["appearance", "sun"], ["reading", "mail-open"], ["writing", "pen"], ["privacy", "eye-off"], ["attachments", "attach"], ["organise", "folder"], ["filters", "filter"], ["letters", "key"], ["keyboard", "keyboard"]] },
  { name: "door", parts: [["security", "shield"], ["devices", "device"], ["programs", "link"], ["moving", "move"], ["storage", "storage"]] },
];

export interface Room { app: App; desk: Desk }

export function Settings({ app, desk }: Room) {
  const at = route.value;
  const part = at.page === "settings" ? at.part : "";
  const devices = useMemo(() => createDevices(app.api, app.session.proof.with.bind(app.session.proof)), [app]);
  const own = useMemo(() => createOwn(app.api, app.vault, app.session), [app]);
  const room = { app, desk };
  const pages: { [part: string]: () => ComponentChildren } = {
    begin: () => <Begin {...room} devices={devices} />,
    profile: () => <Profile {...room} own={own} />,
    organise: () => <Organise {...room} />,
    privacy: () => <Privacy {...room} own={own} />,
    attachments: () => <AttachmentsPage {...room} />,
    keys: () => <Keys {...room} />,
    appearance: () => <Appearance {...room} />,
    reading: () => <Reading {...room} />,
    writing: () => <Writing {...room} />,
    filters: () => <Filters {...room} />,
    letters: () => <Letters {...room} />,
    keyboard: () => <Shortcuts {...room} />,
    security: () => <Security {...room} devices={devices} />,
    devices: () => <DevicesPage {...room} devices={devices} />,
    programs: () => <Programs {...room} devices={devices} />,
    moving: () => <Moving {...room} />,
    storage: () => <Storage {...room} />,
  };
  const known = part in pages;
  return (
    <div class={`settings${known ? " settings-in" : ""}`}>
      <nav class="settings-nav" aria-label={t("settings.title")}>
        <h1>{t("settings.title")}</h1>
        {groups.map((g) => (
          <div key={g.name} class="settings-group">
            <h2>{t(`settings.group.${g.name}` as "settings.group.you")}</h2>
            <ul>{g.parts.map(([p, icon]) => <Place key={p} part={p} icon={icon} here={p === part || (!known && p === "profile")} exact={p === part} />)}</ul>
          </div>
        ))}
      </nav>
      <section class="settings-page" aria-label={t("settings.title")} tabIndex={0}>
        <a class="room-back" href={href({ page: "settings", part: "" })}><Icon name="back" />{t("settings.title")}</a>
        {(pages[part] ?? pages["profile"])?.()}
      </section>
      <Prove app={app} />
    </div>
  );
}

function Place({ part, icon, here, exact }: { part: string; icon: IconName; here: boolean; exact: boolean }) {
  return (
    <li>
      <a class={`settings-place${here ? " settings-here" : ""}`} href={href({ page: "settings", part })} aria-current={exact ? "page" : undefined}>
        <Icon name={icon} /><span>{t(`settings.part.${part}` as "settings.part.begin")}</span><Icon name="right" />
      </a>
    </li>
  );
}
