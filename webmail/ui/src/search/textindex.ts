// The words of all mails in memory: the segments that devices share, and what this one
// read since. It lives in the search worker; a mail is a number there.

import { Builder, padded, Segment, sizes } from "./segment.ts";

// A Need is one word of a query in its folded forms: a mail must have each of terms; the
// last one may be the beginning of a word where prefix is set.
export interface Need { terms: string[]; prefix: boolean }

export interface Sealable { bytes: Uint8Array<ArrayBuffer>; ids: string[] }

interface Loaded { segment: Segment; numbers: Uint32Array }

const utf8 = new TextEncoder();

export class TextIndex {
  readonly ids: string[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly segments = new Map<string, Loaded>();
  private readonly fresh = new Map<number, string[]>(); // mails that are in no segment yet

  get mails(): number {
    return this.ids.length;
  }

  has(id: string): boolean {
    return this.numbers.has(id);
  }

  private number(id: string): number {
    let n = this.numbers.get(id);
    if (n === undefined) {
      n = this.ids.length;
      this.ids.push(id);
      this.numbers.set(id, n);
    }
    return n;
  }

  // load takes a segment under a name; it throws RangeError for what is none.
  load(name: string, bytes: Uint8Array): void {
    const segment = new Segment(bytes);
    this.segments.set(name, { segment, numbers: Uint32Array.from(segment.ids, (id) => this.number(id)) });
  }

  drop(name: string): void {
    this.segments.delete(name);
  }

  names(): string[] {
    return [...this.segments.keys()];
  }

  // add takes the words of a mail; they are searched at once.
  add(id: string, terms: string[]): void {
    this.fresh.set(this.number(id), terms);
  }

  get unsealed(): number {
    return this.fresh.size;
  }

  // search gives a mark for each mail that has all that is needed.
  search(needs: readonly Need[]): Uint8Array<ArrayBuffer> {
    const hits = new Uint8Array(this.ids.length);
    const all = needs.flatMap((n) => n.terms.map((term, i) => ({ term, prefix: n.prefix && i === n.terms.length - 1 })));
    if (all.length === 0) return hits;
    if (all.length > 30) all.length = 30;
    all.forEach(({ term, prefix }, round) => this.mark(hits, term, prefix, round));
    for (let i = 0; i < hits.length; i++) hits[i] = hits[i] === all.length ? 1 : 0;
    return hits;
  }

  // mark raises the marks of those that stand at round and have the term.
  private mark(hits: Uint8Array, term: string, prefix: boolean, round: number): void {
    const bytes = utf8.encode(term);
    for (const { segment, numbers } of this.segments.values()) {
      segment.find(bytes, !prefix, (mails) => {
        for (const m of mails) {
          const n = numbers[m] as number;
          if (hits[n] === round) hits[n] = round + 1;
        }
      });
    }
    for (const [n, terms] of this.fresh) {
      if (hits[n] === round && terms.some((t) => (prefix ? t.startsWith(term) : t === term))) hits[n] = round + 1;
    }
  }

  // pack makes padded segments of what is fresh: full ones, and with rest one more of what
  // is left. What it packed stays searchable until the caller loads the segments.
  pack(rest: boolean): Sealable[] {
    const out: Sealable[] = [];
    let builder = new Builder();
    let ids: string[] = [];
    const close = () => {
      out.push({ bytes: padded(builder.finish()), ids });
      builder = new Builder();
      ids = [];
    };
    for (const [n, terms] of this.fresh) {
      const id = this.ids[n] as string;
      for (let at = 0; ; ) {
        const before = builder.mails;
        at += builder.add(id, terms, sizes.full, at);
        if (builder.mails > before) ids.push(id);
        if (at >= terms.length && ids[ids.length - 1] === id) break;
        close();
      }
    }
    if (rest && builder.mails > 0) close();
    return out;
  }

  // settled forgets fresh mails that a loaded segment has.
  settled(ids: readonly string[]): void {
    for (const id of ids) this.fresh.delete(this.numbers.get(id) ?? -1);
  }

  // unpack gives the words of some segments back as fresh ones, to be packed together.
  unpack(names: readonly string[]): void {
    const utf = new TextDecoder();
    for (const name of names) {
      const loaded = this.segments.get(name);
      if (!loaded) continue;
      const words = new Map<number, string[]>();
      for (const n of loaded.numbers) words.set(n, this.fresh.get(n) ?? []);
      loaded.segment.each((term, mails) => {
        const word = utf.decode(term);
        for (const m of mails()) words.get(loaded.numbers[m] as number)?.push(word);
      });
      for (const [n, terms] of words) this.fresh.set(n, [...new Set(terms)]);
    }
  }
}
