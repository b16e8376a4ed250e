// One row of a list: who, what, when, and what is to be known before it is opened.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Desk, Row } from "../../model/types.ts";
import { href, type Route } from "../../router.ts";
import { exactDate, relative, shortDate, t } from "../../words/index.ts";
import { highlight } from "../../search/highlight.ts";
import { Avatar, Chip, Icon, IconButton, type IconName } from "../kit/index.ts";
import { runSwipe, startSwipe, swipesOf, swipeWords, type Drawn } from "./swipe.ts";

export interface RowProps {
  desk: Desk;
  row: Row;
  index: number;
  count: number;
  wide: boolean;
  picking: boolean; // something is selected
  picked: boolean;
  open: boolean;
  cursor: boolean;
  tabbable: boolean;
  top: number;
  list: Route;
  onOpen: (i: number) => void;
  onPick: (i: number, range: boolean) => void;
  onDrag: (e: DragEvent, i: number) => void;
  onDragEnd: () => void;
}

export function MailRow(p: RowProps) {
  const { row, index, wide, picked } = p;
  const [drawn, begin] = useSwipe(p), [over, hover] = useState(false);
  const classes = ["row", wide ? "row-wide" : "row-tall", row.unread && "row-unread", picked && "row-picked", p.open && "row-open", p.cursor && "row-cursor", row.waiting && "row-waiting"];
  const click = (e: MouseEvent) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) {
      e.preventDefault();
      p.onPick(index, e.shiftKey);
    } else if (e.button === 0) {
      e.preventDefault();
      if (p.picking && matchMedia("(pointer: coarse)").matches) p.onPick(index, false);
      else p.onOpen(index);
    }
  };
  const id = `row-${index}`;
  const who = row.recipients[0] ?? row.senders[0];
  return (
    <li class={classes.filter(Boolean).join(" ")} style={{ transform: `translateY(${p.top}px)` }} aria-setsize={p.count} aria-posinset={index + 1} draggable onDragStart={(e) => p.onDrag(e, index)} onDragEnd={p.onDragEnd} onPointerDown={begin} onPointerEnter={(e) => { if (e.pointerType === "mouse") hover(true); }} onPointerLeave={() => hover(false)}>
      {drawn && <Behind drawn={drawn} what={swipesOf(p.desk)[drawn.side]} />}
      <div class={drawn?.back ? "row-face row-back" : "row-face"} style={drawn ? { transform: `translateX(${drawn.px}px)` } : undefined}>
        <label class="row-pick" onClick={(e) => e.stopPropagation()}>
          <input class="checkbox" type="checkbox" checked={picked} tabIndex={p.tabbable ? 0 : -1} aria-label={t("list.pick", { subject: row.subject || t("list.nosubject") })} onClick={(e) => p.onPick(index, e.shiftKey)} />
          {!wide && <Avatar name={who?.name ?? ""} address={who?.address ?? row.key} size={36} />}
        </label>
        <a class="row-main" href={href(p.list.page === "mail" ? { ...p.list, mail: { box: row.ref.mailbox, uid: row.ref.uid } } : p.list)} draggable={false} tabIndex={p.tabbable ? 0 : -1} aria-current={p.open ? "true" : undefined} data-row={index} onClick={click} id={id}>
          {row.unread && <span class="unseen">{t("list.isunread")}</span>}
          <span class="row-who"><Who desk={p.desk} row={row} /></span>
          {row.closed ? <Closed /> : row.card ? <What desk={p.desk} row={row} /> : <span class="row-what row-grey" aria-label={t("list.opening")}><i /><i /></span>}
          <span class="row-when">
            {row.attachments > 0 && <span data-tip={t("list.attachments", { n: row.attachments })}><Icon name="attach" /><span class="unseen">{t("list.attachments", { n: row.attachments })}</span></span>}
            <ClassMark row={row} />
            <When row={row} />
          </span>
        </a>
        <IconButton small class={"row-star" + (row.flagged ? " row-starred" : "")} icon="star" filled={row.flagged} pressed={row.flagged} label={t(row.flagged ? "do.unstar" : "do.star")} tabIndex={p.tabbable ? 0 : -1} onClick={() => p.desk.actions.flag(row.flagged ? row.refs : row.refs.slice(0, 1), !row.flagged)} />
        {over && <div class="row-acts" aria-hidden="true">
          <Act icon="archive" label={t("do.archive")} run={() => p.desk.actions.archive(row.refs)} />
          <Act icon="trash" label={t("do.trash")} run={() => p.desk.actions.trash(row.refs)} />
          <Act icon={row.unread ? "mail-open" : "mail"} label={t(row.unread ? "do.seen" : "do.unseen")} run={() => p.desk.actions.seen(row.refs, row.unread)} />
        </div>}
      </div>
    </li>
  );
}

// What is drawn aside is the mail that the finger took, not what comes into its element
// while others arrive or leave: then the finger has nothing any more.
function useSwipe({ desk, row, picking }: RowProps): [Drawn | undefined, (e: PointerEvent) => void] {
  const [drawn, draw] = useState<Drawn & { of: string }>(), here = useRef(row.key);
  here.current = row.key;
  useEffect(() => {
    if (!drawn?.back) return;
    const timer = setTimeout(() => draw(undefined), 240);
    return () => clearTimeout(timer);
  }, [drawn?.back]);
  const begin = (e: PointerEvent) => {
    if (picking) return;
    const swipes = swipesOf(desk);
    startSwipe(e, e.currentTarget as HTMLElement, swipes, (d) => draw(d && { ...d, of: row.key }), (side) => {
      if (here.current === row.key) runSwipe(desk, swipes[side], row.refs, row.unread, row.flagged);
    });
  };
  return [drawn?.of === row.key ? drawn : undefined, begin];
}

// For the mouse only: by keyboard the same are commands, so these take no focus.
function Act({ icon, label, run }: { icon: IconName; label: string; run: () => void }) {
  return <IconButton small icon={icon} label={label} tabIndex={-1} onClick={run} />;
}

/** A text of the mail, with what a search found in it marked. */
function Marked({ desk, text }: { desk: Desk; text: string }) {
  const words = desk.list.words.value;
  if (words.length === 0) return <>{text}</>;
  return <>{highlight(text, words).map((s, i) => (s.hit ? <mark key={i}>{s.text}</mark> : s.text))}</>;
}

/** Who wrote it; of one's own mail, to whom. */
function Who({ desk, row }: { desk: Desk; row: Row }) {
  if (!row.card && !row.closed && row.senders.length === 0) return <span class="row-names row-grey"><i /><span class="unseen">{t("list.opening.who")}</span></span>;
  const sent = row.recipients.length > 0;
  const names = (sent ? row.recipients : row.senders).map((s) => (s.me ? t("list.me") : s.name || s.address));
  const first = names.length > 3 ? [names[0] ?? "", "…", ...names.slice(-2)] : names;
  const alone = first.length === 1 && !sent; // not in a bdi, which dir="auto" does not look into
  return (
    <>
      <span class="row-names" {...(alone && { dir: "auto" as const })}>
        {sent && <span class="row-to">{t("list.to")} </span>}
        {first.length === 0 ? t(row.closed ? "list.sealedsender" : "list.nosender") : alone ? <Marked desk={desk} text={first[0] ?? ""} /> : first.map((n, i) => <span key={i}>{i > 0 && ", "}<bdi><Marked desk={desk} text={names.length > 1 ? short(n) : n} /></bdi></span>)}
        {sent && row.more > 0 && `, +${row.more}`}
      </span>
      {row.refs.length > 1 && <span class="row-thread"><span aria-hidden="true">{row.refs.length}</span><span class="unseen">{t("list.mails", { n: row.refs.length })}</span></span>}
    </>
  );
}

// Of "Ines Okafor" the first name will do among others; of "The Cheese Counter" it would not.
const short = (name: string) => (/^\p{Lu}\p{L}+ \p{Lu}[\p{L}'’-]+$/u.test(name) && !/^(The|Der|Die|Das|Le|La) /.test(name) ? (name.split(" ")[0] ?? name) : name);

function What({ desk, row }: { desk: Desk; row: Row }) {
  return (
    <span class="row-what">
      <span class="row-line"><span class="row-subject" dir="auto">{row.subject ? <Marked desk={desk} text={row.subject} /> : t("list.nosubject")}</span><Labels desk={desk} row={row} /></span>
      <span class="row-snippet" dir="auto"><Marked desk={desk} text={row.snippet} /></span>
    </span>
  );
}

/** Mail that has no card here: only the owner's devices can say what it is. */
function Closed() {
  return (
    <span class="row-what row-closed">
      <span class="row-line"><span class="row-subject"><Icon name="lock" />{t("list.closed")}</span></span>
      <span class="row-snippet">{t("list.closed.why")}</span>
    </span>
  );
}

function When({ row }: { row: Row }) {
  if (row.wakes) return <time class="row-wakes" dateTime={new Date(row.wakes * 1000).toISOString()} data-tip={exactDate(row.wakes)}><Icon name="clock" />{relative(row.wakes)}</time>;
  return row.date ? <time dateTime={new Date(row.date * 1000).toISOString()}>{shortDate(row.date)}</time> : null;
}

const marks: { icon: IconName; words: "class.1" | "class.2" | "class.3" }[] = [{ icon: "seal", words: "class.1" }, { icon: "lock", words: "class.2" }, { icon: "shield-check", words: "class.3" }];

/** Which of the three classes: a different drawing each, and words. */
function ClassMark({ row }: { row: Row }) {
  if (row.muted) return <span class="row-mark" data-tip={t("list.muted")}><Icon name="mute" /><span class="unseen">{t("list.muted")}</span></span>;
  const failed = row.card?.dmarc === "fail";
  if (failed) return <span class="row-mark row-mark-bad" data-tip={t("list.notproven")}><Icon name="warn" /><span class="unseen">{t("list.notproven")}</span></span>;
  const m = row.class ? marks[row.class - 1] : undefined;
  return m ? <span class={`row-mark row-mark-${row.class}`} data-tip={t(m.words)}><Icon name={m.icon} /><span class="unseen">{t(m.words)}</span></span> : null;
}

function Labels({ desk, row }: { desk: Desk; row: Row }) {
  if (row.labels.length === 0) return null;
  const known = desk.settings.value.value.labels;
  const shown = row.labels.flatMap((k) => known.find((l) => l.keyword === k) ?? []);
  return shown.length ? <span class="row-labels">{shown.slice(0, 3).map((l) => <Chip key={l.keyword} hue={l.colour * 30}>{l.name}</Chip>)}</span> : null;
}

function Behind({ drawn, what }: { drawn: Drawn; what: ReturnType<typeof swipesOf>["end"] }) {
  if (what === "none") return null;
  const w = swipeWords[what];
  return <div class={`row-behind row-behind-${drawn.side} note-${w.tone}${drawn.armed ? " row-armed" : ""}`}><Icon name={w.icon} /><span>{t(w.words)}</span></div>;
}
