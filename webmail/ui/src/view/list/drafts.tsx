// What is being written: sealed for the owner's own devices, so these are no mails yet.
import { go } from "../../router.ts";
import { relative, t } from "../../words/index.ts";
import { Button, EmptyState, Icon, IconButton, State, confirm, useDesk } from "../kit/index.ts";
import type { Desk, DraftLine } from "../../model/types.ts";
import { clicked } from "../shell/shortcuts.ts";
import "./list.css";

async function discard(desk: Desk, d: DraftLine): Promise<void> {
  if (!(await confirm({ title: t("drafts.discard.ask"), yes: t("drafts.discard"), danger: true }))) return;
  const handle = await desk.drafts.edit(d.id);
  await handle?.discard();
}

export function DraftsPane() {
  const desk = useDesk(), all = desk.drafts.all.value, found = desk.drafts.recovered.value;
  const box = desk.sync.role("drafts");
  return (
    <div class="list">
      <div class="list-head"><h1>{t("box.drafts")}</h1></div>
      <div class="list-scroll">
        {box && box.messages > 0 && <p class="list-aside"><Icon name="info" />{t("drafts.elsewhere", { n: box.messages })} <Button small kind="quiet" onClick={() => go({ page: "mail", list: { kind: "box", id: box.id } })}>{t("drafts.look")}</Button></p>}
        {all.length === 0 ? (
          <EmptyState art="draft" title={t("empty.drafts")} action={<Button kind="primary" icon="pen" onClick={() => clicked("compose", desk)}>{t("do.compose")}</Button>}>{t("empty.drafts.why")}</EmptyState>
        ) : (
          <ul class="plain-rows" aria-label={t("box.drafts")}>
            {all.map((d) => (
              <li key={d.id} class="plain-row">
                <button type="button" class="plain-main" onClick={() => void desk.drafts.edit(d.id)}>
                  <span class="plain-who"><bdi>{d.to.map((a) => a.name || a.address).join(", ") || t("drafts.nobody")}</bdi><time>{relative(d.changed / 1000)}</time></span>
                  <span class="plain-what"><strong><bdi>{d.subject || t("list.nosubject")}</bdi></strong> <bdi>{d.snippet}</bdi></span>
                  {(found.includes(d.id) || d.conflict || d.waiting) && (
                    <span class="plain-states">
                      {found.includes(d.id) && <State tone="note" icon="undo">{t("drafts.recovered")}</State>}
                      {d.conflict && <State tone="warn">{t("drafts.conflict")}</State>}
                      {d.waiting && <State tone="plain" icon="upload">{t("drafts.waiting")}</State>}
                    </span>
                  )}
                </button>
                <IconButton small danger icon="trash" label={t("drafts.discard")} onClick={() => void discard(desk, d)} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
