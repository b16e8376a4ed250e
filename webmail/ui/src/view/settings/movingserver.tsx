// Mail from an account elsewhere: our server fetches it, seals it in memory, and sees it then.
import { useEffect, useMemo, useState } from "preact/hooks";
import { createRemote } from "../../model/remote.ts";
import type { Import } from "../../wire/api.ts";
import { number, t, type Key } from "../../words/index.ts";
import { Button, Field, Note, Progress, Switch } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Section } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const empty = { host: "", user: "", password: "", port: "", starttls: false, skip: "" };

export function FromServer({ app }: Room) {
  const remote = useMemo(() => createRemote(app.api, app.clock), [app]);
  const [o, set] = useState(empty);
  const put = (c: Partial<typeof empty>) => set({ ...o, ...c });
  useEffect(() => (void remote.look(), () => remote.close()), [remote]);
  const state = remote.state.value;
  const ready = o.host.trim() !== "" && o.user.trim() !== "" && o.password !== "" && /^\d{0,5}$/.test(o.port);
  const start = async () => {
    const skip = o.skip.split(",").map((s) => s.trim()).filter(Boolean);
    const ok = await remote.start({ host: o.host.trim(), user: o.user.trim(), password: o.password, ...(o.port ? { port: Number(o.port) } : {}), ...(o.starttls ? { starttls: true } : {}), ...(skip.length > 0 ? { skip } : {}) });
    if (ok) set(empty);
  };
  return (
    <Section title={t("moving.server")} lead={t("moving.server.lead")}>
      <Note tone="warn" icon="eye" title={t("moving.server.sees")}>{t("moving.server.sees.text")}</Note>
      {state !== null && state.state !== "none" && <State of={state} busy={remote.busy.value} onStop={() => void remote.stop()} />}
      {state?.state !== "running" && (
        <form class="room-form" onSubmit={(e) => { e.preventDefault(); if (ready) void start(); }}>
          <Field label={t("moving.host")} hint={t("moving.host.hint")} value={o.host} onValue={(host) => put({ host })} autocomplete="off" inputMode="url" spellcheck={false} maxLength={253} />
          <Field label={t("moving.user")} value={o.user} onValue={(user) => put({ user })} autocomplete="off" spellcheck={false} maxLength={320} />
          <Field type="password" label={t("moving.password")} hint={t("moving.password.hint")} value={o.password} onValue={(password) => put({ password })} autocomplete="off" maxLength={1024} />
          <details class="moving-more">
            <summary>{t("moving.more")}</summary>
            <div class="room-form">
              <Field label={t("moving.port")} hint={t("moving.port.hint")} value={o.port} onValue={(port) => put({ port: port.replace(/\D/g, "").slice(0, 5) })} inputMode="numeric" />
              <Switch label={t("moving.starttls")} checked={o.starttls} onValue={(starttls) => put({ starttls })} />
              <Field label={t("moving.skip")} hint={t("moving.skip.hint")} value={o.skip} onValue={(skip) => put({ skip })} />
            </div>
          </details>
          <Failure word={remote.failed.value} />
          <div class="room-form-acts"><Button kind="primary" icon="download" type="submit" busy={remote.busy.value} disabled={!ready}>{t("moving.fetch")}</Button></div>
        </form>
      )}
    </Section>
  );
}

function State({ of: s, busy, onStop }: { of: Import; busy: boolean; onStop: () => void }) {
  // What an earlier run brought is there already: when all has arrived, its number says no more.
  const of = s.state === "done" ? 0 : s.total;
  const value = of > 0 ? Math.min(1, s.done / of) : s.state === "done" ? 1 : undefined;
  return (
    <div class="sheet moving-card" role="group" aria-label={t("moving.server")}>
      <div class="sheet-block">
        <header class="moving-head"><strong>{t("moving.server")}</strong><span class="state" aria-live="polite">{t(`moving.server.${s.state}` as Key)}</span></header>
        <Progress value={value} label={of > 0 ? t("moving.fetched.of", { done: number(s.done), of: number(of) }) : t("moving.fetched", { done: number(s.done) })} show />
        {s.behind > 0 && <Note tone="warn">{t("moving.behind", { n: s.behind })}</Note>}
        {s.trouble && <Note tone={s.trouble === "stopped" ? "note" : "bad"}>{t(`moving.trouble.${s.trouble}` as Key)}</Note>}
        {s.state === "running" && <div class="room-actions"><Button busy={busy} onClick={onStop}>{t("moving.stop")}</Button></div>}
      </div>
    </div>
  );
}
