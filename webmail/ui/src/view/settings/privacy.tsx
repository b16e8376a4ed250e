// How mail is sealed and sent: what stays visible of it, and when it must be encrypted.
import { useEffect } from "preact/hooks";
import { type Own, levels, policies } from "../../model/own.ts";
import { t } from "../../words/index.ts";
import { Choice, Note, State } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page, Section } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

export function Privacy({ own }: Room & { own: Own }) {
  useEffect(() => void own.settings.load(), [own]);
  return (
    <Page title={t("settings.part.privacy")} lead={t("privacy.lead")}>
      <Failure word={own.failed.value} />
      <Loaded of={own.settings}>{(o) => (
        <>
          <Section title={t("privacy.level")} lead={t("privacy.level.lead")}>
            {o.locked.includes("headers") ? <Locked>{t(`privacy.level.${o.account.level}`)}</Locked> : (
              <Choice label={t("privacy.level")} bare value={o.account.level} onValue={(level) => void own.change({ level })}
                options={levels.map((l) => ({ value: l, label: t(`privacy.level.${l}`), hint: t(`privacy.level.${l}.hint`) }))} />
            )}
            <Visible level={o.account.level} />
          </Section>
          <Section title={t("privacy.encrypt")} lead={t("privacy.encrypt.lead")}>
            {o.locked.includes("encrypt") ? <Locked>{t(`privacy.encrypt.${o.account.encrypt}`)}</Locked> : (
              <Choice label={t("privacy.encrypt")} bare value={o.account.encrypt} onValue={(encrypt) => void own.change({ encrypt })}
                options={policies.map((p) => ({ value: p, label: t(`privacy.encrypt.${p}`), hint: t(`privacy.encrypt.${p}.hint`) }))} />
            )}
          </Section>
        </>
      )}</Loaded>
    </Page>
  );
}

function Locked({ children }: { children: string }) {
  return <Note tone="note" icon="lock" title={children}><p>{t("privacy.locked")}</p></Note>;
}

const fields = ["from", "to", "date", "ids", "subject", "size", "content"] as const;
// What who has the server's disk sees of a mail, by level: all, some of it, or nothing.
const seen: { [level: string]: { [field: string]: "all" | "some" | "none" } } = {
  open: { from: "all", to: "all", date: "all", ids: "all", subject: "all", size: "some", content: "none" },
  baseline: { from: "all", to: "all", date: "all", ids: "all", subject: "none", size: "some", content: "none" },
  shy: { from: "some", to: "some", date: "some", ids: "all", subject: "none", size: "some", content: "none" },
  minimal: { from: "some", to: "none", date: "some", ids: "some", subject: "none", size: "some", content: "none" },
};

function Visible({ level }: { level: string }) {
  const tone = { all: "warn", some: "note", none: "good" } as const;
  return (
    <div class="data-box">
      <table class="data data-short">
        <caption class="unseen">{t("privacy.visible")}</caption>
        <thead><tr><th scope="col">{t("privacy.part")}</th><th scope="col">{t("privacy.seen")}</th></tr></thead>
        <tbody>
          {fields.map((f) => {
            const what = seen[level]?.[f] ?? "all";
            return <tr key={f}><th scope="row">{t(`privacy.field.${f}`)}</th><td><State tone={tone[what]} soft>{t(`privacy.seen.${what}`)}</State></td></tr>;
          })}
        </tbody>
      </table>
    </div>
  );
}
