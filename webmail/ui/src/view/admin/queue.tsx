// Mail on its way out: how often it was tried, when next, and what the other side said.
// Neither sender, recipient nor subject is shown; the queue holds mail sealed.
import { useEffect } from "preact/hooks";
import type { Admin } from "../../model/admin.ts";
import type { AdminQueueItem } from "../../wire/api.ts";
import { bytes, relative, t } from "../../words/index.ts";
import { Button, IconButton, State, confirm } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page } from "../parts/room.tsx";
import { seconds } from "../settings/devices.tsx";

export function Queue({ admin }: { admin: Admin }) {
  useEffect(() => void admin.queue.load(), [admin]);
  return (
    <Page title={t("admin.part.queue")} lead={t("queue.lead")} actions={<Button icon="refresh" busy={admin.queue.busy.value} onClick={() => void admin.queue.load()}>{t("admin.refresh")}</Button>}>
      <Failure word={admin.failed.value} />
      <Loaded of={admin.queue}>{(all) => all.length === 0 ? <p class="room-empty">{t("queue.none")}</p> : (
        <ul class="sheet" aria-label={t("admin.part.queue")}>{all.map((q) => <One key={q.id} admin={admin} item={q} />)}</ul>
      )}</Loaded>
    </Page>
  );
}

function One({ admin, item: q }: { admin: Admin; item: AdminQueueItem }) {
  const drop = async () => {
    if (await confirm({ title: t("queue.drop"), text: t("queue.drop.text"), yes: t("queue.drop.go"), danger: true })) await admin.drop(q.id);
  };
  return (
    <li class="sheet-row queue-item">
      <div class="sheet-words">
        <strong><code>{q.id}</code>{q.held && <State tone="warn">{t("queue.held")}</State>}{q.sending && <State tone="good">{t("queue.sending")}</State>}</strong>
        <small>{t("queue.times", { came: relative(seconds(q.created)), ends: relative(seconds(q.expires)), size: bytes(q.size) })}</small>
      </div>
      <div class="sheet-acts">
        <Button small icon="refresh" disabled={q.sending} onClick={() => void admin.retry(q.id)}>{t("queue.retry")}</Button>
        <Button small onClick={() => void admin.hold(q.id, !q.held)}>{t(q.held ? "queue.release" : "queue.hold")}</Button>
        <IconButton small danger icon="trash" label={t("queue.drop.named", { id: q.id })} disabled={q.sending} onClick={() => void drop()} />
      </div>
      <ul class="queue-to">
        {q.recipients.map((r, i) => (
          <li key={i}><strong><bdi>{r.domain}</bdi></strong> <span>{t("queue.tried", { n: r.attempts })}{!q.held && !q.sending && `, ${t("queue.next", { next: relative(seconds(r.next)) })}`}</span>{r.reply && <code>{r.reply}</code>}</li>
        ))}
      </ul>
    </li>
  );
}
