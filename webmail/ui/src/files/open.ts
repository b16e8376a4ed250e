// Opening a sealed file: any range of it, or all of it as it comes. Nothing is given out
// that was not authenticated, and every failure but the source's own is the same.

import type { Bytes } from "../vault/bytes.ts";
import { closed } from "../vault/errors.ts";
import { chunkNonce, openFront } from "./age.ts";
import type { Cipher } from "./cipher.ts";
import type { Head } from "./head.ts";
import { type Pieces, pieces } from "./seal.ts";
import { chunkSize, chunksOf, maxLength, paddedLength, payloadAt, sealedChunk, sealedSize } from "./sizes.ts";

// Where the octets are. size is what the server says.
export interface Source {
  readonly size: number;
  read(from: number, to: number): Promise<Uint8Array>;
}

type Content = Pick<Head, "secret" | "length">;

function checkLength({ length }: Content): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > maxLength) throw closed();
}

async function openChunk(cipher: Cipher, index: number, count: number, sealed: Uint8Array): Promise<Bytes> {
  try {
    return await cipher.open(chunkNonce(index, index === count - 1), sealed as Bytes);
  } catch {
    throw closed();
  }
}

function checkZeros(b: Uint8Array): void {
  if (b.some((n) => n !== 0)) throw closed();
}

const batch = 16; // chunks that are asked for at a time: 1 MiB

export class SealedFile {
  readonly length: number;
  readonly #count: number;
  #kept: { index: number; plain: Bytes }; // the last chunk that was opened: who reads little reads on

  private constructor(readonly source: Source, head: Content, readonly cipher: Cipher, end: Bytes) {
    this.length = head.length;
    this.#count = chunksOf(head.length);
    this.#kept = { index: this.#count - 1, plain: end };
  }

  // Reads header and last chunk before it returns, and knows the size: so what was cut,
  // lengthened or put together is refused before any range of it is given out.
  static async open(source: Source, head: Content): Promise<SealedFile> {
    checkLength(head);
    if (source.size !== sealedSize(head.length)) throw closed();
    const count = chunksOf(head.length);
    const [front, end] = await Promise.all([exactly(source, 0, payloadAt), exactly(source, payloadAt + (count - 1) * sealedChunk, source.size)]);
    const cipher = await openFront(head.secret, front);
    return new SealedFile(source, head, cipher, await openChunk(cipher, count - 1, count, end));
  }

  async read(from: number, to: number): Promise<Bytes> {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from || to > this.length) throw new RangeError("expected a range of the file");
    const out = new Uint8Array(to - from);
    let at = 0;
    for await (const piece of this.range(from, to)) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }

  // Yields the content from one place to another, chunk by chunk.
  async *range(from = 0, to = this.length): AsyncGenerator<Bytes> {
    const stop = Math.min(to, this.length);
    yield* this.#plain(Math.max(0, from), stop);
  }

  // All of it, and the zeros behind it: with this nothing is hidden there.
  async *whole(): AsyncGenerator<Bytes> {
    yield* this.#plain(0, this.length);
    for await (const piece of this.#plain(this.length, paddedLength(this.length))) checkZeros(piece);
  }

  async *#plain(from: number, to: number): AsyncGenerator<Bytes> {
    for (let index = Math.floor(from / chunkSize); index * chunkSize < to; ) {
      const upto = Math.min(index + batch, Math.ceil(to / chunkSize));
      for (const plain of await this.#chunks(index, upto)) {
        const begin = index++ * chunkSize;
        const [first, last] = [Math.max(0, from - begin), Math.min(plain.length, to - begin)];
        const ours = plain === this.#kept.plain || last - first < plain.length; // who gets it may give its buffer away
        yield ours ? plain.slice(first, last) : plain;
      }
    }
  }

  async #chunks(index: number, upto: number): Promise<Bytes[]> {
    const { index: kept, plain } = this.#kept;
    if (upto === index + 1 && kept === index) return [plain];
    const from = payloadAt + index * sealedChunk;
    const sealed = await exactly(this.source, from, Math.min(payloadAt + upto * sealedChunk, this.source.size));
    const opened = await Promise.all(
      Array.from({ length: upto - index }, (_, i) => openChunk(this.cipher, index + i, this.#count, sealed.subarray(i * sealedChunk, (i + 1) * sealedChunk))),
    );
    this.#kept = { index: upto - 1, plain: opened.at(-1)! };
    return opened;
  }
}

async function exactly(source: Source, from: number, to: number): Promise<Uint8Array> {
  const b = await source.read(from, to);
  if (b.length !== to - from) throw closed();
  return b;
}

// Opens a file that comes in one piece. Each chunk was authenticated before it is given out,
// but only when the last was and this ends without an error was it the whole file: until
// then it must not stand under its name.
export async function* receive(source: Pieces, head: Content): AsyncGenerator<Bytes> {
  checkLength(head);
  const count = chunksOf(head.length);
  const cuts = cut(pieces(source), head.length);
  const front = await cuts.next();
  if (front.done) throw closed();
  const cipher = await openFront(head.secret, front.value);
  let left = head.length;
  let index = 0;
  const pending: Promise<Bytes>[] = [];
  const take = async (): Promise<Bytes> => {
    const plain = await pending.shift()!;
    const n = Math.min(left, plain.length);
    left -= n;
    checkZeros(plain.subarray(n));
    return n === plain.length ? plain : plain.slice(0, n);
  };
  for await (const sealed of cuts) {
    const opened = openChunk(cipher, index++, count, sealed);
    opened.catch(() => {}); // it is awaited in its turn
    pending.push(opened);
    if (pending.length >= cipher.depth) yield await take();
  }
  while (pending.length > 0) yield await take();
  if (index !== count || left !== 0) throw closed();
}

// What comes, cut into header and chunks, and no octet too few or too many.
async function* cut(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Bytes> {
  let left = sealedSize(length);
  let buffer = new Uint8Array(payloadAt);
  let used = 0;
  for await (let piece of source) {
    if (piece.length > left - used) throw closed();
    while (piece.length > 0) {
      const n = Math.min(buffer.length - used, piece.length);
      buffer.set(piece.subarray(0, n), used);
      used += n;
      piece = piece.subarray(n);
      if (used < buffer.length) continue;
      yield buffer;
      left -= used;
      buffer = new Uint8Array(Math.min(sealedChunk, left));
      used = 0;
    }
  }
  if (left !== 0) throw closed();
}

// A file that is in memory or on this device's disk.
export function sourceOf(file: Blob): Source {
  return { size: file.size, read: async (from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer()) };
}

