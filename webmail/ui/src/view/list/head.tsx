// Above the rows: where one is and how it is shown; or what to do with what is picked.
import type { Desk, Filters, Place, SortBy } from "../../model/types.ts";
import { number, t, type Key } from "../../words/index.ts";
import { Chip, IconButton, Menu, useDesk, type IconName, type MenuEntry } from "../kit/index.ts";
import { command, firstKeys, inRole } from "../shell/commands.ts";
import { clicked } from "../shell/shortcuts.ts";
import { panel } from "../shell/state.ts";

export function titleOf(desk: Desk, place: Place): string {
  switch (place.kind) {
    case "mailbox": {
      const box = desk.sync.mailboxes.value.find((b) => b.id === place.mailbox);
      return box?.role ? t(`box.${box.role}` as Key) : box?.leaf ?? "";
    }
    case "label": return desk.settings.value.value.labels.find((l) => l.keyword === place.keyword)?.name ?? place.keyword;
    case "flagged": return t("box.starred");
    case "snoozed": return t("box.snoozed");
    case "all": return t("box.all");
    case "search": return t("box.search");
  }
}

const filterNames: (keyof Omit<Filters, "class">)[] = ["unread", "flagged", "attachments"];
const classes = ["sealed on arrival", "end-to-end", "both"] as const;

export function ListHead() {
  const desk = useDesk(), l = desk.list, f = l.filters.value;
  const set = (change: Filters) => { l.filters.value = change; };
  const without = (name: keyof Filters) => { const { [name]: _, ...rest } = f; return rest; };
  const filters: MenuEntry[] = [
    ...filterNames.map((name): MenuEntry => ({ label: t(`filter.${name}`), checked: f[name] ?? false, run: () => set(f[name] ? without(name) : { ...f, [name]: true }) })),
    { heading: t("filter.class") },
    ...classes.map((c, i): MenuEntry => ({ label: t(`class.${(i + 1) as 1 | 2 | 3}`), checked: f.class === c, run: () => set(f.class === c ? without("class") : { ...f, class: c }) })),
  ];
  const sorts: MenuEntry[] = (["date", "from", "subject", "size"] as SortBy[]).flatMap((by) => [true, false].map((up): MenuEntry => ({ label: t(`sort.${by}.${up ? "up" : "down"}`), checked: l.sort.value.by === by && l.sort.value.up === up, run: () => { l.sort.value = { by, up }; } })));
  const on = filterNames.filter((n) => f[n]);
  return (
    <div class="list-head">
      <label class="list-all"><input class="checkbox" type="checkbox" checked={false} aria-label={t("do.pickall")} disabled={l.count.value === 0} onClick={(e) => { e.preventDefault(); clicked("pick-all", desk); }} /></label>
      <h1>{titleOf(desk, l.place.value)}</h1>
      <span class="list-count">{number(l.count.value)}</span>
      <span class="list-filters">
        {on.map((n) => <Chip key={n} onRemove={() => set(without(n))} removeLabel={t("filter.off", { name: t(`filter.${n}`) })}>{t(`filter.${n}`)}</Chip>)}
        {f.class && <Chip onRemove={() => set(without("class"))} removeLabel={t("filter.off", { name: t("filter.class") })}>{t(`class.${(classes.indexOf(f.class) + 1) as 1 | 2 | 3}`)}</Chip>}
      </span>
      <Menu align="end" label={t("filter.title")} entries={filters} button={(b) => <IconButton {...b} small icon="filter" label={t("filter.title")} />} />
      <Menu align="end" label={t("sort.title")} entries={sorts} button={(b) => <IconButton {...b} small icon="sort" label={t("sort.title")} />} />
    </div>
  );
}

/** A button of a command, with its key in the tip. */
export function CommandButton({ id, label, icon, desk, small }: { id: string; label?: string; icon?: IconName; desk: Desk; small?: boolean }) {
  const c = command(id);
  return <IconButton small={small ?? false} icon={icon ?? c.icon ?? "right"} label={label ?? t(c.words)} keys={firstKeys(c, desk.settings.value.value.keys)} onClick={() => clicked(id, desk)} />;
}

/** What to do with what is picked. */
export function BulkBar() {
  const desk = useDesk(), l = desk.list, n = l.selected.value.size;
  const refs = l.chosen();
  const unread = refs.some((r) => !desk.sync.flagsOf(r).includes("\\Seen"));
  const junk = inRole(desk, refs, "junk"), trash = inRole(desk, refs, "trash");
  const all = n >= l.count.value;
  const more: MenuEntry[] = [
    { label: t("do.star"), icon: "star", keys: "s", run: () => clicked("star", desk) },
    { label: t("do.label"), icon: "label", keys: "l", run: () => { panel.value = "label"; } },
    { label: t("do.snooze"), icon: "clock", keys: "b", run: () => { panel.value = "snooze"; } },
    { label: t("do.mute"), icon: "mute", keys: "m", run: () => clicked("mute", desk) },
  ];
  return (
    <div class="list-head list-bulk" role="toolbar" aria-label={t("list.bulk")}>
      <h1 class="unseen">{titleOf(desk, l.place.value)}</h1>
      <label class="list-all"><input class="checkbox" type="checkbox" checked={all} indeterminate={!all} aria-label={t(all ? "do.picknone" : "do.pickall")} onClick={(e) => { e.preventDefault(); clicked(all ? "pick-none" : "pick-all", desk); }} /></label>
      <strong class="list-picked" role="status">{t("list.picked", { n })}</strong>
      <CommandButton small desk={desk} id="archive" />
      <CommandButton small desk={desk} id="trash" {...(trash && { label: t("do.forever") })} />
      <CommandButton small desk={desk} id="junk" {...(junk && { label: t("do.notjunk"), icon: "inbox" as const })} />
      <CommandButton small desk={desk} id={unread ? "seen" : "unseen"} />
      <CommandButton small desk={desk} id="move" />
      <Menu align="end" label={t("list.more")} entries={more} button={(b) => <IconButton {...b} small icon="more" label={t("list.more")} />} />
      <IconButton small class="list-clear" icon="close" label={t("do.picknone")} keys="Escape" onClick={() => l.clearSelection()} />
    </div>
  );
}
