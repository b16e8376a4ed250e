import { bounds } from "../../model/rules.ts";
import type { Vacation } from "../../wire/api.ts";
import { t } from "../../words/index.ts";
import { Field, Note, Switch, TextArea } from "../kit/index.ts";

// day and time turn what a date field says into the start of that day here, and back.
export function day(time: string | undefined): string {
  if (!time) return "";
  const d = new Date(time);
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")}`;
}
export function time(day: string, end: boolean): string | undefined {
  const [y = 0, m = 0, d = 0] = day.split("-").map(Number);
  if (!y || !m || !d) return undefined;
  return new Date(y, m - 1, end ? d + 1 : d).toISOString().replace(/\.\d+Z$/, "Z");
}

export function VacationForm({ vacation: v, onVacation }: { vacation: Vacation; onVacation: (v: Vacation) => void }) {
  const put = (key: "from" | "until", value: string | undefined) => {
    const { [key]: _, ...rest } = v;
    onVacation(value ? { ...rest, [key]: value } : rest);
  };
  // until is said as the last day away, and kept as the moment after it.
  const last = v.until ? day(new Date(Date.parse(v.until) - 1000).toISOString()) : "";
  const backwards = v.from !== undefined && v.until !== undefined && v.from >= v.until;
  return (
    <div class="room-form">
      <Switch label={t("vacation.on")} checked={v.on} onValue={(on) => onVacation({ ...v, on })} />
      {v.on && (
        <>
          <div class="pair">
            <Field type="date" label={t("vacation.from")} value={day(v.from)} onValue={(d) => put("from", time(d, false))} />
            <Field type="date" label={t("vacation.until")} value={last} onValue={(d) => put("until", time(d, true))} error={backwards ? t("vacation.backwards") : undefined} />
          </div>
          <Field label={t("vacation.subject")} value={v.subject} maxLength={bounds.subject} onValue={(subject) => onVacation({ ...v, subject })} />
          <TextArea label={t("vacation.text")} rows={6} value={v.text} maxLength={bounds.text} onValue={(text) => onVacation({ ...v, text })} />
          <Note tone="note">{t("vacation.note")}</Note>
        </>
      )}
    </div>
  );
}
