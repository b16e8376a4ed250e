// Octets. All arrays are over plain ArrayBuffers, so that they can be transferred.

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

export function utf8(s: string): Bytes {
  return encoder.encode(s);
}

// Throws for what is not UTF-8.
export function textOf(b: Uint8Array): string {
  return strict.decode(b);
}

export function looseText(b: Uint8Array): string {
  return lenient.decode(b);
}

// One character for one octet, for text that is not decoded yet.
export function latin1(b: Uint8Array): string {
  let s = "";
  for (let i = 0; i < b.length; i += 8192) s += String.fromCharCode(...b.subarray(i, i + 8192));
  return s;
}

export function octets(s: string): Bytes {
  const b = new Uint8Array(s.length);
  for (let i = 0; i < s.length; i++) b[i] = s.charCodeAt(i);
  return b;
}

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

// A copy over a buffer of its own size.
export function copy(b: Uint8Array): Bytes {
  return new Uint8Array(b);
}

export function random(n: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(n));
}

// Takes the same time wherever the arrays differ.
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let diff = 0;
  for (let i = 0; i < a.length; i++) diff |= a[i]! ^ b[i]!;
  return diff === 0;
}

export function toBase64(b: Uint8Array): string {
  return btoa(latin1(b));
}

// Throws for what is not base64.
export function fromBase64(s: string): Bytes {
  return octets(atob(s));
}

export function toHex(b: Uint8Array): string {
  let s = "";
  for (const n of b) s += (n < 16 ? "0" : "") + n.toString(16);
  return s;
}

export async function sha256(b: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", copy(b)));
}

export async function hmac(key: Uint8Array, b: Uint8Array): Promise<Bytes> {
  const k = await crypto.subtle.importKey("raw", copy(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", k, copy(b)));
}

// HKDF-SHA-256 (RFC 5869).
export async function hkdf(ikm: Uint8Array, salt: Uint8Array, info: string, length: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", copy(ikm), "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: copy(salt), info: utf8(info) }, key, length * 8));
}

// Padmé sizes (docs/formats.md, "Sizes"): how long a thing is says little.
export function padme(n: number): number {
  if (n < 2) return n;
  const e = Math.floor(Math.log2(n));
  const s = Math.floor(Math.log2(e)) + 1;
  const step = 2 ** Math.min(e - s, 14);
  return e <= s ? n : Math.ceil(n / step) * step;
}
