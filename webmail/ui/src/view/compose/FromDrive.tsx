// Files of the drive for a mail: as links, which sends nothing again, or as attachments.

import { useState } from "preact/hooks";
import type { Placed } from "../../model/attach/store.ts";
import type { Desk, DraftHandle } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Note, useApp } from "../kit/index.ts";
import { Browse } from "../parts/Browse.tsx";
import { filesOf, fits } from "./attached.ts";

export function FromDrive({ desk, draft, onClose }: { desk: Desk; draft: DraftHandle; onClose: () => void }) {
  const files = filesOf(useApp(), desk);
  const [working, work] = useState(false), [failed, fail] = useState(false);
  const link = (chosen: readonly Placed[]) => {
    for (const p of chosen) files.fromDrive(draft, p);
    onClose();
  };
  const whole = async (chosen: readonly Placed[]) => {
    work(true);
    fail(false);
    try {
      for (const p of chosen) await files.wholeFromDrive(draft, p);
      onClose();
    } catch {
      fail(true);
    } finally {
      work(false);
    }
  };
  return (
    <Browse desk={desk} title={t("attach.drive")} files onClose={onClose} note={failed && <Note tone="bad">{t("attach.notfetched")}</Note>}
      actions={({ chosen, busy }) => {
        const none = busy || working || chosen.length === 0, large = !fits(draft.content.value, chosen.reduce((n, c) => n + c.entry.length, 0));
        return <>
          <Button icon="attach" busy={working} disabled={none || large} onClick={() => void whole(chosen)}>{t("attach.pick.file")}</Button>
          <Button kind="primary" icon="link" disabled={none} onClick={() => link(chosen)}>{t("attach.pick.link")}</Button>
        </>;
      }} />
  );
}
