// The cipher of a file's chunks: the browser's own ChaCha20-Poly1305 where it has one,
// several times as fast, and the library's elsewhere.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Bytes, copy, equal } from "../vault/bytes.ts";

export interface Cipher {
  readonly depth: number; // how many chunks are worth having under way at once
  seal(nonce: Bytes, plain: Bytes): Promise<Bytes>;
  open(nonce: Bytes, sealed: Bytes): Promise<Bytes>; // throws where the tag is another
}

function library(key: Bytes): Cipher {
  return {
    depth: 1,
    seal: async (nonce, plain) => chacha20poly1305(key, nonce).encrypt(plain) as Bytes,
    open: async (nonce, sealed) => chacha20poly1305(key, nonce).decrypt(sealed) as Bytes,
  };
}

const name = "ChaCha20-Poly1305";

async function native(key: Bytes): Promise<Cipher> {
  const k = await crypto.subtle.importKey("raw-secret" as "raw", key, name, false, ["encrypt", "decrypt"]);
  const parameters = (iv: Bytes) => ({ name, iv, tagLength: 128 });
  return {
    depth: 8,
    seal: async (nonce, plain) => new Uint8Array(await crypto.subtle.encrypt(parameters(nonce), k, plain)),
    open: async (nonce, sealed) => new Uint8Array(await crypto.subtle.decrypt(parameters(nonce), k, sealed)),
  };
}

// Whether the browser has the cipher, and it is the same: asked once.
let trusted: Promise<boolean> | null = null;

async function probe(): Promise<boolean> {
  try {
    const [key, nonce, plain] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2), new Uint8Array(100).fill(3)];
    const [ours, theirs] = [library(key), await native(key)];
    const sealed = await ours.seal(nonce, plain);
    if (!equal(await theirs.seal(nonce, plain), sealed) || !equal(await theirs.open(nonce, sealed), plain)) return false;
    sealed[0]! ^= 1;
    return await theirs.open(nonce, sealed).then(() => false, () => true);
  } catch {
    return false;
  }
}

export async function cipherOf(key: Uint8Array): Promise<Cipher> {
  return (await (trusted ??= probe())) ? native(copy(key)) : library(copy(key));
}

// For tests, which have both.
export function forgetProbe(): void {
  trusted = null;
}
