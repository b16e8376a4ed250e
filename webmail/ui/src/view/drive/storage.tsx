// How full the account is: mail and files share one room.
import type { Drive } from "../../model/drive/drive.ts";
import { bytes, t } from "../../words/index.ts";
import { Meter } from "../kit/index.ts";

export function Storage({ drive }: { drive: Drive }) {
  const u = drive.usage.value;
  if (!u) return null;
  const used = u.bytes + u.cabinet;
  return (
    <footer class="drive-storage">
      {u.quota > 0 && <Meter value={used} max={u.quota} label={t("storage.title")} />}
      <span>{u.quota > 0 && <>{t("storage.of", { used: bytes(used), quota: bytes(u.quota) })} · </>}{t("drive.storage", { files: bytes(u.files), rest: bytes(Math.max(0, used - u.files)) })}</span>
    </footer>
  );
}
