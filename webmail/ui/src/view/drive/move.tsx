// Where to: the folders as a list that is walked through.
import { useEffect, useState } from "preact/hooks";
import type { Drive, Entry, FolderEntry } from "../../model/drive/drive.ts";
import { wordOf } from "../../model/drive/transfers.ts";
import { t } from "../../words/index.ts";
import { Button, Dialog, Icon, IconButton, Note, Spinner, toast } from "../kit/index.ts";
import { byName } from "./order.ts";
import { trying, words } from "./words.ts";

export function Move({ drive, from, entries, trail, onClose, done }: { drive: Drive; from: string; entries: readonly Entry[]; trail: readonly FolderEntry[]; onClose: () => void; done: () => void }) {
  const [way, go] = useState<readonly { id: string; name: string }[]>(trail), [busy, work] = useState(false), [fault, fail] = useState("");
  const here = way.at(-1)?.id ?? "root";
  useEffect(() => { fail(""); drive.load(here).catch((e: unknown) => fail(wordOf(e))); }, [drive, here]);
  const folders = drive.folder(here).value?.entries.filter((e): e is FolderEntry => e.kind === "folder" && e.trashed === 0 && !entries.some((x) => x.id === e.id)).sort((a, b) => byName(a.name, b.name));
  const move = async () => {
    work(true);
    if (!(await trying(() => drive.move(entries, from, here)))) return work(false);
    toast(t("drive.moved"));
    done();
  };
  return (
    <Dialog title={t("do.move")} size="medium" onClose={onClose}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" icon="move" busy={busy} disabled={here === from} onClick={() => void move()}>{t("drive.move.here")}</Button></>}>
      <div class="drive-move">
        <header>
          <IconButton small icon="back" label={t("drive.up")} disabled={way.length === 0} onClick={() => go(way.slice(0, -1))} />
          <strong><bdi>{way.at(-1)?.name ?? t("shell.drive")}</bdi></strong>
        </header>
        {fault ? <Note tone="bad">{words(fault)}</Note> : !folders ? <p class="room-wait"><Spinner label={t("parts.reading")} /></p> : (
          <ul>
            {folders.map((f) => <li key={f.id}><button type="button" onClick={() => go([...way, f])}><Icon name="folder" filled /><bdi>{f.name}</bdi><Icon name="right" /></button></li>)}
            {folders.length === 0 && <li class="drive-none">{t("drive.move.none")}</li>}
          </ul>
        )}
      </div>
    </Dialog>
  );
}
