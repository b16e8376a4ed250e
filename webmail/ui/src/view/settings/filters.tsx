// Rules that run when mail arrives, and the answer while one is away. They run at the
// server, so it can read them, and the page says so.
import { useEffect, useMemo, useState } from "preact/hooks";
import { createRules, lacks, moved, newRule, replaced, type RulesModel } from "../../model/rules.ts";
import type { Rule, Rules } from "../../wire/api.ts";
import { dayDate, t } from "../../words/index.ts";
import { Button, IconButton, Note, Spinner, State, Switch } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Page, Section } from "../parts/room.tsx";
import type { Room } from "./index.tsx";
import { EditRule, sentence } from "./rule.tsx";
import { VacationForm } from "./vacation.tsx";

export function Filters({ app, desk }: Room) {
  const model = useMemo(() => createRules(app.api, (r) => void desk.settings.keepRules(r)), [app]);
  useEffect(() => void model.load(), [model]);
  const rules = model.edited.value;
  return (
    <Page title={t("settings.part.filters")} lead={t("filters.lead")}>
      <Note tone="note" icon="eye" title={t("filters.readable")}>{t("filters.readable.text")}</Note>
      {!rules ? (model.failed.value ? <div class="room-failed"><Failure word={model.failed.value} /><Button icon="refresh" onClick={() => void model.load()}>{t("parts.again")}</Button></div> : <p class="room-wait"><Spinner label={t("parts.reading")} /></p>) : (
        <>
          <Copy desk={desk} model={model} />
          <RuleList model={model} rules={rules} desk={desk} />
          <Section title={t("vacation.title")} lead={t("vacation.lead")}>
            <VacationForm vacation={rules.vacation} onVacation={(vacation) => model.edit((r) => ({ ...r, vacation }))} />
          </Section>
          <SaveBar model={model} />
        </>
      )}
    </Page>
  );
}

/** The server's rules are in no backup of it: after a restore the owner's own copy is offered. */
function Copy({ desk, model }: Pick<Room, "desk"> & { model: RulesModel }) {
  const copy = desk.settings.rulesCopy.value, stored = model.stored.value;
  if (!copy || !stored || stored.rules.length > 0 || stored.vacation.on || (copy.rules.length === 0 && !copy.vacation.on) || model.dirty.value) return null;
  // Who has rules at the server and none of them is on purpose has a newer, empty copy.
  return (
    <Note tone="warn" icon="undo" title={t("filters.copy")} actions={<Button kind="primary" onClick={() => model.restore(copy)}>{t("filters.copy.go")}</Button>}>
      <p>{t("filters.copy.text", { n: copy.rules.length, day: dayDate(copy.at) })}</p>
    </Note>
  );
}

function RuleList({ model, rules, desk }: { model: RulesModel; rules: Rules; desk: Room["desk"] }) {
  const [open, setOpen] = useState<number | undefined>(undefined);
  const set = (list: Rule[]) => model.edit((r) => ({ ...r, rules: list }));
  const add = () => {
    set([...rules.rules, newRule()]);
    setOpen(rules.rules.length);
  };
  const move = (from: number, to: number) => {
    set(moved(rules.rules, from, to));
    if (open === from) setOpen(to);
    else if (open === to) setOpen(from);
  };
  const remove = (i: number) => {
    set(replaced(rules.rules, i, undefined));
    setOpen(undefined);
  };
  const boxes = desk.sync.mailboxes.value.map((b) => b.name);
  const labels = desk.settings.value.value.labels;
  return (
    <Section title={t("filters.rules")} lead={t("filters.rules.lead")} actions={<Button icon="plus" onClick={add}>{t("filters.new")}</Button>}>
      {rules.rules.length === 0 ? <p class="room-empty">{t("filters.none")}</p> : (
        <ol class="sheet" aria-label={t("filters.rules")}>
          {rules.rules.map((r, i) => {
            const name = r.name || t("filters.unnamed", { number: i + 1 });
            const change = (one: Rule) => set(replaced(rules.rules, i, one));
            return (
              <li key={i} class={`rule${r.on ? "" : " rule-off"}`}>
                <div class="rule-head">
                  <Switch bare label={t("filters.on", { name })} checked={r.on} onValue={(on) => change({ ...r, on })} />
                  <div class="rule-words"><strong>{name}</strong><span>{sentence(r, labels)}</span></div>
                  {open !== i && lacks(r).length > 0 && <State tone="warn">{t("filters.lacking")}</State>}
                  <IconButton icon="up" label={t("filters.up", { name })} disabled={i === 0} onClick={() => move(i, i - 1)} />
                  <IconButton icon="down" label={t("filters.down", { name })} disabled={i === rules.rules.length - 1} onClick={() => move(i, i + 1)} />
                  <IconButton icon="pen" label={t("settings.edit.named", { name })} pressed={open === i} onClick={() => setOpen(open === i ? undefined : i)} />
                  <IconButton icon="trash" danger label={t("settings.remove.named", { name })} onClick={() => remove(i)} />
                </div>
                {open === i && <EditRule rule={r} onRule={change} boxes={boxes} labels={labels} onClose={() => setOpen(undefined)} />}
              </li>
            );
          })}
        </ol>
      )}
    </Section>
  );
}

function SaveBar({ model }: { model: RulesModel }) {
  const saving = model.saving.value;
  if (saving === "conflict") {
    return (
      <Note tone="warn" title={t("filters.conflict")} actions={<><Button onClick={() => void model.settle(false)}>{t("filters.theirs")}</Button><Button kind="primary" onClick={() => void model.settle(true)}>{t("filters.mine")}</Button></>}>
        {t("filters.conflict.text")}
      </Note>
    );
  }
  const failed = !["idle", "saving", "saved"].includes(saving);
  if (!model.dirty.value && !failed) return saving === "saved" ? <div class="save-bar" role="status"><State tone="good">{t("filters.saved")}</State></div> : null;
  return (
    <div class="save-bar">
      {failed && <Failure word={saving} />}
      <span role="status">{model.broken.value ? t("filters.broken") : t("filters.unsaved")}</span>
      <Button onClick={() => void model.load()}>{t("filters.revert")}</Button>
      <Button kind="primary" busy={saving === "saving"} disabled={model.broken.value} onClick={() => void model.save()}>{t("settings.save")}</Button>
    </div>
  );
}
