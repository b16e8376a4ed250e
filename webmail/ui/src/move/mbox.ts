// mbox files (RFC 4155), with the quoting and the status lines that programs really write.

import { crlf, join, mostMail } from "./lines.ts";
import { stateOf } from "./labels.ts";
import type { Found } from "./source.ts";

const latin1 = new TextDecoder("latin1");
const [F, quote, LF, CR] = [0x46, 0x3e, 10, 13];

const begins = (b: Uint8Array, at: number): boolean => b[at] === F && b[at + 1] === 0x72 && b[at + 2] === 0x6f && b[at + 3] === 0x6d && b[at + 4] === 0x20;
const envelopes = /^From \S+ .*\d{4}|^From (?:-|\S+)\s/u;

// mbox yields the mails of a file, and how far it was read at each: from there it can be
// read again. A "From " line begins a mail where the line before is empty; ">From " loses
// one ">" (mboxrd). Only one mail at a time is in memory.
export async function* mbox(stream: ReadableStream<Uint8Array>, base: number, mailbox: string): AsyncGenerator<Found & { at: number }> {
  let [held, size, quoted, envelope, at, empty] = [[] as Uint8Array[], 0, false, "", base, true];
  const finish = (end: number): (Found & { at: number }) | null => {
    const large = size > mostMail;
    const text = large ? new Uint8Array() : join(held);
    const mail = crlf(trimmed(quoted ? unquoted(text) : text));
    const stood = envelope !== "" || size > 0;
    [held, size, quoted] = [[], 0, false];
    if (large) return { mail: new Uint8Array(), mailbox, flags: [], labels: [], received: 0, refused: "too-large", at: end };
    if (mail.length === 0) return stood && envelope !== "" ? { mail, mailbox, flags: [], labels: [], received: 0, refused: "empty", at: end } : null;
    return { mail, ...stateOf(mail, mailbox), received: when(envelope), at: end };
  };
  for await (const piece of wholeLines(stream)) {
    let from = 0;
    const keep = (end: number) => {
      size += end - from;
      if (end > from && size <= mostMail) held.push(piece.slice(from, end));
      else if (size > mostMail) held = [];
      from = end;
    };
    for (let p = 0; p < piece.length; ) {
      const lf = piece.indexOf(LF, p);
      const next = lf < 0 ? piece.length : lf + 1;
      if (empty && begins(piece, p) && envelopes.test(latin1.decode(piece.subarray(p, Math.min(next, p + 200))))) {
        keep(p);
        const done = finish(at + p);
        if (done) yield done;
        envelope = latin1.decode(piece.subarray(p, Math.min(next, p + 400)));
        from = next;
      } else if (piece[p] === quote) quoted = true;
      empty = next - p <= 2 && (piece[p] === LF || (piece[p] === CR && piece[p + 1] === LF));
      p = next;
    }
    keep(piece.length);
    at += piece.length;
  }
  const last = finish(at);
  if (last) yield last;
}

// Pieces of the stream that end where a line does. A line over 1 MiB comes as it is.
async function* wholeLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let rest = new Uint8Array();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const data = rest.length > 0 ? join([rest, value]) : value;
      const end = data.lastIndexOf(LF) + 1 || (data.length > 1 << 20 ? data.length : 0);
      if (end > 0) yield data.subarray(0, end);
      rest = data.slice(end);
    }
    if (rest.length > 0) yield rest;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

// The empty line that stands before the next "From " is not the mail's.
function trimmed(b: Uint8Array): Uint8Array {
  if (b.length === 1 && b[0] === LF) return b.subarray(0, 0);
  if (b.length === 2 && b[0] === CR && b[1] === LF) return b.subarray(0, 0);
  const n = b.length;
  if (b[n - 1] !== LF) return b;
  const line = b[n - 2] === CR ? n - 2 : n - 1; // where the last line's end begins
  return b[line - 1] === LF ? b.subarray(0, line) : b;
}

function unquoted(b: Uint8Array): Uint8Array {
  const out = new Uint8Array(b.length);
  let n = 0;
  for (let p = 0; p < b.length; ) {
    const lf = b.indexOf(LF, p);
    const next = lf < 0 ? b.length : lf + 1;
    let i = p;
    while (b[i] === quote) i++;
    const line = b.subarray(i > p && begins(b, i) ? p + 1 : p, next);
    out.set(line, n);
    n += line.length;
    p = next;
  }
  return out.subarray(0, n);
}

// when reads the date of "From ann@example.org Sun Nov 22 13:00:00 2026", which is in UTC
// unless it says otherwise.
function when(line: string): number {
  const m = /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s+([A-Z][a-z]{2})\s+(\d{1,2})\s+(\d\d:\d\d(?::\d\d)?)\s+(?:([+-]\d{4})\s+)?(?:[A-Z]{2,5}\s+)?(\d{4})(?:\s+([+-]\d{4}))?/u.exec(line);
  const at = m ? Date.parse(`${m[2]} ${m[1]} ${m[5]} ${m[3]} ${m[4] ?? m[6] ?? "+0000"}`) : Number.NaN;
  return at > 0 ? Math.floor(at / 1000) : 0;
}
