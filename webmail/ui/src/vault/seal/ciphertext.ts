// Mail that its sender encrypted to this owner, known by its packets and not by what its
// header says of it (docs/formats.md, "header"; DESIGN 1, rule 3).

import { type Bytes, latin1, octets } from "../bytes.ts";
import { lineEnd } from "../header.ts";
import { walkMessage } from "../packets.ts";
import { type Top, readTop, valuesOf } from "./section.ts";

export interface Ciphertext {
  charset: string; // of an inline message; "": PGP/MIME
  start: number; // of the base64 lines
  end: number;
  width: number;
  packets: Bytes;
  head: number; // bytes of its PKESK packets
  exact: boolean; // the lines can be written again, byte for byte, and little is around them
}

const maxFraming = 64 << 10;
const begin = "-----BEGIN PGP MESSAGE-----";
const finish = "-----END PGP MESSAGE-----";

// owns says that a PKESK with this key id (or fingerprint) and algorithm may be for the
// owner. "" names nobody: a sender who hides the recipients wants all of them to try.
export type Owns = (recipient: string, algorithm: number) => boolean;

export function findCiphertext(b: Uint8Array, top: Top, owns: Owns): Ciphertext | null {
  const f = framing(b, top);
  if (f === null) return null;
  if (f.boundary === null && !latin1(b.subarray(top.end, top.end + 256)).trimStart().startsWith(begin)) return null;
  const lines = new Lines(b, top.end);
  if (!toArmor(lines, f.boundary)) return null;
  const start = lines.at;
  const base64: string[] = [];
  let width = 0;
  let regular = true;
  let short = false;
  for (;;) {
    const end = lines.at;
    const l = lines.next();
    if (l === null) return null;
    if (l.startsWith("-") || l.startsWith("=")) {
      const found = packetsOf(base64.join(""), owns);
      if (found === null || !toEnd(lines, l, f.boundary)) return null;
      const small = start - top.end <= maxFraming && b.length - end <= maxFraming && top.end <= 4 * maxFraming;
      return { charset: f.charset, start, end, width, ...found, exact: regular && small && width % 4 === 0 };
    }
    width ||= l.length;
    if (short || l.length === 0 || l.length > width || l.length > 9999 || lines.size !== l.length + 2) regular = false;
    short = l.length < width;
    base64.push(l);
  }
}

function packetsOf(base64: string, owns: Owns): { packets: Bytes; head: number } | null {
  try {
    const text = atob(base64);
    const packets = octets(text);
    if (btoa(text) !== base64) return null; // nothing that base64 has two ways for
    const { head } = walkMessage(packets);
    if ((packets[head]! & 0x40) === 0) return null; // in the format of RFC 1991
    return recipients(packets.subarray(0, head)).some(([id, algorithm]) => owns(id, algorithm)) ? { packets, head } : null;
  } catch {
    return null;
  }
}

// Whom PKESK packets name (RFC 9580, section 5.1): key id or fingerprint, and algorithm.
function recipients(b: Uint8Array): [string, number][] {
  const found: [string, number][] = [];
  const hex = (from: number, to: number) => Array.from(b.subarray(from, to), (n) => n.toString(16).padStart(2, "0")).join("");
  for (let at = 0; at < b.length; ) {
    const [body, next] = bodyAt(b, at);
    if (b[body] === 3) found.push([hex(body + 1, body + 9).replace(/^0+$/, ""), b[body + 9] ?? 0]);
    else if (b[body] === 6) {
      const n = b[body + 1] ?? 0;
      if (n !== 1) found.push([hex(body + 3, body + 2 + n), b[body + 2 + n] ?? 0]);
    }
    at = next;
  }
  return found;
}

// The packets were walked: their lengths are definite and within bounds.
function bodyAt(b: Uint8Array, at: number): [number, number] {
  const first = b[at]!;
  const number = (from: number, n: number) => b.subarray(from, from + n).reduce((sum, x) => sum * 256 + x, 0);
  if ((first & 0x40) === 0) {
    const n = 1 << (first & 3);
    return [at + 1 + n, at + 1 + n + number(at + 1, n)];
  }
  const l = b[at + 1]!;
  if (l < 192) return [at + 2, at + 2 + l];
  if (l < 224) return [at + 3, at + 3 + ((l - 192) << 8) + b[at + 2]! + 192];
  return [at + 6, at + 6 + number(at + 2, 4)];
}

// A header that everyone reads alike: one Content-Type at most, a plain transfer encoding.
function framing(b: Uint8Array, top: Top): { boundary: string | null; charset: string } | null {
  if (!top.clean || !top.blank || top.cut || !identity(b, top)) return null;
  const types = valuesOf(b, top, "content-type");
  if (types.length === 0) return { boundary: null, charset: "utf-8" };
  const t = types.length === 1 ? mediaType(types[0]!) : null;
  if (t === null) return null;
  if (t.type === "text/plain") return { boundary: null, charset: charsetName(t.params.get("charset") ?? "") };
  const boundary = t.params.get("boundary") ?? "";
  const good = t.type === "multipart/encrypted" && t.params.get("protocol")?.toLowerCase() === "application/pgp-encrypted";
  return good && boundary !== "" && boundary.length <= 70 && boundary.trim() === boundary ? { boundary, charset: "" } : null;
}

function identity(b: Uint8Array, top: Top): boolean {
  return valuesOf(b, top, "content-transfer-encoding").every((v) => /^(7bit|8bit|binary)$/i.test(v));
}

// One word of the sender's stays visible, so it must not be a word of theirs.
function charsetName(s: string): string {
  const known = "us-ascii iso-8859-1 iso-8859-2 iso-8859-15 windows-1250 windows-1251 windows-1252 koi8-r koi8-u gb18030 gbk big5 euc-kr iso-2022-jp shift_jis".split(" ");
  return known.includes(s.toLowerCase()) ? s.toLowerCase() : "utf-8";
}

const token = "[!#$%&'*+\\-.0-9A-Z^_`a-z{|}~]+";
const typeText = new RegExp(`^(${token}/${token})\\s*`);
const parameterText = new RegExp(`\\s*;\\s*(${token})=(?:(${token})|"((?:[^"\\\\]|\\\\.)*)")\\s*`, "y");

function mediaType(value: string): { type: string; params: Map<string, string> } | null {
  const m = typeText.exec(value);
  if (m === null) return null;
  const params = new Map<string, string>();
  let at = m[0].length;
  for (;;) {
    parameterText.lastIndex = at;
    const p = parameterText.exec(value);
    if (p === null) break;
    const name = p[1]!.toLowerCase();
    if (params.has(name)) return null;
    params.set(name, p[2] ?? p[3]!.replace(/\\(.)/g, "$1"));
    at = parameterText.lastIndex;
  }
  return /^\s*;?\s*$/.test(value.slice(at)) ? { type: m[1]!.toLowerCase(), params } : null;
}

// Lines without their end and trailing white space.
class Lines {
  size = 0; // of the last one with all
  constructor(
    private readonly b: Uint8Array,
    public at: number,
  ) {}
  next(): string | null {
    if (this.at >= this.b.length) return null;
    const lf = this.b.indexOf(10, this.at);
    const next = lf < 0 ? this.b.length : lf + 1;
    if (next - this.at > 32 << 10) return null;
    const text = latin1(this.b.subarray(this.at, lineEnd(this.b, this.at, next))).replace(/[ \t\r\n]+$/, "");
    this.size = next - this.at;
    this.at = next;
    return text;
  }
  filled(): string | null {
    for (;;) {
      const l = this.next();
      if (l !== "") return l;
    }
  }
  section(kind: string): boolean { // the header of a part
    const from = this.at;
    for (let l = this.next(); l !== null && this.at - from < 8 << 10; l = this.next()) {
      if (l !== "") continue;
      const part = this.b.subarray(from, this.at);
      const top = readTop(part);
      const types = valuesOf(part, top, "content-type");
      return types.length === 1 && identity(part, top) && mediaType(types[0]!)?.type === kind;
    }
    return false;
  }
}

// Stops behind the empty line that ends the armor's headers.
function toArmor(lines: Lines, boundary: string | null): boolean {
  if (boundary !== null) {
    for (let l = lines.next(); l !== `--${boundary}`; l = lines.next()) if (l === null) return false;
    if (!lines.section("application/pgp-encrypted")) return false;
    if (lines.filled()?.toLowerCase() !== "version: 1" || lines.filled() !== `--${boundary}` || !lines.section("application/octet-stream")) return false;
  }
  if (lines.filled() !== begin) return false;
  for (let i = 0; i < 32; i++) {
    const l = lines.next();
    if (l === null) return false;
    if (l === "") return true;
    if (!l.includes(": ") && !l.endsWith(":")) return false;
  }
  return false;
}

function toEnd(lines: Lines, line: string, boundary: string | null): boolean {
  const last = line.length === 5 && line.startsWith("=") ? lines.next() : line;
  if (last !== finish) return false;
  const behind = lines.filled();
  return boundary === null ? behind === null : behind === `--${boundary}--`;
}
