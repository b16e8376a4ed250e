// Where everything stands once somebody is signed in: bar, mailboxes, list, mail.
import { useEffect, useRef } from "preact/hooks";
import { go, route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Icon, IconButton, KeyHint, Lazy, toast, useApp, useDesk } from "../kit/index.ts";
import { DraftsPane } from "../list/drafts.tsx";
import { ListPane } from "../list/list.tsx";
import { OutboxPane } from "../list/outbox.tsx";
import { Alarms } from "./alarms.tsx";
import { limits, setWidth, widths } from "./looks.ts";
import { pages } from "./pages.ts";
import { placeOf, samePlace } from "./places.ts";
import { Sidebar } from "./sidebar.tsx";
import { drawer, hint, middling, narrow, panel } from "./state.ts";
import { clicked } from "./shortcuts.ts";
import { TopBar } from "./topbar.tsx";
import { Update } from "./update.tsx";
import { useNotices } from "./notices.ts";
import { draftOf } from "../reader/mailto.ts";
import type { Desk } from "../../model/types.ts";
import type { Key } from "../../words/index.ts";
import "./shell.css";

export function Shell() {
  const desk = useDesk(), r = route.value;
  useFollow(desk);
  useToasts(desk);
  useNotices(desk);
  const panes = narrow.value ? 1 : Math.min(desk.settings.value.value.panes, middling.value ? 2 : 3);
  const reading = r.page === "mail" && r.mail !== undefined;
  const folded = panes === 1;
  const { side, list } = widths.value;
  return (
    <div class={`shell shell-${panes}${reading ? " shell-reading" : ""}${narrow.value ? " shell-narrow" : ""}`} style={{ "--side": `${side}px`, "--list": `${list}px` }}>
      {(panes === 3 || !reading) && <a class="skip" href="#content" onClick={skip("content")}>{t("shell.skip.list")}</a>}
      {reading && <a class="skip" href="#mail" onClick={skip("mail")}>{t("shell.skip.mail")}</a>}
      <TopBar folded={folded} />
      <div class="shell-notes"><Alarms /><Update /></div>
      {!folded && <aside class="shell-side"><Sidebar /><Splitter which="side" label={t("shell.resize.side")} /></aside>}
      {r.page === "mail" ? <MailPages panes={panes} reading={reading} /> : <main class="shell-page" id="content" tabIndex={-1}><OtherPage /></main>}
      {narrow.value && <BottomBar reading={reading} />}
      {folded && drawer.value && <Drawer />}
      <Panels />
      {desk.drafts.open.value.length > 0 && <Lazy load={pages.compose} quiet desk={desk} />}
      <Hint />
    </div>
  );
}

function MailPages({ panes, reading }: { panes: number; reading: boolean }) {
  const r = route.value;
  const special = r.page === "mail" && r.list.kind === "special" ? r.list.name : "";
  const both = panes === 3;
  return (
    <>
      {(both || !reading) && (
        <main class="shell-list" id="content" tabIndex={-1}>
          {special === "drafts" ? <DraftsPane /> : special === "scheduled" ? <OutboxPane /> : <ListPane />}
          {both && <Splitter which="list" label={t("shell.resize.list")} />}
        </main>
      )}
      {both && <section class="shell-reader" id="mail" tabIndex={-1} aria-label={t("shell.mail")}>{reading ? <Lazy load={pages.reader} /> : <NothingOpen />}</section>}
      {!both && reading && <main class="shell-reader" id="mail" tabIndex={-1}><Lazy load={pages.reader} /></main>}
    </>
  );
}

function OtherPage() {
  const r = route.value, app = useApp(), desk = useDesk();
  const all = { app, desk, session: app.session };
  switch (r.page) {
    case "settings": return <Lazy load={pages.settings} {...all} part={r.part} />;
    case "admin": return <Lazy load={pages.admin} {...all} part={r.part} />;
    case "contacts": return <Lazy load={pages.contacts} {...all} id={r.id} />;
    case "drive": return <Lazy load={pages.drive} {...all} at={r.at} />;
    case "compose": return <Begin draft={r.draft} query={r.query} />;
    default: return null;
  }
}

/** #/compose begins a draft, or goes on with one, above the inbox. */
function Begin({ draft, query }: { draft: string; query: URLSearchParams }) {
  const desk = useDesk();
  useEffect(() => {
    const mailto = query.get("mailto") ?? query.get("to");
    void (draft ? desk.drafts.edit(draft) : desk.drafts.create(mailto ? draftOf(mailto.startsWith("mailto:") ? mailto : `mailto:${mailto}?${query}`) : {}));
    go({ page: "mail", list: { kind: "special", name: "inbox" } }, { replace: true });
  }, []);
  return null;
}

function NothingOpen() {
  const desk = useDesk(), n = desk.list.selected.value.size;
  return (
    <div class="nothing-open">
      <svg viewBox="0 0 120 90" aria-hidden="true" class="nothing-art"><path d="M10 18h100v62H10z" /><path d="M10 20l50 38 50-38" /><circle cx="60" cy="56" r="11" /></svg>
      <p>{n > 0 ? t("list.picked", { n }) : t("shell.nothingopen")}</p>
      {n === 0 && <p class="nothing-keys"><span><KeyHint keys="j" /> <KeyHint keys="k" /> {t("shell.keys.move")}</span><span><KeyHint keys="?" /> {t("shell.keys.all")}</span></p>}
    </div>
  );
}

const skip = (id: string) => (e: Event) => { e.preventDefault(); document.getElementById(id)?.focus(); };

/** The list and the mail follow the address bar. */
function useFollow(desk: Desk): void {
  const r = route.value;
  const place = r.page === "mail" ? placeOf(r.list, desk) : undefined;
  const mailboxes = desk.sync.mailboxes.value;
  useEffect(() => {
    if (place && !samePlace(place, desk.list.place.peek())) desk.list.show(place);
    drawer.value = false;
  }, [desk, place && JSON.stringify(place)]);
  const mail = r.page === "mail" ? r.mail : undefined;
  const known = mailboxes.length > 0;
  useEffect(() => {
    if (!mail) return desk.mail.close();
    if (!known || desk.mail.mails.peek().some((m) => m.ref.mailbox === mail.box && m.ref.uid === mail.uid)) return;
    void desk.mail.showRef({ mailbox: mail.box, uid: mail.uid, id: "" });
  }, [desk, mail?.box, mail?.uid, known]);
}

// A count chooses the plural.
const wordsOf = (v: { [name: string]: string | number }) => (typeof v["count"] === "number" ? { n: v["count"], ...v } : v);

/** What the models report is shown where everything is. */
function useToasts(desk: Desk): void {
  const shown = useRef(new Map<number, () => void>());
  const all = desk.actions.toasts.value;
  useEffect(() => {
    for (const x of all) {
      if (shown.current.has(x.id)) continue;
      const undo = x.undo;
      const away = toast(t(`toast.${x.word}` as Key, wordsOf(x.values)), {
        kind: x.tone === "bad" ? "fault" : "done", seconds: Math.max(3, (x.until - Date.now()) / 1000),
        ...(undo && { action: { label: t("do.undo"), run: () => { undo(); desk.actions.dismiss(x.id); } } }),
      });
      shown.current.set(x.id, away);
    }
    for (const [id, away] of shown.current) {
      if (all.some((x) => x.id === id)) continue;
      away();
      shown.current.delete(id);
    }
  }, [all]);
  useEffect(() => () => { for (const away of shown.current.values()) away(); }, []);
}

function Splitter({ which, label }: { which: "side" | "list"; label: string }) {
  const px = widths.value[which], [least, most] = limits[which];
  const rtl = () => document.documentElement.dir === "rtl";
  const drag = (e: PointerEvent) => {
    const el = e.currentTarget as HTMLElement, x = e.clientX;
    el.setPointerCapture(e.pointerId);
    const move = (m: PointerEvent) => setWidth(which, px + (rtl() ? x - m.clientX : m.clientX - x));
    const end = () => { el.removeEventListener("pointermove", move); el.removeEventListener("pointerup", end); el.removeEventListener("pointercancel", end); };
    el.addEventListener("pointermove", move);
    el.addEventListener("pointerup", end);
    el.addEventListener("pointercancel", end);
    e.preventDefault();
  };
  const key = (e: KeyboardEvent) => {
    const by = { ArrowLeft: rtl() ? 16 : -16, ArrowRight: rtl() ? -16 : 16, Home: -9999, End: 9999 }[e.key];
    if (by === undefined) return;
    setWidth(which, px + by);
    e.preventDefault();
    e.stopPropagation();
  };
  return <div class={`splitter splitter-${which}`} role="separator" tabIndex={0} aria-orientation="vertical" aria-label={label} aria-valuenow={px} aria-valuemin={least} aria-valuemax={most} onPointerDown={drag} onKeyDown={key} onDblClick={() => setWidth(which, undefined)} />;
}

function Drawer() {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => { ref.current?.showModal(); }, []);
  const close = () => { drawer.value = false; };
  return (
    <dialog ref={ref} class="drawer" aria-label={t("shell.mailboxes")} onCancel={close} onClose={close} onPointerDown={(e) => { if (e.target === ref.current) close(); }} onClick={(e) => { if (e.target instanceof Element && e.target.closest("a[href]")) close(); }}>
      <div class="drawer-inner"><IconButton class="drawer-close" icon="close" label={t("kit.close")} onClick={close} /><Sidebar /></div>
    </dialog>
  );
}

function BottomBar({ reading }: { reading: boolean }) {
  const desk = useDesk();
  if (reading || desk.list.selected.value.size > 0) return null; // they bring bars of their own
  const press = (id: string) => () => clicked(id, desk);
  return (
    <nav class="bottom" aria-label={t("shell.quick")}>
      <button type="button" onClick={() => { drawer.value = true; }}><Icon name="menu" />{t("shell.mailboxes")}</button>
      <button type="button" onClick={press("search")}><Icon name="search" />{t("do.search")}</button>
      <button type="button" class="bottom-main" onClick={press("compose")}><Icon name="pen" />{t("do.compose")}</button>
      <button type="button" onClick={press("go-settings")}><Icon name="settings" />{t("shell.settings")}</button>
    </nav>
  );
}

function Panels() {
  const p = panel.value, close = () => { panel.value = undefined; };
  if (p === "palette") return <Lazy load={pages.palette} quiet onClose={close} />;
  if (p === "help") return <Lazy load={pages.help} quiet onClose={close} />;
  return p ? <Lazy load={pages.pick} quiet what={p} onClose={close} /> : null;
}

function Hint() {
  const h = hint.value;
  return h ? <div class="hint" aria-hidden="true"><span>{h.words}</span><KeyHint keys={h.keys} /></div> : null;
}
