// How long a search takes, and what the index weighs: npm run bench
//
// Mails have about 120 words out of 40,000, as often as words are in real text (Zipf).

import { performance } from "node:perf_hooks";
import { it } from "vitest";
import { Segment } from "../src/search/segment.ts";
import { TextIndex } from "../src/search/textindex.ts";

const mails = 50_000;
const vocabulary = 40_000;

function zipf(seed: number): () => number {
  const weights = new Float64Array(vocabulary);
  let sum = 0;
  for (let i = 0; i < vocabulary; i++) weights[i] = sum += 1 / (i + 1);
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const at = (seed / 2 ** 32) * sum;
    let low = 0;
    let high = vocabulary - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((weights[middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const word = (n: number): string => `${"bcdfghklmnprst"[n % 14]}${"aeiou"[n % 5]}${n.toString(36)}`;

it("measures", { timeout: 300_000 }, () => {
  const next = zipf(42);
  const index = new TextIndex();
  const texts = Array.from({ length: mails }, () => {
    const words = new Set<string>();
    for (let i = 0; i < 125; i++) words.add(word(next()));
    return [...words].sort();
  });
  let at = performance.now();
  texts.forEach((t, i) => index.add(i.toString(16).padStart(32, "0"), t));
  const packed = index.pack(true);
  const build = performance.now() - at;
  packed.forEach((p, i) => { index.load(`s${i}`, p.bytes); index.settled(p.ids); });
  at = performance.now();
  for (const p of packed) new Segment(p.bytes);
  const load = performance.now() - at;
  console.log(`${mails} mails: ${packed.length} segments, ${(packed.reduce((n, p) => n + p.bytes.length, 0) / 2 ** 20).toFixed(1)} MiB, built in ${(build / 1000).toFixed(1)} s, loaded in ${load.toFixed(0)} ms`);
  for (const [name, needs] of [
    ["one common word", [{ terms: [word(1)], prefix: false }]], ["one rare word", [{ terms: [word(30_000)], prefix: false }]],
    ["beginning of a word", [{ terms: ["ba"], prefix: true }]],     ["three words", [{ terms: [word(3)], prefix: false }, { terms: [word(40)], prefix: false }, { terms: [word(7)], prefix: true }]],
  ] as const) {
    const times: number[] = [];
    let hits = 0;
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      hits = index.search(needs as unknown as { terms: string[]; prefix: boolean }[]).reduce((n, h) => n + h, 0);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    console.log(`${name}: ${hits} hits, median ${(times[10] as number).toFixed(1)} ms, worst ${(times[19] as number).toFixed(1)} ms`);
  }
});
