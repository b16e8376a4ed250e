// One folder: the way to it, what is in it, and what can be done there.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Drive, Entry, FolderEntry } from "../../model/drive/drive.ts";
import { wordOf } from "../../model/drive/transfers.ts";
import type { App, Desk } from "../../model/types.ts";
import { go, href } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Button, EmptyState, Field, Icon, IconButton, Menu, Note, Spinner, toast } from "../kit/index.ts";
import { type Act, Acts, type Doing } from "./acts.tsx";
import { bring, chosen, clashes, dropped, type Load } from "./bring.ts";
import { Clash } from "./clash.tsx";
import { Found } from "./found.tsx";
import { useKeys } from "./keys.ts";
import { List } from "./list.tsx";
import { dragged, order, sorted } from "./order.ts";
import { pagesBeside } from "./share.ts";
import { Storage } from "./storage.tsx";
import { trying, words } from "./words.ts";

export interface RoomProps { app: App; desk: Desk; drive: Drive; id: string }
type Trail = readonly FolderEntry[];
const known = new Map<string, Trail>(); // how somebody came to a folder; it is asked for anew behind that

export function Folder({ app, desk, drive, id }: RoomProps) {
  const [fault, setFault] = useState(""), [picked, pick] = useState<ReadonlySet<string>>(new Set()), [typed, type] = useState("");
  const [doing, act] = useState<Doing>(), [ask, setAsk] = useState<{ load: Load; taken: string[] }>();
  const load = () => { setFault(""); drive.load(id).catch((e: unknown) => setFault(wordOf(e))); };
  useEffect(load, [drive, id, app.online.value]);
  useEffect(() => { if (drive.usage.peek() === null) void drive.refreshUsage().catch(() => {}); }, [drive]);
  const trail = useTrail(drive, id);
  const live = useMemo(() => drive.live(id), [drive, id]).value;
  const entries = useMemo(() => live && sorted(live), [live, sortKey()]);
  const chosenOnes = entries?.filter((e) => picked.has(e.id)) ?? [];
  const open = (e: Entry) => {
    if (e.kind === "file") return act({ kind: "look", entry: e });
    known.set(e.id, [...trail, e]);
    go({ page: "drive", at: e.id });
  };
  const take = async (l: Load) => {
    const taken = await clashes(drive, id, l).catch(() => []);
    if (taken.length > 0) setAsk({ load: l, taken });
    else await trying(() => bring(drive, id, l, false));
  };
  const perform = (kind: Act, some = chosenOnes) => {
    if (kind === "folder" || some.length > 0) act({ kind, entries: some, entry: some[0] } as Doing);
  };
  const trash = async (some: readonly Entry[]) => {
    const ids = some.map((e) => e.id);
    if (ids.length === 0 || !(await trying(() => drive.trash(id, ids)))) return;
    pick(new Set());
    toast(t("toast.trashed", { n: ids.length }), { action: { label: t("do.undo"), run: () => void trying(() => Promise.all(ids.map((x) => drive.restore(id, x)))) } });
  };
  const up = () => { if (id !== "root") go({ page: "drive", at: trail.at(-2)?.id ?? "" }); };
  useKeys({ search: "drive-search", up });
  const drop = useDrop(id, take);
  const offline = !app.online.value;
  const searching = typed.trim() !== "";
  return (
    <div class={`drive-main${drop.over ? " drive-over" : ""}`} {...drop.handlers}>
      <header class="drive-head">
        <Crumbs drive={drive} id={id} trail={trail} />
        <div class="drive-tools">
          <Field bare id="drive-search" type="search" label={t("drive.search")} placeholder={t("drive.search")} value={typed} onValue={type} />
          <Bring disabled={offline} take={take} />
          <Button class="drive-new" icon="folder" aria-label={t("folder.new")} disabled={offline} onClick={() => perform("folder")}>{t("folder.new")}</Button>
          <More drive={drive} trail={trail} />
        </div>
      </header>
      {offline && <Note tone="note" icon="offline">{t("drive.offline")}</Note>}
      {picked.size > 0 && !searching && <Picked n={picked.size} clear={() => pick(new Set())} perform={perform} trash={() => void trash(chosenOnes)} disabled={offline} />}
      {searching ? <Found drive={drive} typed={typed} open={(f) => { type(""); known.set(f.folder, f.above); go({ page: "drive", at: f.entry.kind === "folder" ? f.entry.id : f.folder === "root" ? "" : f.folder }); }} />
        : fault ? <Failed word={fault} again={load} root={id === "root"} />
        : !entries ? <p class="room-wait"><Spinner label={t("parts.reading")} /></p>
        : entries.length === 0 ? <Empty root={id === "root"} take={take} offline={offline} />
        : <List folder={id} entries={entries} picked={picked} pick={pick} open={open} perform={perform} trash={(e) => void trash(e)} offline={offline}
            move={(some, to) => void trying(() => drive.move(some.entries, some.folder, to)).then((ok) => { if (ok) { pick(new Set()); toast(t("drive.moved")); } })} />}
      <Storage drive={drive} />
      {drop.over && <div class="drive-drop" aria-hidden="true"><Icon name="upload" size={40} /><strong>{t("drive.drop")}</strong></div>}
      {doing && <Acts desk={desk} drive={drive} folder={id} doing={doing} act={act} trail={trail} done={() => { act(undefined); pick(new Set()); }} onClose={() => act(undefined)} />}
      {ask && <Clash taken={ask.taken} onClose={() => setAsk(undefined)} choose={(beside) => { setAsk(undefined); void trying(() => bring(drive, id, ask.load, beside)); }} />}
    </div>
  );
}

const sortKey = () => `${order.value.by} ${order.value.down}`;

function useTrail(drive: Drive, id: string): Trail {
  const [trail, set] = useState<Trail>(known.get(id) ?? []);
  useEffect(() => {
    let gone = false;
    void drive.locate(id).then((way) => {
      if (!way || gone) return;
      known.set(id, way);
      set(way);
    }, () => {});
    return () => { gone = true; };
  }, [drive, id]);
  return trail;
}

function Crumbs({ drive, id, trail }: { drive: Drive; id: string; trail: Trail }) {
  const way = [{ id: "root", name: t("shell.drive") }, ...trail];
  return (
    <nav class="drive-crumbs" aria-label={t("drive.way.to")}>
      <ol>
        {way.map((f, i) => (
          <li key={f.id}>
            {i > 0 && <Icon name="right" />}
            {f.id === id ? <h1 aria-current="page"><bdi>{f.name}</bdi></h1> : <Crumb drive={drive} folder={f} />}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Crumb({ drive, folder }: { drive: Drive; folder: { id: string; name: string } }) {
  const [over, set] = useState(false);
  return (
    <a class={over ? "drive-target" : undefined} href={href({ page: "drive", at: folder.id === "root" ? "" : folder.id })} draggable={false}
      onDragOver={(e) => { if (dragged.value) { e.preventDefault(); set(true); } }} onDragLeave={() => set(false)}
      onDrop={(e) => {
        const some = dragged.peek();
        set(false);
        if (!some) return;
        e.preventDefault();
        e.stopPropagation();
        dragged.value = undefined;
        void trying(() => drive.move(some.entries, some.folder, folder.id)).then((ok) => ok && toast(t("drive.moved")));
      }}><bdi>{folder.name}</bdi></a>
  );
}

/** A button that asks for files. */
function Bring({ disabled, take, empty }: { disabled: boolean; take: (l: Load) => Promise<void>; empty?: boolean }) {
  const file = useRef<HTMLInputElement>(null), folder = useRef<HTMLInputElement>(null);
  const changed = (e: Event) => {
    const input = e.currentTarget as HTMLInputElement;
    if (input.files?.length) void take(chosen(input.files));
    input.value = "";
  };
  useEffect(() => folder.current?.setAttribute("webkitdirectory", ""), []);
  const folders = "webkitdirectory" in HTMLInputElement.prototype && !matchMedia("(pointer: coarse)").matches;
  return (
    <span class="drive-bring">
      <Button kind="primary" icon="upload" disabled={disabled} onClick={() => file.current?.click()}>{t("drive.upload")}</Button>
      {folders && !empty && <Menu align="end" label={t("drive.upload")} entries={[{ label: t("drive.upload.files"), icon: "file", run: () => file.current?.click() }, { label: t("drive.upload.folder"), icon: "folder", run: () => folder.current?.click() }]}
        button={(b) => <IconButton {...b} disabled={disabled} icon="down" label={t("drive.upload.more")} />} />}
      <input ref={file} class="unseen" type="file" multiple tabIndex={-1} aria-hidden="true" onChange={changed} />
      <input ref={folder} class="unseen" type="file" multiple tabIndex={-1} aria-hidden="true" onChange={changed} />
    </span>
  );
}

function More({ drive, trail }: { drive: Drive; trail: Trail }) {
  const here = trail.at(-1), live = drive.folder(here?.id ?? "root").value?.entries.filter((e) => e.trashed === 0) ?? [];
  return (
    <Menu align="end" label={t("drive.more.of")} button={(b) => <IconButton {...b} icon="more" label={t("drive.more.of")} />}
      entries={[
        ...pagesBeside(),
        { label: t("drive.zip"), icon: "file-zip", disabled: live.length === 0, run: () => void trying(() => drive.zip(live, `${here?.name ?? t("shell.drive")}.zip`, here?.id ?? "root")) },
        { label: t("box.trash"), icon: "trash", run: () => go({ page: "drive", at: "trash" }) },
      ]} />
  );
}

function Picked({ n, clear, perform, trash, disabled }: { n: number; clear: () => void; perform: (a: Act) => void; trash: () => void; disabled: boolean }) {
  return (
    <div class="drive-picked" role="toolbar" aria-label={t("list.picked", { n })}>
      <IconButton small icon="close" label={t("do.picknone")} onClick={clear} />
      <strong role="status">{t("list.picked", { n })}</strong>
      <Button small icon="download" disabled={disabled} onClick={() => perform("save")}>{t("shared.download")}</Button>
      <Button small icon="move" disabled={disabled} onClick={() => perform("move")}>{t("do.move")}</Button>
      <Button small icon="trash" disabled={disabled} onClick={trash}>{t("do.trash")}</Button>
    </div>
  );
}

function Empty({ root, take, offline }: { root: boolean; take: (l: Load) => Promise<void>; offline: boolean }) {
  return (
    <EmptyState art="folder" title={t(root ? "drive.empty" : "drive.empty.folder")} action={<Bring empty disabled={offline} take={take} />}>
      {t(root ? "drive.empty.text" : "drive.empty.folder.text")}
    </EmptyState>
  );
}

function Failed({ word, again, root }: { word: string; again: () => void; root: boolean }) {
  const bad = word === "rolled-back" || word === "damaged";
  return (
    <EmptyState art={bad ? "warn" : word === "offline" ? "offline" : "folder"} title={t(bad ? "drive.refused" : "drive.failed")}
      action={<>{!root && <a class="button button-plain" href={href({ page: "drive", at: "" })}><span>{t("shell.drive")}</span></a>}<Button icon="refresh" onClick={again}>{t("parts.again")}</Button></>}>
      {words(word)}
    </EmptyState>
  );
}

/** Files that are dragged over the room from the desktop. */
function useDrop(id: string, take: (l: Load) => Promise<void>) {
  const [over, set] = useState(false), depth = useRef(0);
  useEffect(() => { depth.current = 0; set(false); }, [id]);
  const files = (e: DragEvent) => e.dataTransfer?.types.includes("Files") === true && !dragged.peek();
  return {
    over,
    handlers: {
      onDragEnter: (e: DragEvent) => { if (files(e)) { e.preventDefault(); depth.current++; set(true); } },
      onDragOver: (e: DragEvent) => { if (files(e)) { e.preventDefault(); if (e.dataTransfer) e.dataTransfer.dropEffect = "copy"; } },
      onDragLeave: (e: DragEvent) => { if (files(e) && --depth.current <= 0) { depth.current = 0; set(false); } },
      onDrop: (e: DragEvent) => {
        depth.current = 0;
        set(false);
        if (!files(e) || !e.dataTransfer) return;
        e.preventDefault();
        void trying(async () => take(await dropped(e.dataTransfer!)));
      },
    },
  };
}
