// The owner's drive: folders, what may be done to them, and what is on its way. It is
// loaded when it is first asked for, and lives as long as the desk.

import { type ReadonlySignal, computed, effect, signal } from "@preact/signals";
import { type Entry, type FileEntry, type Folder, type FolderEntry, type Version, cleanName, drawer, localName, maxDepth, root, sealedSize, validName } from "../../files/index.ts";
import { validType } from "../../files/head.ts";
import type { ZipPart } from "../../drive/line.ts";
import type { Usage } from "../../wire/api.ts";
import { ApiError, type Api } from "../../wire/http.ts";
import { Begun } from "./begun.ts";
import { Boxes, type BoxesParts } from "./boxes.ts";
import { Removal } from "./removal.ts";
import { Transfers, type TransferHost } from "./transfers.ts";
import * as tree from "./tree.ts";
import { DriveError, type DriveWord } from "./tree.ts";

export { DriveError, type DriveWord, root };
export type { Entry, FileEntry, Folder, FolderEntry, Version };
export type { Progress, Transfer } from "./transfers.ts";

export interface Placed { folder: string; entry: FileEntry }
export interface Found { folder: string; above: readonly FolderEntry[]; entry: Entry } // above: the way to its folder, without the root
export interface PutOptions {
  folder: string;
  name: string;
  type?: string;
  modified?: number;
  beside?: boolean; // a name beside one that is taken, instead of a new version
  onProgress?(sent: number, total: number): void;
  signal?: AbortSignal;
}
export interface DriveParts extends BoxesParts {
  api: Api;
  host: TransferHost;
}

const newId = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
const WIDTH = 6; // folders read at once
const LEFT = 15 * 60_000; // ms: nobody deletes something for so long

export class Drive {
  readonly transfers: Transfers;
  readonly usage: ReadonlySignal<Usage | null>;
  readonly #usage = signal<Usage | null>(null);
  readonly #parts: DriveParts;
  readonly #boxes: Boxes;
  readonly #begun: Begun;
  readonly #stop: () => void;

  constructor(parts: DriveParts) {
    this.#parts = parts;
    this.#boxes = new Boxes(parts);
    this.#begun = new Begun(parts.cache, parts.api);
    this.transfers = new Transfers(parts.host);
    this.usage = this.#usage;
    this.#stop = effect(() => {
      if (parts.cabinet.version.value > 0) void this.#boxes.follow();
    });
    void this.#begun.tidy().catch(() => {});
  }
  close(): void {
    this.#stop();
    this.transfers.close();
  }
  async refreshUsage(): Promise<void> {
    this.#usage.value = await this.#parts.api.usage();
  }
  online(): void {
    this.transfers.wake();
  }

  // ---- looking -----------------------------------------------------------------------------

  /** Grows with each folder that is seen anew. */
  get version(): ReadonlySignal<number> {
    return this.#boxes.version;
  }
  folder(id: string): ReadonlySignal<Folder | undefined> {
    return this.#boxes.folder(id);
  }
  load(id: string): Promise<Folder> {
    return this.#boxes.load(id);
  }
  /** What is in a folder and not in the trash, as it changes. */
  live(id: string): ReadonlySignal<readonly Entry[] | undefined> {
    return computed(() => this.folder(id).value?.entries.filter((e) => e.trashed === 0));
  }

  /** Every folder that is not in the trash, from the root down, each with the way to it. all: one that is not to be had ends it. */
  async *walk(from = root, all = false): AsyncGenerator<{ id: string; above: readonly FolderEntry[]; folder: Folder }> {
    const seen = new Set([from]);
    let level: { id: string; above: readonly FolderEntry[] }[] = [{ id: from, above: [] }];
    for (let depth = 0; level.length > 0 && depth <= maxDepth; depth++) {
      const below: typeof level = [];
      for (let i = 0; i < level.length; i += WIDTH) {
        const some = level.slice(i, i + WIDTH);
        const folders = await Promise.all(some.map((x) => this.load(x.id).catch((e: unknown) => (all ? Promise.reject(e) : this.#missing(e)))));
        for (const [k, folder] of folders.entries()) {
          if (!folder) continue;
          const at = some[k]!;
          yield { ...at, folder };
          for (const e of folder.entries) {
            if (e.kind !== "folder" || e.trashed !== 0 || seen.has(e.id)) continue;
            seen.add(e.id);
            below.push({ id: e.id, above: [...at.above, e] });
          }
        }
      }
      level = below;
    }
  }
  // One folder that is not to be had keeps nobody from the others.
  #missing(e: unknown): undefined {
    if (e instanceof DriveError || (e instanceof ApiError && e.temporary)) return undefined;
    throw e;
  }

  /** The way to a folder, the root left out; null: nothing leads there. */
  async locate(id: string): Promise<readonly FolderEntry[] | null> {
    if (id === root) return [];
    for await (const f of this.walk()) {
      const e = f.folder.entries.find((x) => x.kind === "folder" && x.id === id && x.trashed === 0);
      if (e?.kind === "folder") return [...f.above, e];
    }
    return null;
  }
  /** All that is in the trash, the last first. */
  async trashed(): Promise<Found[]> {
    const all: Found[] = [];
    for await (const f of this.walk()) {
      for (const entry of f.folder.entries) if (entry.trashed > 0 && !entry.doomed) all.push({ folder: f.id, above: f.above, entry });
      // What somebody began to delete, and left, goes now.
      if (!this.#purging && f.folder.entries.some((e) => e.doomed && this.#now() - e.trashed > LEFT)) void this.#purge([[f.id, []]]).catch(() => {});
    }
    return all.sort((a, b) => b.entry.trashed - a.entry.trashed);
  }

  // ---- folders -----------------------------------------------------------------------------

  /** Finds or makes folders below each other; the id of the last. */
  async path(names: readonly string[], from = root): Promise<string> {
    let at = from;
    for (const name of names) at = await this.makeFolder(at, cleanName(name));
    return at;
  }
  // Its box comes first, so that no folder leads to nothing.
  async makeFolder(folder: string, name: string): Promise<string> {
    this.#checkName(name);
    const there = tree.named(await this.load(folder), name);
    if (there?.kind === "folder") return there.id;
    if (there) throw new DriveError("taken");
    const id = newId();
    await this.#boxes.make(id);
    const made = await this.#boxes.change(folder, (f) => tree.addFolder(f, { kind: "folder", name, id, modified: this.#now(), trashed: 0 })).catch(async (e: unknown) => {
      if (!(e instanceof ApiError && e.temporary)) await this.#boxes.drop(id).catch(() => {}); // else it may lead there by now
      throw e;
    });
    if (made.id !== id) await this.#boxes.drop(id).catch(() => {}); // another device was faster
    return made.id;
  }
  #checkName(name: string): void {
    if (!validName(name)) throw new DriveError("name");
  }
  #now(): number {
    return this.#parts.clock.now();
  }

  async rename(folder: string, id: string, name: string): Promise<void> {
    this.#checkName(name);
    await this.#boxes.change(folder, (f) => tree.rename(f, id, name));
  }

  /** To another folder: there first, so that broken off it is in both. */
  async move(entries: readonly Entry[], from: string, to: string): Promise<void> {
    if (from === to || entries.length === 0) return;
    const way = await this.locate(to);
    if (!way) throw new DriveError("gone");
    if (way.some((f) => entries.some((e) => e.id === f.id))) throw new DriveError("inside");
    const { value: brought, version } = await this.#boxes.changed(to, (f) => entries.filter((e) => tree.receive(f, e)));
    const left = await Promise.allSettled(entries.map((e) => this.#boxes.change(from, (f) => tree.release(f, e))));
    const failed = left.flatMap((r, i) => (r.status === "rejected" ? [{ e: entries[i]!, why: r.reason as unknown }] : []));
    if (failed.length === 0) return;
    const stays = await Promise.all(failed.map((x) => this.#stays(x.e, x.why, brought.includes(x.e))));
    const back = failed.filter((_, i) => stays[i]).map((x) => x.e);
    // Where nobody wrote since then, nobody else counts on what was put there.
    const mine = failed.filter((x, i) => !stays[i] && brought.includes(x.e) && x.why instanceof DriveError && x.why.word === "gone").map((x) => x.e);
    if (back.length + mine.length > 0) {
      await this.#boxes.change(to, (f) => [...back, ...(this.#boxes.versionOf(to) === version ? mine : [])].forEach((e) => tree.drop(f, e.id)));
    }
    throw failed[0]!.why;
  }
  // Whether what could not be taken out of its old place is to be taken out of the new one: it
  // still is in the old one, and changed, or was deleted for good. What another device took out
  // may stand in the new place by that device's doing, and nowhere else.
  async #stays(e: Entry, why: unknown, brought: boolean): Promise<boolean> {
    if (!(why instanceof DriveError)) return false; // it may have been done
    if (why.word !== "gone") return brought && why.word === "busy";
    const there = e.kind === "file" ? this.#parts.api.file(e.id) : this.#parts.api.box(drawer, e.id);
    return there.then(() => false, (err: unknown) => err instanceof ApiError && err.status === 404);
  }

  // ---- the trash ---------------------------------------------------------------------------

  async trash(folder: string, ids: readonly string[]): Promise<void> {
    await this.#boxes.change(folder, (f) => ids.forEach((id) => tree.trash(f, id, this.#now())));
  }
  /** Takes it out of the trash, beside what has its name now. */
  async restore(folder: string, id: string): Promise<string> {
    return this.#boxes.change(folder, (f) => tree.untrash(f, id));
  }
  /** Deletes for good what is in the trash: nobody is led to it from the first moment on, and broken off it goes the next time. */
  async purge(folder: string, id: string): Promise<void> {
    const e = tree.withId(await this.load(folder), id);
    if (e && e.trashed === 0) throw new DriveError("busy");
    if (e) await this.#purge([[folder, [id]]]);
  }
  async emptyTrash(all: readonly Found[]): Promise<void> {
    const folders = new Map<string, string[]>();
    for (const f of all) folders.set(f.folder, [...(folders.get(f.folder) ?? []), f.entry.id]);
    await this.#purge([...folders]);
  }
  #purging = 0;
  async #purge(folders: readonly (readonly [string, readonly string[]])[]): Promise<void> {
    this.#purging++;
    try {
      const x = new Removal(this.#parts.api, this.#boxes, () => this.#now()), doomed: [string, Set<string>][] = [];
      for (const [folder, ids] of folders) {
        const all = await this.#boxes.change(folder, (f) => tree.doom(f, ids.filter((id) => tree.withId(f, id)?.trashed), this.#now()));
        doomed.push([folder, new Set(all.map((e) => e.id))]);
        for (const e of all) await x.entry(e, [folder]);
      }
      await x.flush();
      for (const [folder, ids] of doomed) await this.#boxes.change(folder, (f) => { f.entries = f.entries.filter((e) => !e.doomed || !ids.has(e.id)); });
    } finally {
      this.#purging--;
    }
  }
  async #dropObject(id: string): Promise<void> {
    try {
      await this.#parts.api.removeFile(id);
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 404) throw e;
    }
  }

  // ---- files -------------------------------------------------------------------------------

  /** Puts a file that is stored into a folder: as the newest version where its name is taken. */
  async add(folder: string, entry: FileEntry, beside = false): Promise<FileEntry> {
    const done = await this.#boxes.change(folder, (f) => tree.addFile(f, entry, beside));
    for (const v of done.over) await this.#dropObject(v.id);
    return done.entry;
  }

  /** Seals and brings a file. Broken off it goes on by itself; a file that changed under way is refused. */
  async put(file: Blob, o: PutOptions): Promise<Placed> {
    const name = cleanName(o.name), type = (o.type ?? file.type).split(";")[0]!.trim().toLowerCase();
    const modified = Math.max(0, Math.floor(o.modified ?? (file as Partial<File>).lastModified ?? this.#now()));
    let id = "";
    const ended = async () => { if (id) await this.#begun.end(id); };
    try {
      return await this.transfers.up({
        file, name, folder: o.folder, signal: o.signal, onProgress: o.onProgress?.bind(o),
        began: (now) => { void ended(); id = now; void this.#begun.add(now); },
        done: async (s) => {
          const entry = await this.add(o.folder, { kind: "file", name, type: validType(type) ? type : "", id: s.id, secret: s.secret, length: s.length, modified, hash: null, versions: [], trashed: 0 }, o.beside);
          await ended();
          return { folder: o.folder, entry };
        },
      });
    } catch (e) {
      await ended();
      throw e;
    }
  }

  /** What the server calls a file. */
  object(e: Version): { id: string; size: number } {
    return { id: e.id, size: sealedSize(e.length) };
  }
  /** Streams it to this device's disk, by the service worker. */
  save(e: FileEntry, version: Version = e, folder = root): Promise<void> {
    return this.transfers.save({ id: version.id, length: version.length, secret: version.secret }, localName(e.name), folder);
  }
  look(e: FileEntry, version: Version = e): ReturnType<Transfers["look"]> {
    return this.transfers.look({ id: version.id, length: version.length, secret: version.secret });
  }
  /** Whole in memory. */
  async blob(e: FileEntry, most: number): Promise<Blob> {
    if (e.length > most) throw new DriveError("too-large");
    const look = await this.look(e), parts: ArrayBuffer[] = [], step = 16 << 20;
    try {
      for (let at = 0; at < e.length; at += step) parts.push(await look.read(at, Math.min(at + step, e.length)));
    } finally {
      look.close();
    }
    return new Blob(parts, { type: e.type });
  }
  /** Several files and folders as one archive that is streamed to disk. */
  async zip(entries: readonly Entry[], name: string, folder: string): Promise<void> {
    const parts: ZipPart[] = [];
    const file = (path: string, e: FileEntry) => parts.push({ path: path + localName(e.name), modified: e.modified, of: { id: e.id, length: e.length, secret: e.secret } });
    for (const e of entries) {
      if (e.kind === "file") { file("", e); continue; }
      for await (const f of this.walk(e.id, true)) {
        const path = [e, ...f.above].map((x) => localName(x.name)).join("/") + "/";
        parts.push({ path, modified: e.modified, of: null });
        for (const x of f.folder.entries) if (x.kind === "file" && x.trashed === 0) file(path, x);
      }
    }
    await this.transfers.zip(parts, name, folder);
  }

  async restoreVersion(folder: string, id: string, version: string): Promise<FileEntry> {
    return this.#boxes.change(folder, (f) => tree.restoreVersion(f, id, version));
  }
  async removeVersion(folder: string, id: string, version: string): Promise<void> {
    await this.#boxes.change(folder, (f) => tree.dropVersion(f, id, version));
    await this.#dropObject(version);
  }

  /** How many boxes of folders this device knows of: what a walk will read. */
  get folders(): number {
    return this.#parts.cabinet.list(drawer).length;
  }
}
