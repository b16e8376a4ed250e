// Writing a mail: whom it is for and what will happen to each copy, the text, its files,
// and sending it.

import { useEffect, useRef, useState } from "preact/hooks";
import { protectedView } from "../../model/parcels.ts";
import type { Address, Desk, DraftContent, DraftHandle } from "../../model/types.ts";
import { bytes, relative, t } from "../../words/index.ts";
import { Button, confirm, Icon, IconButton, Note, Select, State } from "../kit/index.ts";
import { plausible } from "./addresses.ts";
import { Body } from "./Body.tsx";
import "./compose.css";
import type { Editor } from "./editor/editor.ts";
import { KeyDialog } from "./KeyDialog.tsx";
import { More } from "./More.tsx";
import { Protect } from "./Protect.tsx";
import { Recipients } from "./Recipients.tsx";
import { Schedule } from "./Schedule.tsx";
import { send } from "./send.ts";
import { summary } from "./states.ts";

export interface ComposeProps {
  desk: Desk;
  draft: DraftHandle;
  onClosed: () => void;
}

const largest = 25 * 2 ** 20; // bytes of all files: what most servers take

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
  const attach = async (files: File[], inline: boolean) => {
    setFault("");
    const size = [...c.files, ...files].reduce((n, f) => n + f.size, 0);
    if (size > largest) return setFault(t("compose.toolarge", { size: bytes(largest) }));
    for (const f of files) {
      const made = await draft.attach({ name: f.name, type: f.type || "application/octet-stream", data: await f.arrayBuffer(), inline });
      if (inline && f.type.startsWith("image/")) editor?.insertImage(made.content_id, f.name);
    }
  };
  const go = async (at = 0) => {
    if (busy) return;
    draft.take();
    setBusy(true);
    setFault("");
    const said = await send(desk, draft, { at, sum });
    setBusy(false);
    if (said.done) onClosed();
    else setFault(said.fault);
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
      <Files draft={draft} />
      {fault && <Note tone="bad">{fault}</Note>}
      <Warn sum={sum} onAsk={ask} />
      <footer class="compose-foot">
        <Button kind="primary" icon="out" busy={busy} disabled={everybody.length === 0 || sum.invalid.length > 0 || sum.blocked.length > 0} onClick={() => void go(c.at)}>{t(c.at ? "compose.schedule" : "compose.send")}</Button>
        <IconButton icon="clock" label={t("compose.later")} pressed={c.at > 0} onClick={() => setLater(true)} />
        <IconButton icon="attach" label={t("compose.attach")} onClick={() => pick.current?.click()} />
        <input ref={pick} type="file" multiple hidden onChange={(e) => { void attach([...(e.currentTarget.files ?? [])], false); e.currentTarget.value = ""; }} />
        <More desk={desk} draft={draft} editor={editor} plain={plain} onPlain={(on) => void changePlain(draft, on, setPlain)} onProtect={keyless.length > 0 ? () => setProtect(keyless) : undefined} />
        <span class="compose-sum" role="status">{sum.text && <State tone={sum.tone} icon={sum.icon}>{sum.text}</State>}{sum.readable.length > 0 && <Button small kind="quiet" icon="key" onClick={() => setProtect(sum.readable.map((r) => r.address.toLowerCase()))}>{t("protect.title")}</Button>}{c.at > 0 && <State icon="clock">{t("compose.leaves", { when: relative(c.at) })}</State>}</span>
        <IconButton icon="trash" danger label={t("compose.discard")} onClick={() => void draft.discard().then(onClosed)} />
      </footer>
      {later && <Schedule at={c.at} onClose={() => setLater(false)} onPick={(at) => { set({ at }); setLater(false); }} />}
      {asked && <KeyDialog desk={desk} address={asked} state={states.get(asked.toLowerCase())} onProtect={() => { setProtect([asked.toLowerCase()]); ask(""); }} onClose={() => ask("")} />}
      {protect.length > 0 && <Protect addresses={protect} now={c.passwords[protect[0] ?? ""]} onClose={() => setProtect([])}
        onSet={(p) => { set({ passwords: { ...Object.fromEntries(Object.entries(c.passwords).filter(([a]) => !protect.includes(a))), ...(p && Object.fromEntries(protect.map((a) => [a, p]))) } }); setProtect([]); }} />}
    </section>
  );
}

// changePlain takes the formatting away, if the writer means it.
async function changePlain(draft: DraftHandle, on: boolean, set: (on: boolean) => void): Promise<void> {
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

function Files({ draft }: { draft: DraftHandle }) {
  const files = draft.content.value.files.filter((f) => !f.inline);
  if (files.length === 0) return null;
  return (
    <ul class="compose-files" aria-label={t("compose.files")}>
      {files.map((f) => (
        <li key={f.id}>
          <Icon name="file" /><bdi>{f.name}</bdi><small>{bytes(f.size)}</small>
          <button type="button" aria-label={t("compose.detach", { name: f.name })} onClick={() => void draft.detach(f.id)}><Icon name="close" /></button>
        </li>
      ))}
    </ul>
  );
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
