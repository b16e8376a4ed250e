// Writing a mail: whom it is for and what will happen to each copy, the text, its files,
// and sending it.

import { useEffect, useRef, useState } from "preact/hooks";
import { protectedView } from "../../model/parcels.ts";
import type { Address, Desk, DraftContent, DraftHandle } from "../../model/types.ts";
import { bytes, relative, t } from "../../words/index.ts";
import { LARGEST } from "../../model/attach/copies.ts";
import { Button, confirm, IconButton, Menu, Note, Select, State, useApp } from "../kit/index.ts";
import { plausible } from "./addresses.ts";
import { attach as attachAll, choicesOf, filesOf, linking, usual } from "./attached.ts";
import { Body } from "./Body.tsx";
import "./compose.css";
import type { Editor } from "./editor/editor.ts";
import { Files } from "./Files.tsx";
import { FromDrive } from "./FromDrive.tsx";
import { KeyDialog } from "./KeyDialog.tsx";
import { More } from "./More.tsx";
import { Protect } from "./Protect.tsx";
import { Reach, ReachLine } from "./Reach.tsx";
import { Recipients } from "./Recipients.tsx";
import { Schedule } from "./Schedule.tsx";
import { send, stay } from "./send.ts";
import { summary } from "./states.ts";

export interface ComposeProps {
  desk: Desk;
  draft: DraftHandle;
  onClosed: () => void;
}

export function Compose({ desk, draft, onClosed }: ComposeProps) {
  const c = draft.content.value;
  const [copies, showCopies] = useState(c.cc.length > 0 || c.bcc.length > 0);
  const [large, setLarge] = useState(false);
  const [asked, ask] = useState("");
  const [protect, setProtect] = useState<readonly string[]>([]);
  const [later, setLater] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const [over, setOver] = useState(false);
  const app = useApp(), files = filesOf(app, desk);
  const [choices, setChoices] = useState(usual);
  const [reach, setReach] = useState<{ then?: number } | null>(null); // then: send it, for that time
  const [password, setPassword] = useState(""); // of links: in this memory alone
  const [waits, setWaits] = useState<(() => void) | null>(null); // ends the waiting for files
  const [picking, setPicking] = useState(false);
  useEffect(() => void choicesOf(app, desk).then(setChoices), [desk]);
  const [editor, setEditor] = useState<Editor | null>(null);
  const [plain, setPlain] = useState(c.html === "" && (desk.settings.value.value.plainText || c.text !== ""));
  const pick = useRef<HTMLInputElement>(null);
  const everybody = [...c.to, ...c.cc, ...c.bcc];
  const names = everybody.map((a) => a.address).join("\n");
  useEffect(() => desk.outbox.check(names ? names.split("\n").filter(plausible) : []), [names]);

  const states = new Map([...desk.outbox.recipients.value].map(([a, v]) => [a, protectedView(v, c.passwords)]));
  const keyless = [...new Set(everybody.map((a) => a.address.toLowerCase()))].filter((a) => ["readable", "password"].includes(states.get(a)?.state ?? ""));
  const sum = summary(everybody.map((a) => states.get(a.address.toLowerCase()) ?? { address: a.address, state: plausible(a.address) ? "checking" : "invalid", why: "", fingerprint: "", local: false, offered: null }));
  const close = () => void draft.close().then(onClosed);
  const attach = async (chosen: File[], inline: boolean) => {
    setFault("");
    const word = await attachAll(app, desk, draft, chosen, { inline, over: choices.over, placed: (cid, name) => editor?.insertImage(cid, name) });
    if (word) setFault(t("compose.toolarge", { size: bytes(LARGEST) }));
  };
  const readable = sum.readable.map((r) => r.address.toLowerCase());
  const linked = c.files.some((f) => f.linked);
  // Waits for what is on its way, unless the writer thinks better of it.
  const settled = async (): Promise<boolean> => {
    const { going, stuck } = files.waiting(draft.content.peek());
    if (stuck[0]) setFault(t("attach.stuck", { name: `\u2068${stuck[0].name}\u2069` }));
    if (stuck.length > 0 || going.length === 0) return stuck.length === 0;
    const all = await Promise.race([files.settled(draft), new Promise<null>((no) => setWaits(() => () => no(null)))]);
    setWaits(null);
    return all === true || (all === false && settled());
  };
  const go = async (at = 0, words = password) => {
    if (busy) return;
    draft.take();
    setFault("");
    const now = draft.content.peek();
    if (linked && readable.length > 0 && (now.linksAs === "" || (now.linksAs === "password" && words === ""))) return setReach({ then: at });
    setBusy(true);
    const said = (await settled()) ? await send(desk, draft, { at, sum, ...(linked && { linking: linking(app, desk, words) }) }) : stay;
    setBusy(false);
    if (said.done) onClosed();
    else if (said.word === "link-choice" || said.word === "link-password") setReach({ then: at });
    else if (said.fault) setFault(said.fault);
  };
  const discard = () => {
    files.abandon(draft.content.peek());
    void draft.discard().then(onClosed);
  };
  const set = (change: Partial<DraftContent>) => draft.update(change);

  return (
    <section class={`compose${large ? " compose-large" : ""}${over ? " compose-over" : ""}`} role="dialog" aria-label={c.subject || t("compose.new")}
      onKeyDown={(e) => { if (e.key === "Escape" && !e.defaultPrevented) { e.stopPropagation(); close(); } }}
      onDragOver={(e) => { if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); setOver(true); } }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => { setOver(false); if (!e.defaultPrevented) { e.preventDefault(); void attach([...(e.dataTransfer?.files ?? [])], false); } }}>
      <header class="compose-head">
        <h2><bdi>{c.subject || t("compose.new")}</bdi></h2>
        <Saved draft={draft} />
        <IconButton small class="compose-size" icon={large ? "down" : "up"} label={t(large ? "compose.smaller" : "compose.larger")} onClick={() => setLarge(!large)} />
        <IconButton small icon="close" label={t("compose.close")} keys="Escape" onClick={close} />
      </header>
      {draft.state.value === "conflict" && <Note tone="warn" title={t("compose.conflict")}>{t("compose.conflict.text")}</Note>}
      <div class="compose-fields">
        {desk.account.addresses.length > 1 && <From desk={desk} value={c.from} onValue={(from) => set({ from })} />}
        <Recipients label={t("compose.to")} value={c.to} onValue={(to) => set({ to })} contacts={desk.contacts} states={states} onAsk={ask} autofocus={c.to.length === 0}
          after={!copies && <Button small kind="quiet" onClick={() => showCopies(true)}>{t("compose.copies")}</Button>} />
        {copies && <Recipients label={t("compose.cc")} value={c.cc} onValue={(cc) => set({ cc })} contacts={desk.contacts} states={states} onAsk={ask} />}
        {copies && <Recipients label={t("compose.bcc")} value={c.bcc} onValue={(bcc) => set({ bcc })} contacts={desk.contacts} states={states} onAsk={ask} />}
        <div class="rcpt-row">
          <label class="rcpt-label" for={`subject-${draft.id}`}>{t("compose.subject")}</label>
          <input id={`subject-${draft.id}`} class="compose-subject" value={c.subject} maxLength={900} spellcheck onInput={(e) => set({ subject: e.currentTarget.value.replace(/[\r\n]+/gu, " ") })} />
        </div>
      </div>
      <div class="compose-body">
        <Body key={plain ? "plain" : "rich"} draft={draft} plain={plain} focus={c.to.length > 0} onReady={setEditor} onSend={() => void go()} onFiles={(files, inline) => void attach(files, inline)} />
      </div>
      <Files desk={desk} draft={draft} />
      <ReachLine c={c} readable={readable} letters={sum.letters > 0} password={password} onChoose={() => setReach({})} />
      {waits && <Note tone="note" icon="upload" actions={<Button small onClick={waits}>{t("attach.wait.stop")}</Button>}>{t("attach.wait")}</Note>}
      {fault && <Note tone="bad">{fault}</Note>}
      <Warn sum={sum} onAsk={ask} />
      <footer class="compose-foot">
        <Button kind="primary" icon="out" busy={busy} disabled={everybody.length === 0 || sum.invalid.length > 0 || sum.blocked.length > 0} onClick={() => void go(c.at)}>{t(c.at ? "compose.schedule" : "compose.send")}</Button>
        <IconButton icon="clock" label={t("compose.later")} pressed={c.at > 0} onClick={() => setLater(true)} />
        <Menu label={t("compose.attach")} entries={[{ label: t("attach.device"), icon: "attach", run: () => pick.current?.click() }, { label: t("attach.drive"), icon: "folder", run: () => setPicking(true) }]}
          button={(b) => <IconButton {...b} icon="attach" label={t("compose.attach")} />} />
        <input ref={pick} type="file" multiple hidden onChange={(e) => { void attach([...(e.currentTarget.files ?? [])], false); e.currentTarget.value = ""; }} />
        <More desk={desk} draft={draft} editor={editor} plain={plain} onPlain={(on) => void changePlain(draft, on, setPlain)} onProtect={keyless.length > 0 ? () => setProtect(keyless) : undefined} />
        <span class="compose-sum" role="status">{sum.text && <State tone={sum.tone} icon={sum.icon}>{sum.text}</State>}{sum.readable.length > 0 && <Button small kind="quiet" icon="key" onClick={() => setProtect(sum.readable.map((r) => r.address.toLowerCase()))}>{t("protect.title")}</Button>}{c.at > 0 && <State icon="clock">{t("compose.leaves", { when: relative(c.at) })}</State>}</span>
        <IconButton icon="trash" danger label={t("compose.discard")} onClick={discard} />
      </footer>
      {later && <Schedule at={c.at} onClose={() => setLater(false)} onPick={(at) => { set({ at }); setLater(false); }} />}
      {picking && <FromDrive desk={desk} draft={draft} onClose={() => setPicking(false)} />}
      {reach && <Reach c={c} readable={readable} preset={choices.outgoing} password={password} onClose={() => setReach(null)}
        onSet={(o) => { set({ linkDays: o.days, ...(readable.length > 0 && { linksAs: o.way }) }); setPassword(o.password); setReach(null); if (reach.then !== undefined) void go(reach.then, o.password); }} />}
      {asked && <KeyDialog desk={desk} address={asked} state={states.get(asked.toLowerCase())} onProtect={() => { setProtect([asked.toLowerCase()]); ask(""); }} onClose={() => ask("")} />}
      {protect.length > 0 && <Protect addresses={protect} now={c.passwords[protect[0] ?? ""]} onClose={() => setProtect([])}
        onSet={(p) => { set({ passwords: { ...Object.fromEntries(Object.entries(c.passwords).filter(([a]) => !protect.includes(a))), ...(p && Object.fromEntries(protect.map((a) => [a, p]))) } }); setProtect([]); }} />}
    </section>
  );
}

// changePlain takes the formatting away, if the writer means it.
async function changePlain(draft: DraftHandle, on: boolean, set: (on: boolean) => void): Promise<void> {
  draft.take(); // what was formatted a moment ago, too
  if (on && draft.content.value.html && !(await confirm({ title: t("compose.plain.title"), text: t("compose.plain.text"), yes: t("compose.plain.yes") }))) return;
  if (on) draft.update({ html: "" });
  set(on);
}

function From({ desk, value, onValue }: { desk: Desk; value: Address; onValue: (from: Address) => void }) {
  return (
    <div class="rcpt-row">
      <span class="rcpt-label" aria-hidden="true">{t("compose.from")}</span>
      <Select bare label={t("compose.from")} value={value.address} options={desk.account.addresses.map((a) => ({ value: a, label: a }))} onValue={(address) => onValue({ ...value, address })} />
    </div>
  );
}

function Saved({ draft }: { draft: DraftHandle }) {
  const words = { saved: "compose.saved", saving: "compose.saving", unsaved: "compose.unsaved", offline: "compose.offline", conflict: "compose.saved" } as const;
  return draft.savedAt.value === 0 && draft.state.value === "unsaved" ? null : <span class="compose-saved" role="status">{t(words[draft.state.value])}</span>;
}

// Warn says what must be decided before anything leaves.
function Warn({ sum, onAsk }: { sum: ReturnType<typeof summary>; onAsk: (address: string) => void }) {
  const blocked = sum.blocked[0];
  if (!blocked) return null;
  return (
    <Note tone="bad" icon="key" title={t("compose.changed.title", { address: blocked.address })} actions={<Button small onClick={() => onAsk(blocked.address)}>{t("compose.changed.look")}</Button>}>
      {t("compose.changed.text")}
    </Note>
  );
}
