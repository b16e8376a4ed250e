// What a hostile server or sender may have done: above everything, until somebody looked.
import { relative, t, type Key } from "../../words/index.ts";
import { Button, Note, useApp } from "../kit/index.ts";

export function Alarms() {
  const app = useApp(), all = app.alarms.all.value;
  if (all.length === 0) return null;
  return (
    <section class="alarms" aria-label={t("alarm.title")}>
      {all.slice(0, 3).map((a) => (
        <Note key={a.id} tone="bad" icon="shield" title={t(`alarm.${a.word}` as Key)} actions={<Button small onClick={() => app.alarms.dismiss(a.id)}>{t("alarm.seen")}</Button>}>
          <p>{t(`alarm.${a.word}.why` as Key, { about: a.about })} <small>{relative(a.at)}</small></p>
        </Note>
      ))}
    </section>
  );
}
