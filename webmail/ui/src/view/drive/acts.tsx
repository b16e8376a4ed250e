// What can be done with an entry, and the dialogs that ask for what is needed.
import { useState } from "preact/hooks";
import { type Drive, DriveError, type Entry, type FileEntry, type FolderEntry } from "../../model/drive/drive.ts";
import { wordOf } from "../../model/drive/transfers.ts";
import type { Desk } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, Dialog, Field, confirm, toast, type MenuEntry } from "../kit/index.ts";
import { risky } from "../reader/files.ts";
import { LookAt } from "./look.tsx";
import { Move } from "./move.tsx";
import { Share } from "./share.ts";
import { Versions } from "./versions.tsx";
import { trying, words } from "./words.ts";

export type Act = "folder" | "rename" | "move" | "save" | "versions" | "share";
export type Doing =
  | { kind: "look" | "versions" | "share"; entry: FileEntry }
  | { kind: "rename"; entry: Entry }
  | { kind: "move" | "save"; entries: Entry[] }
  | { kind: "folder" };

export function menuOf(e: Entry, o: { open: () => void; perform: (a: Act) => void; trash: () => void; offline: boolean }): (MenuEntry | false)[] {
  const file = e.kind === "file", disabled = o.offline;
  return [
    { label: t("do.open"), icon: file ? "eye" : "folder", keys: "Enter", run: o.open },
    { label: t("shared.download"), icon: "download", disabled, run: () => o.perform("save") },
    file && Share !== null && { label: t("drive.share"), icon: "link", disabled, run: () => o.perform("share") },
    "line",
    { label: t("folder.rename"), icon: "draft", keys: "F2", disabled, run: () => o.perform("rename") },
    { label: t("do.move"), icon: "move", disabled, run: () => o.perform("move") },
    file && { label: t("drive.versions"), icon: "clock", hint: e.versions.length > 0 ? t("drive.versions.older", { count: e.versions.length }) : undefined, run: () => o.perform("versions") },
    "line",
    { label: t("do.trash"), icon: "trash", keys: "Delete", danger: true, disabled, run: o.trash },
  ];
}

/** Names that run programs are asked about before they are saved. */
export async function save(drive: Drive, some: readonly Entry[], folder: string, name: string): Promise<void> {
  const [one] = some, bad = some.find((e) => e.kind === "file" && risky(e.name));
  if (some.length === 1 && bad && !(await confirm({ title: t("files.risky"), text: t("files.risky.why", { name: `\u2068${bad.name}\u2069` }), yes: t("files.save"), danger: true }))) return;
  await trying(() => (some.length === 1 && one?.kind === "file" ? drive.save(one, one, folder) : drive.zip(some, `${some.length === 1 ? one!.name : name}.zip`, folder)));
}

interface Props { desk: Desk; drive: Drive; folder: string; doing: Doing; trail: readonly FolderEntry[]; act: (d: Doing | undefined) => void; done: () => void; onClose: () => void }

export function Acts({ desk, drive, folder, doing, trail, act, done, onClose }: Props) {
  switch (doing.kind) {
    case "look": return <LookAt drive={drive} entry={doing.entry} onClose={onClose} save={() => void save(drive, [doing.entry], folder, "")} {...(Share && { share: () => act({ kind: "share", entry: doing.entry }) })} />;
    case "versions": return <Versions drive={drive} folder={folder} id={doing.entry.id} onClose={onClose} />;
    case "share": return Share && <Share desk={desk} drive={drive} folder={folder} entry={doing.entry} onClose={onClose} />;
    case "folder": return <Name title={t("folder.new")} yes={t("folder.make")} value="" onClose={onClose} give={(name) => drive.makeFolder(folder, name)} fresh={(name) => drive.folder(folder).peek()?.entries.some((e) => e.trashed === 0 && e.name.toLowerCase() === name.toLowerCase()) !== true} />;
    case "rename": return <Name title={t("folder.rename")} yes={t("folder.rename")} value={doing.entry.name} onClose={onClose} give={(name) => drive.rename(folder, doing.entry.id, name)} />;
    case "move": return <Move drive={drive} from={folder} entries={doing.entries} trail={trail} onClose={onClose} done={done} />;
    case "save": {
      queueMicrotask(() => { done(); void save(drive, doing.entries, folder, trail.at(-1)?.name ?? t("shell.drive")); });
      return null;
    }
  }
}

/** Asks for a name, and says under it what is wrong with it. */
function Name({ title, yes, value, give, fresh, onClose }: { title: string; yes: string; value: string; give: (name: string) => Promise<unknown>; fresh?: (name: string) => boolean; onClose: () => void }) {
  const [typed, type] = useState(value), [fault, fail] = useState(""), [busy, work] = useState(false);
  const submit = async () => {
    const name = typed.trim().normalize("NFC");
    if (name === value) return onClose();
    work(true);
    try {
      if (fresh && !fresh(name)) throw new DriveError("taken");
      await give(name);
      onClose();
    } catch (e) {
      const word = wordOf(e);
      if (word === "gone") { toast(words(word), { kind: "fault" }); onClose(); }
      else fail(words(word));
      work(false);
    }
  };
  // The ending of a file's name is seldom what is meant to change.
  const select = (el: HTMLInputElement) => {
    const dot = value.lastIndexOf(".");
    el.setSelectionRange(0, dot > 0 ? dot : value.length);
  };
  return (
    <Dialog title={title} onClose={onClose} onSubmit={() => void submit()} actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={busy} disabled={typed.trim() === ""}>{yes}</Button></>}>
      <Field label={t("folder.name")} value={typed} autofocus maxLength={255} spellcheck={false} error={fault || undefined} onValue={(v) => { type(v); fail(""); }} onFocus={(e) => select(e.currentTarget)} />
    </Dialog>
  );
}
