// What is on its way, quietly in a corner: how far it is, and what can be done about it.
import { useEffect, useState } from "preact/hooks";
import type { Drive, Progress as Now, Transfer } from "../../model/drive/drive.ts";
import { bytes, percent, t } from "../../words/index.ts";
import { Icon, IconButton } from "../kit/index.ts";
import { narrow } from "../shell/state.ts";
import { words } from "./words.ts";

const shown = 40;
const over = (s: Now["state"]) => s === "done" || s === "stopped" || s === "failed";
const rank = (s: Now["state"]) => (s === "failed" ? 0 : s === "queued" ? 2 : over(s) ? 3 : 1);

export function Transfers({ drive }: { drive: Drive }) {
  const all = drive.transfers.all.value, [folded, fold] = useState(narrow.peek());
  const going = all.filter((x) => !over(x.now.value.state)), failed = all.filter((x) => x.now.value.state === "failed").length;
  const lost = going.some((x) => x.now.value.state === "waiting");
  const done = all.length > 0 && going.length === 0;
  useEffect(() => { if (done) void drive.refreshUsage().catch(() => {}); }, [done]);
  useEffect(() => {
    if (!done || failed > 0) return;
    const timer = setTimeout(() => drive.transfers.tidy(), 8000);
    return () => clearTimeout(timer);
  }, [done, failed]);
  if (all.length === 0) return null;
  const size = going.reduce((n, x) => n + x.size, 0), have = going.reduce((n, x) => n + x.now.value.have, 0);
  const share = size > 0 ? have / size : 0;
  const title = failed > 0 && done ? t("drive.way.failed", { count: failed }) : done ? t("drive.way.done") : t("drive.way.going", { count: going.length });
  const list = [...all].sort((a, b) => rank(a.now.peek().state) - rank(b.now.peek().state));
  return (
    <section class={`drive-way drive-way-all-${done ? (failed > 0 ? "failed" : "done") : "going"}`} aria-label={t("drive.way")}>
      <header>
        <Icon name={failed > 0 ? "warn" : done ? "check" : lost ? "offline" : "upload"} />
        <strong role="status">{title}{going.length > 0 && <span> · {percent(share)}</span>}</strong>
        {lost && <IconButton small icon="refresh" label={t("parts.again")} onClick={() => drive.transfers.wake()} />}
        <IconButton small icon={folded ? "up" : "down"} label={t(folded ? "drive.way.show" : "drive.way.fold")} aria-expanded={!folded} onClick={() => fold(!folded)} />
        {going.length === 0 && <IconButton small icon="close" label={t("kit.close")} onClick={() => drive.transfers.tidy()} />}
      </header>
      {!folded && (
        <ul tabIndex={0} aria-label={t("drive.way")}>
          {list.slice(0, shown).map((x) => <One key={x.what} drive={drive} x={x} />)}
          {list.length > shown && <li class="drive-way-more">{t("drive.more", { count: list.length - shown })}</li>}
        </ul>
      )}
    </section>
  );
}

function said(now: Now, size: number): string {
  switch (now.state) {
    case "queued": return t("drive.way.queued");
    case "waiting": return t("drive.way.lost");
    case "paused": return t("drive.way.paused");
    case "done": return bytes(size);
    case "stopped": return t("drive.way.stopped");
    case "failed": return words(now.word);
    default: return t("shared.of", { done: bytes(now.have), all: bytes(size) });
  }
}

function One({ drive, x }: { drive: Drive; x: Transfer }) {
  const now = x.now.value, up = x.kind === "up", going = !over(now.state);
  return (
    <li class={`drive-way-one drive-way-${now.state}`}>
      <Icon name={now.state === "done" ? "check" : now.state === "failed" ? "warn" : up ? "upload" : "download"} />
      <div>
        <bdi>{x.name}</bdi>
        <small>{said(now, x.size)}</small>
        {going && now.state !== "queued" && <progress aria-label={x.name} max={1} value={x.size > 0 ? now.have / x.size : 0} />}
      </div>
      {(now.state === "running" || now.state === "waiting") && <IconButton small icon="pause" label={t("drive.pause", { name: x.name })} onClick={() => drive.transfers.pause(x, true)} />}
      {now.state === "paused" && <IconButton small icon="play" label={t("drive.resume", { name: x.name })} onClick={() => drive.transfers.pause(x, false)} />}
      {up && (now.state === "failed" || now.state === "stopped") && <IconButton small icon="refresh" label={t("drive.again", { name: x.name })} onClick={() => drive.transfers.retry(x)} />}
      {going ? <IconButton small icon="close" label={t("drive.cancel", { name: x.name })} onClick={() => drive.transfers.stop(x)} />
        : now.state !== "done" && <IconButton small icon="close" label={t("drive.dismiss", { name: x.name })} onClick={() => drive.transfers.tidy(x)} />}
    </li>
  );
}
