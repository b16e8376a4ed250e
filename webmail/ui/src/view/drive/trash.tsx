// What was thrown away, from all folders: it can come back until it is deleted for good.
import { useEffect, useState } from "preact/hooks";
import type { Drive, Found } from "../../model/drive/drive.ts";
import { wordOf } from "../../model/drive/transfers.ts";
import type { App } from "../../model/types.ts";
import { href } from "../../router.ts";
import { bytes, relative, t } from "../../words/index.ts";
import { Button, EmptyState, Icon, IconButton, Note, Spinner, confirm, toast } from "../kit/index.ts";
import { iconOf, kindOf } from "../reader/files.ts";
import { Storage } from "./storage.tsx";
import { trying, words } from "./words.ts";

export function Trash({ app, drive }: { app: App; drive: Drive }) {
  const [all, set] = useState<readonly Found[]>(), [fault, fail] = useState(""), [busy, work] = useState(false);
  const look = async () => {
    fail("");
    await drive.trashed().then(set, (e: unknown) => fail(wordOf(e)));
  };
  const version = drive.version.value; // what another device throws away shows, too
  useEffect(() => {
    const timer = setTimeout(() => void look(), all ? 60 : 0);
    return () => clearTimeout(timer);
  }, [drive, version]);
  useEffect(() => { void drive.refreshUsage().catch(() => {}); }, [drive]);
  const offline = !app.online.value;
  const then = async (f: () => Promise<unknown>) => {
    work(true);
    await trying(f);
    await look();
    await drive.refreshUsage().catch(() => {});
    work(false);
  };
  const restore = (f: Found) => then(async () => { await drive.restore(f.folder, f.entry.id); toast(t("drive.restored")); });
  const remove = async (f: Found) => {
    if (await confirm({ title: t("drive.forever", { name: f.entry.name }), text: t("drive.forever.text"), yes: t("do.forever"), danger: true })) await then(() => drive.purge(f.folder, f.entry.id));
  };
  const empty = async () => {
    if (all && (await confirm({ title: t("drive.trash.empty"), text: t("drive.trash.empty.text"), yes: t("do.forever"), danger: true }))) await then(() => drive.emptyTrash(all));
  };
  return (
    <div class="drive-main">
      <header class="drive-head">
        <nav class="drive-crumbs" aria-label={t("drive.way.to")}><ol><li><a href={href({ page: "drive", at: "" })}>{t("shell.drive")}</a></li><li><Icon name="right" /><h1 aria-current="page">{t("box.trash")}</h1></li></ol></nav>
        {all && all.length > 0 && <div class="drive-tools"><Button kind="danger" icon="trash" busy={busy} disabled={offline} onClick={() => void empty()}>{t("drive.trash.empty")}</Button></div>}
      </header>
      {offline && <Note tone="note" icon="offline">{t("drive.offline")}</Note>}
      {fault ? <EmptyState art="warn" title={t("drive.failed")} action={<Button icon="refresh" onClick={() => void look()}>{t("parts.again")}</Button>}>{words(fault)}</EmptyState>
        : !all ? <p class="room-wait"><Spinner label={t("parts.reading")} /></p>
        : all.length === 0 ? <EmptyState art="trash" title={t("drive.trash.none")}>{t("drive.trash.text")}</EmptyState>
        : (
          <div class="drive-found">
            <p>{t("drive.trash.text")}</p>
            <ul>
              {all.map((f) => (
                <li key={`${f.folder} ${f.entry.id}`}>
                  <span class="drive-icon"><Icon name={f.entry.kind === "file" ? iconOf[kindOf(f.entry)] : "folder"} /></span>
                  <span class="drive-words"><bdi>{f.entry.name}</bdi><small class="drive-where"><bdi>{[t("shell.drive"), ...f.above.map((x) => x.name)].join(" / ")}</bdi>{f.entry.kind === "file" && ` · ${bytes(f.entry.length)}`} · {relative(f.entry.trashed / 1000)}</small></span>
                  <Button small icon="undo" disabled={offline || busy} onClick={() => void restore(f)}>{t("drive.restore")}</Button>
                  <IconButton small danger icon="trash" label={t("drive.forever", { name: f.entry.name })} disabled={offline || busy} onClick={() => void remove(f)} />
                </li>
              ))}
            </ul>
          </div>
        )}
      <Storage drive={drive} />
    </div>
  );
}
