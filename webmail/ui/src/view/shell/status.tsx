// Whether what is seen is what the server has, in an icon and words.
import { t } from "../../words/index.ts";
import { Icon, Spinner, useApp, useDesk, type IconName } from "../kit/index.ts";

export function Status() {
  const app = useApp(), desk = useDesk();
  const s = statusOf({
    online: app.online.value, state: desk.sync.state.value, waiting: desk.actions.waiting.value,
    rows: desk.sync.progress.value, index: desk.search.progress.value,
  });
  return (
    <button type="button" class={"status" + (s.quiet ? " status-quiet" : "") + (s.minor ? " status-minor" : "")} data-tip={s.tip} aria-label={`${s.words}. ${s.tip}`} onClick={() => void desk.sync.refresh()}>
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
}

const share = (p: { done: number; of: number }) => (p.of > 0 ? Math.floor((100 * p.done) / p.of) : 100);

/** The most pressing of what is going on. */
export function statusOf(f: Facts): { icon: IconName; words: string; tip: string; busy?: boolean; quiet?: boolean; minor?: boolean } {
  if (!f.online || f.state === "offline") return { icon: "offline", words: t("status.offline"), tip: f.waiting ? t("status.waiting", { n: f.waiting }) : t("status.offline.tip") };
  if (f.rows && f.rows.done < f.rows.of) return { icon: "refresh", busy: true, words: t("status.opening", { percent: share(f.rows) }), tip: t("status.opening.tip", { done: f.rows.done, n: f.rows.of }) };
  if (f.waiting) return { icon: "upload", busy: true, words: t("status.saving"), tip: t("status.waiting", { n: f.waiting }) };
  if (f.state !== "current") return { icon: "refresh", busy: true, words: t("status.syncing"), tip: t("status.syncing.tip") };
  if (f.index && f.index.done < f.index.of) return { icon: "search", words: t("status.indexed", { percent: share(f.index) }), tip: t("status.indexed.tip"), minor: true };
  return { icon: "check", words: t("status.current"), tip: t("status.current.tip"), quiet: true };
}
