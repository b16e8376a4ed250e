// A file behind a link in a mail, once somebody asked for it: what is of this account comes
// from its drive, what is of this server by its link. Of other servers nothing can be asked
// from here: their own page opens it.

import type { ReadonlySignal } from "@preact/signals";
import type { FileLink } from "../../files/address.ts";
import type { FileEntry } from "../../files/folder.ts";
import { bringer, keep, onFile, save } from "../../shared/bringing.ts";
import { Client } from "../../shared/client.ts";
import workerUrl from "../../shared/worker.ts?worker&url";
import type { Drive } from "../drive/drive.ts";
import { sharesOf } from "../drive/shares.ts";
import { SharedLink, type Way } from "../shared.ts";
import type { App, Desk } from "../types.ts";

export interface Brought {
  name: string;
  type: string;
  size: number;
  ends: number; // seconds; 0: not known
  own: boolean; // it is in this account's drive
  whole(most: number): Promise<Blob>; // a Blob, which a browser keeps on its disk where it is large
  save(): Promise<void>; // to this device's disk
  way?: ReadonlySignal<Way>; // how far saving is; of what is in the drive its transfers say it
  close(): void;
}
// locked: it needs a password. gone: it ended, was revoked, or never was.
export type Asked = Brought | "locked" | "gone" | "failed";
export type LinkHost = (link: FileLink) => SharedLink;

const STEP = 16 << 20;

const browserLink: LinkHost = ({ id, secret }) => {
  const client = new Client(workerUrl, (e) => link.event(e));
  const link: SharedLink = new SharedLink(id, secret, { client, bringer, onFile, save, keep });
  return link;
};

export const isHere = (link: FileLink, origin: string): boolean => link.origin === origin;

export async function ask(app: Pick<App, "api" | "vault">, desk: Desk, link: FileLink, host: LinkHost = browserLink): Promise<Asked> {
  try {
    return (await ownOf(app, desk, link)) ?? (await shared(host(link)));
  } catch {
    return "failed";
  }
}

// A link of one's own is opened without it: nothing is counted.
async function ownOf(app: Pick<App, "api" | "vault">, desk: Desk, link: FileLink): Promise<Brought | null> {
  const shares = sharesOf(app, desk);
  await shares.load();
  const own = shares.links.peek()?.find((l) => l.id === link.id);
  if (!own) return null;
  const drive = await desk.drive(), entry = await entryOf(drive, own.file);
  if (!entry) return null;
  return { name: entry.name, type: entry.type, size: entry.length, ends: own.ends / 1000, own: true, whole: (most) => drive.blob(entry, most), save: () => drive.save(entry), close: () => {} };
}

async function entryOf(drive: Drive, object: string): Promise<FileEntry | null> {
  for await (const { folder } of drive.walk()) for (const e of folder.entries) if (e.kind === "file" && e.id === object) return e;
  return null;
}

async function shared(link: SharedLink): Promise<Asked> {
  await link.open();
  const phase = link.phase.peek(), told = link.told.peek();
  if (phase !== "open" || !told) {
    link.close();
    return phase === "locked" || phase === "gone" ? phase : "failed";
  }
  const whole = async (most: number) => {
    if (told.length > most) throw new RangeError("it is larger than was wished");
    const parts: ArrayBuffer[] = [];
    for (let at = 0; at < told.length; at += STEP) parts.push(await link.read(at, Math.min(at + STEP, told.length)));
    return new Blob(parts, { type: told.type });
  };
  return { name: told.name, type: told.type, size: told.length, ends: told.expires, own: false, whole, save: () => link.download(told.name), way: link.way, close: () => link.close() };
}
