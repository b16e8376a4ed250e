// Letters behind a password: which can still be opened, until when, and taking one back.
import { useState } from "preact/hooks";
import type { ParcelLine } from "../../model/types.ts";
import { fullDate, relative, t } from "../../words/index.ts";
import { Button, Dialog, Icon, State, confirm, say } from "../kit/index.ts";
import { Copy } from "../parts/copy.tsx";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

export function Letters({ desk }: Room) {
  const [shown, show] = useState<ParcelLine | undefined>(undefined);
  const all = desk.parcels.all.value;
  const [open, over] = [all.filter((p) => p.open), all.filter((p) => !p.open)];
  const revoke = async (p: ParcelLine) => {
    if (!(await confirm({ title: t("letters.revoke.title"), text: t("letters.revoke.text", { who: `\u2068${p.to}\u2069` }), yes: t("letters.revoke"), danger: true }))) return;
    say((await desk.parcels.revoke(p.name)) ? t("letters.revoked") : t("letters.failed"));
  };
  return (
    <Page title={t("settings.part.letters")} lead={t("letters.lead")}>
      <Section title={t("letters.open")}>
        {open.length === 0 ? <p class="room-empty">{t("letters.none")}</p> : (
          <Sheet label={t("letters.open")}>
            {open.map((p) => (
              <Row key={p.name} lead={<Icon name="key" />} title={<><bdi>{p.subject || t("letters.nosubject")}</bdi>{!p.answers && <State>{t("letters.noanswers")}</State>}</>}
                detail={<>{t("letters.for", { who: `\u2068${p.to}\u2069` })} · {t("letters.until", { when: fullDate(p.ends) })} ({relative(p.ends)})</>}>
                <Button onClick={() => show(p)}>{t("letters.password")}</Button>
                <Button kind="danger" onClick={() => void revoke(p)}>{t("letters.revoke")}</Button>
              </Row>
            ))}
          </Sheet>
        )}
      </Section>
      {over.length > 0 && (
        <Section title={t("letters.over")}>
          <Sheet label={t("letters.over")}>
            {over.map((p) => <Row key={p.name} title={<bdi>{p.subject || t("letters.nosubject")}</bdi>} detail={<>{t("letters.for", { who: `\u2068${p.to}\u2069` })} · {t("letters.ended", { when: fullDate(p.ends) })}</>} />)}
          </Sheet>
        </Section>
      )}
      {shown && (
        <Dialog title={t("letters.password")} onClose={() => show(undefined)} actions={<><Copy text={shown.password} /><Button kind="primary" onClick={() => show(undefined)}>{t("kit.close")}</Button></>}>
          <p>{t("letters.for", { who: `\u2068${shown.to}\u2069` })}</p>
          <p class="letter-password" dir="auto">{shown.password}</p>
          <p class="field-hint">{t("protect.tell")}</p>
        </Dialog>
      )}
    </Page>
  );
}
