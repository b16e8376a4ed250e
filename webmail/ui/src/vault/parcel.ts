// A parcel: a letter to somebody outside, under a password and the secret of a link. The
// server keeps it and has neither (docs/formats.md, "Parcels").

import type { Kdf } from "../wire/api.ts";
import { checkKdf, floor, kdfExtra, stretch } from "./argon.ts";
import { open, seal } from "./box.ts";
import { type Bytes, concat, fromBase64, hkdf, padme, random, sha256, textOf, toBase64, utf8 } from "./bytes.ts";
import { VaultError, closed } from "./errors.ts";
import { foldAddress } from "./kit.ts";
import { type Link, parseName, stemSize } from "./parcelname.ts";

export { type Link, parseLink, parseName } from "./parcelname.ts";

const nothing = new Uint8Array(0);
const saltSize = 16;
const maxHead = 8 << 10;
const maxHint = 300; // characters
export const maxParcel = (16 << 20) - 1024; // bytes of a letter with its files

export function base64url(b: Uint8Array): string {
  return toBase64(b).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function fromBase64url(s: string): Bytes {
  const b = fromBase64(s.replace(/-/g, "+").replace(/_/g, "/"));
  if (base64url(b) !== s) throw closed();
  return b;
}

// ---- Answers: what only the password of a parcel gives, and its owner's keys ------------

// The key of a parcel's answers, from its owner's key of the drawer: so the owner needs
// to remember nothing. It is bound to whom the parcel was for.
export function answerKey(drawer: Uint8Array, stemOf: string, to: string): Promise<Bytes> {
  return hkdf(drawer, nothing, `sealpost parcel answer v1\n${stemOf}\n${foldAddress(to)}`, 32);
}

export function answerProof(key: Uint8Array): Promise<Bytes> {
  return hkdf(key, nothing, "sealpost parcel proof v1", 32);
}

async function checkOf(key: Uint8Array): Promise<string> {
  return base64url((await sha256(concat(utf8("sealpost parcel check v1"), await answerProof(key)))).subarray(0, 16));
}

async function macKey(key: Uint8Array, use: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", await hkdf(key, nothing, "sealpost parcel mac v1", 32), { name: "HMAC", hash: "SHA-256" }, false, [use]);
}

const hex = (b: ArrayBuffer) => Array.from(new Uint8Array(b), (n) => n.toString(16).padStart(2, "0")).join("");
const answerLine = /^Sealpost-Answer: v=1; parcel=([0-9a-f]{8}[0-9][A-Za-z0-9_-]{22}); mac=([0-9a-f]{64})\r\n/;
export const answerLineSize = `Sealpost-Answer: v=1; parcel=; mac=\r\n`.length + stemSize + 64;

// Puts the line in front of an answer that says of which parcel it is, and proves it.
export async function signAnswer(key: Uint8Array, stemOf: string, payload: Bytes): Promise<Bytes> {
  const mac = hex(await crypto.subtle.sign("HMAC", await macKey(key, "sign"), payload));
  return concat(utf8(`Sealpost-Answer: v=1; parcel=${stemOf}; mac=${mac}\r\n`), payload);
}

// Whether a mail that says it answers a parcel was written by somebody who could open the
// one that went to this address; null: it does not say so.
export async function checkAnswer(drawer: () => Promise<Bytes>, payload: Bytes, from: readonly string[]): Promise<"proved" | "unproved" | null> {
  const front = new TextDecoder("latin1").decode(payload.subarray(0, answerLineSize));
  if (!front.startsWith("Sealpost-Answer:")) return null;
  const m = answerLine.exec(front);
  if (m === null || from.length !== 1) return "unproved";
  const key = await answerKey(await drawer(), m[1]!, from[0]!);
  const mac = Uint8Array.from(m[2]!.match(/../g)!, (h) => parseInt(h, 16));
  return (await crypto.subtle.verify("HMAC", await macKey(key, "verify"), mac, payload.subarray(answerLineSize))) ? "proved" : "unproved";
}

// ---- The parcel itself -------------------------------------------------------------------

export interface LetterFile { name: string; type: string; content_id: string; data: Bytes }
export interface Letter {
  from: { name: string; address: string };
  to: string;
  subject: string;
  text: string;
  html: string;
  date: number; // seconds
  message_id: string;
  answer: { key: Bytes; certificate: Bytes } | null;
  files: LetterFile[];
}

export interface NewParcel {
  account: string;
  letter: Omit<Letter, "answer">;
  password: string;
  hint: string;
  ends: number;
  answers: number;
  drawer: Uint8Array; // the owner's key of drawer "parcels"
  certificate: Uint8Array;
}

const mailContext = (link: Pick<Link, "account" | "name">, kdf: Kdf, salt: Uint8Array) => ({ account: link.account, purpose: "parcel.letter", name: link.name, version: 1, extra: kdfExtra(kdf, salt).slice(1) });
const linkContext = (link: Pick<Link, "account" | "name">) => ({ account: link.account, purpose: "parcel", name: link.name, version: 1 });
const linkKey = (secret: Uint8Array) => hkdf(secret, nothing, "sealpost parcel link v1", 32);

// 0.3 s and 64 MiB for each password that is tried, and the link's secret besides.
async function letterKey(password: string, secret: Uint8Array, salt: Uint8Array, kdf: Kdf): Promise<Bytes> {
  const a = await stretch(password, salt, kdf);
  const key = await hkdf(a, secret, "sealpost parcel v1", 32);
  a.fill(0);
  return key;
}

export async function sealParcel(o: NewParcel): Promise<{ link: Link; box: Bytes }> {
  if (!Number.isSafeInteger(o.ends) || o.ends < 1 || o.ends >= 2 ** 32 || !Number.isInteger(o.answers) || o.answers < 0 || o.answers > 9 || o.hint.length > maxHint) throw new VaultError("bad-input");
  const secret = random(32);
  const salt = random(saltSize);
  const base = `${o.ends.toString(16).padStart(8, "0")}${o.answers}${base64url(random(16))}`;
  const key = o.answers > 0 ? await answerKey(o.drawer, base, o.letter.to) : null;
  const link: Link = { account: o.account, name: key === null ? base : base + (await checkOf(key)), secret: base64url(secret) };
  const letter = encodeLetter({ ...o.letter, answer: key === null ? null : { key, certificate: new Uint8Array(o.certificate) } });
  if (letter.length > maxParcel) throw new VaultError("too-large");
  const inner = await seal(await letterKey(o.password, secret, salt, floor), mailContext(link, floor, salt), letter);
  const head = utf8(JSON.stringify({ v: 1, hint: o.hint, kdf: floor, salt: toBase64(salt) }));
  const content = concat(sized(head), sized(inner));
  const padded = new Uint8Array(padme(content.length));
  padded.set(content);
  return { link, box: await seal(await linkKey(secret), linkContext(link), padded) };
}

interface Outer { hint: string; kdf: Kdf; salt: Bytes; inner: Bytes; secret: Bytes }

async function openOuter(link: Link, box: Uint8Array): Promise<Outer> {
  try {
    const secret = fromBase64url(link.secret);
    const content = await open(await linkKey(secret), linkContext(link), box);
    const head = piece(content, 0, maxHead);
    const inner = piece(content, head.next, content.length);
    const json = JSON.parse(textOf(head.data)) as { v?: unknown; hint?: unknown; kdf?: unknown; salt?: unknown };
    const kdf = json.kdf as Kdf;
    if (json.v !== 1 || typeof json.hint !== "string" || typeof json.salt !== "string" || typeof kdf !== "object" || kdf === null) throw closed();
    const salt = fromBase64(json.salt);
    if (salt.length !== saltSize) throw closed();
    return { hint: json.hint.slice(0, maxHint), kdf, salt, inner: inner.data, secret };
  } catch {
    throw closed();
  }
}

// What the link alone opens: the hint. Every failure is "closed".
export async function openHint(link: Link, box: Uint8Array): Promise<string> {
  return (await openOuter(link, box)).hint;
}

// "weak" before anything is tried with the password, and "closed" for all else.
export async function openParcel(link: Link, box: Uint8Array, password: string): Promise<Letter> {
  const o = await openOuter(link, box);
  checkKdf(o.kdf);
  const letter = await open(await letterKey(password, o.secret, o.salt, o.kdf), mailContext(link, o.kdf, o.salt), o.inner);
  return decodeLetter(letter, parseName(link.name)?.answers ?? 0);
}

// ---- Its octets ----------------------------------------------------------------------------

function sized(b: Uint8Array): Bytes {
  const n = new Uint8Array(4);
  new DataView(n.buffer).setUint32(0, b.length);
  return concat(n, b);
}

function piece(b: Uint8Array, at: number, most: number): { data: Bytes; next: number } {
  if (at + 4 > b.length) throw closed();
  const n = new DataView(b.buffer, b.byteOffset + at, 4).getUint32(0);
  if (n > most || at + 4 + n > b.length) throw closed();
  return { data: b.slice(at + 4, at + 4 + n) as Bytes, next: at + 4 + n };
}

function encodeLetter(l: Letter): Bytes {
  const { files, answer, ...rest } = l;
  const json = {
    v: 1, ...rest,
    files: files.map((f) => ({ name: f.name, type: f.type, content_id: f.content_id, size: f.data.length })),
    answer: answer === null ? null : { key: toBase64(answer.key), certificate: toBase64(answer.certificate) },
  };
  return concat(sized(utf8(JSON.stringify(json))), ...files.map((f) => f.data));
}

const maxFiles = 200;

function decodeLetter(b: Uint8Array, answers: number): Letter {
  try {
    const head = piece(b, 0, b.length);
    const j = JSON.parse(textOf(head.data)) as { [name: string]: unknown };
    const text = (o: { [name: string]: unknown }, name: string, most: number): string => (typeof o[name] === "string" ? (o[name] as string).slice(0, most) : "");
    if (j["v"] !== 1) throw closed();
    const from = j["from"] as { [name: string]: unknown };
    const a = j["answer"] as { [name: string]: unknown } | null;
    let at = head.next;
    const files = (j["files"] as { [name: string]: unknown }[]).slice(0, maxFiles).map((f) => {
      const size = f["size"];
      if (!Number.isSafeInteger(size) || (size as number) < 0 || at + (size as number) > b.length) throw closed();
      const data = b.slice(at, (at += size as number)) as Bytes;
      return { name: text(f, "name", 250), type: text(f, "type", 160), content_id: text(f, "content_id", 250), data };
    });
    return {
      from: { name: text(from, "name", 250), address: text(from, "address", 400) }, to: text(j, "to", 400), subject: text(j, "subject", 2000), text: text(j, "text", maxParcel), html: text(j, "html", maxParcel),
      date: Number.isSafeInteger(j["date"]) ? (j["date"] as number) : 0, message_id: text(j, "message_id", 1000), files,
      answer: a === null || answers === 0 ? null : { key: fromBase64(text(a, "key", 44)), certificate: fromBase64(text(a, "certificate", 2 << 20)) },
    };
  } catch {
    throw closed();
  }
}
