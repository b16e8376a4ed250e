// One mail of a conversation: folded to a line, or in full.
import { useMemo } from "preact/hooks";
import { fileLinksIn } from "../../files/address.ts";
import type { MailView, OpenedMail } from "../../model/types.ts";
import { shortDate, t, type Key } from "../../words/index.ts";
import { Avatar, Button, Icon, Lazy, Note, Spinner, useDesk } from "../kit/index.ts";
import { visible } from "../../frame/text.ts";
import { Body } from "./body.tsx";
import { Files } from "./attachments.tsx";
import { Head } from "./header.tsx";
import { InvitationCard } from "./invitation.tsx";
import { TrustLine, Warnings } from "./trust.tsx";

export function Mail({ mail, alone }: { mail: MailView; alone: boolean }) {
  const desk = useDesk();
  if (!mail.expanded && !alone) return <Folded mail={mail} />;
  const o = mail.opened;
  return (
    <section class="mail mail-open" aria-label={t("reader.mailof", { who: nameOf(mail) })}>
      {o && <Head mail={mail} opened={o} alone={alone} />}
      {o && mail.trust && <TrustLine trust={mail.trust} opened={o} />}
      {o && mail.trust && <Warnings trust={mail.trust} />}
      {mail.state === "failed" && (
        <div class="mail-notice"><Note tone="bad" title={t("reader.failed")} actions={<Button small icon="refresh" onClick={() => void desk.mail.toggle(mail.ref.id).then(() => desk.mail.toggle(mail.ref.id))}>{t("reader.again")}</Button>}>{mail.fault && <p>{t(`fault.${mail.fault.word}` as Key)}</p>}</Note></div>
      )}
      {!o && mail.state !== "failed" && <div class="mail-wait"><Spinner label={t("reader.decrypting")} /><span>{t("reader.decrypting")}</span></div>}
      {o?.calendar && <InvitationCard text={o.calendar} />}
      {o && <Body key={o.handle} mail={mail} opened={o} />}
      {o && o.inline && (
        <section class="mail-inline" aria-label={t("reader.inline")}>
          <Note tone="note" icon="lock" title={t("reader.inline")}><p>{t("reader.inline.why")}</p></Note>
          <pre class="mail-plain" dir="auto">{visible(o.inline)}</pre>
        </section>
      )}
      {o && o.parts.some((p) => !p.inline && !p.link) && <Files mail={mail} opened={o} />}
      {o && <LinkedFiles key={`links-${o.handle}`} opened={o} />}
    </section>
  );
}

const loadLinks = () => import("./links.tsx");

// Links to files: those that parts stand for, and what else the text names.
function LinkedFiles({ opened }: { opened: OpenedMail }) {
  const [parts, links] = useMemo(() => {
    const parts = opened.parts.filter((p) => p.link);
    return [parts, fileLinksIn(opened.text, opened.html).filter((l) => !parts.some((p) => p.link!.url === l.url))];
  }, [opened]);
  return parts.length + links.length > 0 ? <Lazy load={loadLinks} quiet parts={parts} links={links} /> : null;
}

const nameOf = (m: MailView) => m.card?.from_name || m.card?.from || m.opened?.from[0]?.name || m.opened?.from[0]?.address || "";

function Folded({ mail }: { mail: MailView }) {
  const desk = useDesk(), c = mail.card;
  const unread = !desk.sync.flagsOf(mail.ref).includes("\\Seen");
  return (
    <button type="button" class={"mail mail-folded" + (unread ? " mail-unread" : "")} aria-expanded="false" onClick={() => void desk.mail.toggle(mail.ref.id)}>
      <Avatar name={c?.from_name ?? ""} address={c?.from ?? mail.ref.id} size={32} />
      <span class="mail-folded-who"><bdi>{nameOf(mail) || t("list.sealedsender")}</bdi></span>
      <span class="mail-folded-what" dir="auto">{c?.snippet ?? t("list.closed")}</span>
      {c && c.attachments.length > 0 && <Icon name="attach" />}
      {c && <time dateTime={new Date(c.arrived * 1000).toISOString()}>{shortDate(c.date || c.arrived)}</time>}
    </button>
  );
}
