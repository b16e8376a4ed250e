// What other servers said of mail in our domains' names (DMARC) and of the ways to us (TLS).
import { useEffect } from "preact/hooks";
import { type Admin, share, totals } from "../../model/admin.ts";
import { number, percent, t } from "../../words/index.ts";
import { State } from "../kit/index.ts";
import { Loaded, Page, Section } from "../parts/room.tsx";
import { Bar } from "./chart.tsx";

export function Reports({ admin }: { admin: Admin }) {
  useEffect(() => void admin.reports.load(), [admin]);
  return (
    <Page title={t("admin.part.reports")} lead={t("reports.lead")}>
      <Loaded of={admin.reports}>{(all) => all.length === 0 ? <p class="room-empty">{t("reports.none")}</p> : (
        <>
          <div class="pair">
            {totals(all).map((s) => (
              <Section key={s.kind + s.domain} title={`${t(`reports.kind.${s.kind}`)}: ${s.domain}`} lead={t("reports.number", { n: s.reports })}>
                <Bar label={s.domain} whole={s.all} slices={[
                  { label: t("reports.well"), value: s.well, kind: "d", text: number(s.well) },
                  { label: t("reports.ill"), value: s.all - s.well, kind: "a", text: number(s.all - s.well) },
                ]} />
              </Section>
            ))}
          </div>
          <Section title={t("reports.each")}>
            <div class="data-box">
              <table class="data data-stack">
                <thead><tr>{(["day", "kind", "domain", "by", "share"] as const).map((c) => <th key={c} scope="col">{t(`reports.col.${c}`)}</th>)}</tr></thead>
                <tbody>
                  {all.map((r) => {
                    const part = share(r);
                    return (
                      <tr key={r.id}>
                        <td>{r.day}</td>
                        <td>{t(`reports.kind.${r.kind}`)}</td>
                        <td><bdi>{r.domain}</bdi></td>
                        <td><bdi>{r.by}</bdi></td>
                        <td>{part === undefined ? "–" : <State soft tone={part >= 0.99 ? "good" : part >= 0.9 ? "warn" : "bad"}>{t("reports.of", { part: percent(part), all: r.all })}</State>}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          </Section>
        </>
      )}</Loaded>
    </Page>
  );
}
