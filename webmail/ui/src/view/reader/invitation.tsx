// An invitation on a card. It answers nothing by itself: to answer, reply.
import { useMemo } from "preact/hooks";
import { clock, dayDate, list, shortMonth, t, type Key } from "../../words/index.ts";
import { Button, Icon, State, download } from "../kit/index.ts";
import { readInvitation, type Invitation } from "./calendar.ts";

export function InvitationCard({ text }: { text: string }) {
  const i = useMemo(() => readInvitation(text), [text]);
  if (!i) return null;
  const d = new Date(i.start * 1000);
  return (
    <section class="invitation" aria-label={t("cal.title")}>
      <div class="invitation-day" aria-hidden="true"><span>{shortMonth(i.start)}</span><strong>{d.getDate()}</strong></div>
      <div class="invitation-words">
        <p class="invitation-kind">{t(i.cancelled ? "cal.cancelled" : i.method === "REPLY" ? "cal.reply" : "cal.title")}</p>
        <h2><bdi>{i.summary || t("list.nosubject")}</bdi></h2>
        <p><Icon name="clock" /><span>{when(i)}{i.repeats && `, ${t(`cal.${i.repeats.toLowerCase()}` as Key)}`}</span></p>
        {i.place && <p><Icon name="pin" /><bdi>{i.place}</bdi></p>}
        {i.organiser && <p><Icon name="person" /><span>{t("cal.by")} <bdi>{i.organiser.name || i.organiser.address}</bdi></span></p>}
        {i.people.length > 0 && <p><Icon name="people" /><bdi>{list(i.people.slice(0, 6).map((p) => p.name || p.address))}{i.people.length > 6 && ` ${t("reader.andmore", { n: i.people.length - 6 })}`}</bdi></p>}
        {i.cancelled && <State tone="warn">{t("cal.cancelled")}</State>}
      </div>
      <Button small icon="download" onClick={() => download("invitation.ics", text)}>{t("cal.save")}</Button>
    </section>
  );
}

function when(i: Invitation): string {
  if (i.allDay) return i.end - i.start > 90_000 ? `${dayDate(i.start)} – ${dayDate(i.end - 86_400)}` : dayDate(i.start);
  const one = new Date(i.start * 1000).toDateString() === new Date(i.end * 1000).toDateString();
  const end = i.end > i.start ? ` – ${one ? "" : dayDate(i.end) + ", "}${clock(i.end)}` : "";
  return `${dayDate(i.start)}, ${clock(i.start)}${end}`;
}
