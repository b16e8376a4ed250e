// Mail that leaves later: the server holds it, and gives it back until then.
import { fullDate, relative, t } from "../../words/index.ts";
import { Button, EmptyState, useDesk } from "../kit/index.ts";
import "./list.css";

export function OutboxPane() {
  const desk = useDesk(), all = desk.outbox.items.value;
  return (
    <div class="list">
      <div class="list-head"><h1>{t("box.scheduled")}</h1></div>
      <div class="list-scroll">
        {all.length === 0 ? <EmptyState art="clock" title={t("empty.scheduled")}>{t("empty.scheduled.why")}</EmptyState> : (
          <ul class="plain-rows" aria-label={t("box.scheduled")}>
            {all.map((o) => {
              const at = Date.parse(o.at) / 1000;
              return (
                <li key={o.id} class="plain-row">
                  <div class="plain-main">
                    <span class="plain-who"><strong><bdi>{o.subject || t("outbox.elsewhere")}</bdi></strong><time dateTime={o.at}>{relative(at)}</time></span>
                    {o.people.length > 0 && <span class="plain-what">{t("list.to")} {o.people.slice(0, 3).map((a, i) => <>{i > 0 && ", "}<bdi>{a.name || a.address}</bdi></>)}{o.people.length > 3 && `, +${o.people.length - 3}`}</span>}
                    <span class="plain-what">{t("outbox.leaves", { n: o.to, when: fullDate(at) })}</span>
                  </div>
                  <Button small icon="undo" onClick={() => void desk.outbox.takeBack(o.id)}>{t("outbox.back")}</Button>
                </li>
              );
            })}
          </ul>
        )}
      </div>
    </div>
  );
}
