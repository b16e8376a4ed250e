// A segment is one immutable piece of the index: which words stand in which mails. It is
// sealed and uploaded, so that a new device need not read all mail again.
//
// Its size on the server is one of two (sizes), whatever words are in it: who can send
// mail to somebody and watch the server learns nothing from how the index grows by a word
// (docs/threats.md, E04). A mail's words may be spread over several segments; a search
// joins them by the mail's id.
//
//   "SPS1" | mails u32 | terms u32 | blocks u32 | ids 16 each | block offsets u32 each | blocks
//
// Terms are sorted by their UTF-8 bytes, 16 to a block, the first of a block whole, the
// others by what they share with the one before: varint shared, varint length, bytes; then
// the postings: varint count, varint bytes of the deltas, deltas of mail numbers as varints.

import { toHex } from "../vault/bytes.ts";
import { compare, fromHex, Reader, startsWith, Writer } from "./bytes.ts";

export const sizes = { fresh: 64 * 1024, full: 1024 * 1024 } as const;

const magic = new Uint8Array([0x53, 0x50, 0x53, 0x31]);
const perBlock = 16;
const most = { mails: 200_000, terms: 2_000_000 };
const utf8 = new TextEncoder();

// Builder collects mails until measure() says that a size is full.
export class Builder {
  private readonly ids: string[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly postings = new Map<string, number[]>();
  private weight = 16; // an upper bound of what finish gives

  get mails(): number {
    return this.ids.length;
  }

  // add takes a mail's words until limit bytes are reached, and says how many it took.
  add(id: string, terms: readonly string[], limit: number, from = 0): number {
    const known = this.numbers.get(id);
    const number = known ?? this.ids.length;
    if (known === undefined) {
      if (number >= most.mails || this.full(16, limit)) return 0;
      this.ids.push(id);
      this.numbers.set(id, number);
      this.weight += 16;
    }
    let taken = 0;
    for (let i = from; i < terms.length; i++, taken++) {
      const term = terms[i] as string;
      const list = this.postings.get(term);
      const last = list?.[list.length - 1] ?? -1;
      if (last === number) continue;
      const cost = list ? costOfPosting(list.length, number - last - 1) : costOfTerm(term, number);
      if (this.full(cost, limit)) break;
      if (list) list.push(number);
      else this.postings.set(term, [number]);
      this.weight += cost;
    }
    return taken;
  }

  // full says that cost more bytes may not fit. Beginnings that words share are not in
  // the bound: near the limit the segment is made once to see what it really takes.
  private full(cost: number, limit: number): boolean {
    if (this.weight + cost <= limit) return false;
    this.weight = Math.min(this.weight, this.finish().length);
    return this.weight + cost > 0.97 * limit;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const terms = [...this.postings.keys()].map((term) => ({ term, bytes: utf8.encode(term) }));
    terms.sort((a, b) => compare(a.bytes, b.bytes));
    const blocks = new Writer();
    const offsets: number[] = [];
    let before = new Uint8Array();
    terms.forEach(({ term, bytes }, i) => {
      if (i % perBlock === 0) {
        offsets.push(blocks.length);
        before = new Uint8Array();
      }
      writeTerm(blocks, before, bytes, this.postings.get(term) as number[]);
      before = bytes;
    });
    const w = new Writer();
    w.bytes(magic);
    w.u32(this.ids.length);
    w.u32(terms.length);
    w.u32(offsets.length);
    for (const id of this.ids) w.bytes(fromHex(id));
    for (const o of offsets) w.u32(o);
    w.bytes(blocks.finish());
    return w.finish();
  }
}

const varintSize = (v: number): number => (v < 1 << 7 ? 1 : v < 1 << 14 ? 2 : v < 1 << 21 ? 3 : 4);

// Bytes that one more mail of a known term takes: its delta, and what the lengths grow by.
function costOfPosting(count: number, delta: number): number {
  return varintSize(delta) + (varintSize(count + 1) - varintSize(count)) + (varintSize(4 * (count + 1)) - varintSize(4 * count));
}

// Bytes that a new term takes: itself, four lengths, its part of a block's offset, its
// first mail.
function costOfTerm(term: string, number: number): number {
  return (/^[\0-\x7f]*$/u.test(term) ? term.length : 3 * term.length) + 7 + varintSize(number);
}

function writeTerm(w: Writer, before: Uint8Array, bytes: Uint8Array, list: number[]): void {
  let shared = 0;
  while (shared < before.length && shared < bytes.length && before[shared] === bytes[shared]) shared++;
  w.varint(shared);
  w.varint(bytes.length - shared);
  w.bytes(bytes.subarray(shared));
  const deltas = new Writer();
  let last = -1;
  for (const n of list.sort((a, b) => a - b)) {
    deltas.varint(n - last - 1);
    last = n;
  }
  w.varint(list.length);
  w.varint(deltas.length);
  w.bytes(deltas.finish());
}

// padded fills a segment up to its size on the server.
export function padded(segment: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const size = segment.length <= sizes.fresh ? sizes.fresh : segment.length <= sizes.full ? sizes.full : 0;
  if (size === 0) throw new RangeError(`a segment has at most ${sizes.full} bytes`);
  const out = new Uint8Array(size);
  out.set(segment);
  return out;
}

// Segment reads one. Its constructor throws RangeError for what is none.
export class Segment {
  readonly ids: string[] = [];
  readonly terms: number;
  private readonly offsets: Uint32Array;
  private readonly firsts: Uint8Array[] = [];
  private readonly start: number;

  constructor(private readonly data: Uint8Array) {
    const r = new Reader(data);
    if (compare(r.take(4), magic) !== 0) throw new RangeError("not a segment");
    const mails = r.u32();
    this.terms = r.u32();
    const blocks = r.u32();
    if (mails > most.mails || this.terms > most.terms || blocks !== Math.ceil(this.terms / perBlock)) throw new RangeError("segment's counts are out of range");
    for (let i = 0; i < mails; i++) this.ids.push(toHex(r.take(16)));
    this.offsets = new Uint32Array(blocks);
    for (let i = 0; i < blocks; i++) this.offsets[i] = r.u32();
    this.start = r.at;
    for (const o of this.offsets) {
      const at = new Reader(data, this.start + o);
      if (at.varint() !== 0) throw new RangeError("block does not begin with a whole term");
      this.firsts.push(at.take(at.varint()));
    }
  }

  // find calls visit with each term that begins with prefix (or is it, if whole) and its mails.
  find(prefix: Uint8Array, whole: boolean, visit: (mails: Uint32Array) => void): void {
    for (let b = Math.max(0, this.block(prefix)); b < this.firsts.length; b++) {
      if (b > 0 && compare(this.firsts[b] as Uint8Array, prefix) > 0 && !startsWith(this.firsts[b] as Uint8Array, prefix)) return;
      if (this.walk(b, (term, mails) => {
        if (whole ? compare(term, prefix) === 0 : startsWith(term, prefix)) visit(mails());
        return compare(term, prefix) > 0 && !startsWith(term, prefix);
      })) return;
    }
  }

  // each visits all terms in order.
  each(visit: (term: Uint8Array, mails: () => Uint32Array) => void): void {
    for (let b = 0; b < this.firsts.length; b++) this.walk(b, (term, mails) => { visit(term, mails); return false; });
  }

  // block is the last block whose first term is not behind prefix; -1: none.
  private block(prefix: Uint8Array): number {
    let low = 0;
    let high = this.firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.firsts[middle] as Uint8Array, prefix) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // walk visits the terms of one block until visit returns true, and says whether it did.
  private walk(b: number, visit: (term: Uint8Array, mails: () => Uint32Array) => boolean): boolean {
    const r = new Reader(this.data, this.start + (this.offsets[b] as number));
    const left = Math.min(perBlock, this.terms - b * perBlock);
    let term = new Uint8Array();
    for (let i = 0; i < left; i++) {
      const shared = r.varint();
      const rest = r.take(r.varint());
      if (shared > term.length || shared + rest.length > 512) throw new RangeError("term is damaged");
      const next = new Uint8Array(shared + rest.length);
      next.set(term.subarray(0, shared));
      next.set(rest, shared);
      term = next;
      const count = r.varint();
      const deltas = r.take(r.varint());
      if (visit(term, () => this.postings(count, deltas))) return true;
    }
    return false;
  }

  private postings(count: number, deltas: Uint8Array): Uint32Array {
    if (count > this.ids.length) throw new RangeError("postings are damaged");
    const out = new Uint32Array(count);
    const r = new Reader(deltas);
    let last = -1;
    for (let i = 0; i < count; i++) {
      last += r.varint() + 1;
      if (last >= this.ids.length) throw new RangeError("postings are damaged");
      out[i] = last;
    }
    return out;
  }
}
