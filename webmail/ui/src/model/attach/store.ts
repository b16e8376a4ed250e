// What attachments ask of the drive and its links. Loaded when somebody attaches a file, so
// that mail without one needs none of it.

import type { FileEntry } from "../../files/folder.ts";
import { fromBase64, toBase64 } from "../../vault/bytes.ts";
import type { DraftFile, StoredFile } from "../types.ts";

export interface Placed { folder: string; entry: FileEntry }

export interface Store {
  put(file: Blob, o: { folder: string; name: string; type?: string; modified?: number; beside?: boolean; onProgress?(sent: number, total: number): void; signal?: AbortSignal }): Promise<Placed>;
  path(names: string[]): Promise<string>; // finds or makes folders
  blob(entry: FileEntry, most: number): Promise<Blob>;
  remove(folder: string, object: string): Promise<void>; // for good; what is not there is no fault
  makeLink(entry: FileEntry, o: { ends: number; password?: string }): Promise<{ id: string; url: string }>; // ends: ms
  revoke(link: string): Promise<void>; // what is not there is no fault
}

// One name on all devices, whatever language each speaks.
export const FOLDER = "Attachments";

export const storedOf = (e: FileEntry): StoredFile => ({ id: e.id, secret: toBase64(e.secret), length: e.length, modified: e.modified, hash: e.hash ? toBase64(e.hash) : "" });

// What a draft's reference opens, whatever became of the entry in its folder.
export const entryOf = (f: DraftFile, s: StoredFile): FileEntry => ({
  kind: "file", name: f.name, type: f.type, id: s.id, secret: fromBase64(s.secret), length: s.length, modified: s.modified, hash: s.hash ? fromBase64(s.hash) : null, versions: [], trashed: 0,
});
