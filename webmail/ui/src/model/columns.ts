// One mailbox as plain typed columns, sorted by uid: 100,000 entries are five megabytes
// and one signal. On this device they lie in sealed chunks of UIDs, so that a new mail
// rewrites one chunk.

import type { Entries } from "../wire/api.ts";
import type { Columns } from "./types.ts";

const CHUNK = 13; // bits of uid: 8,192
const ENTRY = 4 + 8 + 16 + 6 + 6 + 2 + 1 + 1;

export class Box implements Columns {
  readonly id: number;
  length = 0;
  uids = new Uint32Array(64);
  modseqs = new Float64Array(64);
  ids: string[] = [];
  received = new Float64Array(64);
  sizes = new Float64Array(64);
  flags = new Uint16Array(64);
  letters = new Uint8Array(64);
  classes = new Uint8Array(64);
  flagSets: string[][] = [[]];
  readonly #setIndex = new Map<string, number>([["", 0]]);
  readonly dirty = new Set<number>(); // chunks

  constructor(id: number) {
    this.id = id;
  }

  // Where uid is, or the complement of where it belongs.
  indexOf(uid: number): number {
    let low = 0;
    let high = this.length;
    if (high > 0 && uid > this.uids[high - 1]!) return ~high;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.uids[mid]! < uid) low = mid + 1;
      else high = mid;
    }
    return low < this.length && this.uids[low] === uid ? low : ~low;
  }
  setOf(i: number): string[] {
    return this.flagSets[this.flags[i]!] ?? [];
  }
  setIndex(set: readonly string[]): number {
    const key = set.join(" ");
    let at = this.#setIndex.get(key);
    if (at === undefined) {
      at = this.flagSets.length;
      this.flagSets.push([...set]);
      this.#setIndex.set(key, at);
    }
    return at;
  }

  #grow(least: number): void {
    if (least <= this.uids.length) return;
    const size = Math.max(least, Math.ceil(this.uids.length * 1.5));
    const more = <A extends Uint32Array | Float64Array | Uint16Array | Uint8Array>(old: A, fresh: A): A => {
      fresh.set(old as never);
      return fresh;
    };
    this.uids = more(this.uids, new Uint32Array(size));
    this.modseqs = more(this.modseqs, new Float64Array(size));
    this.received = more(this.received, new Float64Array(size));
    this.sizes = more(this.sizes, new Float64Array(size));
    this.flags = more(this.flags, new Uint16Array(size));
    this.letters = more(this.letters, new Uint8Array(size));
    this.classes = more(this.classes, new Uint8Array(size));
  }

  // A page of entries. Answers which are new, and which changed. An entry never goes back
  // to an older modseq: answers may cross each other.
  merge(e: Entries): { added: number[]; changed: number[]; gone: string[] } {
    const added: number[] = [];
    const changed: number[] = [];
    const sets = e.flag_sets.map((s) => this.setIndex(s));
    const rows = e.uids.map((_, i) => i).sort((a, b) => e.uids[a]! - e.uids[b]!);
    const late: number[] = []; // below the end: rare, they are put in together
    for (const i of rows) {
      const uid = e.uids[i]!;
      const at = this.indexOf(uid);
      if (at >= 0) {
        if (e.modseqs[i]! <= this.modseqs[at]!) continue;
        this.#set(at, e, i, sets);
        changed.push(uid);
      } else if (~at === this.length) {
        this.#grow(this.length + 1);
        this.length++;
        this.#set(this.length - 1, e, i, sets);
        added.push(uid);
      } else late.push(i);
    }
    if (late.length > 0) {
      this.#insert(e, late, sets);
      for (const i of late) added.push(e.uids[i]!);
    }
    return { added, changed, gone: this.drop(e.gone) };
  }
  #set(at: number, e: Entries, i: number, sets: readonly number[]): void {
    this.uids[at] = e.uids[i]!;
    this.modseqs[at] = e.modseqs[i]!;
    this.ids[at] = e.ids[i]!;
    this.received[at] = e.received[i]!;
    this.sizes[at] = e.sizes[i]!;
    this.flags[at] = sets[e.flags[i]!] ?? 0;
    this.letters[at] = e.letters[i]!;
    this.classes[at] = e.classes[i]!;
    this.dirty.add(e.uids[i]! >>> CHUNK);
  }
  #insert(e: Entries, rows: readonly number[], sets: readonly number[]): void {
    this.#grow(this.length + rows.length);
    for (const i of rows) {
      const at = ~this.indexOf(e.uids[i]!);
      for (const c of [this.uids, this.modseqs, this.received, this.sizes, this.flags, this.letters, this.classes]) c.copyWithin(at + 1, at, this.length);
      this.ids.splice(at, 0, "");
      this.length++;
      this.#set(at, e, i, sets);
    }
  }

  // Answers the ids of what went.
  drop(uids: readonly number[]): string[] {
    const out: string[] = [];
    const going = new Set<number>();
    for (const uid of uids) {
      const at = this.indexOf(uid);
      if (at < 0) continue;
      going.add(at);
      out.push(this.ids[at]!);
      this.dirty.add(uid >>> CHUNK);
    }
    if (going.size === 0) return out;
    let to = Math.min(...going);
    for (let i = to; i < this.length; i++) {
      if (going.has(i)) continue;
      for (const c of [this.uids, this.modseqs, this.received, this.sizes, this.flags, this.letters, this.classes]) c[to] = c[i]!;
      this.ids[to] = this.ids[i]!;
      to++;
    }
    this.length = to;
    this.ids.length = to;
    return out;
  }

  // -- chunks
  chunk(n: number): ArrayBuffer | null {
    const from = abs(this.indexOf(n * 2 ** CHUNK));
    const to = abs(this.indexOf((n + 1) * 2 ** CHUNK));
    if (from === to) return null;
    const used = new Map<number, number>();
    for (let i = from; i < to; i++) if (!used.has(this.flags[i]!)) used.set(this.flags[i]!, used.size);
    const sets = new TextEncoder().encode(JSON.stringify([...used.keys()].map((k) => this.flagSets[k])));
    const out = new ArrayBuffer(8 + sets.length + (to - from) * ENTRY);
    const view = new DataView(out);
    view.setUint32(0, sets.length);
    view.setUint32(4, to - from);
    new Uint8Array(out).set(sets, 8);
    let at = 8 + sets.length;
    for (let i = from; i < to; i++) {
      view.setUint32(at, this.uids[i]!);
      view.setFloat64(at + 4, this.modseqs[i]!);
      for (let b = 0; b < 4; b++) view.setUint32(at + 12 + b * 4, parseInt(this.ids[i]!.slice(b * 8, b * 8 + 8), 16));
      put48(view, at + 28, this.received[i]!);
      put48(view, at + 34, this.sizes[i]!);
      view.setUint16(at + 40, used.get(this.flags[i]!)!);
      view.setUint8(at + 42, this.letters[i]!);
      view.setUint8(at + 43, this.classes[i]!);
      at += ENTRY;
    }
    return out;
  }
  static count(chunk: ArrayBuffer): number {
    return chunk.byteLength < 8 ? 0 : new DataView(chunk).getUint32(4);
  }
  // Chunks come in rising order.
  load(buffer: ArrayBuffer): void {
    const view = new DataView(buffer);
    const head = view.getUint32(0);
    const count = view.getUint32(4);
    const sets = (JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, head))) as string[][]).map((s) => this.setIndex(s));
    let at = 8 + head;
    this.#grow(this.length + count);
    for (let n = 0; n < count; n++, at += ENTRY) {
      const i = this.length++;
      this.uids[i] = view.getUint32(at);
      this.modseqs[i] = view.getFloat64(at + 4);
      this.ids[i] = hex8(view.getUint32(at + 12)) + hex8(view.getUint32(at + 16)) + hex8(view.getUint32(at + 20)) + hex8(view.getUint32(at + 24));
      this.received[i] = get48(view, at + 28);
      this.sizes[i] = get48(view, at + 34);
      this.flags[i] = sets[view.getUint16(at + 40)] ?? 0;
      this.letters[i] = view.getUint8(at + 42);
      this.classes[i] = view.getUint8(at + 43);
    }
  }
}

const abs = (at: number) => (at < 0 ? ~at : at);
const BYTES = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
const hex8 = (n: number) => BYTES[n >>> 24]! + BYTES[(n >>> 16) & 255]! + BYTES[(n >>> 8) & 255]! + BYTES[n & 255]!;
// Seconds and sizes: 48 bits do, and a mail before 1970 is one of 1970.
function put48(view: DataView, at: number, n: number): void {
  const v = Math.max(0, n);
  view.setUint16(at, Math.floor(v / 2 ** 32));
  view.setUint32(at + 2, v % 2 ** 32);
}
const get48 = (view: DataView, at: number) => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
