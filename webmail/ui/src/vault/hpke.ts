// Cards and grants: one HPKE message (RFC 9180, base mode) behind a head that says how
// to open it.

import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import { type Bytes, concat, copy, equal, fromBase64, sha256, textOf, toBase64, utf8 } from "./bytes.ts";
import { closed } from "./errors.ts";
import { foldAddress } from "./kit.ts";
import type { Address, Card, Class } from "./vault.ts";

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
const headSize = 15;
const encSize = 32;
const tagSize = 16;
const maxCard = 8 << 10;
const step = 128;
const maxTo = 3; // recipients that a card names
const cardInfo = utf8("sealpost card v1");
const accessInfo = "sealpost access v1";

// An X25519 key as the list key is one, ready for use.
export interface ListKey {
  pair: CryptoKeyPair; // the private half cannot be taken out
  raw: Bytes; // the public half
  head: Bytes; // of cards that are sealed to it
}

async function headOf(raw: Uint8Array): Promise<Bytes> {
  const ids = Uint8Array.of(1, 0x00, 0x20, 0x00, 0x01, 0x00, 0x02);
  return concat(ids, (await sha256(raw)).subarray(0, 8));
}

async function keyOf(key: CryptoKey, raw: Bytes): Promise<ListKey> {
  const publicKey = await crypto.subtle.importKey("raw", raw, "X25519", true, []);
  return { pair: { privateKey: key, publicKey }, raw, head: await headOf(raw) };
}

// From PKCS #8. The private half cannot be taken out again; its public half comes from a
// second, extractable import that is dropped at once.
export async function importListKey(der: Uint8Array): Promise<ListKey> {
  const open = await crypto.subtle.importKey("pkcs8", copy(der), "X25519", true, ["deriveBits"]);
  const jwk = await crypto.subtle.exportKey("jwk", open);
  const key = await crypto.subtle.importKey("pkcs8", copy(der), "X25519", false, ["deriveBits"]);
  return keyOf(key, fromBase64(jwk.x!.replace(/-/g, "+").replace(/_/g, "/")));
}

// A new key, and its PKCS #8 form to seal at once.
export async function newListKey(): Promise<{ list: ListKey; der: Bytes }> {
  const pair = (await crypto.subtle.generateKey("X25519", true, ["deriveBits"])) as CryptoKeyPair;
  const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return { list: await importListKey(der), der };
}

// ---- Cards ---------------------------------------------------------------------------

export async function openCardJson(list: ListKey, sealed: Uint8Array): Promise<string> {
  if (sealed.length < headSize + encSize + tagSize || sealed.length > maxCard || !equal(sealed.subarray(0, headSize), list.head)) throw closed();
  const plain = await suite.Open(list.pair, sealed.subarray(headSize, headSize + encSize), sealed.subarray(headSize + encSize), {
    aad: list.head,
    info: cardInfo,
  });
  return textOf(plain);
}

// null where a card does not open: a page shows what it can.
export async function openCard(list: ListKey, id: string, sealed: Uint8Array): Promise<Card | null> {
  try {
    return cardFrom(id, JSON.parse(await openCardJson(list, sealed)));
  } catch {
    return null;
  }
}

export async function sealCard(list: ListKey, card: Card): Promise<Bytes> {
  const plain = utf8(JSON.stringify(cardToJson(card)));
  const around = headSize + encSize + tagSize;
  const size = Math.ceil((around + plain.length) / step) * step;
  if (size > maxCard) throw closed();
  const padded = new Uint8Array(size - around).fill(0x20);
  padded.set(plain);
  const { encapsulatedSecret, ciphertext } = await suite.Seal(list.pair.publicKey, padded, { aad: list.head, info: cardInfo });
  return concat(list.head, encapsulatedSecret, ciphertext);
}

const classes = new Set<Class>(["sealed on arrival", "end-to-end", "both"]);

// A card's JSON, with types as they must be and caps as docs/formats.md has them; names it
// does not know are ignored.
export function cardFrom(id: string, json: unknown): Card {
  const c = json as { [name: string]: unknown };
  if (typeof c !== "object" || c === null || c["v"] !== 1) throw closed();
  const text = (name: string, most: number) => (typeof c[name] === "string" ? (c[name] as string).slice(0, most) : "");
  const count = (name: string) => (Number.isSafeInteger(c[name]) && (c[name] as number) >= 0 ? (c[name] as number) : 0);
  const items = (name: string, most: number) => (Array.isArray(c[name]) ? (c[name] as unknown[]).slice(0, most) : []);
  const kind = text("c", 20) as Class;
  if (!classes.has(kind)) throw closed();
  return {
    id,
    tag: text("m", 24),
    subject: text("s", 200),
    from_name: text("fn", 80),
    from: text("f", 120),
    recipients: count("to"),
    to: items("r", maxTo).map(addressFrom).filter((a) => a.address !== ""),
    date: count("d"),
    arrived: count("a"),
    snippet: text("p", 200),
    attachments: items("at", 8).map(attachmentFrom),
    more_attachments: count("mo"),
    message_id: text("id", 200),
    in_reply_to: text("ir", 200),
    references: items("rf", 4).filter((r): r is string => typeof r === "string" && r.length <= 200),
    class: kind,
    incomplete: c["in"] === true,
    junk: text("j", 200),
    verified: c["ok"] === true,
    dmarc: text("dm", 10),
    spf: text("sp", 10),
    dkim: text("dk", 10),
    ...(count("g") > 0 ? { generation: count("g") } : {}),
  };
}

function addressFrom(json: unknown): Address {
  const a = (typeof json === "object" && json !== null ? json : {}) as { n?: unknown; a?: unknown };
  return { name: typeof a.n === "string" ? a.n.slice(0, 40) : "", address: typeof a.a === "string" ? a.a.slice(0, 80) : "" };
}

function attachmentFrom(json: unknown): Card["attachments"][number] {
  const a = (typeof json === "object" && json !== null ? json : {}) as { n?: unknown; t?: unknown; s?: unknown };
  return {
    name: typeof a.n === "string" ? a.n.slice(0, 80) : "",
    type: typeof a.t === "string" ? a.t.slice(0, 60) : "",
    size: Number.isSafeInteger(a.s) ? Math.max(0, a.s as number) : 0,
  };
}

// The sealed JSON of a card; empty values are left out, as Go leaves them out.
export function cardToJson(c: Card): { [name: string]: unknown } {
  const all: { [name: string]: unknown } = {
    s: clip(c.subject, 200), fn: clip(c.from_name, 80), f: clip(c.from, 120), to: c.recipients, d: c.date, p: clip(c.snippet, 200),
    id: whole(c.message_id), ir: whole(c.in_reply_to), mo: c.more_attachments, j: clip(c.junk, 200), ok: c.verified,
    dm: clip(c.dmarc, 10), sp: clip(c.spf, 10), dk: clip(c.dkim, 10), in: c.incomplete, g: c.generation,
  };
  const json: { [name: string]: unknown } = { v: 1, m: c.tag, a: c.arrived, c: c.class };
  for (const [name, value] of Object.entries(all)) if (value) json[name] = value;
  if (c.attachments.length > 0) json["at"] = c.attachments.slice(0, 8).map((a) => ({ n: clip(a.name, 80), t: clip(a.type, 60), s: a.size }));
  if (c.to.length > 0) json["r"] = c.to.slice(0, maxTo).map(({ name, address }) => ({ ...(name && { n: clip(name, 40) }), a: clip(address, 80) }));
  const ids = c.references.slice(-4).map(whole).filter(Boolean);
  if (ids.length > 0) json["rf"] = ids;
  return json;
}

// At most n bytes of UTF-8, cut between characters, without control characters.
export function clip(s: string, n: number): string {
  const plain = s.replace(/\p{Cc}/gu, " ").toWellFormed();
  const b = utf8(plain);
  if (b.length <= n) return plain;
  let end = n;
  while (end > 0 && (b[end]! & 0xc0) === 0x80) end--;
  return textOf(b.subarray(0, end));
}

function whole(id: string): string {
  return utf8(id).length <= 200 && !/\p{Cc}/u.test(id) ? id : "";
}

// The tag of a mail: what binds its card to it.
export async function tagOf(pkesks: Uint8Array): Promise<string> {
  return toBase64((await sha256(pkesks)).subarray(0, 16));
}

// ---- Grants ----------------------------------------------------------------------------

export interface Asking {
  key: ListKey;
  address: string;
}

export async function ask(address: string): Promise<Asking> {
  const pair = (await crypto.subtle.generateKey("X25519", false, ["deriveBits"])) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { key: await keyOf(pair.privateKey, raw), address: foldAddress(address) };
}

export function sealGrant(publicKey: Uint8Array, address: string, plain: Uint8Array): Promise<Bytes> {
  return sealTo(publicKey, accessInfo, utf8(foldAddress(address)), plain);
}

export async function openGrant(a: Asking, grant: Uint8Array): Promise<Bytes> {
  if (grant.length !== headSize + encSize + 48 + tagSize) throw closed();
  return openWith(a.key, accessInfo, utf8(a.address), grant);
}

// ---- What is sealed to a key -------------------------------------------------------------

// bound is authenticated with it, behind the head.
export async function sealTo(publicKey: Uint8Array, info: string, bound: Uint8Array, plain: Uint8Array): Promise<Bytes> {
  const head = await headOf(publicKey);
  const key = await crypto.subtle.importKey("raw", copy(publicKey), "X25519", true, []);
  const { encapsulatedSecret, ciphertext } = await suite.Seal(key, plain, { aad: concat(head, bound), info: utf8(info) });
  return concat(head, encapsulatedSecret, ciphertext);
}

// Opens what sealTo made. Every failure is the same.
export async function openWith(key: ListKey, info: string, bound: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  try {
    if (sealed.length < headSize + encSize + tagSize || !equal(sealed.subarray(0, headSize), key.head)) throw closed();
    const [enc, ciphertext] = [sealed.subarray(headSize, headSize + encSize), sealed.subarray(headSize + encSize)];
    return copy(await suite.Open(key.pair, enc, ciphertext, { aad: concat(key.head, bound), info: utf8(info) }));
  } catch {
    throw closed();
  }
}
