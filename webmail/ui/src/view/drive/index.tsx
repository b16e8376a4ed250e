// The drive: folders and files of who is signed in, sealed before they leave this device.
import { useEffect, useState } from "preact/hooks";
import type { Drive as Model } from "../../model/drive/drive.ts";
import type { App, Desk } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, EmptyState, Spinner } from "../kit/index.ts";
import { Folder } from "./folder.tsx";
import { side } from "./share.ts";
import { stay } from "./stay.ts";
import { Transfers } from "./transfers.tsx";
import { Trash } from "./trash.tsx";
import "../parts/parts.css";
import "./drive.css";

export function Drive({ app, desk, at }: { app: App; desk: Desk; at: string }) {
  const [drive, set] = useState<Model>(), [failed, fail] = useState(false);
  const open = () => { fail(false); desk.drive().then((d) => { stay(app, d); set(d); }, () => fail(true)); };
  useEffect(open, [desk]);
  if (failed) return <EmptyState art="offline" title={t("kit.notloaded")} action={<Button icon="refresh" onClick={open}>{t("parts.again")}</Button>}>{t("kit.notloaded.why")}</EmptyState>;
  if (!drive) return <p class="room-wait"><Spinner label={t("parts.reading")} /></p>;
  const Beside = side(at);
  return (
    <div class="drive">
      {at === "trash" ? <Trash app={app} drive={drive} /> : Beside ? <Beside app={app} desk={desk} drive={drive} /> : <Folder key={at} app={app} desk={desk} drive={drive} id={at || "root"} />}
      <Transfers drive={drive} />
    </div>
  );
}
