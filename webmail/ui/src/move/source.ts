// What can be brought in: mbox files, single mails, and zips of either or of a Maildir.

import { crlf, header } from "./lines.ts";
import { maildirName, maildirPlace } from "./maildir.ts";
import { mbox } from "./mbox.ts";
import { entries, isZip, open } from "./zip.ts";

export interface Arriving {
  mail: Uint8Array<ArrayBuffer>; // CRLF lines
  mailbox: string; // "" is where the owner wants it
  flags: string[];
  received: number; // seconds, 0: not known
  at: number; // how far the file was read, of its size
}

export class SourceError extends Error {
  constructor(readonly word: "unknown" | "damaged" | "encrypted" | "bomb") {
    super(word);
  }
}

// arrivals reads one file of any kind. skip is how many mails of it are there already.
export async function* arrivals(file: File, skip = 0): AsyncGenerator<Arriving> {
  let n = 0;
  for await (const a of await kind(file)) if (n++ >= skip) yield a;
}

async function kind(file: File): Promise<AsyncGenerator<Arriving>> {
  const head = new Uint8Array(await file.slice(0, 8192).arrayBuffer());
  if (isZip(head)) return zipped(file);
  const text = new TextDecoder("latin1").decode(head);
  if (text.startsWith("From ")) return mbox(file.stream(), file.size, mboxName(file.name));
  if (/^[!-9;-~]+[ \t]*:/u.test(text)) return single(file);
  throw new SourceError("unknown");
}

async function* single(file: File): AsyncGenerator<Arriving> {
  const mail = crlf(new Uint8Array(await file.arrayBuffer()));
  yield { mail, mailbox: "", flags: ["\\Seen"], received: dateOf(mail), at: file.size };
}

// dateOf is when a mail came: the newest Received line, else its Date.
export function dateOf(mail: Uint8Array): number {
  const received = header(mail, "Received");
  const at = Date.parse(received.slice(received.lastIndexOf(";") + 1).replace(/\([^)]*\)/gu, "")) || Date.parse(header(mail, "Date"));
  return at > 0 && at < 4e12 ? Math.floor(at / 1000) : 0;
}

const mboxName = (name: string): string => name.split("/").pop()?.replace(/\.(?:mbox|mbx|txt)$/iu, "") ?? "";

async function* zipped(file: File): AsyncGenerator<Arriving> {
  const all = await entries(file);
  let done = 0;
  for (const e of all) {
    done += e.packed;
    if (e.name.endsWith("/") || e.size === 0) continue;
    const place = maildirPlace(e.name);
    const base = e.name.split("/").pop() ?? "";
    if (place === null && !/\.(?:eml|mbox|mbx)$/iu.test(base)) continue;
    const stream = await open(file, e);
    if (place === null && /\.(?:mbox|mbx)$/iu.test(base)) {
      for await (const a of mbox(stream, e.size, mboxName(base))) yield { ...a, at: done };
      continue;
    }
    const mail = crlf(new Uint8Array(await new Response(stream).arrayBuffer()));
    const name = maildirName(base);
    yield { mail, mailbox: place ?? folderOf(e.name), flags: place === null ? ["\\Seen"] : name.flags, received: name.at || dateOf(mail), at: done };
  }
}

// folderOf is the folder of an .eml in a zip, as a mailbox.
const folderOf = (path: string): string => path.split("/").slice(0, -1).filter((p) => p && p !== "." && p !== "..").join("/").slice(0, 200);
