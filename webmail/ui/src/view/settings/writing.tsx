import type { Settings } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Choice, Select, Switch } from "../kit/index.ts";
import { Page, Section } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

export function Writing({ desk }: Room) {
  const s = desk.settings.value.value;
  const set = (change: Partial<Settings>) => void desk.settings.set(change);
  return (
    <Page title={t("settings.part.writing")}>
      <Section title={t("writing.undo")} lead={t("writing.undo.lead")}>
        <div class="room-form">
          <Select label={t("writing.undo")} bare value={String(s.undoSend)} onValue={(v) => set({ undoSend: Number(v) })}
            options={[0, 5, 10, 15, 20].map((n) => ({ value: String(n), label: n === 0 ? t("writing.undo.off") : t("reading.seconds", { n }) }))} />
        </div>
      </Section>
      <Section title={t("writing.reply")} lead={t("writing.reply.lead")}>
        <Choice label={t("writing.reply")} bare value={s.more["reply"] === "all" ? "all" : "one"} onValue={(v) => set({ more: { ...s.more, reply: v } })}
          options={[{ value: "one", label: t("writing.reply.sender") }, { value: "all", label: t("writing.reply.everybody") }]} />
      </Section>
      <Section title={t("writing.form")}>
        <Choice label={t("writing.form")} bare value={s.plainText ? "plain" : "rich"} onValue={(v) => set({ plainText: v === "plain" })}
          options={[{ value: "rich", label: t("writing.rich"), hint: t("writing.rich.hint") }, { value: "plain", label: t("writing.plain"), hint: t("writing.plain.hint") }]} />
      </Section>
      <Section title={t("writing.sign")}>
        <div class="room-form"><Switch label={t("writing.sign.on")} hint={t("writing.sign.hint")} checked={s.sign} onValue={(sign) => set({ sign })} /></div>
      </Section>
    </Page>
  );
}
