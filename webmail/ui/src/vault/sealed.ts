// The contents of message and header letters (docs/formats.md): the first line is the only
// one to believe, and says what of the rest is ours.

import { type Bytes, concat, latin1, octets, toHex, fromBase64 } from "./bytes.ts";
import { closed } from "./errors.ts";
import { type Field, readSection } from "./header.ts";
import { tagOf } from "./hpke.ts";
import type { Class } from "./vault.ts";

const sealField = "Sealpost-Seal";
const headerField = "Sealpost-Header";
const maxFront = 256 << 10;
const maxLine = 8192;

export interface Seal {
  shown: number; // where the mail begins that a client shows: behind our first line and padding
  front: number; // where the original begins
  size: number; // of the original
  edits: { at: number; length: number }[];
  class: Class;
  time: number;
}

export interface HeaderLetter {
  trace: Field[];
  prefix: Bytes;
  suffix: Bytes;
  raw: number;
  width: number;
  tag: string; // hex
  time: number;
}

function startsWith(b: Uint8Array, s: string): boolean {
  return b.length > s.length && latin1(b.subarray(0, s.length)) === s;
}

// "Name: v=1; key=value; …" with exactly these keys in this order.
function frontLine(b: Uint8Array, name: string, keys: string[]): { length: number; get(key: string, most: number): number; text(key: string): string } {
  const lf = b.subarray(0, maxLine).indexOf(10);
  const line = latin1(b.subarray(0, lf + 1));
  const head = `${name}: v=1; `;
  if (!line.startsWith(head) || !line.endsWith("\r\n")) throw closed();
  const parts = line.slice(head.length, -2).split("; ");
  if (parts.length !== keys.length) throw closed();
  const values = new Map(
    parts.map((part, i) => {
      if (!part.startsWith(`${keys[i]}=`)) throw closed();
      return [keys[i]!, part.slice(keys[i]!.length + 1)] as const;
    }),
  );
  const text = (key: string) => values.get(key)!;
  return { length: line.length, text, get: (key, most) => numberOf(text(key), most) };
}

function numberOf(s: string, most: number): number {
  const n = /^\d{1,15}$/.test(s) ? Number(s) : NaN;
  if (!(n <= most)) throw closed();
  return n;
}

// null: this is no mail that a server sealed.
export function readSeal(content: Uint8Array): Seal | null {
  if (!startsWith(content, `${sealField}:`)) return null;
  const line = frontLine(content, sealField, ["front", "pad", "size", "edits", "class", "time"]);
  const front = line.get("front", maxFront);
  const shown = line.length + line.get("pad", maxFront);
  const size = line.get("size", 2 ** 32);
  const kind = ({ arrival: "sealed on arrival", both: "both" } as const)[line.text("class")];
  if (kind === undefined || shown > front || front > content.length) throw closed();
  return { shown, front, size, edits: editsOf(line.text("edits"), size), class: kind, time: line.get("time", 2 ** 40) };
}

const cutField = "sealpost-cut";
const maxPlaces = 20;

// Where, in what is shown of a mail, the server put stubs for what it cut out. Only fields of
// its own are asked, in front of the mail. Damaged ones say nothing.
export function readPlaces(trace: readonly Field[], s: Seal): { start: number; end: number; at: number; length: number }[] {
  const out: { start: number; end: number; at: number; length: number }[] = []; // in the mail as it was sealed: at, length
  for (const f of trace.filter((f) => f.name === cutField)) {
    const [, at, size] = /^ ?v=1; at=(\d{1,15}); size=(\d{1,5})$/.exec(f.value) ?? [];
    if (at === undefined || size === undefined || out.length >= maxPlaces) return [];
    const inserted = s.edits.reduce((n, e) => n + (e.at <= Number(at) ? e.length : 0), 0);
    const start = s.front - s.shown + Number(at) + inserted;
    if (start < (out.at(-1)?.end ?? 0)) return [];
    out.push({ start, end: start + Number(size), at: Number(at), length: Number(size) });
  }
  return out;
}

function editsOf(s: string, size: number): Seal["edits"] {
  if (s === "-") return [];
  const parts = s.split(",");
  if (parts.length > 64) throw closed();
  let from = 0;
  return parts.map((part) => {
    const [at, length, more] = part.split("+");
    const edit = { at: numberOf(at!, size), length: numberOf(length ?? "", 1024) };
    if (more !== undefined || edit.at < from) throw closed();
    from = edit.at;
    return edit;
  });
}

// The bytes that arrived, without all that was put in.
export function restore(content: Uint8Array, s: Seal): Bytes {
  const parts: Uint8Array[] = [];
  let at = s.front;
  let from = 0;
  const take = (n: number) => {
    if (at + n > content.length) throw closed();
    parts.push(content.subarray(at, at + n));
    at += n;
  };
  for (const e of s.edits) {
    take(e.at - from);
    from = e.at;
    at += e.length;
  }
  take(s.size - from);
  if (at !== content.length) throw closed();
  return concat(...parts);
}

export function readHeaderLetter(content: Uint8Array): HeaderLetter {
  const line = frontLine(content, headerField, ["front", "pad", "prefix", "suffix", "raw", "width", "message", "time"]);
  const front = line.get("front", maxFront);
  const shown = line.length + line.get("pad", maxFront);
  const prefix = line.get("prefix", 512 << 10);
  const suffix = line.get("suffix", 64 << 10);
  const width = line.get("width", 9999);
  if (shown > front || front + prefix + suffix !== content.length || width < 4 || width % 4 !== 0) throw closed();
  const trace = readSection(content, shown, front);
  if (trace === null || !/^[0-9a-f]{32}$/.test(line.text("message"))) throw closed();
  return {
    trace: trace.fields,
    prefix: content.slice(front, front + prefix) as Bytes,
    suffix: content.slice(front + prefix) as Bytes,
    raw: line.get("raw", 2 ** 32),
    width,
    tag: line.text("message"),
    time: line.get("time", 2 ** 40),
  };
}

// A header letter that belongs to another message is not shown with this one.
export async function belongs(h: HeaderLetter, pkesks: Uint8Array, length: number): Promise<boolean> {
  return h.raw === length && toHex(fromBase64(await tagOf(pkesks))) === h.tag;
}

export function restoreEndToEnd(h: HeaderLetter, letter: Uint8Array): Bytes {
  const lines: string[] = [];
  const step = (h.width / 4) * 3;
  for (let i = 0; i < letter.length; i += step) lines.push(btoa(latin1(letter.subarray(i, i + step))), "\r\n");
  return concat(h.prefix, octets(lines.join("")), h.suffix);
}
