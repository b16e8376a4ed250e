// Boxes: 0x01 | salt 32 | commitment 32 | AES-256-GCM (docs/formats.md, "The browser's
// side"). A box opens for one key and one context, and every failure is the same.

import { type Bytes, concat, copy, equal, hkdf, padme, random, utf8 } from "./bytes.ts";
import { closed } from "./errors.ts";

const version = 1;
const head = 1 + 32 + 32;
const tag = 16;
const most = 80 << 20; // bytes: a letter that a browser keeps for itself

// What a box is and whose: authenticated with it, so that no box stands in for another.
export interface Context {
  account: string; // id, 16 hex digits
  purpose: string; // "master.passphrase", "openpgp", …; of the cabinet, the drawer
  name?: string;
  version: number;
  extra?: string;
}

export function contextBytes(c: Context): Bytes {
  return utf8(`sealpost box v1\n${c.account}\n${c.purpose}\n${c.name ?? ""}\n${c.version}\n${c.extra ?? ""}`);
}

export async function seal(key: Uint8Array, c: Context, plain: Uint8Array): Promise<Bytes> {
  const salt = random(32);
  const { aes, commitment } = await boxKeys(key, salt, "encrypt");
  const sealed = await crypto.subtle.encrypt(parameters(c), aes, copy(plain));
  return concat(Uint8Array.of(version), salt, commitment, new Uint8Array(sealed));
}

export async function open(key: Uint8Array, c: Context, box: Uint8Array): Promise<Bytes> {
  try {
    if (box.length < head + tag || box.length > most || box[0] !== version) throw closed();
    const { aes, commitment } = await boxKeys(key, box.subarray(1, 33), "decrypt");
    if (!equal(commitment, box.subarray(33, head))) throw closed();
    return new Uint8Array(await crypto.subtle.decrypt(parameters(c), aes, copy(box.subarray(head))));
  } catch {
    throw closed();
  }
}

// The key is used once, so the nonce is zero.
function parameters(c: Context): AesGcmParams {
  return { name: "AES-GCM", iv: new Uint8Array(12), additionalData: contextBytes(c) };
}

async function boxKeys(key: Uint8Array, salt: Uint8Array, use: "encrypt" | "decrypt") {
  const okm = await hkdf(key, salt, "sealpost box v1", 64);
  const aes = await crypto.subtle.importKey("raw", okm.slice(0, 32), "AES-GCM", false, [use]);
  return { aes, commitment: okm.slice(32) };
}

// A container of the keyring: the keyring's version at which it was written, and a box.
export async function sealContainer(key: Uint8Array, c: Context, plain: Uint8Array): Promise<Bytes> {
  const at = new Uint8Array(8);
  new DataView(at.buffer).setBigUint64(0, BigInt(c.version));
  return concat(at, await seal(key, c, plain));
}

// newest is the keyring's own version.
export async function openContainer(key: Uint8Array, c: Omit<Context, "version">, newest: number, container: Uint8Array): Promise<Bytes> {
  if (container.length < 8) throw closed();
  const at = new DataView(container.buffer, container.byteOffset, 8).getBigUint64(0);
  if (at < 1n || at > BigInt(newest)) throw closed();
  return open(key, { ...c, version: Number(at) }, container.subarray(8));
}

// Drawers with binary content; all others hold JSON.
const binary = new Set(["segments", "files"]);

// Lengthens content to the next Padmé size: with spaces, which JSON ignores, or zeros.
// What stays in this browser ("device") keeps its length: nobody sees it.
export function pad(drawer: string, content: Uint8Array): Bytes {
  if (drawer === "device") return copy(content);
  const out = new Uint8Array(padme(content.length)).fill(binary.has(drawer) ? 0 : 0x20);
  out.set(content);
  return out;
}
