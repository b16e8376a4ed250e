// The drive, one folder at a time, in a dialog: to choose files, or where one is put.

import { useEffect, useState } from "preact/hooks";
import type { FileEntry, FolderEntry } from "../../files/folder.ts";
import type { Drive } from "../../model/drive/drive.ts";
import type { Desk } from "../../model/types.ts";
import { bytes, t } from "../../words/index.ts";
import { askText, Button, Checkbox, Dialog, Icon, Note, Spinner } from "../kit/index.ts";
import "./browse.css";

const root = "root";
type Placed = { folder: string; entry: FileEntry };

export interface BrowseProps {
  desk: Desk;
  title: string;
  start?: string | undefined; // id of a folder; the topmost where nothing leads there
  files?: boolean; // files are chosen, else the folder
  actions: (o: { folder: string; chosen: readonly Placed[]; busy: boolean }) => preact.ComponentChildren;
  onClose: () => void;
  note?: preact.ComponentChildren;
}

export function Browse({ desk, title, start = root, files = false, actions, onClose, note }: BrowseProps) {
  const [drive, setDrive] = useState<Drive>();
  const [way, setWay] = useState<readonly FolderEntry[]>();
  const [chosen, choose] = useState<readonly Placed[]>([]);
  const [fault, setFault] = useState(false);
  const here = way?.at(-1)?.id ?? root;
  useEffect(() => {
    let gone = false;
    void desk.drive().then(async (d) => {
      const at = await d.locate(start).catch(() => null);
      if (gone) return;
      setDrive(d);
      setWay(at ?? []);
    }).catch(() => setFault(true));
    return () => { gone = true; };
  }, [desk]);
  useEffect(() => {
    if (!drive || !way) return;
    setFault(false);
    drive.load(here).catch(() => setFault(true));
  }, [drive, here]);
  const entries = drive?.folder(here).value?.entries.filter((e) => e.trashed === 0 && (files || e.kind === "folder"));
  const sorted = entries?.toSorted((a, b) => (a.kind === b.kind ? a.name.localeCompare(b.name, undefined, { numeric: true }) : a.kind === "folder" ? -1 : 1));
  const tick = (entry: FileEntry, on: boolean) => choose(on ? [...chosen, { folder: here, entry }] : chosen.filter((c) => c.entry.id !== entry.id));
  const make = async () => {
    const name = await askText({ title: t("browse.new"), label: t("browse.name"), yes: t("browse.make") });
    if (!name?.trim() || !drive) return;
    const id = await drive.path([name.trim()], here).catch(() => null);
    if (id) setWay([...(way ?? []), { kind: "folder", name: name.trim(), id, modified: 0, trashed: 0 }]);
    else setFault(true);
  };
  return (
    <Dialog title={title} size="medium" onClose={onClose} actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button>{actions({ folder: here, chosen, busy: !drive || !sorted })}</>}>
      <div class="browse">
        <nav class="browse-way" aria-label={t("browse.way")}>
          {[{ id: root, name: t("browse.root") }, ...(way ?? [])].map((f, i, all) => (
            <span key={f.id}>{i > 0 && <Icon name="right" />}<button type="button" class="browse-step" aria-current={i === all.length - 1 ? "location" : undefined} onClick={() => setWay((way ?? []).slice(0, i))}><bdi>{f.name}</bdi></button></span>
          ))}
        </nav>
        {!files && <Button small kind="quiet" icon="plus" disabled={!drive} onClick={() => void make()}>{t("browse.new")}</Button>}
        {fault && <Note tone="bad">{t("browse.failed")}</Note>}
        {!sorted && !fault && <div class="lazy"><Spinner label={t("kit.loading")} /></div>}
        {sorted?.length === 0 && <p class="browse-none">{t(files ? "browse.empty" : "browse.nofolder")}</p>}
        <ul class="browse-list">
          {sorted?.map((e) => (
            <li key={e.id}>
              {e.kind === "folder"
                ? <button type="button" class="browse-row" onClick={() => setWay([...(way ?? []), e])}><Icon name="folder" /><bdi>{e.name}</bdi><Icon name="right" /></button>
                : <div class="browse-row"><Checkbox label={e.name} checked={chosen.some((c) => c.entry.id === e.id)} onValue={(on) => tick(e, on)} /><small>{bytes(e.length)}</small></div>}
            </li>
          ))}
        </ul>
        {note}
      </div>
    </Dialog>
  );
}
