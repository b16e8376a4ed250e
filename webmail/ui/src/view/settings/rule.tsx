// One rule: as a sentence, and as lines to change.
import type { Label } from "../../model/types.ts";
import { type Field as FieldName, type Op, asks, bounds, classes, fields, lacks, newAction, newCondition, replaced } from "../../model/rules.ts";
import type { Action, Condition, Rule } from "../../wire/api.ts";
import { bytes, list, t } from "../../words/index.ts";
import { Button, Field, IconButton, Note, Segments, Select, Switch } from "../kit/index.ts";

const field = (f: FieldName) => t(`rule.field.${f}`);
const op = (f: FieldName, o: Op) => (f === "attachment" ? t(`rule.attached.${o}` as "rule.attached.is") : t(`rule.op.${o}`));
const notOp = (f: FieldName, o: Op) => (f === "attachment" ? t(`rule.notattached.${o}` as "rule.notattached.is") : t(`rule.notop.${o}` as "rule.notop.is"));

function valueWords(c: Condition): string {
  if (c.field === "size") return bytes(Number(c.value) || 0);
  if (c.field === "attachment" && c.op === "is") return "";
  if (c.field === "class") return classWords(c.value);
  return t("rule.quoted", { text: c.value });
}

const classWords = (value: string) => t(`rule.class.${value.replaceAll(" ", "-")}` as "rule.class.both");

function flagWords(flag: string, labels: readonly Label[]): string {
  if (flag === "\\Seen") return t("rule.flag.seen");
  if (flag === "\\Flagged") return t("rule.flag.flagged");
  return t("rule.label", { name: labels.find((l) => l.keyword === flag)?.name ?? flag });
}

function actionWords(a: Action, labels: readonly Label[]): string {
  switch (a.do) {
    case "move": return t("rule.do.move", { mailbox: a.mailbox });
    case "flag": return flagWords(a.flag, labels);
    case "forward": return t("rule.do.forward", { address: a.address });
    case "discard": return t("rule.do.discard");
  }
}

/** A rule as one would say it. */
export function sentence(r: Rule, labels: readonly Label[]): string {
  const conditions = r.conditions.map((c) => t("rule.condition", { field: field(c.field), op: (c.not ? notOp : op)(c.field, c.op), value: valueWords(c) }).trim());
  const join = r.all ? list(conditions) : conditions.join(` ${t("rule.or")} `);
  return t("rule.sentence", { conditions: join, actions: list(r.actions.map((a) => actionWords(a, labels))) });
}

interface Props { rule: Rule; onRule: (r: Rule) => void; boxes: readonly string[]; labels: readonly Label[]; onClose: () => void }

export function EditRule({ rule, onRule, boxes, labels, onClose }: Props) {
  const lacking = lacks(rule);
  const conditions = (cs: Condition[]) => onRule({ ...rule, conditions: cs });
  const actions = (as: Action[]) => onRule({ ...rule, actions: as });
  return (
    <div class="rule-edit">
      <Field label={t("rule.name")} value={rule.name} maxLength={bounds.name} onValue={(name) => onRule({ ...rule, name })} />
      <div class="rule-lines">
        <h3>{t("rule.if")}</h3>
        {rule.conditions.length > 1 && (
          <Segments label={t("rule.how")} value={rule.all ? "all" : "any"} onValue={(v) => onRule({ ...rule, all: v === "all" })}
            options={[{ value: "all", label: t("rule.all") }, { value: "any", label: t("rule.any") }]} />
        )}
        {rule.conditions.map((c, i) => <ConditionLine key={i} condition={c} onCondition={(one) => conditions(replaced(rule.conditions, i, one))} />)}
        <div><Button small icon="plus" disabled={rule.conditions.length >= bounds.conditions} onClick={() => conditions([...rule.conditions, newCondition("from")])}>{t("rule.addif")}</Button></div>
      </div>
      <div class="rule-lines">
        <h3>{t("rule.then")}</h3>
        {rule.actions.map((a, i) => <ActionLine key={i} action={a} boxes={boxes} labels={labels} onAction={(one) => actions(replaced(rule.actions, i, one))} />)}
        <div><Button small icon="plus" disabled={rule.actions.length >= bounds.actions} onClick={() => actions([...rule.actions, newAction("flag")])}>{t("rule.addthen")}</Button></div>
      </div>
      <Switch label={t("rule.stop")} hint={t("rule.stop.hint")} checked={rule.stop} onValue={(stop) => onRule({ ...rule, stop })} />
      {rule.actions.some((a) => a.do === "forward") && <Note tone="note" icon="lock">{t("rule.forward.note")}</Note>}
      {lacking.length > 0 && <Note tone="warn"><ul>{lacking.map((l) => <li key={l}>{t(`rule.lack.${l}`)}</li>)}</ul></Note>}
      <div><Button onClick={onClose} disabled={lacking.length > 0}>{t("rule.close")}</Button></div>
    </div>
  );
}

type Verb = `${Op}` | `not-${Op}`;

function ConditionLine({ condition: c, onCondition }: { condition: Condition; onCondition: (c: Condition | undefined) => void }) {
  const verbs = asks[c.field].flatMap((o): { value: Verb; label: string }[] =>
    c.field === "size" ? [{ value: o, label: op(c.field, o) }] : [{ value: o, label: op(c.field, o) }, { value: `not-${o}`, label: notOp(c.field, o) }]);
  const verb = (v: Verb) => {
    const { not: _, ...rest } = c;
    const to = v.replace("not-", "") as Op;
    // "is" asks whether there is an attachment, the others for its name: a value of one is none of the other.
    const value = c.field !== "attachment" || (to === "is") === (c.op === "is") ? c.value : to === "is" ? "yes" : "";
    const plain = { ...rest, op: to, value };
    onCondition(v.startsWith("not-") ? { ...plain, not: true } : plain);
  };
  return (
    <div class="rule-line">
      <Select bare label={t("rule.what")} value={c.field} onValue={(f) => onCondition(newCondition(f))} options={fields.map((f) => ({ value: f, label: field(f) }))} />
      <Select bare label={t("rule.verb")} value={`${c.not ? "not-" : ""}${c.op}` as Verb} onValue={verb} options={verbs} />
      <Value condition={c} onValue={(value) => onCondition({ ...c, value })} />
      <IconButton icon="close" label={t("rule.dropif")} onClick={() => onCondition(undefined)} />
    </div>
  );
}

function Value({ condition: c, onValue }: { condition: Condition; onValue: (v: string) => void }) {
  if (c.field === "attachment" && c.op === "is") return <span />;
  if (c.field === "class") return <Select bare label={t("rule.value")} value={c.value} onValue={onValue} options={classes.map((k) => ({ value: k, label: classWords(k) }))} />;
  if (c.field === "size") {
    const mega = Number(c.value) / 1e6;
    return <Field bare type="number" min={0.001} step="any" label={t("rule.megabytes")} placeholder={t("rule.megabytes")} value={Number.isFinite(mega) ? String(mega) : ""} onValue={(v) => onValue(String(Math.round(Number(v) * 1e6)))} />;
  }
  return <Field bare label={t("rule.value")} value={c.value} maxLength={bounds.value} onValue={onValue} />;
}

const verbs = ["move", "flag", "forward", "discard"] as const;

function ActionLine({ action: a, boxes, labels, onAction }: { action: Action; boxes: readonly string[]; labels: readonly Label[]; onAction: (a: Action | undefined) => void }) {
  return (
    <div class="rule-line rule-line-act">
      <Select bare label={t("rule.act")} value={a.do} onValue={(v) => onAction(newAction(v))} options={verbs.map((v) => ({ value: v, label: t(`rule.verb.${v}`) }))} />
      <Target action={a} boxes={boxes} labels={labels} onAction={onAction} />
      <IconButton icon="close" label={t("rule.dropthen")} onClick={() => onAction(undefined)} />
    </div>
  );
}

function Target({ action: a, boxes, labels, onAction }: { action: Action; boxes: readonly string[]; labels: readonly Label[]; onAction: (a: Action) => void }) {
  switch (a.do) {
    case "move": {
      const names = a.mailbox === "" || boxes.includes(a.mailbox) ? boxes : [a.mailbox, ...boxes];
      return <Select bare label={t("rule.mailbox")} value={a.mailbox} onValue={(mailbox) => onAction({ ...a, mailbox })} options={[{ value: "", label: t("rule.mailbox"), disabled: true }, ...names.map((b) => ({ value: b, label: b }))]} />;
    }
    case "flag": {
      const flags = ["\\Seen", "\\Flagged", ...labels.map((l) => l.keyword)];
      return <Select bare label={t("rule.mark")} value={a.flag} onValue={(flag) => onAction({ ...a, flag })} options={[...new Set([...flags, a.flag])].map((f) => ({ value: f, label: flagWords(f, labels) }))} />;
    }
    case "forward":
      return <Field bare type="email" label={t("signin.address")} placeholder={t("signin.address")} value={a.address} onValue={(address) => onAction({ ...a, address })} />;
    case "discard":
      return <span class="field-hint">{t("rule.discard.hint")}</span>;
  }
}
