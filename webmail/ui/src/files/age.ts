// The header of a file, as age v1 has it (age-encryption.org/v1): one X25519 stanza to a key
// that comes from the file's secret. The library makes and opens it; the chunks behind it
// are ours, since it opens no ranges and knows no cipher of the browser's.

import { bech32 } from "@scure/base";
import { type Bytes, concat, copy, hkdf, latin1 } from "../vault/bytes.ts";
import { closed } from "../vault/errors.ts";
import { type Cipher, cipherOf } from "./cipher.ts";
import { headerSize, nonceSize, secretSize, tagSize } from "./sizes.ts";

const nothing = new Uint8Array(0);
const begin = "age-encryption.org/v1\n-> X25519 ";

// The secret as the age command takes it: AGE-SECRET-KEY-1 and so on.
export async function identityOf(secret: Uint8Array): Promise<string> {
  if (secret.length !== secretSize) throw closed();
  return bech32.encodeFromBytes("AGE-SECRET-KEY-", await hkdf(secret, nothing, "sealpost file v1", 32)).toUpperCase();
}

// A fresh header. The library gives a file key to nobody, but opens its own header: so we
// let it seal a file without content, and keep of that the header alone. The nonce of the
// content is another, so no key and nonce serve twice.
async function newHeader(identity: string): Promise<{ header: Bytes; fileKey: Uint8Array }> {
  const age = await import("age-encryption");
  const e = new age.Encrypter();
  e.addRecipient(await age.identityToRecipient(identity));
  const empty = await e.encrypt(nothing);
  if (empty.length !== headerSize + nonceSize + tagSize) throw closed();
  const header = copy(empty.subarray(0, headerSize));
  return { header, fileKey: await openHeader(identity, header) };
}

async function openHeader(identity: string, header: Bytes): Promise<Uint8Array> {
  const age = await import("age-encryption");
  const d = new age.Decrypter();
  d.addIdentity(identity);
  return d.decryptHeader(header);
}

async function payload(fileKey: Uint8Array, nonce: Uint8Array): Promise<Cipher> {
  const key = await hkdf(fileKey, nonce, "payload", 32);
  const cipher = await cipherOf(key);
  key.fill(0);
  return cipher;
}

// What a new file begins with, and the cipher of its chunks.
export async function beginFile(secret: Uint8Array): Promise<{ front: Bytes; cipher: Cipher }> {
  const { header, fileKey } = await newHeader(await identityOf(secret));
  const nonce = crypto.getRandomValues(new Uint8Array(nonceSize));
  const cipher = await payload(fileKey, nonce);
  fileKey.fill(0);
  return { front: concat(header, nonce), cipher };
}

// Takes header and nonce. Headers of any other shape are not ours.
export async function openFront(secret: Uint8Array, front: Uint8Array): Promise<Cipher> {
  try {
    if (front.length !== headerSize + nonceSize || latin1(front.subarray(0, begin.length)) !== begin) throw closed();
    const fileKey = await openHeader(await identityOf(secret), copy(front.subarray(0, headerSize)));
    const cipher = await payload(fileKey, front.subarray(headerSize));
    fileKey.fill(0);
    return cipher;
  } catch {
    throw closed();
  }
}

// Each chunk has its place in its nonce, and the last one says that it is.
export function chunkNonce(index: number, last: boolean): Bytes {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(3, BigInt(index));
  nonce[11] = last ? 1 : 0;
  return nonce;
}
