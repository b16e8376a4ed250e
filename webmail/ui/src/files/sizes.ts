// How long a sealed file is (docs/formats.md, "Files"). All of it comes from the length of
// its content, so a server learns a bucket and no more.

export const maxLength = 2 ** 39; // bytes of content
export const secretSize = 32;
export const chunkSize = 64 << 10;
export const tagSize = 16;
export const sealedChunk = chunkSize + tagSize;
export const headerSize = 22 + 54 + 44 + 48; // of an age header with one X25519 stanza
export const nonceSize = 16;
export const payloadAt = headerSize + nonceSize;
const least = 1 << 10;

// Padmé, at least 1 KiB; numbers may be beyond what shifts can do.
export function paddedLength(n: number): number {
  if (n < least) return least;
  const e = n >= 2 ** 32 ? 63 - Math.clz32(n / 2 ** 32) : 31 - Math.clz32(n);
  const step = 2 ** (e - (32 - Math.clz32(e)));
  return Math.ceil(n / step) * step;
}

export function chunksOf(length: number): number {
  return Math.ceil(paddedLength(length) / chunkSize);
}

export function sealedSize(length: number): number {
  return payloadAt + paddedLength(length) + chunksOf(length) * tagSize;
}
