// Header sections, read with bounds. Nothing here trusts what it reads.

import { type Bytes, latin1, looseText, octets } from "./bytes.ts";
import type { Address } from "./vault.ts";

export interface Field {
  name: string; // lower case
  value: string; // unfolded, one character an octet
  start: number; // where it begins
}

export interface Section {
  fields: Field[];
  end: number; // where the body begins
}

const maxSection = 1 << 20; // bytes
const maxFields = 5000;
const maxValue = 64 << 10; // of a field that is parsed
const maxAddresses = 1000;

// The fields from at up to the first empty line; null where that is out of bounds.
export function readSection(b: Uint8Array, at: number, limit = b.length): Section | null {
  const fields: Field[] = [];
  const stop = Math.min(limit, at + maxSection);
  let current: { start: number; pieces: string[] } | null = null;
  const flush = () => {
    const f = current && fieldOf(current.start, current.pieces.join(""));
    if (f) fields.push(f);
    current = null;
  };
  while (at < stop) {
    const lf = b.indexOf(10, at);
    const next = lf < 0 || lf >= limit ? limit : lf + 1;
    if (next > stop && next < limit) return null;
    const line = latin1(b.subarray(at, lineEnd(b, at, next)));
    if (line === "") {
      flush();
      return { fields, end: next };
    }
    if ((line[0] === " " || line[0] === "\t") && current !== null) (current as { pieces: string[] }).pieces.push(line);
    else {
      flush();
      current = { start: at, pieces: [line] };
    }
    if (fields.length > maxFields) return null;
    at = next;
  }
  flush();
  return at >= limit ? { fields, end: limit } : null;
}

// Where a line's text ends: before its CRLF or LF.
export function lineEnd(b: Uint8Array, at: number, next: number): number {
  let end = next;
  if (end > at && b[end - 1] === 10) end--;
  if (end > at && b[end - 1] === 13) end--;
  return end;
}

function fieldOf(start: number, text: string): Field | null {
  const colon = text.indexOf(":");
  if (colon < 1) return null;
  const name = text.slice(0, colon).trimEnd().toLowerCase();
  return /^[!-9;-~]+$/.test(name) ? { name, value: text.slice(colon + 1).trim(), start } : null;
}

export function first(fields: readonly Field[], name: string): string {
  return fields.find((f) => f.name === name)?.value.slice(0, maxValue) ?? "";
}

export function all(fields: readonly Field[], name: string): string[] {
  return fields.filter((f) => f.name === name).map((f) => f.value.slice(0, maxValue));
}

// ---- What fields say -------------------------------------------------------------------

// Raw 8-bit text is UTF-8, as RFC 6532 has it.
function raw(value: string): string {
  return looseText(octets(value) as Bytes);
}

// Control characters become spaces; marks that turn the direction of text around show
// as what they are, so that no name can pass for another.
export function plain(s: string): string {
  return s
    .toWellFormed()
    .replace(/[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim();
}

export async function text(value: string): Promise<string> {
  const { decodeWords } = await import("postal-mime");
  return plain(decodeWords(raw(value))).slice(0, 1000);
}

export async function addresses(values: string[]): Promise<Address[]> {
  const { addressParser } = await import("postal-mime");
  const found: Address[] = [];
  for (const v of values) {
    for (const a of addressParser(raw(v), { flatten: true })) {
      if (found.length >= maxAddresses) return found;
      if (a.address !== undefined) found.push({ name: plain(a.name).slice(0, 250), address: plain(a.address).slice(0, 320) });
    }
  }
  return found;
}

// Message ids with their brackets.
export function ids(value: string, most: number): string[] {
  return (value.match(/<[^<>\s]{1,996}>/g) ?? []).slice(-most);
}

export function date(value: string): number {
  const ms = Date.parse(value.replace(/\([^()]*\)/g, " ").trim().slice(0, 100));
  return Number.isNaN(ms) || ms < 0 ? 0 : Math.floor(ms / 1000);
}

export interface Typed {
  type: string; // lower case, "" if there is none
  params: { [name: string]: string };
}

const parameter = /;[\s]*([!#$%&'*+.^_`|~0-9a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.){0,2000})"|([^\s;"]{0,2000}))/giy;

// Content-Type, Content-Disposition and their like. The first of two parameters counts.
export function typed(value: string): Typed {
  // Comments go; what stands in quotes is no comment: report (1).pdf keeps its name.
  const v = value.slice(0, 8192).replace(/"(?:[^"\\]|\\.){0,2000}"|\([^()]{0,200}\)/g, (s) => (s.startsWith("(") ? " " : s));
  const type = /^\s*([^\s;]+)/.exec(v)?.[1]?.toLowerCase() ?? "";
  const params: { [name: string]: string } = Object.create(null);
  parameter.lastIndex = v.indexOf(";");
  if (parameter.lastIndex < 0) return { type, params };
  for (let i = 0; i < 50; i++) {
    const m = parameter.exec(v);
    if (m === null) break;
    const name = m[1]!.toLowerCase();
    params[name] ??= m[2] !== undefined ? m[2].replace(/\\(.)/g, "$1") : (m[3] ?? "");
    while (/\s/.test(v[parameter.lastIndex] ?? "")) parameter.lastIndex++;
  }
  return { type, params };
}

// A domain as it is compared: in ASCII, lower case.
export function asciiDomain(d: string): string {
  try {
    return new URL(`http://${d}`).hostname;
  } catch {
    return d.toLowerCase();
  }
}

export function domainOf(address: string): string {
  return asciiDomain(address.slice(address.lastIndexOf("@") + 1));
}

export function sameAddress(a: string, b: string): boolean {
  const local = (s: string) => s.slice(0, s.lastIndexOf("@"));
  return local(a) !== "" && local(a) === local(b) && domainOf(a) === domainOf(b);
}
