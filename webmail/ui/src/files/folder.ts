// The folders of a drive: the content of boxes in drawer "drive", one for each folder.
// Folders that lead astray are neither made nor opened.

import { type Bytes, utf8 } from "../vault/bytes.ts";
import { VaultError, closed } from "../vault/errors.ts";
import { type Content, type Head, type Json, bytesOf, contentFrom, contentJson, numberOf, objectId, objectOf, parse, stringOf, validContent, validTime, validType } from "./head.ts";
import { nameKey, validName } from "./names.ts";

export const drawer = "drive";
export const root = "root"; // the box of the topmost folder; all others have 32 hex digits
export const maxDepth = 64;
const maxEntries = 10_000;
const maxVersions = 100;
const maxFolder = 12 << 20;
const folderId = /^[0-9a-f]{32}$/;

// One content of a file: an object, and what opens it.
export interface Version extends Content {
  id: string;
}

export interface FileEntry extends Version {
  kind: "file";
  name: string;
  type: string;
  versions: Version[]; // older contents, the newest first
  trashed: number; // Unix milliseconds: it was put into the trash; 0: it was not
  doomed?: boolean; // it is being deleted for good, and shown to nobody: what it leads to may be gone
}

export interface FolderEntry {
  kind: "folder";
  name: string;
  id: string; // the name of its box
  modified: number;
  trashed: number;
  doomed?: boolean;
}

export type Entry = FileEntry | FolderEntry;
export interface Folder {
  entries: Entry[];
}

// What opens a file, or an older version of it.
export function headOf(e: FileEntry, v: Version = e): Head {
  return { name: e.name, type: e.type, length: v.length, secret: v.secret, modified: v.modified, hash: v.hash };
}

function validEntry(e: Entry): boolean {
  if (!validName(e.name) || !validTime(e.trashed) || (e.doomed && e.trashed === 0)) return false;
  if (e.kind === "folder") return folderId.test(e.id) && validTime(e.modified);
  return validType(e.type) && e.versions.length <= maxVersions && [e, ...e.versions].every((v) => objectId.test(v.id) && validContent(v));
}

// Names that are not in the trash are told apart without regard to case, and each object and
// folder stands there once.
export function validFolder(f: Folder): boolean {
  if (f.entries.length > maxEntries || !f.entries.every(validEntry)) return false;
  const live = f.entries.filter((e) => e.trashed === 0).map((e) => nameKey(e.name));
  const ids = f.entries.flatMap((e) => (e.kind === "file" ? [e.id, ...e.versions.map((v) => v.id)] : [e.id]));
  return new Set(live).size === live.length && new Set(ids).size === ids.length;
}

// Whether a name is free in a folder.
export function taken(f: Folder, name: string): boolean {
  const key = nameKey(name);
  return f.entries.some((e) => e.trashed === 0 && nameKey(e.name) === key);
}

const versionJson = (v: Version): Json => {
  const { length, ...rest } = contentJson(v);
  return { id: v.id, ...rest, ...(v.length > 0 && { length }) };
};

function entryJson(e: Entry): Json {
  const trashed = e.trashed > 0 && { trashed: e.trashed, ...(e.doomed && { doomed: true }) };
  if (e.kind === "folder") return { kind: e.kind, name: e.name, id: e.id, ...(e.modified > 0 && { modified: e.modified }), ...trashed };
  return { kind: e.kind, name: e.name, ...(e.type && { type: e.type }), ...versionJson(e), ...(e.versions.length > 0 && { versions: e.versions.map(versionJson) }), ...trashed };
}

// The content of a folder's box, for the vault to seal.
export function encodeFolder(f: Folder): Bytes {
  if (!validFolder(f)) throw new VaultError("bad-input");
  const text = utf8(JSON.stringify({ v: 1, entries: f.entries.map(entryJson) }));
  if (text.length > maxFolder) throw new VaultError("too-large");
  return text;
}

function versionFrom(json: unknown): Version {
  const o = objectOf(json);
  return { id: stringOf(o, "id"), ...contentFrom(o) };
}

function entryFrom(json: unknown): Entry {
  const o = objectOf(json);
  const [name, trashed, versions] = [stringOf(o, "name"), numberOf(o, "trashed"), o["versions"] ?? []];
  if (!Array.isArray(versions) || versions.length > maxVersions || typeof (o["doomed"] ?? false) !== "boolean") throw closed();
  const doomed = o["doomed"] === true && { doomed: true };
  if (o["kind"] === "file") return { kind: "file", name, type: stringOf(o, "type"), ...versionFrom(o), versions: versions.map(versionFrom), trashed, ...doomed };
  if (o["kind"] !== "folder" || bytesOf(o, "secret") !== null || bytesOf(o, "hash") !== null || numberOf(o, "length") !== 0 || versions.length > 0 || stringOf(o, "type") !== "") throw closed();
  return { kind: "folder", name, id: stringOf(o, "id"), modified: numberOf(o, "modified"), trashed, ...doomed };
}

// Reads what encodeFolder wrote, with or without padding.
export function decodeFolder(content: Uint8Array): Folder {
  try {
    if (content.length > 2 * maxFolder) throw closed();
    const o = parse(content);
    const entries = o["entries"];
    if (o["v"] !== 1 || !Array.isArray(entries) || entries.length > maxEntries) throw closed();
    const f = { entries: entries.map(entryFrom) };
    if (!validFolder(f)) throw closed();
    return f;
  } catch {
    throw closed();
  }
}
