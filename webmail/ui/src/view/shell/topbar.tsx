import { go } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Avatar, IconButton, Menu, Seal, useApp, useDesk, type MenuEntry } from "../kit/index.ts";
import { SearchField } from "./search.tsx";
import { clicked } from "./shortcuts.ts";
import { drawer, narrow } from "./state.ts";
import { Status } from "./status.tsx";
import type { Settings } from "../../model/types.ts";
import "./topbar.css";

export function TopBar({ folded }: { folded: boolean }) {
  return (
    <header class="top">
      {folded && !narrow.value && <IconButton icon="menu" label={t("shell.mailboxes")} aria-expanded={drawer.value} onClick={() => { drawer.value = true; }} />}
      <a class="top-home" href="#/inbox" aria-label={t("shell.home")}><Seal size={30} />{!narrow.value && <span>sealpost</span>}</a>
      <SearchField />
      <div class="top-end">
        <Status />
        {!narrow.value && <ViewMenu />}
        <AccountMenu />
      </div>
    </header>
  );
}

function ViewMenu() {
  const desk = useDesk(), s = desk.settings.value.value;
  const set = (change: Partial<Settings>) => () => void desk.settings.set(change);
  const entries: MenuEntry[] = [
    { heading: t("look.panes") },
    { label: t("look.panes3"), checked: s.panes === 3, run: set({ panes: 3 }) },
    { label: t("look.panes2"), checked: s.panes === 2, run: set({ panes: 2 }) },
    { label: t("look.panes1"), checked: s.panes === 1, run: set({ panes: 1 }) },
    { heading: t("look.density") },
    { label: t("look.comfortable"), checked: s.density === "comfortable", run: set({ density: "comfortable" }) },
    { label: t("look.compact"), checked: s.density === "compact", run: set({ density: "compact" }) },
    { heading: t("look.theme") },
    { label: t("look.system"), checked: s.theme === "system", run: set({ theme: "system" }) },
    { label: t("look.light"), checked: s.theme === "light", run: set({ theme: "light" }) },
    { label: t("look.dark"), checked: s.theme === "dark", run: set({ theme: "dark" }) },
    { heading: t("look.list") },
    { label: t("look.conversations"), checked: s.conversations, run: set({ conversations: !s.conversations }) },
  ];
  return <Menu align="end" label={t("look.title")} entries={entries} button={(b) => <IconButton {...b} icon="columns" label={t("look.title")} />} />;
}

function AccountMenu() {
  const app = useApp(), desk = useDesk();
  const address = desk.account.addresses[0] ?? "";
  const entries: (MenuEntry | false)[] = [
    { label: t("shell.settings"), icon: "settings", run: () => clicked("go-settings", desk) },
    { label: t("shell.contacts"), icon: "people", run: () => clicked("go-contacts", desk) },
    { label: t("shell.drive"), icon: "storage", run: () => clicked("go-drive", desk) },
    desk.account.operator && { label: t("shell.admin"), icon: "storage", run: () => go({ page: "admin", part: "" }) },
    { label: t("shell.keyboard"), icon: "keyboard", keys: "?", run: () => clicked("help", desk) },
    "line",
    { label: t("shell.lock"), hint: t("shell.lock.hint"), icon: "lock", run: () => void app.session.lock() },
    { label: t("shell.signout"), hint: t("shell.signout.hint"), icon: "out", run: () => void app.session.signOut() },
  ];
  return (
    <Menu align="end" label={t("shell.account")} entries={entries}
      head={<div class="account-head"><Avatar name="" address={address} size={40} /><div><strong><bdi>{address}</bdi></strong>{desk.account.addresses.length > 1 && <small>{t("shell.addresses", { n: desk.account.addresses.length })}</small>}</div></div>}
      button={(b) => <button {...b} type="button" class="account" aria-label={t("shell.account.of", { address })} data-tip={address}><Avatar name="" address={address} size={32} /></button>} />
  );
}

