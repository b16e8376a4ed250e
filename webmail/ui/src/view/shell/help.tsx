// All keys on one page, as this owner has them.
import { t } from "../../words/index.ts";
import { Button, Dialog, KeyHint, useDesk } from "../kit/index.ts";
import { go } from "../../router.ts";
import { commands, keysOf, type Group } from "./commands.ts";
import "./help.css";

const groups: Group[] = ["read", "act", "write", "go", "page"];

export default function Help({ onClose }: { onClose: () => void }) {
  const own = useDesk().settings.value.value.keys;
  return (
    <Dialog title={t("help.title")} size="large" onClose={onClose} actions={<Button icon="keyboard" onClick={() => { onClose(); go({ page: "settings", part: "keyboard" }); }}>{t("help.change")}</Button>}>
      <div class="help">
        {groups.map((g) => (
          <section key={g}>
            <h3>{t(`group.${g}`)}</h3>
            <dl>
              {commands.filter((c) => c.group === g).map((c) => (
                <div key={c.id}>
                  <dt>{t(c.words)}</dt>
                  <dd>{keysOf(c, own).split("|").filter(Boolean).map((k) => <span key={k}><KeyHint keys={k} /><span class="unseen">{k}</span></span>)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
