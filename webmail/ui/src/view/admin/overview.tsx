// How the server is: room, mail in and out, what waits.
import { useEffect, useState } from "preact/hooks";
import { type Admin, spans } from "../../model/admin.ts";
import type { AdminOverview, AdminTraffic } from "../../wire/api.ts";
import { bytes, clock, shortDate, number, relative, t, weekTime } from "../../words/index.ts";
import { Button, Segments, State } from "../kit/index.ts";
import { Loaded, Page, Section } from "../parts/room.tsx";
import { seconds } from "../settings/devices.tsx";
import { Bar, Columns, Legend, type Slice, sum } from "./chart.tsx";

export function Overview({ admin }: { admin: Admin }) {
  useEffect(() => {
    void admin.overview.load();
    void admin.hours.load();
  }, [admin]);
  return (
    <Page title={t("admin.part.overview")} actions={<Button icon="refresh" busy={admin.overview.busy.value} onClick={() => { void admin.overview.load(); void admin.hours.load(); }}>{t("admin.refresh")}</Button>}>
      <Loaded of={admin.overview}>{(o) => (
        <>
          <Facts o={o} />
          <Room o={o} />
          {admin.hours.failed.value && !admin.hours.value.value ? <SinceStart o={o} /> : <Mail admin={admin} />}
        </>
      )}</Loaded>
    </Page>
  );
}

function Facts({ o }: { o: AdminOverview }) {
  const soon = o.certificate_expires !== undefined && seconds(o.certificate_expires) - Date.now() / 1000 < 14 * 86400;
  return (
    <dl class="tiles">
      <div><dt>{t("admin.state")}</dt><dd>{o.healthy ? <State tone="good">{t("admin.well")}</State> : <State tone="bad">{t("admin.ill")}</State>}</dd><dd class="tile-more">{t("admin.since", { since: relative(seconds(o.began)), version: o.version })}</dd></div>
      <div><dt>{t("admin.part.accounts")}</dt><dd class="tile-number">{number(o.accounts)}</dd><dd class="tile-more">{t("admin.mails", { n: o.messages })}</dd></div>
      <div><dt>{t("admin.part.queue")}</dt><dd class="tile-number">{number(o.queue.waiting)}</dd><dd class="tile-more">{t("admin.held", { n: o.queue.held })}</dd></div>
      {o.certificate_expires && <div><dt>{t("admin.certificate")}</dt><dd>{soon ? <State tone="warn">{relative(seconds(o.certificate_expires))}</State> : shortDate(seconds(o.certificate_expires))}</dd><dd class="tile-more">{t("admin.certificate.until")}</dd></div>}
    </dl>
  );
}

function Room({ o }: { o: AdminOverview }) {
  if (o.disk_size <= 0) return <Section title={t("admin.room")}><p>{bytes(o.bytes)}</p></Section>;
  const other = Math.max(0, o.disk_size - o.disk_free - o.bytes);
  const slices: Slice[] = [
    { label: t("admin.room.mail"), value: o.bytes, kind: "a", text: bytes(o.bytes) },
    { label: t("admin.room.rest"), value: other, kind: "e", text: bytes(other) },
    { label: t("admin.room.free"), value: o.disk_free, kind: "empty", text: bytes(o.disk_free) },
  ];
  return (
    <Section title={t("admin.room")} lead={t("admin.room.lead", { free: bytes(o.disk_free), size: bytes(o.disk_size) })}>
      <Bar label={t("admin.room")} whole={o.disk_size} slices={slices} />
    </Section>
  );
}

const into = (m: AdminTraffic): Slice[] => slices([["inbox", m.received - m.junk, "d"], ["junk", m.junk, "b"], ["refused", m.refused, "e"]]);
const out = (m: AdminTraffic): Slice[] => slices([["sent", m.sent, "d"], ["deferred", m.deferred, "b"], ["failed", m.failed, "a"]]);
const slices = (rows: [string, number, string][]): Slice[] => rows.map(([name, value, kind]) => ({ label: t(`admin.mail.${name}` as "admin.mail.sent"), value, kind, text: number(value) }));

const ranges = [[24, 1], [168, 6], [720, 24]] as const; // hours shown, hours of one column

function Mail({ admin }: { admin: Admin }) {
  const [last, setLast] = useState(24);
  const each = ranges.find(([n]) => n === last)?.[1] ?? 1;
  const name = (at: number) => (each === 1 ? clock(at) : each < 24 ? weekTime(at) : shortMonthDay(at));
  return (
    <Loaded of={admin.hours}>{(h) => {
      const columns = spans(h, last, each);
      return (
        <>
          <div class="chart-range"><p>{t("admin.hours.lead")}</p>
            <Segments label={t("admin.hours")} value={String(last)} onValue={(v) => setLast(Number(v))} options={ranges.map(([n]) => ({ value: String(n), label: n === 24 ? t("admin.hours.24") : t("admin.days", { n: n / 24 }) }))} /></div>
          <div class="pair">
            {([["in", into], ["out", out]] as const).map(([way, of]) => (
              <Section key={way} title={t(`admin.way.${way}`)}>
                <Columns label={`${t(`admin.way.${way}`)}: ${totals(columns.map(of)).map((s) => `${s.label} ${s.text}`).join(", ")}`} days={columns.map((c) => ({ day: name(c.at), parts: of(c) }))}>
                  <Legend slices={totals(columns.map(of))} />
                </Columns>
              </Section>
            ))}
          </div>
        </>
      );
    }}</Loaded>
  );
}
/** Where the server keeps no hours: what it counted since it started. */
function SinceStart({ o }: { o: AdminOverview }) {
  return (
    <div class="pair">
      {([["in", into], ["out", out]] as const).map(([way, of]) => (
        <Section key={way} title={t(`admin.way.${way}`)} lead={t("admin.counted", { since: relative(seconds(o.began)) })}>
          <Bar label={t(`admin.way.${way}`)} whole={0} slices={of(o.traffic)} />
        </Section>
      ))}
    </div>
  );
}
const shortMonthDay = (at: number) => shortDate(at, (at + 40 * 86400) * 1000);

function totals(days: Slice[][]): Slice[] {
  const [first = []] = days;
  return first.map((s, i) => {
    const value = sum(days.map((d) => d[i]?.value ?? 0));
    return { ...s, value, text: number(value) };
  });
}
