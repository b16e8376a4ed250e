// Zip files (PKWARE APPNOTE 6.3), as far as mail is carried in them: read with what the
// browser can inflate, written without compression (it would tell of what is inside).

import { join } from "./lines.ts";
import { SourceError } from "./source.ts";

const mostEntries = 500_000;
const mostRatio = 1100; // deflate cannot do more
const mostEntry = 4 * 2 ** 30;

export interface Entry { name: string; size: number; packed: number; method: number; offset: number }

export const isZip = (head: Uint8Array): boolean => head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6));

async function view(file: Blob, from: number, to: number): Promise<DataView> {
  return new DataView(await file.slice(from, to).arrayBuffer());
}

// entries reads the directory at the end of the file.
export async function entries(file: Blob): Promise<Entry[]> {
  const { at, size, count } = await directory(file);
  if (count > mostEntries || size > 512 * 2 ** 20 || at + size > file.size) throw new SourceError("damaged");
  const d = await view(file, at, at + size);
  const out: Entry[] = [];
  for (let p = 0; p + 46 <= d.byteLength && out.length < count; ) {
    if (d.getUint32(p, true) !== 0x02014b50) throw new SourceError("damaged");
    const [name, extra, comment] = [d.getUint16(p + 28, true), d.getUint16(p + 30, true), d.getUint16(p + 32, true)];
    if (p + 46 + name + extra > d.byteLength) throw new SourceError("damaged");
    if ((d.getUint16(p + 8, true) & 1) !== 0) throw new SourceError("encrypted");
    const e: Entry = {
      name: new TextDecoder().decode(new Uint8Array(d.buffer, p + 46, name)), size: d.getUint32(p + 24, true), packed: d.getUint32(p + 20, true),
      method: d.getUint16(p + 10, true), offset: d.getUint32(p + 42, true),
    };
    wide(e, new DataView(d.buffer, p + 46 + name, extra));
    if (e.size > mostEntry || e.size > mostRatio * Math.max(e.packed, 1)) throw new SourceError("bomb");
    out.push(e);
    p += 46 + name + extra + comment;
  }
  return out;
}

async function directory(file: Blob): Promise<{ at: number; size: number; count: number }> {
  const from = Math.max(0, file.size - 66_000);
  const d = await view(file, from, file.size);
  for (let p = d.byteLength - 22; p >= 0; p--) {
    if (d.getUint32(p, true) !== 0x06054b50) continue;
    const found = { at: d.getUint32(p + 16, true), size: d.getUint32(p + 12, true), count: d.getUint16(p + 10, true) };
    if (found.at !== 0xffffffff && found.count !== 0xffff) return found;
    if (p < 20 || d.getUint32(p - 20, true) !== 0x07064b50) break;
    const wideAt = Number(d.getBigUint64(p - 20 + 8, true));
    const w = await view(file, wideAt, wideAt + 56);
    if (w.byteLength < 56 || w.getUint32(0, true) !== 0x06064b50) break;
    return { at: Number(w.getBigUint64(48, true)), size: Number(w.getBigUint64(40, true)), count: Number(w.getBigUint64(32, true)) };
  }
  throw new SourceError("damaged");
}

// wide takes the 64-bit numbers of a zip64 field where the short ones are full.
function wide(e: Entry, extra: DataView): void {
  for (let p = 0; p + 4 <= extra.byteLength; p += 4 + extra.getUint16(p + 2, true)) {
    if (extra.getUint16(p, true) !== 1) continue;
    let at = p + 4;
    const next = (): number => {
      if (at + 8 > extra.byteLength) throw new SourceError("damaged");
      at += 8;
      return Number(extra.getBigUint64(at - 8, true));
    };
    if (e.size === 0xffffffff) e.size = next();
    if (e.packed === 0xffffffff) e.packed = next();
    if (e.offset === 0xffffffff) e.offset = next();
  }
}

// open streams one entry. It ends with an error if there is more than the directory says.
export async function open(file: Blob, e: Entry): Promise<ReadableStream<Uint8Array>> {
  const d = await view(file, e.offset, e.offset + 30);
  if (d.byteLength < 30 || d.getUint32(0, true) !== 0x04034b50) throw new SourceError("damaged");
  const start = e.offset + 30 + d.getUint16(26, true) + d.getUint16(28, true);
  const packed = file.slice(start, start + e.packed).stream();
  if (e.method !== 0 && e.method !== 8) throw new SourceError("unknown");
  const plain = e.method === 0 ? packed : packed.pipeThrough(new DecompressionStream("deflate-raw"));
  let left = e.size;
  return plain.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, out) {
      left -= chunk.length;
      if (left < 0) throw new SourceError("bomb");
      out.enqueue(chunk);
    },
  }));
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

export function crc32(data: Uint8Array, before = 0): number {
  let c = before ^ 0xffffffff;
  for (const b of data) c = (table[(c ^ b) & 0xff] as number) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

// ZipWriter writes entries as they come, without compression; write is where the bytes go.
// Every entry may be of any size (zip64), and its length need not be known when it begins.
export class ZipWriter {
  private readonly directory: Uint8Array[] = [];
  private at = 0;
  private count = 0;
  private open: { path: Uint8Array; seconds: number; offset: number; crc: number; size: number } | null = null;

  constructor(private readonly write: (data: Uint8Array<ArrayBuffer>) => Promise<void>) {}

  get size(): number {
    return this.at;
  }
  private async put(...parts: Uint8Array[]): Promise<void> {
    const data = join(parts);
    this.at += data.length;
    await this.write(data);
  }

  async add(name: string, data: Uint8Array, seconds: number): Promise<void> {
    await this.begin(name, seconds);
    await this.more(data);
    await this.end();
  }

  async begin(name: string, seconds: number): Promise<void> {
    const path = new TextEncoder().encode(name);
    this.open = { path, seconds, offset: this.at, crc: 0, size: 0 };
    const local = new DataView(new ArrayBuffer(30 + 20));
    local.setUint32(0, 0x04034b50, true);
    common(local, 4, seconds, path.length);
    local.setUint32(18, 0xffffffff, true);
    local.setUint32(22, 0xffffffff, true);
    local.setUint16(28, 20, true);
    local.setUint16(30, 1, true); // zip64; both sizes are zero here, and follow the data
    local.setUint16(32, 16, true);
    const b = new Uint8Array(local.buffer);
    await this.put(b.subarray(0, 30), path, b.subarray(30));
  }

  async more(data: Uint8Array): Promise<void> {
    const o = this.open!;
    o.crc = crc32(data, o.crc);
    o.size += data.length;
    await this.put(data);
  }

  async end(): Promise<void> {
    const o = this.open!;
    this.open = null;
    const behind = new DataView(new ArrayBuffer(24));
    behind.setUint32(0, 0x08074b50, true);
    behind.setUint32(4, o.crc, true);
    behind.setBigUint64(8, BigInt(o.size), true);
    behind.setBigUint64(16, BigInt(o.size), true);
    await this.put(new Uint8Array(behind.buffer));
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, 0x02014b50, true);
    central.setUint16(4, 0x032d, true);
    common(central, 6, o.seconds, o.path.length);
    central.setUint32(16, o.crc, true);
    central.setUint32(20, 0xffffffff, true);
    central.setUint32(24, 0xffffffff, true);
    central.setUint16(30, 28, true);
    central.setUint32(38, 0o600 << 16, true);
    central.setUint32(42, 0xffffffff, true);
    const extra = new DataView(new ArrayBuffer(28));
    extra.setUint16(0, 1, true);
    extra.setUint16(2, 24, true);
    extra.setBigUint64(4, BigInt(o.size), true);
    extra.setBigUint64(12, BigInt(o.size), true);
    extra.setBigUint64(20, BigInt(o.offset), true);
    this.directory.push(new Uint8Array(central.buffer), o.path, new Uint8Array(extra.buffer));
    this.count++;
  }

  async finish(): Promise<void> {
    const start = this.at;
    await this.put(...this.directory);
    const size = this.at - start;
    const wideEnd = this.at;
    const w = new DataView(new ArrayBuffer(56 + 20 + 22));
    w.setUint32(0, 0x06064b50, true);
    w.setBigUint64(4, 44n, true);
    w.setUint16(12, 45, true);
    w.setUint16(14, 45, true);
    w.setBigUint64(24, BigInt(this.count), true);
    w.setBigUint64(32, BigInt(this.count), true);
    w.setBigUint64(40, BigInt(size), true);
    w.setBigUint64(48, BigInt(start), true);
    w.setUint32(56, 0x07064b50, true);
    w.setBigUint64(64, BigInt(wideEnd), true);
    w.setUint32(72, 1, true);
    w.setUint32(76, 0x06054b50, true);
    w.setUint16(84, 0xffff, true);
    w.setUint16(86, 0xffff, true);
    w.setUint32(88, 0xffffffff, true);
    w.setUint32(92, 0xffffffff, true);
    await this.put(new Uint8Array(w.buffer));
  }
}

// Version, flags (UTF-8 names; sizes follow), method and time; and how long the name is.
function common(d: DataView, p: number, seconds: number, name: number): void {
  d.setUint16(p, 45, true);
  d.setUint16(p + 2, 0x0808, true);
  d.setUint32(p + 6, dosTime(seconds), true);
  d.setUint16(p + 22, name, true);
}

function dosTime(seconds: number): number {
  const d = new Date(Math.max(seconds, 315_532_800) * 1000);
  return ((((d.getUTCFullYear() - 1980) << 9) | ((d.getUTCMonth() + 1) << 5) | d.getUTCDate()) << 16) | (d.getUTCHours() << 11) | (d.getUTCMinutes() << 5) | (d.getUTCSeconds() >> 1);
}
