// Where mail goes, which labels it has, when it comes back: each by typing or by arrows.
import { useState } from "preact/hooks";
import type { Desk, MailRef } from "../../model/types.ts";
import { t, weekTime } from "../../words/index.ts";
import { Button, Dialog, Field, Icon, Picker, useDesk, type Pick } from "../kit/index.ts";
import { about } from "../shell/commands.ts";
import { newLabel, wrongName } from "../shell/folders.ts";
import { snoozes } from "./snooze.ts";
import type { Key } from "../../words/index.ts";

export default function PickPanel({ what, onClose }: { what: "move" | "label" | "snooze"; onClose: () => void }) {
  const desk = useDesk();
  const [refs] = useState<readonly MailRef[]>(() => about(desk));
  if (what === "move") return <Move desk={desk} refs={refs} onClose={onClose} />;
  if (what === "label") return <Labels desk={desk} refs={refs} onClose={onClose} />;
  return <Snooze desk={desk} refs={refs} onClose={onClose} />;
}

interface Props { desk: Desk; refs: readonly MailRef[]; onClose: () => void }

function Move({ desk, refs, onClose }: Props) {
  const to = (id: number) => { desk.actions.move(refs, id); desk.list.clearSelection(); };
  const here = new Set(refs.map((r) => r.mailbox));
  const picks = desk.sync.mailboxes.value.filter((b) => b.role !== "drafts" && !(here.size === 1 && here.has(b.id))).map((b): Pick => ({ id: String(b.id), label: b.role ? t(`box.${b.role}` as Key) : b.leaf, hint: b.level ? b.name : undefined, icon: b.role === "inbox" ? "inbox" : b.role === "trash" ? "trash" : b.role === "junk" ? "junk" : b.role === "archive" ? "archive" : b.role === "sent" ? "sent" : "folder", run: () => to(b.id) }));
  const make = (name: string): Pick | undefined => (wrongName(name, desk.sync.mailboxes.peek().map((b) => b.name)) ? undefined : {
    id: "new", label: t("folder.makenamed", { name }), icon: "plus",
    run: () => void desk.actions.createMailbox(name).then((ok) => { const b = ok && desk.sync.mailboxes.peek().find((x) => x.name === name); if (b) to(b.id); }),
  });
  return <Picker title={t("do.move")} placeholder={t("pick.move")} picks={picks} extra={make} onClose={onClose} />;
}

function Labels({ desk, refs, onClose }: Props) {
  void desk.sync.version.value;
  const has = (k: string) => refs.every((r) => desk.sync.flagsOf(r).includes(k));
  const picks = desk.settings.value.value.labels.map((l): Pick => ({ id: l.keyword, label: l.name, checked: has(l.keyword), mark: <span class="label-dot" style={{ "--hue": l.colour * 30 }} />, run: () => desk.actions.label(refs, l.keyword, !has(l.keyword)) }));
  const make = (name: string): Pick | undefined => (desk.settings.value.value.labels.some((l) => l.name.toLowerCase() === name.toLowerCase()) ? undefined : { id: "new", label: t("label.makenamed", { name }), icon: "plus", run: () => void newLabel(desk, name).then((k) => { if (k) desk.actions.label(refs, k, true); }) });
  return <Picker title={t("do.label")} placeholder={t("pick.label")} picks={picks} extra={make} stay onClose={onClose} />;
}

function Snooze({ desk, refs, onClose }: Props) {
  const [own, choose] = useState(false), [value, type] = useState("");
  const until = (at: number) => { desk.actions.snooze(refs, at); desk.list.clearSelection(); };
  if (own) {
    const at = Date.parse(value) / 1000, good = at > Date.now() / 1000;
    return (
      <Dialog title={t("snooze.own")} onClose={onClose} onSubmit={() => { if (good) { onClose(); until(at); } }} actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" disabled={!good}>{t("do.snooze")}</Button></>}>
        <Field label={t("snooze.when")} type="datetime-local" value={value} autofocus onValue={type} error={value && !good ? t("snooze.past") : undefined} />
      </Dialog>
    );
  }
  const picks: Pick[] = snoozes(new Date()).map((s): Pick => ({ id: s.id, label: t(s.words), hint: weekTime(s.at), icon: "clock", run: () => until(s.at) }));
  const asleep = refs.some((r) => r.id in desk.settings.value.value.snoozed);
  if (asleep) picks.push({ id: "wake", label: t("snooze.wake"), icon: "undo", run: () => until(0) });
  const all: Pick[] = [...picks, { id: "own", label: t("snooze.own"), icon: "calendar", run: () => choose(true) }];
  return <Picker title={t("do.snooze")} placeholder={t("pick.snooze")} picks={all.map((p) => (p.id === "own" ? p : { ...p, run: () => { onClose(); p.run(); } }))} stay onClose={onClose} foot={<><Icon name="info" />{t("snooze.note")}</>} />;
}
