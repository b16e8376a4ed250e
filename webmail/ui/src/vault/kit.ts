// Words of the BIP-39 English list: 24 for a recovery kit, six for a new device.

import { type Bytes, concat, copy, equal, hkdf, random, sha256, utf8 } from "./bytes.ts";
import { closed } from "./errors.ts";

const kitWords = 24;
const deviceWords = 6;
const bits = 11;

async function list(): Promise<readonly string[]> {
  return (await import("./wordlist.ts")).words;
}

async function toWords(b: Uint8Array, n: number): Promise<string[]> {
  const words = await list();
  return Array.from({ length: n }, (_, i) => {
    let index = 0;
    for (let bit = i * bits; bit < (i + 1) * bits; bit++) index = (index << 1) | ((b[bit >> 3]! >> (7 - (bit & 7))) & 1);
    return words[index]!;
  });
}

// Exactly n words as they were typed: any case, any space, each at least by its first
// four letters. What is left of the last byte is zero.
async function toBits(typed: string, n: number): Promise<Bytes> {
  if (typed.length > 1024) throw closed();
  const words = await list();
  const given = typed.normalize("NFKC").toLowerCase().split(/\s+/).filter((w) => w !== "");
  if (given.length !== n) throw closed();
  const b = new Uint8Array(Math.ceil((n * bits) / 8));
  given.forEach((word, i) => {
    const index = words.findIndex((w) => w === word || (word.length >= 4 && w.startsWith(word)));
    if (index < 0) throw closed();
    for (let j = 0; j < bits; j++) {
      const bit = i * bits + j;
      b[bit >> 3]! |= ((index >> (bits - 1 - j)) & 1) << (7 - (bit & 7));
    }
  });
  return b;
}

export function newKit(): Bytes {
  return random(32);
}

export async function kitToWords(entropy: Uint8Array): Promise<string[]> {
  return toWords(concat(entropy, (await sha256(entropy)).subarray(0, 1)), kitWords);
}

// The entropy of words that were typed back, or "closed".
export async function parseKit(typed: string): Promise<Bytes> {
  const raw = await toBits(typed, kitWords);
  const entropy = raw.slice(0, 32);
  if ((await sha256(entropy))[0] !== raw[32]) throw closed();
  return entropy;
}

export function kitProof(entropy: Uint8Array): Promise<Bytes> {
  return hkdf(entropy, new Uint8Array(0), "sealpost kit sign-in v1", 32);
}

export function kitWrap(entropy: Uint8Array): Promise<Bytes> {
  return hkdf(entropy, new Uint8Array(0), "sealpost kit wrap v1", 32);
}

// An address as it is bound into what devices compare: NFC, A to Z in lower case.
export function foldAddress(address: string): string {
  return address.trim().normalize("NFC").replace(/[A-Z]/g, (c) => c.toLowerCase());
}

async function deviceBits(address: string, publicKey: Uint8Array): Promise<Bytes> {
  const sum = await sha256(concat(utf8("sealpost access v1"), utf8(foldAddress(address)), publicKey));
  const b = copy(sum.subarray(0, 9));
  b[8]! &= 0xc0;
  return b;
}

export async function accessWords(address: string, publicKey: Uint8Array): Promise<string[]> {
  return toWords(await deviceBits(address, publicKey), deviceWords);
}

// Throws "closed" unless these are the words of that key.
export async function checkAccessWords(address: string, publicKey: Uint8Array, typed: string): Promise<void> {
  if (!equal(await toBits(typed, deviceWords), await deviceBits(address, publicKey))) throw closed();
}
