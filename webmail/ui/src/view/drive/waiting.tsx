// What is read from the server: that it is read, that it could not be, or what it is.
import type { ComponentChildren } from "preact";
import { t } from "../../words/index.ts";
import { Button, Note, Spinner } from "../kit/index.ts";

export function Waiting({ value, failed, again, children }: { value: unknown; failed: boolean; again: () => void; children: ComponentChildren }) {
  return (
    <>
      {failed && <div class="room-failed"><Note tone="bad">{t("share.failed")}</Note><Button icon="refresh" onClick={again}>{t("parts.again")}</Button></div>}
      {value ? children : !failed && <p class="room-wait"><Spinner label={t("parts.reading")} /></p>}
    </>
  );
}
