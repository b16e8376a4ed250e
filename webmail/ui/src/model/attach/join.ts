// The attachments of an open account, on its drive and its links.

import type { FileEntry } from "../../files/folder.ts";
import { ApiError } from "../../wire/http.ts";
import { sharesOf, type Shares } from "../drive/shares.ts";
import { DriveError, type Drive } from "../drive/drive.ts";
import type { App, Desk } from "../types.ts";
import { Attaching, type StoredDrafts } from "./attaching.ts";
import type { Store } from "./store.ts";

type Doors = Pick<App, "api" | "vault">;

const made = new WeakMap<Desk, Attaching>();

export function attachingOf(app: Doors, desk: Desk): Attaching {
  const files = made.get(desk) ?? new Attaching(() => storeOf(app, desk), desk.drafts as Desk["drafts"] & StoredDrafts);
  made.set(desk, files);
  return files;
}

async function storeOf(app: Doors, desk: Desk): Promise<Store> {
  const drive = await desk.drive(), shares = sharesOf(app, desk);
  return {
    put: (file, o) => drive.put(file, o),
    path: (names) => drive.path(names),
    blob: (entry, most) => drive.blob(entry, most),
    remove: (folder, object) => remove(drive, shares, folder, object),
    makeLink: (entry: FileEntry, o) => shares.makeLink(entry, o),
    revoke: (id) => there(shares.forget(id)),
  };
}

// What is not there any more, or was moved by its owner, is no fault. Where an open link still
// leads to it, somebody else was sent it: it stays.
async function remove(drive: Drive, shares: Shares, folder: string, object: string): Promise<void> {
  await shares.load();
  if (shares.links.peek()?.some((l) => l.file === object && l.state === "open")) return;
  await there(drive.trash(folder, [object]).then(() => drive.purge(folder, object)));
}

async function there(doing: Promise<unknown>): Promise<void> {
  await doing.catch((e: unknown) => {
    if ((e instanceof ApiError && e.status === 404) || (e instanceof DriveError && e.word === "gone")) return;
    throw e;
  });
}
