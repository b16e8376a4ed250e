// mbox files (RFC 4155), with the quoting and the status lines that programs really write.

import { crlf, header, join, lines, mostMail } from "./lines.ts";
import type { Arriving } from "./source.ts";

const from = new Uint8Array([0x46, 0x72, 0x6f, 0x6d, 0x20]); // "From "
const latin1 = new TextDecoder("latin1");

const begins = (line: Uint8Array): boolean => from.every((b, i) => line[i] === b);
const blank = (line: Uint8Array): boolean => line.length <= 2 && (line[0] === 10 || (line[0] === 13 && line[1] === 10));

// mbox yields the mails of a file. A "From " line begins one where the line before is
// empty; ">From " loses one ">" (mboxrd).
export async function* mbox(stream: ReadableStream<Uint8Array>, size: number, mailbox: string): AsyncGenerator<Arriving> {
  let parts: Uint8Array[] = [];
  let envelope = "";
  let held = 0;
  let at = 0;
  let empty = true;
  const finish = (): Arriving | null => {
    const mail = parts.length > 0 && held <= mostMail ? crlf(join(trim(parts))) : null;
    parts = [];
    held = 0;
    return mail && mail.length > 0 ? { mail, mailbox, flags: status(mail), received: when(envelope), at: Math.min(at, size) } : null;
  };
  for await (const line of lines(stream)) {
    if (empty && begins(line) && /^From \S+ .*\d{4}|^From (?:-|\S+)\s/u.test(latin1.decode(line.subarray(0, 200)))) {
      const done = finish();
      if (done) yield done;
      envelope = latin1.decode(line);
    } else {
      held += line.length;
      if (held <= mostMail) parts.push(unquoted(line).slice());
    }
    empty = blank(line);
    at += line.length;
  }
  const last = finish();
  if (last) yield last;
}

// trim takes the empty line away that stands before the next "From ".
function trim(parts: Uint8Array[]): Uint8Array[] {
  const last = parts[parts.length - 1];
  return last && blank(last) ? parts.slice(0, -1) : parts;
}

function unquoted(line: Uint8Array): Uint8Array {
  let i = 0;
  while (line[i] === 0x3e) i++;
  return i > 0 && begins(line.subarray(i)) ? line.subarray(1) : line;
}

// status reads the flags that mail programs write into mbox files.
function status(mail: Uint8Array): string[] {
  const s = header(mail, "Status") + header(mail, "X-Status");
  const mozilla = Number.parseInt(header(mail, "X-Mozilla-Status") || "0", 16) || 0;
  const labels = header(mail, "X-Gmail-Labels").toLowerCase();
  const flags = new Set<string>();
  if (s.includes("R") || (mozilla & 1) !== 0 || (labels !== "" && !labels.includes("unread"))) flags.add("\\Seen");
  if (s.includes("A") || (mozilla & 2) !== 0) flags.add("\\Answered");
  if (s.includes("F") || (mozilla & 4) !== 0 || labels.includes("starred")) flags.add("\\Flagged");
  if (s.includes("T")) flags.add("\\Draft");
  return [...flags];
}

// when reads the date of "From ann@example.org Sun Nov 22 13:00:00 2026", which is in UTC
// unless it says otherwise.
function when(line: string): number {
  const m = /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s+([A-Z][a-z]{2})\s+(\d{1,2})\s+(\d\d:\d\d(?::\d\d)?)\s+(?:([+-]\d{4})\s+)?(?:[A-Z]{2,5}\s+)?(\d{4})(?:\s+([+-]\d{4}))?/u.exec(line);
  const at = m ? Date.parse(`${m[2]} ${m[1]} ${m[5]} ${m[3]} ${m[4] ?? m[6] ?? "+0000"}`) : Number.NaN;
  return at > 0 ? Math.floor(at / 1000) : 0;
}
