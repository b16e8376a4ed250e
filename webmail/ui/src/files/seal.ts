// Sealing a file as it is read: memory holds a few chunks, however large it is.

import { type Bytes, random } from "../vault/bytes.ts";
import { VaultError } from "../vault/errors.ts";
import { beginFile, chunkNonce } from "./age.ts";
import { chunkSize, maxLength, paddedLength, secretSize } from "./sizes.ts";

export type Pieces = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

export function newSecret(): Bytes {
  return random(secretSize);
}

// The pieces of a stream; not every browser can loop over one.
export async function* pieces(source: Pieces): AsyncGenerator<Uint8Array> {
  if (!("getReader" in source)) {
    yield* source;
    return;
  }
  const reader = source.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => {}); // who left early wants no more of it
    reader.releaseLock();
  }
}

// One attempt at sealing one file under one secret. Who must begin again, because the file
// changed or what was sealed got lost, takes another secret: never the same twice.
export class Sealing {
  length = 0; // of the content so far; when it is sealed, what its head says
  #secret: Bytes | null;

  constructor(secret: Uint8Array) {
    this.#secret = new Uint8Array(secret);
  }

  // Yields what goes to the server, piece by piece.
  async *seal(source: Pieces): AsyncGenerator<Bytes> {
    if (this.#secret === null) throw new VaultError("bad-input");
    const { front, cipher } = await beginFile(this.#secret);
    this.#secret = null;
    yield front;
    const pending: Promise<Bytes>[] = [];
    let index = 0;
    for await (const { chunk, last } of chunks(this.#padded(source))) {
      const sealed = cipher.seal(chunkNonce(index++, last), chunk);
      sealed.catch(() => {}); // it is awaited in its turn
      pending.push(sealed);
      if (pending.length >= cipher.depth) yield await pending.shift()!;
    }
    for (const sealed of pending) yield await sealed;
  }

  async *#padded(source: Pieces): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces(source)) {
      this.length += piece.length;
      if (this.length > maxLength) throw new VaultError("too-large");
      yield piece;
    }
    const zeros = new Uint8Array(chunkSize);
    for (let left = paddedLength(this.length) - this.length; left > 0; left -= zeros.length) yield zeros.subarray(0, Math.min(left, zeros.length));
  }
}

// Whole chunks and the last, which is known when nothing comes after it.
async function* chunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<{ chunk: Bytes; last: boolean }> {
  let chunk = new Uint8Array(chunkSize);
  let used = 0;
  for await (let piece of source) {
    while (piece.length > 0) {
      if (used === chunkSize) {
        yield { chunk, last: false };
        chunk = new Uint8Array(chunkSize);
        used = 0;
      }
      const n = Math.min(chunkSize - used, piece.length);
      chunk.set(piece.subarray(0, n), used);
      used += n;
      piece = piece.subarray(n);
    }
  }
  yield { chunk: chunk.subarray(0, used), last: true };
}

// As a stream, for a body that is sent.
export function toStream(source: AsyncGenerator<Bytes>): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const next = await source.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await source.return(undefined);
      },
    },
    { highWaterMark: 2 },
  );
}
