// Puts files into the drive: where is asked, and remembered for the next time.

import { useRef, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, Note, Progress, toast, useDesk } from "../kit/index.ts";
import { Browse } from "./Browse.tsx";

const last = "saveTo"; // among the settings that devices share

export interface SaveToProps {
  // keep, where it is given, puts what the drive holds already into a folder.
  files: readonly { name: string; type: string; get: () => Promise<Blob | null>; keep?: ((folder: string) => Promise<void>) | undefined }[];
  onClose: () => void;
}

export default function SaveTo({ files, onClose }: SaveToProps) {
  const desk = useDesk();
  const [share, setShare] = useState<number>(), [failed, fail] = useState(false);
  const stop = useRef<AbortController | null>(null);
  const remembered = desk.settings.value.value.more[last];
  const put = async (folder: string) => {
    const signal = (stop.current = new AbortController()).signal;
    fail(false);
    setShare(0);
    try {
      const drive = await desk.drive();
      for (const [i, f] of files.entries()) {
        if (f.keep) {
          await f.keep(folder);
          setShare((i + 1) / files.length);
          continue;
        }
        const data = await f.get();
        if (!data) throw new Error("it could not be opened");
        await drive.put(data, { folder, name: f.name || t("files.unnamed"), type: f.type, beside: true, signal, onProgress: (sent, total) => setShare((i + (total > 0 ? sent / total : 1)) / files.length) });
      }
      if (remembered !== folder) void desk.settings.set({ more: { ...desk.settings.value.peek().more, [last]: folder } }).catch(() => {});
      toast(t("saveto.done"));
      onClose();
    } catch {
      setShare(undefined);
      if (!signal.aborted) fail(true);
    }
  };
  const close = () => {
    stop.current?.abort();
    onClose();
  };
  return (
    <Browse desk={desk} title={t("saveto.title")} start={typeof remembered === "string" ? remembered : undefined} onClose={close}
      note={<>{share !== undefined && <Progress show value={share} label={t("saveto.going")} />}{failed && <Note tone="bad">{t("saveto.failed")}</Note>}</>}
      actions={({ folder, busy }) => <Button kind="primary" busy={share !== undefined} disabled={busy} onClick={() => void put(folder)}>{t("saveto.here")}</Button>} />
  );
}
