// The records of each domain as the world sees them, against what they should be.
import { Fragment } from "preact";
import { useEffect } from "preact/hooks";
import { type Admin, type Health, healthOf } from "../../model/admin.ts";
import type { AdminDomain } from "../../wire/api.ts";
import { t } from "../../words/index.ts";
import { Button, Icon, State, type Tone } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { Loaded, Page } from "../parts/room.tsx";

type RecordState = AdminDomain["records"][number]["state"];

const tones: { [h in Health]: Tone } = { ok: "good", warn: "warn", bad: "bad", unsure: "note" };
const recordTones: { [s in RecordState]: Tone } = { ok: "good", missing: "warn", wrong: "bad", unsure: "note" };

export function Domains({ admin }: { admin: Admin }) {
  useEffect(() => void admin.domains.load(), [admin]);
  return (
    <Page title={t("admin.part.domains")} lead={t("domains.lead")} actions={<Button icon="refresh" busy={admin.domains.busy.value} onClick={() => void admin.domains.load()}>{t("domains.check")}</Button>}>
      <Loaded of={admin.domains}>{(all) => <>{all.map((d) => <Domain key={d.domain} domain={d} open={all.length === 1 || healthOf(d) !== "ok"} />)}</>}</Loaded>
    </Page>
  );
}

function Domain({ domain: d, open }: { domain: AdminDomain; open: boolean }) {
  const health = healthOf(d);
  return (
    <details class="domain" open={open}>
      <summary><Icon name="right" /><h2><bdi>{d.domain}</bdi></h2><State tone={tones[health]}>{t(`domains.health.${health}`)}</State></summary>
      <div class="data-box">
        <table class="data data-stack">
          <caption class="unseen">{t("domains.records", { domain: d.domain })}</caption>
          <thead><tr><th scope="col">{t("domains.name")}</th><th scope="col">{t("domains.value")}</th><th scope="col">{t("domains.state")}</th></tr></thead>
          <tbody>
            {d.records.map((r) => (
              <tr key={`${r.name} ${r.type} ${r.value}`}>
                <th scope="row"><code><Name name={r.name} /></code><small>{r.type}</small></th>
                <td>
                  <code class="record">{r.value}</code>
                  {r.state !== "ok" && r.found && <small>{t("domains.found")} <code>{r.found}</code></small>}
                  {r.why && <small>{r.why}</small>}
                </td>
                <td class="record-state"><span class="record-acts"><State tone={recordTones[r.state]}>{t(`domains.state.${r.state}`)}</State>{r.state !== "ok" && <Copy small text={r.value} />}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** A name that breaks at its dots, where it is broken at all. */
function Name({ name }: { name: string }) {
  return <>{name.split(/(?<=\.)/).map((part, i) => <Fragment key={i}>{i > 0 && <wbr />}{part}</Fragment>)}</>;
}
