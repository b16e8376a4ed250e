// Another build of this page waits at the server: it comes when the owner says so.
import { acceptBuild, otherBuild } from "../../shell.ts";
import { t } from "../../words/index.ts";
import { Button, Note } from "../kit/index.ts";

export function Update() {
  const build = otherBuild.value;
  if (!build) return null;
  return (
    <div class="alarms">
      <Note tone="note" icon="refresh" actions={<Button small kind="primary" onClick={acceptBuild}>{t("update.take")}</Button>}>{t("update.waits", { build })}</Note>
    </div>
  );
}
