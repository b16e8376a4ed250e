// Who wrote to whom and when; what else can be done with one mail.
import { useState } from "preact/hooks";
import type { Address, MailView, OpenedMail } from "../../model/types.ts";
import { answerTo } from "../shell/commands.ts";
import { exactDate, fullDate, relative, t } from "../../words/index.ts";
import { Avatar, Button, Icon, IconButton, Lazy, Menu, confirm, download, safeName, toast, useApp, useDesk, type MenuEntry } from "../kit/index.ts";
import { leavingOf } from "./unsubscribe.ts";
import { leave } from "./leave.ts";

const loadSource = () => import("./source.tsx");

/** What the button does: answer all where their owner chose that, and there are others. */
function usualReply(desk: ReturnType<typeof useDesk>, o: OpenedMail): "reply" | "reply-all" {
  const me = new Set(desk.account.addresses.map((a) => a.toLowerCase()));
  const others = [...o.to, ...o.cc].filter((a) => !me.has(a.address.toLowerCase())).length;
  return desk.settings.value.value.more["reply"] === "all" && others > 0 ? "reply-all" : "reply";
}

export function Head({ mail, opened: o, alone }: { mail: MailView; opened: OpenedMail; alone: boolean }) {
  const desk = useDesk(), app = useApp();
  const [details, show] = useState(false), [source, see] = useState(false);
  const from = o.from[0];
  const starred = (void desk.sync.version.value, desk.sync.flagsOf(mail.ref).includes("\\Flagged"));
  const leaving = leavingOf(o);
  const usual = usualReply(desk, o);
  const answer = (how: "reply" | "reply-all" | "forward") => () => void answerTo(desk, o, mail.ref, how);
  const entries: (MenuEntry | false | undefined)[] = [
    { label: t("do.reply"), icon: "reply", run: answer("reply") },
    { label: t("do.replyall"), icon: "reply-all", run: answer("reply-all") },
    { label: t("do.forward"), icon: "forward", run: answer("forward") },
    "line",
    from && { label: t("reader.find", { who: from.name || from.address }), icon: "search", run: () => { location.hash = `#/search/${encodeURIComponent(`from:${from.address}`)}`; } },
    leaving && { label: t("reader.leave"), icon: "out", run: () => void leave(app, desk, leaving, { confirm, toast }) },
    { label: t("reader.source"), icon: "source", run: () => see(true) },
    { label: t("reader.export"), icon: "download", run: () => void exportMail() },
    "line",
    { label: t("do.trash"), icon: "trash", danger: true, run: () => desk.actions.trash([mail.ref]) },
  ];
  const exportMail = async () => {
    const got = await desk.mail.original(mail.ref.id);
    if (got) download(`${safeName(o.subject || "mail")}.eml`, got.data);
    if (!got?.whole) toast(t(got ? "reader.export.without" : "reader.failed"), { kind: "fault" });
  };
  return (
    <header class="mail-head">
      {alone ? <Avatar name={from?.name ?? ""} address={from?.address ?? ""} size={40} /> : <button type="button" class="mail-fold" aria-expanded="true" aria-label={t("reader.fold")} data-tip={t("reader.fold")} onClick={() => void desk.mail.toggle(mail.ref.id)}><Avatar name={from?.name ?? ""} address={from?.address ?? ""} size={40} /></button>}
      <div class="mail-people">
        <p class="mail-from">{o.from.map((a, i) => <Person key={i} a={a} strong />)}</p>
        <p class="mail-to">
          <span><To people={[...o.to, ...o.cc, ...o.bcc]} own={desk.account.addresses} /></span>
          <time class="mail-ago" dateTime={new Date((o.date || o.arrived) * 1000).toISOString()}>{relative(o.date || o.arrived)}</time>
          <button type="button" class="mail-details" aria-expanded={details} onClick={() => show(!details)}>{t(details ? "reader.less" : "reader.details")}<Icon name={details ? "up" : "down"} /></button>
        </p>
      </div>
      <div class="mail-acts">
        <time class="mail-full" dateTime={new Date((o.date || o.arrived) * 1000).toISOString()} data-tip={exactDate(o.date || o.arrived)}>{fullDate(o.date || o.arrived)}</time>
        <span class="mail-buttons">
          <IconButton small icon="star" filled={starred} pressed={starred} class={starred ? "row-starred" : ""} label={t(starred ? "do.unstar" : "do.star")} onClick={() => desk.actions.flag([mail.ref], !starred)} />
          <IconButton small class="mail-reply" icon={usual} label={t(usual === "reply" ? "do.reply" : "do.replyall")} keys={usual === "reply" ? "r" : "a"} onClick={answer(usual)} />
          <Menu align="end" label={t("reader.more")} entries={entries} button={(b) => <IconButton {...b} small icon="more" label={t("reader.more")} />} />
        </span>
      </div>
      {details && <Details o={o} mail={mail} />}
      {leaving && <p class="mail-list"><Icon name="people" /><span>{t("reader.list")}</span><Button small kind="quiet" onClick={() => void leave(app, desk, leaving, { confirm, toast })}>{t("reader.leave")}</Button></p>}
      {source && <Lazy load={loadSource} quiet id={mail.ref.id} subject={o.subject} onClose={() => see(false)} />}
    </header>
  );
}

function Person({ a, strong }: { a: Address; strong?: boolean }) {
  if (!a.name) return <span class="person"><bdi class={strong ? "person-name" : ""}>{a.address}</bdi></span>;
  return <span class="person"><bdi class={strong ? "person-name" : ""}>{a.name}</bdi> <bdi class="person-address">{a.address}</bdi></span>;
}

function To({ people, own }: { people: Address[]; own: readonly string[] }) {
  const mine = new Set(own.map((a) => a.toLowerCase()));
  const names = people.map((p) => (mine.has(p.address.toLowerCase()) ? t("list.me") : p.name || p.address));
  if (names.length === 0) return <>{t("reader.tonobody")}</>;
  return <>{t("reader.to")} {names.slice(0, 3).map((n, i) => <span key={i}>{i > 0 && ", "}<bdi>{n}</bdi></span>)}{names.length > 3 && ` ${t("reader.andmore", { n: names.length - 3 })}`}</>;
}

function Details({ o, mail }: { o: OpenedMail; mail: MailView }) {
  const lines: [string, Address[]][] = [[t("reader.d.from"), o.from], [t("reader.d.sender"), o.sender], [t("reader.d.replyto"), o.reply_to], [t("reader.d.to"), o.to], [t("reader.d.cc"), o.cc], [t("reader.d.bcc"), o.bcc]];
  return (
    <dl class="mail-table">
      {lines.map(([name, people]) => people.length > 0 && <div key={name}><dt>{name}</dt><dd>{people.map((a, i) => <Person key={i} a={a} />)}</dd></div>)}
      <div><dt>{t("reader.d.date")}</dt><dd>{exactDate(o.date || o.arrived)}</dd></div>
      {o.arrived > 0 && o.arrived !== o.date && <div><dt>{t("reader.d.arrived")}</dt><dd>{exactDate(o.arrived)}</dd></div>}
      {o.list_id && <div><dt>{t("reader.d.list")}</dt><dd><bdi>{o.list_id}</bdi></dd></div>}
      {o.signature.fingerprint && <div><dt>{t("reader.d.key")}</dt><dd><code>{o.signature.fingerprint.replace(/(.{4})/g, "$1 ").trim()}</code></dd></div>}
      {o.message_id && <div><dt>{t("reader.d.id")}</dt><dd><code><bdi>{o.message_id}</bdi></code></dd></div>}
      <div><dt>{t("reader.d.mail")}</dt><dd><code>{mail.ref.id}</code></dd></div>
    </dl>
  );
}
