// Whether what is seen is what the server has, in an icon and words.
import { useEffect } from "preact/hooks";
import type { Desk } from "../../model/types.ts";
import { go } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Icon, Spinner, useApp, useDesk, type IconName } from "../kit/index.ts";
import { hold } from "./hold.ts";

export function Status() {
  const app = useApp(), desk = useDesk();
  const s = statusOf({
    online: app.online.value, state: desk.sync.state.value, waiting: desk.actions.waiting.value,
    rows: desk.sync.progress.value, index: desk.search.progress.value, moving: moved(desk),
  });
  useEffect(() => (s.moving ? hold(app) : undefined), [s.moving === true, app]);
  return (
    <button type="button" class={"status" + (s.quiet ? " status-quiet" : "") + (s.minor ? " status-minor" : "")} data-tip={s.tip} aria-label={`${s.words}. ${s.tip}`} onClick={() => { if (s.moving) go({ page: "settings", part: "moving" }); else void desk.sync.refresh(); }}>
      {s.busy ? <Spinner /> : <Icon name={s.icon} />}
      <span class="status-words" aria-hidden="true">{s.words}</span>
    </button>
  );
}

interface Facts {
  online: boolean;
  state: "starting" | "syncing" | "current" | "offline";
  waiting: number;
  rows: { done: number; of: number } | null;
  index: { done: number; of: number } | null;
  moving?: { done: number; of: number } | null;
}

// Mail on its way in or out.
function moved(desk: Desk): { done: number; of: number } | null {
  const [i, o] = [desk.moving.importing.value, desk.moving.exporting.value];
  if (i?.state === "running") return { done: i.read, of: i.bytes };
  return o?.state === "running" ? { done: o.done, of: o.of } : null;
}

const share = (p: { done: number; of: number }) => (p.of > 0 ? Math.floor((100 * p.done) / p.of) : 100);

/** The most pressing of what is going on. */
export function statusOf(f: Facts): { icon: IconName; words: string; tip: string; busy?: boolean; quiet?: boolean; minor?: boolean; moving?: boolean } {
  if (!f.online || f.state === "offline") return { icon: "offline", words: t("status.offline"), tip: f.waiting ? t("status.waiting", { n: f.waiting }) : t("status.offline.tip") };
  if (f.moving) return { icon: "move", busy: true, moving: true, words: t("status.moving", { percent: share(f.moving) }), tip: t("status.moving.tip") };
  if (f.rows && f.rows.done < f.rows.of) return { icon: "refresh", busy: true, words: t("status.opening", { percent: share(f.rows) }), tip: t("status.opening.tip", { done: f.rows.done, n: f.rows.of }) };
  if (f.waiting) return { icon: "upload", busy: true, words: t("status.saving"), tip: t("status.waiting", { n: f.waiting }) };
  if (f.state !== "current") return { icon: "refresh", busy: true, words: t("status.syncing"), tip: t("status.syncing.tip") };
  if (f.index && f.index.done < f.index.of) return { icon: "search", words: t("status.indexed", { percent: share(f.index) }), tip: t("status.indexed.tip"), minor: true };
  return { icon: "check", words: t("status.current"), tip: t("status.current.tip"), quiet: true };
}
