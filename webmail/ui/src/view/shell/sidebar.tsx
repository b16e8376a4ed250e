// Mailboxes, labels and saved searches; each is a place to go and a place to drop mail on.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Usage } from "../../wire/api.ts";
import type { MailboxView } from "../../model/types.ts";
import { href, route, sameList, type ListPlace } from "../../router.ts";
import { bytes, t } from "../../words/index.ts";
import { Button, Count, Icon, IconButton, Menu, Meter, useApp, useDesk, type IconName, type MenuEntry } from "../kit/index.ts";
import { dragged, dropOn } from "../list/drag.ts";
import { emptyBox, newFolder, newLabel, removeFolder, renameFolder } from "./folders.ts";
import { listOf } from "./places.ts";
import { clicked } from "./shortcuts.ts";
import { drawer } from "./state.ts";
import "./sidebar.css";

const folded = signal<ReadonlySet<string>>(new Set());
const toggle = (name: string) => {
  const next = new Set(folded.value);
  if (!next.delete(name)) next.add(name);
  folded.value = next;
};

const icons: { [role: string]: IconName } = { inbox: "inbox", sent: "sent", drafts: "draft", archive: "archive", junk: "junk", trash: "trash", all: "all" };

export function Sidebar() {
  const desk = useDesk();
  const boxes = desk.sync.mailboxes.value, s = desk.settings.value.value;
  const of = (role: MailboxView["role"]) => boxes.find((b) => b.role === role);
  const inbox = of("inbox"), drafts = desk.drafts.all.value.length, leaving = desk.outbox.items.value.length;
  const own = boxes.filter((b) => !b.role);
  return (
    <nav class="side" aria-label={t("shell.mailboxes")}>
      <Button class="side-compose" kind="primary" icon="pen" onClick={() => { drawer.value = false; clicked("compose", desk); }}>{t("do.compose")}</Button>
      <div class="side-scroll">
        <ul>
          {inbox && <Box box={inbox} label={t("box.inbox")} />}
          <Item list={{ kind: "special", name: "starred" }} icon="star" label={t("box.starred")} onDrop={() => dropOn(desk, { star: true })} />
          <Item list={{ kind: "special", name: "snoozed" }} icon="clock" label={t("box.snoozed")} count={Object.keys(s.snoozed).length} />
          <Item list={{ kind: "special", name: "drafts" }} icon="draft" label={t("box.drafts")} count={drafts} />
          {leaving > 0 && <Item list={{ kind: "special", name: "scheduled" }} icon="clock" label={t("box.scheduled")} count={leaving} />}
          {(["sent", "archive", "junk", "trash"] as const).map((role) => { const b = of(role); return b && <Box key={role} box={b} label={t(`box.${role}`)} />; })}
          <Item list={{ kind: "special", name: "all" }} icon="all" label={t("box.all")} />
          <li class={"side-item side-drive" + (route.value.page === "drive" ? " side-here" : "")}>
            <a href={href({ page: "drive", at: "" })} aria-current={route.value.page === "drive" ? "page" : undefined} draggable={false}><Icon name="storage" /><span class="side-label">{t("shell.drive")}</span></a>
          </li>
        </ul>
        <Section title={t("shell.folders")} add={t("folder.new")} onAdd={() => void newFolder(desk)}>
          {own.filter((b) => !hidden(b, own)).map((b) => <Box key={b.id} box={b} label={b.leaf} parent={own.some((o) => o.name.startsWith(b.name + "/"))} />)}
        </Section>
        <Section title={t("shell.labels")} add={t("label.new")} onAdd={() => void newLabel(desk)}>
          {s.labels.filter((l) => !l.hidden).map((l) => <Item key={l.keyword} list={{ kind: "label", name: l.keyword }} icon="label" label={l.name} hue={l.colour * 30} onDrop={() => dropOn(desk, { label: l.keyword })} />)}
        </Section>
        {desk.settings.searches.value.length > 0 && (
          <Section title={t("shell.searches")}>
            {desk.settings.searches.value.map((q) => <Item key={q.id} list={{ kind: "search", query: q.text }} icon="search" label={q.name} />)}
          </Section>
        )}
      </div>
      <Storage />
    </nav>
  );
}

const hidden = (b: MailboxView, all: MailboxView[]) => all.some((o) => b.name.startsWith(o.name + "/") && folded.value.has(o.name));

function Section({ title, add, onAdd, children }: { title: string; add?: string; onAdd?: () => void; children: ComponentChildren }) {
  return (
    <section class="side-section">
      <div class="side-head"><h2>{title}</h2>{add && <IconButton small icon="plus" label={add} {...(onAdd && { onClick: onAdd })} />}</div>
      <ul>{children}</ul>
    </section>
  );
}

function Box({ box, label, parent }: { box: MailboxView; label: string; parent?: boolean }) {
  const desk = useDesk();
  const entries: (MenuEntry | false)[] = [
    !box.role && { label: t("folder.sub"), icon: "plus", run: () => void newFolder(desk, box) },
    !box.role && { label: t("folder.rename"), icon: "draft", run: () => void renameFolder(desk, box) },
    (box.role === "trash" || box.role === "junk") && { label: t("folder.empty"), icon: "trash", danger: true, run: () => void emptyBox(desk, box, label) },
    !box.role && { label: t("folder.delete"), icon: "trash", danger: true, run: () => void removeFolder(desk, box) },
  ];
  return (
    <Item list={listOf(box)} icon={icons[box.role] ?? "folder"} label={label} level={box.role ? 0 : box.level} count={box.role === "trash" || box.role === "sent" || box.role === "archive" ? 0 : box.unseen} strong={box.role === "inbox"}
      menu={entries.some(Boolean) ? entries : []} onDrop={() => dropOn(desk, { mailbox: box.id })} {...(parent && { open: !folded.value.has(box.name), onFold: () => toggle(box.name) })} />
  );
}

interface ItemProps {
  list: ListPlace;
  icon: IconName;
  label: string;
  count?: number;
  strong?: boolean;
  level?: number;
  hue?: number;
  menu?: (MenuEntry | false)[];
  open?: boolean; // it has children, and they are in sight
  onFold?: () => void;
  onDrop?: () => void;
}

function Item({ list, icon, label, count = 0, strong, level = 0, hue, menu = [], open, onFold, onDrop }: ItemProps) {
  const r = route.value, here = r.page === "mail" && sameList(r.list, list);
  const [over, setOver] = useState(false);
  const target = onDrop && {
    onDragOver: (e: DragEvent) => { if (dragged.value) { e.preventDefault(); setOver(true); } },
    onDragLeave: () => setOver(false),
    onDrop: (e: DragEvent) => { e.preventDefault(); setOver(false); onDrop(); },
  };
  return (
    <li class={"side-item" + (over ? " side-over" : "") + (here ? " side-here" : "") + (hue !== undefined ? " side-hue" : "")} {...target} style={{ "--level": level, ...(hue !== undefined && { "--hue": hue }) }}>
      {onFold && <button type="button" class="side-fold" aria-label={t(open ? "folder.fold" : "folder.unfold", { name: label })} aria-expanded={open} onClick={onFold}><Icon name="down" /></button>}
      <a href={href({ page: "mail", list })} aria-current={here ? "page" : undefined} draggable={false}>
        <Icon name={icon} /><span class={"side-label" + (strong && count ? " side-strong" : "")}><bdi>{label}</bdi></span>
        <Count n={count} strong={strong ?? false} label={t("list.unread", { n: count })} />
      </a>
      {menu.length > 0 && <Menu align="end" label={t("folder.more", { name: label })} entries={menu} button={(b) => <IconButton {...b} small class="side-more" icon="more" label={t("folder.more", { name: label })} />} />}
    </li>
  );
}

function Storage() {
  const app = useApp(), desk = useDesk(), [usage, set] = useState<Usage>();
  const version = desk.sync.state.value === "current";
  useEffect(() => { let gone = false; app.api.usage().then((u) => { if (!gone) set(u); }, () => {}); return () => { gone = true; }; }, [app, version]);
  if (!usage) return null;
  const used = usage.bytes + usage.cabinet;
  return (
    <div class="side-storage">
      {usage.quota > 0 && <Meter value={used} max={usage.quota} label={t("storage.title")} />}
      <span>{usage.quota > 0 ? t("storage.of", { used: bytes(used), quota: bytes(usage.quota) }) : t("storage.used", { used: bytes(used) })}</span>
    </div>
  );
}
