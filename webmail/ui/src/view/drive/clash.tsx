// Names that are taken where files go: a new version, or both.
import { t } from "../../words/index.ts";
import { Button, Dialog } from "../kit/index.ts";

export function Clash({ taken, choose, onClose }: { taken: readonly string[]; choose: (beside: boolean) => void; onClose: () => void }) {
  return (
    <Dialog title={t("drive.clash")} onClose={onClose}
      actions={<><Button kind="quiet" onClick={onClose}>{t("kit.cancel")}</Button><Button onClick={() => choose(true)}>{t("drive.clash.both")}</Button><Button kind="primary" onClick={() => choose(false)}>{t("drive.clash.version")}</Button></>}>
      <ul class="drive-taken">{taken.slice(0, 5).map((name) => <li key={name}><bdi>{name}</bdi></li>)}{taken.length > 5 && <li>{t("drive.more", { count: taken.length - 5 })}</li>}</ul>
      <p>{t("drive.clash.text")}</p>
    </Dialog>
  );
}
