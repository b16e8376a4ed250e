// What may be done to one folder. A change is made to what stands there at that moment, so
// each of these is done again when another device was faster, and decides anew.

import { type Entry, type FileEntry, type Folder, type FolderEntry, type Version, nameKey } from "../../files/index.ts";

export const VERSIONS_KEPT = 100;

// taken: a name that is there already. gone: what was meant is not there any more. inside: a
// folder does not go into itself. rolled-back, damaged: what the server shows is not what was stored.
export type DriveWord = "taken" | "gone" | "inside" | "rolled-back" | "damaged" | "busy" | "full" | "name" | "too-large";

export class DriveError extends Error {
  constructor(readonly word: DriveWord) {
    super(`the drive says: ${word}`);
    this.name = "DriveError";
  }
}

export const named = (f: Folder, name: string): Entry | undefined => {
  const key = nameKey(name);
  return f.entries.find((e) => e.trashed === 0 && nameKey(e.name) === key);
};
export const withId = (f: Folder, id: string): Entry | undefined => f.entries.find((e) => e.id === id);

function mine(f: Folder, id: string): Entry {
  const e = withId(f, id);
  if (!e || e.doomed) throw new DriveError("gone");
  return e;
}
function file(f: Folder, id: string): FileEntry {
  const e = mine(f, id);
  if (e.kind !== "file") throw new DriveError("gone");
  return e;
}
const replace = (f: Folder, was: Entry, now: Entry): void => {
  f.entries = f.entries.map((e) => (e === was ? now : e));
};

/** A name beside one that is taken: "letter (2).pdf". */
export function freeName(f: Folder, name: string, except?: Entry): string {
  const free = (n: string) => { const at = named(f, n); return !at || at === except; };
  if (free(name)) return name;
  const dot = name.lastIndexOf("."), cut = dot > 0 && name.length - dot <= 12 ? dot : name.length;
  for (let n = 2; ; n++) {
    let stem = name.slice(0, cut);
    const next = () => `${stem} (${n})${name.slice(cut)}`;
    while (new TextEncoder().encode(next()).length > 255) stem = [...stem].slice(0, -1).join("");
    if (free(next())) return next();
  }
}

/** Puts a file where it belongs: as the newest version where its name is taken. Says what is one version too many. */
export function addFile(f: Folder, e: FileEntry, beside = false): { entry: FileEntry; over: Version[] } {
  const there = withId(f, e.id);
  if (there?.kind === "file") return { entry: there, over: [] }; // it was put before
  const was = beside ? undefined : named(f, e.name);
  if (!was) {
    const entry = { ...e, name: freeName(f, e.name) };
    f.entries = [...f.entries, entry];
    return { entry, over: [] };
  }
  if (was.kind !== "file") throw new DriveError("taken");
  const versions = [versionOf(was), ...was.versions];
  const entry = { ...e, versions: versions.slice(0, VERSIONS_KEPT) };
  replace(f, was, entry);
  return { entry, over: versions.slice(VERSIONS_KEPT) };
}

export const versionOf = ({ id, secret, length, modified, hash }: Version): Version => ({ id, secret, length, modified, hash });

/** A folder in a folder, the one that is there or the new one. */
export function addFolder(f: Folder, e: FolderEntry): FolderEntry {
  const there = named(f, e.name);
  if (there?.kind === "file") throw new DriveError("taken");
  if (there) return there;
  f.entries = [...f.entries, e];
  return e;
}

export function rename(f: Folder, id: string, name: string): void {
  const e = mine(f, id), there = named(f, name);
  if (there && there !== e) throw new DriveError("taken");
  replace(f, e, { ...e, name });
}

/** Puts what comes from another folder here, under a name that is free; false: it is here already. */
export function receive(f: Folder, e: Entry): boolean {
  if (withId(f, e.id)) return false;
  f.entries = [...f.entries, { ...e, name: freeName(f, e.name) }];
  return true;
}

/** Takes out what went to another folder, if it is what went there. busy: it is here, and changed. */
export function release(f: Folder, e: Entry): void {
  if (!f.entries.some((x) => idsOf(x).includes(e.id))) throw new DriveError("gone");
  const there = withId(f, e.id);
  if (!there || there.name !== e.name || there.trashed !== e.trashed || JSON.stringify(idsOf(there)) !== JSON.stringify(idsOf(e))) throw new DriveError("busy");
  drop(f, e.id);
}

export const idsOf = (e: Entry): string[] => (e.kind === "file" ? [e.id, ...e.versions.map((v) => v.id)] : [e.id]);

export function drop(f: Folder, id: string): void {
  f.entries = f.entries.filter((e) => e.id !== id);
}

/** Into the trash of its folder. */
export function trash(f: Folder, id: string, now: number): void {
  const e = mine(f, id);
  if (e.trashed === 0) replace(f, e, { ...e, trashed: now });
}

/** What is deleted for good from now on: nobody is led to it any more. Says which there are. */
export function doom(f: Folder, ids: readonly string[] | null, now: number): Entry[] {
  const doomed = (e: Entry) => e.doomed || ids === null || ids.includes(e.id);
  f.entries = f.entries.map((e) => (doomed(e) && !e.doomed ? { ...e, trashed: Math.max(1, now), doomed: true } : e));
  return f.entries.filter((e) => e.doomed);
}

/** Out of the trash; where its name was taken meanwhile, beside it. Says under which name. */
export function untrash(f: Folder, id: string): string {
  const e = mine(f, id);
  if (e.trashed === 0) return e.name;
  const name = freeName(f, e.name);
  replace(f, e, { ...e, name, trashed: 0 });
  return name;
}

/** Makes an older version the newest; what was the newest stays as an older one. */
export function restoreVersion(f: Folder, id: string, version: string): FileEntry {
  const e = file(f, id), v = e.versions.find((x) => x.id === version);
  if (!v) throw new DriveError("gone");
  const now: FileEntry = { ...e, ...v, versions: [versionOf(e), ...e.versions.filter((x) => x !== v)] };
  replace(f, e, now);
  return now;
}

export function dropVersion(f: Folder, id: string, version: string): void {
  const e = file(f, id);
  replace(f, e, { ...e, versions: e.versions.filter((v) => v.id !== version) });
}
