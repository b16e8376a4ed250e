// The search field: words and operators, with help for the operators and what was saved.
import { useEffect, useId, useState } from "preact/hooks";
import { go, route } from "../../router.ts";
import { parse } from "../../search/query.ts";
import { t, type Key } from "../../words/index.ts";
import { Chip, Icon, IconButton, askText, useDesk } from "../kit/index.ts";
import { narrow } from "./state.ts";

const operators: [string, Key][] = [
  ["from:", "search.from"], ["to:", "search.to"], ["subject:", "search.subject"], ["has:attachment", "search.attachment"], ["filename:", "search.filename"],
  ["is:unread", "search.unread"], ["is:flagged", "search.flagged"], ["is:encrypted", "search.encrypted"], ["label:", "search.label"], ["in:", "search.in"],
  ["after:", "search.after"], ["before:", "search.before"], ["larger:", "search.larger"],
];
const lastWord = /(-?)([\w:]*)$/u;

interface Offer { text: string; label: string; hint: string; icon: "search" | "star" | "filter" }

function offers(typed: string, saved: readonly { name: string; text: string }[]): Offer[] {
  const word = (lastWord.exec(typed)?.[2] ?? "").toLowerCase();
  const before = typed.slice(0, typed.length - word.length);
  const ops = operators.filter(([op]) => op.startsWith(word) && op !== word).map(([op, words]): Offer => ({ text: before + op, label: op, hint: t(words), icon: "filter" }));
  const own = saved.filter((s) => !typed || s.name.toLowerCase().includes(typed.toLowerCase())).map((s): Offer => ({ text: s.text, label: s.name, hint: s.text, icon: "star" }));
  return [...own.slice(0, 4), ...(word || !typed ? ops.slice(0, typed ? 6 : 8) : [])];
}

export function SearchField() {
  const desk = useDesk(), r = route.value;
  const current = r.page === "mail" && r.list.kind === "search" ? r.list.query : "";
  const [typed, type] = useState(current), [open, setOpen] = useState(false), [at, setAt] = useState(-1);
  const id = useId();
  useEffect(() => type(current), [current]);
  const list = open ? offers(typed, desk.settings.searches.value) : [];
  const run = (query: string) => {
    setOpen(false);
    go(query.trim() ? { page: "mail", list: { kind: "search", query: query.trim() } } : { page: "mail", list: { kind: "special", name: "inbox" } });
    document.getElementById("search")?.blur();
  };
  const take = (o: Offer) => {
    type(o.text);
    setAt(-1);
    if (o.icon === "star" || !o.text.endsWith(":")) run(o.text);
    else document.getElementById("search")?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      setOpen(true);
      setAt((n) => (list.length ? (n + (e.key === "ArrowDown" ? 1 : -1) + list.length + 1) % (list.length + 1) - (n < 0 && e.key === "ArrowUp" ? 1 : 0) : -1));
    } else if (e.key === "Enter") {
      const o = list[at];
      if (o) take(o);
      else run(typed);
    } else if (e.key === "Escape") {
      if (open) setOpen(false);
      else (e.currentTarget as HTMLElement).blur();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <form role="search" class="search" onSubmit={(e) => { e.preventDefault(); run(typed); }} onFocusOut={(e) => { if (!e.currentTarget.contains(e.relatedTarget as Node | null)) setOpen(false); }}>
      <Icon name="search" />
      <input id="search" type="text" role="combobox" inputMode="search" aria-label={t("search.title")} aria-expanded={list.length > 0} aria-controls={`${id}-list`} aria-autocomplete="list" aria-activedescendant={list[at] ? `${id}-${at}` : undefined} enterkeyhint="search"
        placeholder={t(narrow.value ? "do.search" : "search.placeholder")} value={typed} autocomplete="off" spellcheck={false} onFocus={() => setOpen(true)} onInput={(e) => { type(e.currentTarget.value); setOpen(true); setAt(-1); }} onKeyDown={keys} />
      {typed && <IconButton small icon="close" label={t("search.clear")} onClick={() => { type(""); if (current) run(""); else document.getElementById("search")?.focus(); }} />}
      <div class="search-offers" id={`${id}-list`} role="listbox" aria-label={t("search.offers")} hidden={list.length === 0}>
        {list.map((o, i) => (
          <div key={o.label + o.text} id={`${id}-${i}`} class="search-offer" role="option" aria-selected={i === at} onPointerDown={(e) => e.preventDefault()} onClick={() => take(o)}>
            <Icon name={o.icon} /><code dir="auto">{o.label}</code><span>{o.hint}</span>
          </div>
        ))}
      </div>
    </form>
  );
}

/** Above the results: what was understood, what was not, and a way to keep it. */
export function SearchHead({ text }: { text: string }) {
  const desk = useDesk();
  const { problems } = parse(text, Date.now() / 1000);
  const parts = text.match(/(?:-?[a-zA-Z]+:)?"[^"]*"|\S+/g) ?? [];
  const without = (i: number) => parts.filter((_, j) => j !== i).join(" ");
  const kept = desk.settings.searches.value.find((s) => s.text === text);
  const keep = async () => {
    const name = await askText({ title: t("search.save"), label: t("search.name"), value: text.slice(0, 40), yes: t("search.save") });
    if (name?.trim()) await desk.settings.saveSearch({ name: name.trim(), text });
  };
  return (
    <div class="search-head">
      <div class="search-chips">
        {parts.map((p, i) => (
          <Chip key={i} onRemove={() => go(without(i) ? { page: "mail", list: { kind: "search", query: without(i) } } : { page: "mail", list: { kind: "special", name: "inbox" } })} removeLabel={t("search.without", { part: p })}>{p}</Chip>
        ))}
      </div>
      <IconButton small icon="star" filled={kept !== undefined} pressed={kept !== undefined} label={t(kept ? "search.unsave" : "search.save")} onClick={() => void (kept ? desk.settings.removeSearch(kept.id) : keep())} />
      {problems.length > 0 && <p class="search-problem"><Icon name="warn" />{t("search.problem", { part: problems.join(" ") })}</p>}
    </div>
  );
}
