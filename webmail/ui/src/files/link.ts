// Links: the head of a file under a secret that stands behind the # of an address, and a
// password if its owner wants one. The server keeps the box and has neither.

import { floor, kdfExtra, stretch } from "../vault/argon.ts";
import { open, seal } from "../vault/box.ts";
import { type Bytes, concat, hkdf, random, sha256, toBase64, utf8 } from "../vault/bytes.ts";
import { VaultError, closed } from "../vault/errors.ts";
import { base64url, fromBase64url } from "../vault/parcel.ts";
import type { Kdf } from "../wire/api.ts";
import { type Head, decodeHead, encode, encodeHead, objectId, parse, stringOf, bytesOf } from "./head.ts";
import { sealedSize } from "./sizes.ts";

const nothing = new Uint8Array(0);
const saltSize = 16;
const kdfSize = 1 + 4 + 4 + 1 + saltSize;

// What a server calls a stored file, and how long it says that is.
export interface StoredObject {
  id: string;
  size: number;
}

export function newFragment(): string {
  return base64url(random(16));
}

function secretOf(fragment: string): Bytes {
  const b = fromBase64url(fragment);
  if (b.length < 16 || b.length > 32) throw closed();
  return b;
}

// Whether this can be what stands behind the # of a link or a request.
export function isFragment(fragment: string): boolean {
  try {
    return secretOf(fragment).length > 0;
  } catch {
    return false;
  }
}

export const objectText = (o: StoredObject) => `object=${o.id} size=${o.size}`;
const contextOf = (o: StoredObject, line: string) => ({ account: "", purpose: "link", version: 1, extra: objectText(o) + line });

interface Keys {
  box: Bytes;
  proof: Bytes;
  line: string; // what the box is bound to besides
}

// 0.3 s and 64 MiB where there is a password. A key derivation out of bounds is refused
// before the password is used.
async function keysOf(fragment: string, password: string, kdf: Uint8Array): Promise<Keys> {
  let ikm = secretOf(fragment);
  let line = "";
  if ((kdf.length === 0) !== (password === "")) throw closed();
  if (kdf.length > 0) {
    if (kdf.length !== kdfSize || kdf[0] !== 1) throw closed();
    const view = new DataView(kdf.buffer, kdf.byteOffset, kdf.length);
    const k: Kdf = { name: "argon2id", memory: view.getUint32(1), iterations: view.getUint32(5), lanes: view.getUint8(9) };
    const salt = kdf.slice(kdfSize - saltSize);
    ikm = concat(ikm, await stretch(password, salt, k));
    line = kdfExtra(k, salt);
  }
  const keys = { box: await hkdf(ikm, nothing, "sealpost link v1", 32), proof: await hkdf(ikm, nothing, "sealpost link proof v1", 32), line };
  ikm.fill(0);
  return keys;
}

export interface NewLink {
  kdf: Bytes; // how the password is stretched; empty: there is none
  box: Bytes;
  proof: Bytes; // for which the server gives the box
  check: Bytes; // what the server keeps of the proof
}

export async function makeLink(o: { fragment: string; password: string; object: StoredObject; head: Head }): Promise<NewLink> {
  if (!objectId.test(o.object.id) || o.object.size !== sealedSize(o.head.length)) throw new VaultError("bad-input");
  const kdf = o.password === "" ? nothing : newKdf();
  const keys = await keysOf(o.fragment, o.password, kdf);
  const box = await seal(keys.box, contextOf(o.object, keys.line), encodeHead(o.head));
  return { kdf, box, proof: keys.proof, check: await sha256(concat(utf8("sealpost link check v1"), keys.proof)) };
}

function newKdf(): Bytes {
  const kdf = new Uint8Array(kdfSize);
  const view = new DataView(kdf.buffer);
  view.setUint8(0, 1);
  view.setUint32(1, floor.memory);
  view.setUint32(5, floor.iterations);
  view.setUint8(9, floor.lanes);
  kdf.set(random(saltSize), kdfSize - saltSize);
  return kdf;
}

// A link that is being opened: the password is stretched once, for proof and box.
export class OpenedLink {
  private constructor(readonly proof: Bytes, readonly keys: Keys) {}

  // Every failure is "closed", as is a password where none is asked for.
  static async with(fragment: string, password: string, kdf: Uint8Array): Promise<OpenedLink> {
    try {
      const keys = await keysOf(fragment, password, kdf);
      return new OpenedLink(keys.proof, keys);
    } catch {
      throw closed();
    }
  }

  async head(object: StoredObject, box: Uint8Array): Promise<Head> {
    const head = decodeHead(await open(this.keys.box, contextOf(object, this.keys.line), box));
    if (sealedSize(head.length) !== object.size) throw closed();
    return head;
  }
}

// ---- Requests: what somebody who was asked for files is told ------------------------------

export interface Ask {
  key: Bytes; // X25519, of the owner
  title: string;
  note: string;
}

const askContext = { account: "", purpose: "request", version: 1 };
const askKey = (fragment: string) => hkdf(secretOf(fragment), nothing, "sealpost request v1", 32);

function validAsk(a: Ask): boolean {
  return a.key.length === 32 && a.title.isWellFormed() && a.note.isWellFormed() && [...a.title].length <= 200 && [...a.note].length <= 500;
}

export async function sealAsk(fragment: string, a: Ask): Promise<Bytes> {
  if (!validAsk(a)) throw new VaultError("bad-input");
  const key = toBase64(a.key);
  return seal(await askKey(fragment), askContext, encode({ key, ...(a.title && { title: a.title }), ...(a.note && { note: a.note }) }));
}

export async function openAsk(fragment: string, box: Uint8Array): Promise<Ask> {
  try {
    const o = parse(await open(await askKey(fragment), askContext, box));
    const ask = { key: bytesOf(o, "key") ?? nothing, title: stringOf(o, "title"), note: stringOf(o, "note") };
    if (o["v"] !== 1 || !validAsk(ask)) throw closed();
    return ask;
  } catch {
    throw closed();
  }
}
