import { describe, expect, it } from "vitest";
import { Builder, padded, Segment, sizes } from "./segment.ts";
import { TextIndex } from "./textindex.ts";

const id = (n: number): string => n.toString(16).padStart(32, "0");
const utf8 = new TextEncoder();

// A small generator, so that a failure comes again.
function random(seed: number): () => number {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

function corpus(mails: number, words: number, seed: number): Map<string, string[]> {
  const next = random(seed);
  const out = new Map<string, string[]>();
  for (let i = 0; i < mails; i++) {
    const terms = new Set<string>();
    while (terms.size < 20) terms.add(`w${Math.floor(words * next() ** 3).toString(36)}${next() < 0.05 ? "ü漢" : ""}`);
    out.set(id(i), [...terms]);
  }
  return out;
}

function found(s: Segment, term: string, whole: boolean): string[] {
  const ids = new Set<string>();
  s.find(utf8.encode(term), whole, (mails) => mails.forEach((m) => ids.add(s.ids[m] as string)));
  return [...ids].sort();
}

describe("segment", () => {
  it("finds exactly what a scan finds, whole words and beginnings", () => {
    const mails = corpus(500, 3000, 7);
    const b = new Builder();
    for (const [i, terms] of mails) expect(b.add(i, terms, sizes.full)).toBe(terms.length);
    const s = new Segment(padded(b.finish()));
    expect(s.ids.length).toBe(500);
    for (const term of ["w1", "w2", "wa", "w", "wzz9", "w0ü", "x", "", "w1ü漢"]) {
      for (const whole of [true, false]) {
        const want = [...mails].filter(([, terms]) => terms.some((t) => (whole ? t === term : t.startsWith(term)))).map(([i]) => i).sort();
        expect(found(s, term, whole), `${term} ${whole}`).toEqual(want);
      }
    }
  });

  it("has one of two sizes, whatever stands in it", () => {
    for (const [mails, size] of [[1, sizes.fresh], [2, sizes.fresh], [4000, sizes.full]] as const) {
      const b = new Builder();
      for (const [i, terms] of corpus(mails, 9000, mails)) b.add(i, terms, sizes.full);
      expect(padded(b.finish()).length).toBe(size);
    }
  });

  it("never grows past its limit", () => {
    const b = new Builder();
    let n = 0;
    const words = Array.from({ length: 50_000 }, (_, i) => `${"漢".repeat(1 + (i % 13))}${i}`);
    for (let at = 0; ; n++) {
      const took = b.add(id(n), words.slice(at), sizes.full);
      at += took;
      if (took === 0) break;
    }
    expect(b.finish().length).toBeLessThanOrEqual(sizes.full);
  });

  it("refuses every cut and survives every changed byte", () => {
    const b = new Builder();
    for (const [i, terms] of corpus(40, 100, 3)) b.add(i, terms, sizes.full);
    const bytes = b.finish();
    for (let n = 0; n < bytes.length; n += 3) {
      const cut = bytes.slice(0, n);
      expect(() => { const s = new Segment(cut); s.each((_, mails) => mails()); }).toThrow(RangeError);
    }
    for (let n = 0; n < bytes.length; n++) {
      const bad = bytes.slice();
      bad[n] = (bad[n] as number) ^ 0xff;
      try {
        const s = new Segment(bad);
        s.each((_, mails) => mails());
      } catch (e) {
        expect(e).toBeInstanceOf(RangeError);
      }
    }
  });
});

describe("text index", () => {
  it("answers the same before and after packing, and after merging", () => {
    const mails = corpus(3000, 4000, 11);
    const index = new TextIndex();
    for (const [i, terms] of mails) index.add(i, terms);
    const needs = [{ terms: ["w1"], prefix: true }, { terms: ["w2"], prefix: false }];
    const answer = () => {
      const hits = index.search(needs);
      return index.ids.filter((_, n) => hits[n] === 1).sort();
    };
    const want = [...mails].filter(([, t]) => t.some((x) => x.startsWith("w1")) && t.includes("w2")).map(([i]) => i).sort();
    expect(answer()).toEqual(want);
    const packed = index.pack(true);
    packed.forEach((p, i) => { index.load(`s${i}`, p.bytes); index.settled(p.ids); });
    expect(index.unsealed).toBe(0);
    expect(answer()).toEqual(want);
    index.unpack(index.names());
    for (const name of index.names()) index.drop(name);
    const again = index.pack(true);
    again.forEach((p, i) => { index.load(`t${i}`, p.bytes); index.settled(p.ids); });
    expect(answer()).toEqual(want);
  });

  it("spreads a mail with more words than fit over segments", () => {
    const index = new TextIndex();
    const next = random(5);
    const words = Array.from({ length: 50_000 }, (_, i) => `${next().toString(36).slice(2, 12)}${next().toString(36).slice(2, 12)}${next().toString(36).slice(2, 12)}${i}`);
    index.add(id(1), words);
    index.add(id(2), ["small"]);
    const packed = index.pack(true);
    expect(packed.length).toBeGreaterThan(1);
    packed.forEach((p, i) => { index.load(`s${i}`, p.bytes); index.settled(p.ids); });
    for (const w of [words[0], words[49_999], words[25_000]] as string[]) {
      expect(index.search([{ terms: [w], prefix: false }])[0]).toBe(1);
    }
    expect([...index.search([{ terms: ["small"], prefix: false }])]).toEqual([0, 1]);
  });
});
