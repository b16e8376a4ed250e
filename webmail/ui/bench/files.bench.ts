// How fast files are sealed and opened, beside the cipher alone on the same chunks:
// `npm run bench` prints it. Chromium has the cipher itself; Node 20 has not.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { expect, it } from "vitest";
import { SealedFile, Sealing, newSecret, receive } from "../src/files/index.ts";
import { cipherOf } from "../src/files/cipher.ts";
import { chunkSize, sealedSize } from "../src/files/sizes.ts";

const chunks = 1024; // 64 MiB
const length = chunks * chunkSize;
const chunk = new Uint8Array(chunkSize).fill(7);

async function rate(what: string, work: () => Promise<number>, raw = 0): Promise<number> {
  const start = performance.now();
  expect(await work()).toBeGreaterThanOrEqual(length);
  const mb = length / 1e3 / (performance.now() - start);
  console.log(`${what}: ${mb.toFixed(0)} MB/s${raw > 0 ? `, ${((100 * mb) / raw).toFixed(0)} % of the cipher alone` : ""}`);
  return mb;
}

async function* content() {
  for (let i = 0; i < chunks; i++) yield chunk;
}

async function count(source: AsyncIterable<Uint8Array>): Promise<number> {
  let n = 0;
  for await (const piece of source) n += piece.length;
  return n;
}

it("of 64 MiB", async () => {
  const key = new Uint8Array(32);
  const nonce = () => new Uint8Array(12);
  const once = chacha20poly1305(key, nonce()).encrypt(chunk);
  console.log(`the browser's own cipher: ${(await cipherOf(key)).depth > 1 ? "yes" : "no"}`);
  for (let i = 0; i < 200; i++) chacha20poly1305(key, nonce()).encrypt(chunk); // warm
  const sealRaw = await rate("the cipher alone, sealing", async () => { let n = 0; for (let i = 0; i < chunks; i++) n += chacha20poly1305(key, nonce()).encrypt(chunk).length; return n; });
  const openRaw = await rate("the cipher alone, opening", async () => { let n = 0; for (let i = 0; i < chunks; i++) n += chacha20poly1305(key, nonce()).decrypt(once).length; return n; });
  const secret = newSecret();
  const file = new Uint8Array(sealedSize(length));
  let at = 0;
  for await (const piece of new Sealing(secret).seal(content())) { file.set(piece, at); at += piece.length; }
  await rate("sealing", () => count(new Sealing(newSecret()).seal(content())), sealRaw);
  const head = { secret, length };
  await rate("opening as it comes", async () => count(receive((async function* () { for (let i = 0; i < file.length; i += 65_000) yield file.subarray(i, i + 65_000); })(), head)), openRaw);
  const f = await SealedFile.open({ size: file.length, read: async (from, to) => file.subarray(from, to) }, head);
  await rate("opening by ranges", () => count(f.whole()), openRaw);
  const before = process.memoryUsage().arrayBuffers;
  await count(new Sealing(newSecret()).seal((async function* () { for (let i = 0; i < 8; i++) yield* content(); })()));
  console.log(`memory grew by ${((process.memoryUsage().arrayBuffers - before) / 1e6).toFixed(0)} MB over 512 MiB`);
}, 120_000);
