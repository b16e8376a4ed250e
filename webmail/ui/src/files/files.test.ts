// Files: what Go sealed opens here, any range of it, and nothing opens that was touched.

import { describe, expect, it } from "vitest";
import { concat, equal, fromBase64 } from "../vault/bytes.ts";
import { VaultError } from "../vault/errors.ts";
import { identityOf } from "./age.ts";
import type { Head } from "./head.ts";
import { SealedFile, receive } from "./open.ts";
import { Sealing, newSecret, toStream } from "./seal.ts";
import { chunkSize, maxLength, paddedLength, payloadAt, sealedChunk, sealedSize } from "./sizes.ts";
import { gather, headFrom, inPieces, pattern, samples, sealed, sourceIn } from "./testing.ts";

const made = samples("vectors.json");

// By ranges and as it comes: both must say the same.
async function read(head: Head, file: Uint8Array): Promise<Uint8Array> {
  const [ranged, streamed] = await Promise.allSettled([SealedFile.open(sourceIn(file), head).then((f) => gather(f.whole())), gather(receive(inPieces(file), head))]);
  expect(ranged.status).toBe(streamed.status);
  for (const r of [ranged, streamed]) if (r.status === "rejected" && !(r.reason instanceof VaultError && r.reason.word === "closed")) throw r.reason;
  if (ranged.status === "rejected") throw ranged.reason;
  expect(equal(ranged.value, (streamed as PromiseFulfilledResult<Uint8Array>).value)).toBe(true);
  return ranged.value;
}

const refused = async (what: string, head: Head, file: Uint8Array) => expect(read(head, file), what).rejects.toThrow(/^closed$/);

describe("files made by Go", () => {
  it("open, and have the sizes that both give", async () => {
    for (const f of made.files) {
      const head = headFrom(f.head);
      expect(equal(await read(head, fromBase64(f.file)), pattern(head.length))).toBe(true);
    }
    for (const [n, size] of Object.entries(made.sizes)) expect(sealedSize(Number(n)), n).toBe(size);
    expect(paddedLength(maxLength)).toBe(maxLength);
  });

  it("have identities that the age command takes", async () => {
    for (const i of made.identities) expect(await identityOf(fromBase64(i.secret))).toBe(i.identity);
  });
});

describe("a sealed file", () => {
  it("comes back, in sizes that are buckets", async () => {
    for (const n of [0, 1, 1024, 1025, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize + 17]) {
      const { head, file } = await sealed(pattern(n));
      expect(file.length).toBe(sealedSize(n));
      expect(equal(await read(head, file), pattern(n)), `${n}`).toBe(true);
    }
    const [small, large] = [await sealed(pattern(3)), await sealed(pattern(1000))];
    expect(small.file.length).toBe(large.file.length);
    expect(sealedSize(2 ** 31 + 1)).toBe(sealedSize(2 ** 31 + 2 ** 26));
  });

  it("opens with no octet changed, cut off or put behind", async () => {
    const { head, file } = await sealed(pattern(700));
    for (let i = 0; i < file.length; i += i < payloadAt ? 1 : 3) {
      const changed = file.slice();
      changed[i]! ^= 1;
      await refused(`octet ${i}`, head, changed);
      if (i % 3 === 0) await refused(`cut at ${i}`, head, file.subarray(0, i));
    }
    await refused("longer", head, concat(file, new Uint8Array(1)));
    await refused("another secret", { ...head, secret: newSecret() }, file);
    for (const length of [1025, 2048, -1, 1.5, NaN, maxLength + 1]) await refused(`${length} octets`, { ...head, length }, file);
  }, 60_000);

  it("has its chunks in their places, to its true end", async () => {
    const n = 4;
    const plain = pattern(n * chunkSize);
    const { head, file } = await sealed(plain);
    const other = await sealed(plain);
    const chunk = (of: Uint8Array, i: number) => of.subarray(payloadAt + i * sealedChunk, payloadAt + (i + 1) * sealedChunk);
    const put = (order: number[]) => concat(file.subarray(0, payloadAt), ...order.map((i) => chunk(i < n ? file : other.file, i % n)));
    expect(equal(await read(head, put([0, 1, 2, 3])), plain)).toBe(true);
    const orders = permutations([0, 1, 2, 3]).filter((o) => o.join() !== "0,1,2,3");
    for (let i = 0; i < n; i++) for (let j = 0; j < 2 * n; j++) if (i !== j) orders.push([0, 1, 2, 3].map((k) => (k === i ? j : k)));
    orders.push([0, 1, 2], [1, 2, 3], [0, 1, 3], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [0, 1, 2, 3, 4], []);
    for (const order of orders) await refused(`${order}`, head, put(order));
    // Cut between chunks, and said to be as long as that.
    await refused("its end is none", { ...head, length: 3 * chunkSize }, put([0, 1, 2]));
    await expect(SealedFile.open(sourceIn(put([0, 1, 2])), { ...head, length: 3 * chunkSize })).rejects.toThrow(/^closed$/);
  }, 60_000);

  it("gives out any range, and asks for no more than it needs", async () => {
    const plain = pattern(5 * chunkSize + 1000);
    const { head, file } = await sealed(plain);
    let asked = 0;
    const f = await SealedFile.open({ size: file.length, read: async (from, to) => ((asked += to - from), file.subarray(from, to)) }, head);
    expect(asked).toBeLessThan(payloadAt + sealedChunk);
    for (const [from, to] of [[0, 0], [0, 1], [chunkSize - 1, chunkSize + 1], [3 * chunkSize, 4 * chunkSize], [0, plain.length], [plain.length - 1, plain.length], [100_000, 300_000]] as const)
      expect(equal(await f.read(from, to), plain.subarray(from, to)), `${from} to ${to}`).toBe(true);
    asked = 0;
    await f.read(70_000, 70_010);
    await f.read(70_010, 70_020);
    expect(asked).toBe(sealedChunk);
    await expect(f.read(0, plain.length + 1)).rejects.toThrow(RangeError);
    await expect(f.read(-1, 1)).rejects.toThrow(RangeError);
  });

  it("hides nothing behind its end", async () => {
    const { head, file } = await sealed(pattern(1000));
    await refused("padding that is content", { ...head, length: 990 }, file);
  });

  it("fails as its source fails, not as if it were forged", async () => {
    const { head, file } = await sealed(pattern(3 * chunkSize));
    let broken = false;
    const source = { size: file.length, read: async (from: number, to: number) => { if (broken) throw new TypeError("network"); return file.subarray(from, to); } };
    const f = await SealedFile.open(source, head);
    broken = true;
    await expect(f.read(0, 10)).rejects.toThrow("network");
    broken = false;
    expect(await f.read(0, 10)).toEqual(pattern(10));
    async function* failing() { yield file.subarray(0, 1000); throw new TypeError("network"); }
    await expect(gather(receive(failing(), head))).rejects.toThrow("network");
    const short = { size: file.length, read: async (from: number, to: number) => file.subarray(from, to - 1) };
    await expect(SealedFile.open(short, head)).rejects.toThrow(/^closed$/);
  });

  it("is sealed once under its secret, and no longer than can be", async () => {
    const sealing = new Sealing(newSecret());
    await gather(sealing.seal(inPieces(pattern(10))));
    await expect(gather(sealing.seal(inPieces(pattern(10))))).rejects.toThrow("bad-input");
    const [a, b] = [await sealed(pattern(10)), await sealed(pattern(10))];
    expect(equal(a.file.subarray(0, 200), b.file.subarray(0, 200))).toBe(false);
  });

  it("goes through streams, of which no more is read than is asked for", async () => {
    const secret = newSecret();
    const sealing = new Sealing(secret);
    let given = 0;
    let cancelled = false;
    const source = new ReadableStream<Uint8Array>({ pull: (c) => { given++; c.enqueue(pattern(chunkSize)); }, cancel: () => void (cancelled = true) }, { highWaterMark: 0 });
    const reader = toStream(sealing.seal(source)).getReader();
    for (let i = 0; i < 5; i++) await reader.read();
    expect(given).toBeLessThan(20);
    await reader.cancel();
    expect(cancelled).toBe(true);
  });
});

function permutations(a: number[]): number[][] {
  if (a.length < 2) return [a];
  return a.flatMap((x, i) => permutations(a.filter((_, j) => j !== i)).map((rest) => [x, ...rest]));
}
