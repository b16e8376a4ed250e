// Transfer encodings and character sets. Damaged input gives what it gives, never an error.

import { type Bytes, copy, looseText, textOf } from "./bytes.ts";

const digits = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++) digits["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".charCodeAt(i)] = i;

export function decodeTransfer(b: Uint8Array, encoding: string): Bytes {
  switch (encoding.trim().toLowerCase()) {
    case "base64":
      return base64(b);
    case "quoted-printable":
      return quotedPrintable(b);
    default:
      return copy(b);
  }
}

// How long decodeTransfer's result is.
export function decodedSize(b: Uint8Array, encoding: string): number {
  if (encoding.trim().toLowerCase() !== "base64") return decodeTransfer(b, encoding).length;
  let n = 0;
  for (let i = 0; i < b.length; i++) if (digits[b[i]!]! >= 0) n++;
  return Math.floor((n * 3) / 4);
}

function base64(b: Uint8Array): Bytes {
  const out = new Uint8Array(Math.ceil((b.length * 3) / 4));
  let n = 0;
  let bits = 0;
  let have = 0;
  for (let i = 0; i < b.length; i++) {
    const d = digits[b[i]!]!;
    if (d < 0) continue;
    bits = ((bits << 6) | d) & 0xffffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out[n++] = (bits >> have) & 255;
    }
  }
  return out.slice(0, n);
}

function quotedPrintable(b: Uint8Array): Bytes {
  const out = new Uint8Array(b.length);
  let n = 0;
  let kept = 0; // up to here nothing is blank at the end of a line
  for (let i = 0; i < b.length; i++) {
    const c = b[i]!;
    if (c === 10 || c === 13) {
      if (kept < n) n = kept; // RFC 2045, section 6.7, rule 3
      out[n++] = c;
      kept = n;
      continue;
    }
    if (c !== 61) {
      out[n++] = c;
      if (c !== 32 && c !== 9) kept = n;
      continue;
    }
    const soft = softBreak(b, i + 1);
    const high = hex(b[i + 1]);
    const low = hex(b[i + 2]);
    if (soft > 0) i = soft - 1;
    else if (high >= 0 && low >= 0) {
      out[n++] = high * 16 + low;
      i += 2;
    } else out[n++] = c;
    kept = n;
  }
  return out.slice(0, n);
}

// Where the next line begins if only blanks stand before the end of this one; else 0.
function softBreak(b: Uint8Array, at: number): number {
  const most = Math.min(at + 100, b.length);
  let i = at;
  while (i < most && (b[i] === 32 || b[i] === 9)) i++;
  if (b[i] === 13 && b[i + 1] === 10) return i + 2;
  if (b[i] === 10 || b[i] === 13) return i + 1;
  return i >= b.length ? b.length : 0;
}

function hex(c: number | undefined): number {
  if (c === undefined) return -1;
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

// Text of a charset; of one that is unknown or not said, UTF-8 where it is, else Latin.
export function decodeText(b: Uint8Array, charset: string): string {
  const label = charset.trim().toLowerCase();
  if (label !== "" && !/^(us-)?ascii$|^utf-?8$/.test(label)) {
    try {
      return new TextDecoder(label).decode(b);
    } catch {
      // unknown
    }
  }
  try {
    return textOf(b).replace(/^\ufeff/, "");
  } catch {
    return /^utf-?8$/.test(label) ? looseText(b) : new TextDecoder("windows-1252").decode(b);
  }
}

// Lines of format=flowed (RFC 3676) joined into paragraphs.
export function unflow(text: string, delsp: boolean): string {
  const out: string[] = [];
  let open = false; // the last line flows on
  let depth = 0;
  for (const line of text.split(/\r?\n/)) {
    const quotes = /^>*/.exec(line)![0].length;
    const body = line.slice(quotes).replace(/^ /, "");
    const signature = body === "-- ";
    const flows = body.endsWith(" ") && !signature;
    const piece = flows && delsp ? body.slice(0, -1) : body;
    if (open && quotes === depth && !signature) out[out.length - 1] += piece;
    else out.push(quotes > 0 ? `${">".repeat(quotes)} ${piece}` : piece);
    open = flows;
    depth = quotes;
  }
  return out.join("\n");
}
