// First steps after joining, and later the place to look whether anything is left to do.
import { useEffect } from "preact/hooks";
import type { Devices } from "../../model/devices.ts";
import { href } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Icon, type IconName, State } from "../kit/index.ts";
import { Page, Row, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

export function Begin({ desk, devices }: Room & { devices: Devices }) {
  useEffect(() => {
    void devices.factors.load();
    void devices.passwords.load();
  }, []);
  const passkeys = devices.factors.value.value?.passkeys.length ?? 0;
  const programs = devices.passwords.value.value?.length ?? 0;
  const [address = ""] = desk.account.addresses;
  return (
    <Page title={t("begin.title")} lead={t("begin.lead", { address })}>
      <Sheet label={t("begin.title")}>
        <Step icon="file-text" title={t("begin.kit")} text={t("begin.kit.text")} done />
        <Step icon="key" title={t("begin.passkey")} text={t("begin.passkey.text")} done={passkeys > 0} part="security" act={t("begin.passkey.go")} />
        <Step icon="link" title={t("begin.program")} text={t("begin.program.text")} done={programs > 0} part="programs" act={t("begin.program.go")} />
        <Step icon="person" title={t("begin.profile")} text={t("begin.profile.text")} part="profile" act={t("begin.profile.go")} />
        <Step icon="shield" title={t("begin.compare")} text={t("begin.compare.text")} part="keys" act={t("begin.compare.go")} />
      </Sheet>
      <p><a class="button button-primary" href="#/inbox">{t("begin.inbox")}</a></p>
    </Page>
  );
}

function Step({ icon, title, text, done, part, act }: { icon: IconName; title: string; text: string; done?: boolean; part?: string; act?: string }) {
  return (
    <Row lead={<Icon name={icon} />} title={title} detail={text}>
      {done && <State tone="good">{t("begin.done")}</State>}
      {part && !done && <a class="button button-plain" href={href({ page: "settings", part })}>{act}</a>}
    </Row>
  );
}
