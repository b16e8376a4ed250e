// A look at a file without saving it. It is opened here; nothing of it goes anywhere.
import { useEffect, useState } from "preact/hooks";
import type { Drive, FileEntry, Version } from "../../model/drive/drive.ts";
import { bytes, fullDate, t } from "../../words/index.ts";
import { Button, Dialog, Note, Spinner } from "../kit/index.ts";
import { kindOf } from "../reader/files.ts";
import { Look, type Looked } from "../shared/look.tsx";
import "../shared/shared.css";

export function LookAt({ drive, entry, version = entry, onClose, save, share }: { drive: Drive; entry: FileEntry; version?: Version; onClose: () => void; save: () => void; share?: () => void }) {
  const kind = kindOf(entry), shows = kind === "image" || kind === "text" || kind === "pdf" || kind === "audio" || kind === "video";
  const [file, set] = useState<Looked & { close(): void }>();
  useEffect(() => {
    if (!shows) return;
    let close = () => {}, gone = false;
    void drive.look(entry, version).then((f) => {
      close = f.close;
      if (gone) close();
      else set(f);
    });
    return () => { gone = true; close(); };
  }, [drive, version.id]);
  const told = { name: entry.name, type: entry.type, length: version.length };
  return (
    <Dialog title={entry.name} size="large" onClose={onClose}
      actions={<>{share && <Button icon="link" onClick={share}>{t("drive.share")}</Button>}<Button kind="primary" icon="download" onClick={save}>{t("shared.download")}</Button></>}>
      <div class="drive-look">
        {!shows ? <Note tone="note" title={t("files.nolook")}>{t("drive.nolook")}</Note>
          : file ? <Look link={file} told={told} kind={kind} /> : <p class="letter-wait"><Spinner label={t("reader.decrypting")} /></p>}
        <p class="field-hint">{bytes(version.length)}{version.modified > 0 && ` · ${fullDate(version.modified / 1000)}`}</p>
      </div>
    </Dialog>
  );
}
