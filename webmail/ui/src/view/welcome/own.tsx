// Whose device this is: asked where somebody signs in, and believed from then on.
import type { SessionModel } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Checkbox } from "../kit/index.ts";

export function OwnDevice({ session }: { session: SessionModel }) {
  return <Checkbox label={t("owndevice.label")} hint={t("owndevice.hint")} checked={session.offline.own.value} onValue={(own) => session.ownDevice(own)} />;
}
