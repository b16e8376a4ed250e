// The versions of a file: the newest, and what it was before.
import { useState } from "preact/hooks";
import type { Drive, FileEntry, Version } from "../../model/drive/drive.ts";
import { bytes, fullDate, t } from "../../words/index.ts";
import { Button, Dialog, IconButton, confirm, toast } from "../kit/index.ts";
import { Row, Sheet } from "../parts/room.tsx";
import { LookAt } from "./look.tsx";
import { save } from "./acts.tsx";
import { trying } from "./words.ts";

export function Versions({ drive, folder, id, onClose }: { drive: Drive; folder: string; id: string; onClose: () => void }) {
  const [now, follow] = useState(id), [look, set] = useState<Version>();
  const e = drive.folder(folder).value?.entries.find((x): x is FileEntry => x.kind === "file" && x.id === now);
  if (!e) return null;
  const when = (v: Version) => (v.modified > 0 ? fullDate(v.modified / 1000) : t("drive.versions.undated"));
  const restore = (v: Version) => trying(async () => {
    const back = await drive.restoreVersion(folder, e.id, v.id);
    follow(back.id);
    toast(t("drive.versions.restored"));
  });
  const remove = async (v: Version) => {
    if (await confirm({ title: t("drive.versions.delete"), text: t("drive.versions.delete.text", { when: when(v) }), yes: t("do.forever"), danger: true })) await trying(() => drive.removeVersion(folder, e.id, v.id));
  };
  if (look) return <LookAt drive={drive} entry={e} version={look} onClose={() => set(undefined)} save={() => void save(drive, [{ ...e, ...look, versions: [] }], folder, "")} />;
  return (
    <Dialog title={t("drive.versions.of", { name: e.name })} size="medium" onClose={onClose} actions={<Button onClick={onClose}>{t("kit.close")}</Button>}>
      <div class="drive-versions">
        <Sheet label={t("drive.versions")}>
          <Row title={when(e)} detail={`${bytes(e.length)} · ${t("drive.versions.newest")}`}><Button small icon="eye" onClick={() => set(e)}>{t("do.open")}</Button></Row>
          {e.versions.map((v) => (
            <Row key={v.id} title={when(v)} detail={bytes(v.length)}>
              <Button small icon="eye" onClick={() => set(v)}>{t("do.open")}</Button>
              <Button small icon="undo" onClick={() => void restore(v)}>{t("drive.restore")}</Button>
              <IconButton small danger icon="trash" label={t("drive.versions.delete")} onClick={() => void remove(v)} />
            </Row>
          ))}
        </Sheet>
        <p class="field-hint">{t(e.versions.length > 0 ? "drive.versions.room" : "drive.versions.none")}</p>
      </div>
    </Dialog>
  );
}
