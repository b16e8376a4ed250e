// What only those who hold a file know of it. It is in no object: it stands in a folder of
// the owner's drive, in a link, or in a drop.

import { type Bytes, fromBase64, textOf, toBase64, utf8 } from "../vault/bytes.ts";
import { VaultError, closed } from "../vault/errors.ts";
import { validName } from "./names.ts";
import { maxLength, secretSize } from "./sizes.ts";

export interface Head {
  name: string;
  type: string; // of media, as its maker says: nothing to trust; or empty
  length: number;
  secret: Bytes;
  modified: number; // Unix milliseconds; 0: not known
  hash: Bytes | null; // SHA-256 of the content, where somebody made it
}

export type Json = { [name: string]: unknown };

const step = 1 << 10; // heads are lengthened to a multiple of it, so that a name's length says nothing
const most = 3 << 10;
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,127}$/;
const latest = 253402300799999;
export const objectId = /^[A-Za-z0-9_-]{16,64}$/;

export function validType(type: string): boolean {
  return type === "" || mediaType.test(type);
}

export function validTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= latest;
}

// ---- JSON, of which nothing is believed before it was looked at --------------------------

export function objectOf(json: unknown): Json {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw closed();
  return json as Json;
}

export function parse(text: Uint8Array): Json {
  try {
    return objectOf(JSON.parse(textOf(text)));
  } catch {
    throw closed();
  }
}

export function stringOf(o: Json, name: string): string {
  const v = o[name] ?? "";
  if (typeof v !== "string") throw closed();
  return v;
}

export function numberOf(o: Json, name: string): number {
  const v = o[name] ?? 0;
  if (!Number.isSafeInteger(v)) throw closed();
  return v as number;
}

export function bytesOf(o: Json, name: string): Bytes | null {
  const v = stringOf(o, name);
  if (v === "") return null;
  const b = fromBase64(v);
  if (toBase64(b) !== v) throw closed();
  return b;
}

// What a file's content is told by, in heads and in folders.
export type Content = Pick<Head, "length" | "secret" | "modified" | "hash">;

export function validContent(c: Content): boolean {
  return c.secret.length === secretSize && c.secret.some((n) => n !== 0) && Number.isSafeInteger(c.length) && c.length >= 0 && c.length <= maxLength &&
    validTime(c.modified) && (c.hash === null || c.hash.length === 32);
}

export function contentFrom(o: Json): Content {
  return { length: numberOf(o, "length"), secret: bytesOf(o, "secret") ?? new Uint8Array(0), modified: numberOf(o, "modified"), hash: bytesOf(o, "hash") };
}

export function contentJson(c: Content): Json {
  return { length: c.length, secret: toBase64(c.secret), ...(c.modified > 0 && { modified: c.modified }), ...(c.hash && { hash: toBase64(c.hash) }) };
}

export function validHead(h: Head): boolean {
  return validName(h.name) && validType(h.type) && validContent(h);
}

// Lengthens JSON with spaces, which it ignores.
export function encode(json: Json): Bytes {
  const text = utf8(JSON.stringify({ v: 1, ...json }));
  const size = Math.ceil(text.length / step) * step;
  if (size > most) throw new VaultError("too-large");
  const out = new Uint8Array(size).fill(0x20);
  out.set(text);
  return out;
}

export function encodeHead(h: Head): Bytes {
  if (!validHead(h)) throw new VaultError("bad-input");
  return encode({ name: h.name, ...(h.type && { type: h.type }), ...contentJson(h) });
}

export function decodeHead(text: Uint8Array): Head {
  try {
    const o = parse(text);
    const h = { name: stringOf(o, "name"), type: stringOf(o, "type"), ...contentFrom(o) };
    if (o["v"] !== 1 || !validHead(h)) throw closed();
    return h;
  } catch {
    throw closed();
  }
}
