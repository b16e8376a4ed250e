// Folders, labels and saved searches: made, renamed, coloured, hidden, put in order, given up.
import { useState } from "preact/hooks";
import { LABEL_COLOURS, changeLabel, mailsWith, mergeLabels, moveLabel, nameBelow, noticedIn, placesFor, removeLabel } from "../../model/organise.ts";
import { moved } from "../../model/rules.ts";
import type { Desk, Label, MailboxView } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Dialog, Icon, IconButton, Menu, Select, State, askText, confirm } from "../kit/index.ts";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import { newFolder, newLabel, removeFolder, renameFolder, wrongName } from "../shell/folders.ts";
import type { Room } from "./index.tsx";

export function Organise({ desk }: Room) {
  return (
    <Page title={t("settings.part.organise")} lead={t("organise.lead")}>
      <Folders desk={desk} />
      <Labels desk={desk} />
      <Searches desk={desk} />
    </Page>
  );
}

interface Props { desk: Desk }

function Folders({ desk }: Props) {
  const boxes = desk.sync.mailboxes.value;
  const [moving, move] = useState<MailboxView | undefined>(undefined);
  const noticed = noticedIn(desk.settings.value.value);
  return (
    <Section title={t("shell.folders")} lead={t("organise.folders.lead")} actions={<Button icon="plus" onClick={() => void newFolder(desk)}>{t("folder.new")}</Button>}>
      <Sheet label={t("shell.folders")}>
        {boxes.map((b) => <Folder key={b.id} desk={desk} box={b} noticed={noticed.includes(b.name)} onMove={() => move(b)} />)}
      </Sheet>
      {moving && <MoveFolder desk={desk} box={moving} boxes={boxes} onClose={() => move(undefined)} />}
    </Section>
  );
}

const own = (b: MailboxView) => b.role === "";
const titleOf = (b: MailboxView) => (b.role !== "" ? t(`box.${b.role}`) : b.leaf);

function Folder({ desk, box, noticed, onMove }: Props & { box: MailboxView; noticed: boolean; onMove: () => void }) {
  const name = titleOf(box);
  const tell = () => {
    const was = noticedIn(desk.settings.value.peek());
    const more = { ...desk.settings.value.peek().more, noticed: noticed ? was.filter((n) => n !== box.name) : [...was, box.name] };
    void desk.settings.set({ more });
  };
  const subscribe = () => void desk.actions.subscribeMailbox(box.name, !box.subscribed);
  return (
    <Row lead={<Icon name={box.role === "" ? "folder" : box.role === "drafts" ? "draft" : box.role} />}
      title={<><span style={{ paddingInlineStart: `${own(box) ? box.level : 0}rem` }}><bdi>{name}</bdi></span>{!box.subscribed && <State soft>{t("organise.unsubscribed")}</State>}{noticed && <State soft icon="bell">{t("organise.noticed")}</State>}</>}
      detail={t("organise.count", { n: box.messages })}>
      <Menu align="end" label={t("folder.more", { name })} button={(b) => <IconButton {...b} icon="more" label={t("folder.more", { name })} />}
        entries={[
          own(box) && { label: t("folder.rename"), icon: "pen", run: () => void renameFolder(desk, box) },
          own(box) && { label: t("organise.move"), icon: "move", run: onMove },
          own(box) && { label: t("folder.sub"), icon: "plus", run: () => void newFolder(desk, box) },
          { label: t(noticed ? "organise.tell.no" : "organise.tell"), icon: "bell", run: tell },
          { label: t(box.subscribed ? "organise.unsubscribe" : "organise.subscribe"), icon: box.subscribed ? "eye-off" : "eye", run: subscribe },
          own(box) && { label: t("folder.delete"), icon: "trash", danger: true, run: () => void removeFolder(desk, box) },
        ]} />
    </Row>
  );
}

function MoveFolder({ desk, box, boxes, onClose }: Props & { box: MailboxView; boxes: readonly MailboxView[]; onClose: () => void }) {
  const here = box.name.slice(0, Math.max(0, box.name.length - box.leaf.length - 1));
  const [to, setTo] = useState(here);
  const name = nameBelow(box, to);
  const wrong = to === here ? undefined : wrongName(name, boxes.map((b) => b.name));
  const go = async () => {
    if (to === here || (await desk.actions.renameMailbox(box.name, name))) onClose();
  };
  return (
    <Dialog title={t("organise.move.named", { name: box.leaf })} onClose={onClose} onSubmit={() => { if (!wrong) void go(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" disabled={wrong !== undefined}>{t("organise.move.go")}</Button></>}>
      <Select label={t("organise.inside")} value={to} onValue={setTo} error={wrong} options={placesFor(boxes, box).map((p) => ({ value: p, label: p === "" ? t("organise.top") : p }))} />
    </Dialog>
  );
}

function Labels({ desk }: Props) {
  const { labels } = desk.settings.value.value;
  const [merging, merge] = useState<Label | undefined>(undefined);
  return (
    <Section title={t("shell.labels")} lead={t("organise.labels.lead")} actions={<Button icon="plus" onClick={() => void newLabel(desk)}>{t("label.new")}</Button>}>
      {labels.length === 0 ? <p class="room-empty">{t("organise.labels.none")}</p> : (
        <Sheet label={t("shell.labels")}>
          {labels.map((l, i) => <OneLabel key={l.keyword} desk={desk} label={l} at={i} last={labels.length - 1} onMerge={() => merge(l)} />)}
        </Sheet>
      )}
      {merging && <MergeLabel desk={desk} label={merging} onClose={() => merge(undefined)} />}
    </Section>
  );
}

function OneLabel({ desk, label: l, at, last, onMerge }: Props & { label: Label; at: number; last: number; onMerge: () => void }) {
  const [colours, open] = useState(false);
  void desk.sync.version.value;
  const count = mailsWith(desk.sync, l.keyword).length;
  const others = desk.settings.value.value.labels.filter((x) => x !== l).map((x) => x.name.toLowerCase());
  const rename = async () => {
    const name = await askText({ title: t("organise.label.rename"), label: t("label.name"), value: l.name, yes: t("folder.rename"), check: (v) => (!v.trim() ? t("folder.wrong.empty") : others.includes(v.trim().toLowerCase()) ? t("folder.wrong.taken") : undefined) });
    if (name?.trim()) await changeLabel(desk, l.keyword, { name: name.trim().slice(0, 60) });
  };
  const remove = async () => {
    if (await confirm({ title: t("organise.label.delete", { name: l.name }), text: t("organise.label.delete.text", { n: count }), yes: t("settings.remove"), danger: true })) await removeLabel(desk, l.keyword);
  };
  return (
    <Row lead={<span class="label-dot" style={{ "--hue": l.colour * 30 }} />}
      title={<><bdi>{l.name}</bdi>{l.hidden && <State soft icon="eye-off">{t("organise.hidden")}</State>}</>} detail={t("organise.count", { n: count })}>
      <IconButton icon="up" label={t("filters.up", { name: l.name })} disabled={at === 0} onClick={() => void moveLabel(desk, at, at - 1)} />
      <IconButton icon="down" label={t("filters.down", { name: l.name })} disabled={at === last} onClick={() => void moveLabel(desk, at, at + 1)} />
      <Menu align="end" label={t("folder.more", { name: l.name })} button={(b) => <IconButton {...b} icon="more" label={t("folder.more", { name: l.name })} />}
        entries={[
          { label: t("folder.rename"), icon: "pen", run: () => void rename() },
          { label: t("organise.colour"), icon: "sun", run: () => open(!colours) },
          { label: t(l.hidden ? "organise.show" : "organise.hide"), icon: l.hidden ? "eye" : "eye-off", run: () => void changeLabel(desk, l.keyword, { hidden: !l.hidden }) },
          last > 0 && { label: t("organise.merge"), icon: "label", run: onMerge },
          { label: t("settings.remove"), icon: "trash", danger: true, run: () => void remove() },
        ]} />
      {colours && (
        <fieldset class="label-colours">
          <legend class="unseen">{t("organise.colour")}</legend>
          {Array.from({ length: LABEL_COLOURS }, (_, c) => (
            <label key={c} style={{ "--hue": c * 30 }}>
              <input class="unseen" type="radio" name={`colour-${l.keyword}`} checked={l.colour === c} aria-label={t("organise.colour.n", { number: c + 1 })} onChange={() => void changeLabel(desk, l.keyword, { colour: c })} />
              <span class="label-dot" />
            </label>
          ))}
        </fieldset>
      )}
    </Row>
  );
}

function MergeLabel({ desk, label, onClose }: Props & { label: Label; onClose: () => void }) {
  const others = desk.settings.value.value.labels.filter((l) => l.keyword !== label.keyword);
  const [into, setInto] = useState(others[0]?.keyword ?? "");
  return (
    <Dialog title={t("organise.merge.named", { name: label.name })} onClose={onClose} onSubmit={() => void mergeLabels(desk, label.keyword, into).then(onClose)}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" disabled={into === ""}>{t("organise.merge.go")}</Button></>}>
      <p>{t("organise.merge.text", { name: label.name })}</p>
      <Select label={t("organise.merge.into")} value={into} onValue={setInto} options={others.map((l) => ({ value: l.keyword, label: l.name }))} />
    </Dialog>
  );
}

function Searches({ desk }: Props) {
  const all = desk.settings.searches.value;
  const rename = async (id: string, was: string, text: string) => {
    const name = await askText({ title: t("organise.search.rename"), label: t("label.name"), value: was, yes: t("folder.rename"), check: (v) => (v.trim() ? undefined : t("folder.wrong.empty")) });
    if (name?.trim()) await desk.settings.saveSearch({ id, name: name.trim().slice(0, 60), text });
  };
  const order = (from: number, to: number) => void desk.settings.orderSearches(moved(all, from, to).map((s) => s.id));
  return (
    <Section title={t("shell.searches")} lead={t("organise.searches.lead")}>
      {all.length === 0 ? <p class="room-empty">{t("organise.searches.none")}</p> : (
        <Sheet label={t("shell.searches")}>
          {all.map((s, i) => (
            <Row key={s.id} lead={<Icon name="search" />} title={<bdi>{s.name}</bdi>} detail={<code dir="auto">{s.text}</code>}>
              <IconButton icon="up" label={t("filters.up", { name: s.name })} disabled={i === 0} onClick={() => order(i, i - 1)} />
              <IconButton icon="down" label={t("filters.down", { name: s.name })} disabled={i === all.length - 1} onClick={() => order(i, i + 1)} />
              <IconButton icon="pen" label={t("settings.edit.named", { name: s.name })} onClick={() => void rename(s.id, s.name, s.text)} />
              <IconButton icon="trash" danger label={t("settings.remove.named", { name: s.name })} onClick={() => void desk.settings.removeSearch(s.id)} />
            </Row>
          ))}
        </Sheet>
      )}
    </Section>
  );
}
