// What becomes of large attachments: of mail that programs send, and of mail that arrives.
import { useEffect, useMemo } from "preact/hooks";
import { createAttachments, sizesWith } from "../../model/attachments.ts";
import { bytes, t } from "../../words/index.ts";
import { Choice, Select } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page, Section } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const outgoing = ["plain", "link"] as const;
const incoming = ["off", "stub", "whole"] as const;

export function AttachmentsPage({ app }: Room) {
  const own = useMemo(() => createAttachments(app.api, app.vault), [app]);
  useEffect(() => void own.settings.load(), [own]);
  return (
    <Page title={t("settings.part.attachments")} lead={t("attachments.lead")}>
      <Failure word={own.failed.value} />
      <Loaded of={own.settings}>{(a) => (
        <>
          <Section title={t("attachments.over")} lead={t("attachments.over.lead")}>
            <div class="room-form">
              <Select label={t("attachments.over")} bare value={String(a.over)} onValue={(v) => void own.change({ over: Number(v) })}
                options={sizesWith(a.over).map((n) => ({ value: String(n), label: bytes(n) }))} />
            </div>
          </Section>
          <Section title={t("attachments.out")} lead={t("attachments.out.lead")}>
            <Choice label={t("attachments.out")} bare value={a.outgoing} onValue={(v) => void own.change({ outgoing: v })}
              options={outgoing.map((v) => ({ value: v, label: t(`attachments.out.${v}`), hint: t(`attachments.out.${v}.hint`) }))} />
          </Section>
          <Section title={t("attachments.in")} lead={t("attachments.in.lead")}>
            <Choice label={t("attachments.in")} bare value={a.incoming} onValue={(v) => void own.change({ incoming: v })}
              options={incoming.map((v) => ({ value: v, label: t(`attachments.in.${v}`), hint: t(`attachments.in.${v}.hint`) }))} />
          </Section>
        </>
      )}</Loaded>
    </Page>
  );
}
