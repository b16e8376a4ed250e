// Varints and growing buffers, as the segments of the index use them.

// Writer grows as it is written to; finish gives exactly what was written.
export class Writer {
  private buffer = new Uint8Array(1024);
  length = 0;

  private room(n: number): void {
    if (this.length + n <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + n));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  varint(v: number): void {
    this.room(5);
    while (v >= 0x80) {
      this.buffer[this.length++] = (v & 0x7f) | 0x80;
      v >>>= 7;
    }
    this.buffer[this.length++] = v;
  }

  u32(v: number): void {
    this.room(4);
    new DataView(this.buffer.buffer).setUint32(this.length, v);
    this.length += 4;
  }

  bytes(b: Uint8Array): void {
    this.room(b.length);
    this.buffer.set(b, this.length);
    this.length += b.length;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.length);
  }
}

// Reader throws RangeError past its end: what it reads may be damaged.
export class Reader {
  constructor(readonly data: Uint8Array, public at = 0, readonly end = data.length) {}

  varint(): number {
    let v = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) break;
      const b = this.data[this.at++] as number;
      v += (b & 0x7f) * 2 ** shift;
      if (b < 0x80 && v <= 0xffffffff) return v;
      if (b < 0x80) break;
    }
    throw new RangeError("varint is damaged");
  }

  u32(): number {
    if (this.at + 4 > this.end) throw new RangeError("number is cut");
    const v = new DataView(this.data.buffer, this.data.byteOffset + this.at, 4).getUint32(0);
    this.at += 4;
    return v;
  }

  take(n: number): Uint8Array {
    if (n < 0 || this.at + n > this.end) throw new RangeError("bytes are cut");
    this.at += n;
    return this.data.subarray(this.at - n, this.at);
  }
}

// compare orders byte strings as the index does.
export function compare(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

export function startsWith(a: Uint8Array, prefix: Uint8Array): boolean {
  if (a.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (a[i] !== prefix[i]) return false;
  return true;
}

export function fromHex(s: string): Uint8Array<ArrayBuffer> {
  const b = new Uint8Array(s.length >> 1);
  for (let i = 0; i < b.length; i++) b[i] = Number.parseInt(s.slice(2 * i, 2 * i + 2), 16);
  return b;
}
