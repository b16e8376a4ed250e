// What can be brought in: mbox files, single mails, and zips of either or of a Maildir.

import { crlf, header, mostMail } from "./lines.ts";
import { maildirName, maildirPlace } from "./maildir.ts";
import { mbox } from "./mbox.ts";
import { type Entry, entries, isZip, open } from "./zip.ts";

export type Refusal = "too-large" | "empty" | "unknown" | "damaged" | "encrypted" | "bomb" | "closed" | "not-taken";

// One mail of a source, or what there was instead.
export interface Found {
  mail: Uint8Array<ArrayBuffer>; // CRLF lines
  mailbox: string; // "" is where the owner wants it
  flags: string[];
  labels: string[]; // names, of a Google export
  received: number; // seconds, 0: not known
  refused?: Refusal;
}

// A place between two mails of the chosen files, from which they can be read again.
export interface Place { file: number; entry: number; at: number }
export const start: Place = { file: 0, entry: 0, at: 0 };

export interface Arriving extends Found {
  next: Place; // behind this mail
  read: number; // bytes of all files, as stored, up to there
}

export class SourceError extends Error {
  constructor(readonly word: "unknown" | "damaged" | "encrypted" | "bomb") {
    super(word);
  }
}

const nothing = { mail: new Uint8Array(), mailbox: "", flags: [], labels: [], received: 0 };

// arrivals reads files of any kind, from a place on.
export async function* arrivals(files: readonly File[], from: Place = start): AsyncGenerator<Arriving> {
  let before = files.slice(0, from.file).reduce((n, f) => n + f.size, 0);
  for (const [i, file] of files.entries()) {
    if (i < from.file) continue;
    const at = i === from.file ? from : { ...start, file: i };
    try {
      for await (const a of ofFile(file, at)) yield { ...a, read: before + a.read };
    } catch (e) {
      // A file that cannot be read keeps back nothing but itself.
      yield { ...nothing, refused: e instanceof SourceError ? e.word : "damaged", next: { ...start, file: i + 1 }, read: before + file.size };
    }
    before += file.size;
  }
}

async function* ofFile(file: File, from: Place): AsyncGenerator<Arriving> {
  if (from.entry < 0) return;
  const head = new Uint8Array(await file.slice(0, 8192).arrayBuffer());
  const done: Place = { file: from.file + 1, entry: 0, at: 0 };
  if (isZip(head)) return yield* zipped(file, from);
  const text = new TextDecoder("latin1").decode(head);
  if (text.startsWith("From ") && !/\.eml$/iu.test(file.name)) {
    for await (const m of mbox(file.slice(from.at).stream(), from.at, mboxName(file.name))) yield { ...m, next: m.at >= file.size ? done : { ...from, at: m.at }, read: m.at };
    return;
  }
  if (!/^(?:From |[!-9;-~]+[ \t]*:)/u.test(text)) throw new SourceError("unknown");
  if (file.size > mostMail) return yield { ...nothing, refused: "too-large", next: done, read: file.size };
  const mail = crlf(new Uint8Array(await file.arrayBuffer()));
  const named = maildirName(file.name); // one of a Maildir's, chosen by itself
  yield { ...nothing, mail, flags: named.at > 0 ? named.flags : ["\\Seen"], received: named.at || dateOf(mail), next: done, read: file.size };
}

// dateOf is when a mail came: the newest Received line, else its Date.
export function dateOf(mail: Uint8Array): number {
  const received = header(mail, "Received");
  const at = Date.parse(received.slice(received.lastIndexOf(";") + 1).replace(/\([^)]*\)/gu, "")) || Date.parse(header(mail, "Date").replace(/\([^)]*\)/gu, ""));
  return at > 0 && at < 4e12 ? Math.floor(at / 1000) : 0;
}

const mboxName = (name: string): string => name.split("/").pop()?.replace(/\.(?:mbox|mbx|txt)$/iu, "").replace(/^(?:mbox|all mail including spam and trash)$/iu, "") ?? "";

async function* zipped(file: File, from: Place): AsyncGenerator<Arriving> {
  const all = await entries(file);
  let read = 0;
  for (const [i, e] of all.entries()) {
    read += e.packed;
    if (i < from.entry) continue;
    const skip = i === from.entry ? from.at : 0; // mails of an mbox in it: those are counted
    const next = i + 1 < all.length ? { file: from.file, entry: i + 1, at: 0 } : { file: from.file + 1, entry: 0, at: 0 };
    try {
      for await (const a of ofEntry(file, e, from.file, i, skip)) yield { ...a, next: a.next ?? next, read };
    } catch (err) {
      yield { ...nothing, refused: err instanceof SourceError ? err.word : "damaged", next, read };
    }
  }
}

async function* ofEntry(file: File, e: Entry, fileNumber: number, i: number, skip: number): AsyncGenerator<Found & { next: Place | null }> {
  if (e.name.endsWith("/") || e.size === 0) return;
  const place = maildirPlace(e.name);
  const base = e.name.split("/").pop() ?? "";
  if (place === null && !/\.(?:eml|mbox|mbx)$/iu.test(base)) return;
  if (place === null && /\.(?:mbox|mbx)$/iu.test(base)) {
    let n = 0;
    for await (const m of mbox(await open(file, e), 0, mboxName(base))) if (++n > skip) yield { ...m, next: { file: fileNumber, entry: i, at: n } };
    return;
  }
  if (e.size > mostMail) return yield { ...nothing, refused: "too-large", next: null };
  const mail = crlf(new Uint8Array(await new Response(await open(file, e)).arrayBuffer()));
  const name = maildirName(base);
  yield { ...nothing, mail, mailbox: place ?? folderOf(e.name), flags: place === null && name.at === 0 ? ["\\Seen"] : name.flags, received: name.at || dateOf(mail), next: null };
}

// folderOf is the folder of an .eml in a zip, as a mailbox.
const folderOf = (path: string): string => path.split("/").slice(0, -1).filter((p) => p && p !== "." && p !== "..").join("/").slice(0, 200);
