// A conversation: its bar, its subject, its mails, and the ways to answer.
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, Chip, EmptyState, IconButton, Menu, Spinner, say, useDesk, type MenuEntry } from "../kit/index.ts";
import { CommandButton } from "../list/head.tsx";
import { closeMail, command, firstKeys, inRole, openAt } from "../shell/commands.ts";
import { clicked } from "../shell/shortcuts.ts";
import { narrow, panel } from "../shell/state.ts";
import { Mail } from "./mail.tsx";
import type { MailView } from "../../model/types.ts";
import type { Key } from "../../words/index.ts";
import "./reader.css";

export default function Reader() {
  const desk = useDesk(), mails = desk.mail.mails.value, key = desk.mail.key.value;
  const top = useRef<HTMLDivElement>(null);
  const fault = desk.mail.fault.value;
  const newest = mails[mails.length - 1], card = newest?.card;
  const subject = newest?.opened?.subject ?? card?.subject ?? "";
  useEffect(() => {
    if (!top.current) return;
    // The first that is open stands in sight; older, folded ones are scrolled past.
    const first = top.current.querySelector<HTMLElement>(".mail-open");
    top.current.scrollTop = first && mails.length > 1 ? Math.max(0, first.offsetTop - 96) : 0;
    if (mails.length) say(t("reader.opened", { subject }));
  }, [key]);
  return (
    <article class="reader" aria-labelledby="subject">
      <Bar />
      <div ref={top} class="reader-scroll" tabIndex={-1}>
        {mails.length === 0 ? (fault ? <EmptyState art="warn" title={t("reader.failed")} action={<Button onClick={() => closeMail(desk)}>{t("do.close")}</Button>}>{t(`fault.${fault.word}` as Key)}</EmptyState> : <div class="lazy"><Spinner label={t("list.opening")} /></div>) : (
          <>
            <header class="reader-head">
              <h1 id="subject"><bdi>{subject || t("list.nosubject")}</bdi></h1>
              <Labels mails={mails} />
            </header>
            {mails.map((m) => <Mail key={m.ref.id} mail={m} alone={mails.length === 1} />)}
            {newest && <Answer mail={newest} />}
          </>
        )}
      </div>
      {narrow.value && newest && <PhoneBar mail={newest} />}
    </article>
  );
}

function Bar() {
  const desk = useDesk(), l = desk.list;
  void l.version.value;
  const key = desk.mail.key.value, mails = desk.mail.mails.value;
  const at = key === null ? -1 : l.indexOf(key), count = l.count.value;
  const refs = mails.map((m) => m.ref);
  const own = desk.settings.value.value.keys;
  const keys = (id: string) => firstKeys(command(id), own);
  const junk = inRole(desk, refs, "junk"), trash = inRole(desk, refs, "trash"), archived = inRole(desk, refs, "archive");
  const more: (MenuEntry | false)[] = [
    { label: t("do.unseen"), icon: "mail", keys: keys("unseen"), run: () => clicked("unseen", desk) },
    { label: t("do.move"), icon: "move", keys: keys("move"), run: () => { panel.value = "move"; } },
    { label: t("do.label"), icon: "label", keys: keys("label"), run: () => { panel.value = "label"; } },
    { label: t("do.snooze"), icon: "clock", keys: keys("snooze"), run: () => { panel.value = "snooze"; } },
    { label: t("do.mute"), icon: "mute", keys: keys("mute"), run: () => clicked("mute", desk) },
    { label: t(junk ? "do.notjunk" : "do.junk"), icon: junk ? "inbox" : "junk", keys: keys("junk"), run: () => clicked("junk", desk) },
    "line",
    { label: t("reader.print"), icon: "print", run: () => print() },
  ];
  return (
    <div class="reader-bar" role="toolbar" aria-label={t("reader.bar")}>
      <CommandButton desk={desk} id="close" />
      {!archived && <CommandButton desk={desk} id="archive" />}
      <CommandButton desk={desk} id="trash" {...(trash && { label: t("do.forever") })} />
      {!narrow.value && <CommandButton desk={desk} id="junk" {...(junk && { label: t("do.notjunk"), icon: "inbox" as const })} />}
      {!narrow.value && <CommandButton desk={desk} id="unseen" />}
      <span class="reader-gap" />
      {!narrow.value && <CommandButton desk={desk} id="snooze" />}
      {!narrow.value && <CommandButton desk={desk} id="move" />}
      {!narrow.value && <CommandButton desk={desk} id="label" />}
      <Menu align="end" label={t("list.more")} entries={more} button={(b) => <IconButton {...b} icon="more" label={t("list.more")} />} />
      <span class="reader-step">
        {!narrow.value && at >= 0 && <span>{t("reader.place", { at: at + 1, count })}</span>}
        <IconButton icon="up" label={t("do.previous")} keys={keys("previous")} disabled={at <= 0} onClick={() => openAt(desk, at - 1)} />
        <IconButton icon="down" label={t("do.next")} keys={keys("next")} disabled={at < 0 || at >= count - 1} onClick={() => openAt(desk, at + 1)} />
      </span>
    </div>
  );
}

function Labels({ mails }: { mails: readonly MailView[] }) {
  const desk = useDesk();
  void desk.sync.version.value;
  const on = new Set(mails.flatMap((m) => desk.sync.flagsOf(m.ref)));
  const shown = desk.settings.value.value.labels.filter((l) => on.has(l.keyword));
  if (shown.length === 0) return null;
  const refs = mails.map((m) => m.ref);
  return <div class="reader-labels">{shown.map((l) => <Chip key={l.keyword} hue={l.colour * 30} onRemove={() => desk.actions.label(refs, l.keyword, false)} removeLabel={t("label.remove", { name: l.name })}>{l.name}</Chip>)}</div>;
}

function Answer({ mail }: { mail: MailView }) {
  const desk = useDesk();
  const many = (mail.opened?.to.length ?? 0) + (mail.opened?.cc.length ?? 0) > 1;
  if (narrow.value) return null;
  return (
    <div class="reader-answer">
      <Button icon="reply" disabled={!mail.opened} onClick={() => clicked("reply", desk)}>{t("do.reply")}</Button>
      {many && <Button icon="reply-all" disabled={!mail.opened} onClick={() => clicked("reply-all", desk)}>{t("do.replyall")}</Button>}
      <Button icon="forward" disabled={!mail.opened} onClick={() => clicked("forward", desk)}>{t("do.forward")}</Button>
    </div>
  );
}

function PhoneBar({ mail }: { mail: MailView }) {
  const desk = useDesk(), off = !mail.opened;
  return (
    <nav class="reader-foot" aria-label={t("reader.answer")}>
      <Button kind="primary" icon="reply" disabled={off} onClick={() => clicked("reply", desk)}>{t("do.reply")}</Button>
      <Button icon="reply-all" disabled={off} onClick={() => clicked("reply-all", desk)}>{t("reader.all")}</Button>
      <Button icon="forward" disabled={off} onClick={() => clicked("forward", desk)}>{t("do.forward")}</Button>
    </nav>
  );
}
