import type { AdminInvitation } from "../../wire/api.ts";
import { dayDate, t } from "../../words/index.ts";
import { Button, Note } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { seconds } from "../settings/devices.tsx";

/** An invitation's link, shown once: the server keeps only what recognises it. */
export function Link({ made, onClose }: { made: AdminInvitation; onClose: () => void }) {
  const link = made.link ?? "";
  return (
    <Note tone="good" icon="link" title={t(made.address ? "invite.for" : "invite.made", { address: made.address ?? "" })} actions={<Button onClick={onClose}>{t("programs.gone")}</Button>}>
      <p>{t("invite.once", { day: dayDate(seconds(made.expires)) })}</p>
      <div class="secret"><code>{link}</code><Copy text={link} /></div>
    </Note>
  );
}
