// For tests: the samples that Go made, and files whose content is known.

import { readFileSync } from "node:fs";
import { type Bytes, fromBase64, concat } from "../vault/bytes.ts";
import type { Head } from "./head.ts";
import type { Source } from "./open.ts";
import { Sealing, newSecret } from "./seal.ts";

export const testdata = new URL("../../../../filestore/sealed/testdata/", import.meta.url);

export const samples = (name: string) => JSON.parse(readFileSync(new URL(name, testdata), "utf8"));

// The content of all samples.
export function pattern(n: number): Bytes {
  const b = new Uint8Array(n);
  for (let i = 0; i < n; i++) b[i] = i * 7 + (i >> 8);
  return b;
}

export function headFrom(json: { name: string; type?: string; length?: number; secret: string; modified?: number; hash?: string }): Head {
  return { name: json.name, type: json.type ?? "", length: json.length ?? 0, secret: fromBase64(json.secret), modified: json.modified ?? 0, hash: json.hash ? fromBase64(json.hash) : null };
}

export function sourceIn(b: Uint8Array): Source {
  return { size: b.length, read: async (from, to) => b.subarray(from, to) };
}

// In pieces of odd lengths, as networks have them.
export async function* inPieces(b: Uint8Array, size = 10007): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < b.length; at += size) yield b.subarray(at, at + size);
}

export async function gather(source: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece);
  return concat(...all);
}

export async function sealed(plain: Uint8Array): Promise<{ head: Head; file: Bytes }> {
  const secret = newSecret();
  const sealing = new Sealing(secret);
  const file = await gather(sealing.seal(inPieces(plain)));
  return { head: { name: "a.bin", type: "", length: sealing.length, secret, modified: 0, hash: null }, file };
}
