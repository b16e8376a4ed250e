import { expect, test } from "vitest";
import { asText, complete, fits, fold, inQr, spread, stateOf } from "./kit.ts";

// The real list is the vault's; these are enough words of it for typing.
const list = ["abandon", "ability", "able", "about", "above", "absent", "zebra", "zero", "zone", "zoo"];

test("words are taken apart however they were written down", () => {
  expect(fold("1. Abandon  2) ABILITY\n3 able,about;  ABOVE\t6.absent")).toEqual(["abandon", "ability", "able", "about", "above", "absent"]);
  expect(fold("  ")).toEqual([]);
});

test("while typing, a word is on its way, right, or wrong", () => {
  expect(stateOf("", list)).toBe("empty");
  expect(stateOf("aba", list)).toBe("typing");
  expect(stateOf("Able ", list)).toBe("known");
  expect(stateOf("abx", list)).toBe("unknown");
  expect(complete("abo", list)).toEqual(["about", "above"]);
  expect(complete("zeor", list)).toEqual(["zero"]);
  expect(complete("zbra", list)).toEqual(["zebra"]);
  expect(complete("qqq", list)).toEqual([]);
});

test("pasting all fills all, pasting some fills from there", () => {
  const none: string[] = Array.from({ length: 24 }, () => "");
  const all = Array.from({ length: 24 }, (_, i) => list[i % 10] ?? "").join(" ");
  expect(spread(none, 7, all)).toEqual(all.split(" "));
  expect(spread(none, 22, "able about above").slice(20)).toEqual(["", "", "able", "about"]);
});

test("the text keeps the order and says whose it is", () => {
  const words = Array.from({ length: 24 }, (_, i) => list[i % 10] ?? "");
  const text = asText(words, { address: "a@b.example", server: "b.example", made: "2026" }, ["Kit", "Keep it."]);
  expect(fold(text.slice(text.indexOf(" 1.")).replace("Keep it.", ""))).toEqual(words);
  expect(text).toContain("a@b.example");
  expect(fold(inQr(words))).toEqual(words);
});

test("24 words fit only with their checksum", async () => {
  // BIP-39's own vector of 256 zero bits: 23 times the first word, then "art" (102).
  const real = ["abandon", ...Array.from({ length: 101 }, (_, i) => "x" + i), "art", "arrow"];
  const words = [...Array.from({ length: 23 }, () => "abandon"), "art"];
  expect(await fits(words, real)).toBe(true);
  expect(await fits([...words.slice(0, 23), "arrow"], real)).toBe(false);
  expect(await fits(words.slice(1), real)).toBe(false);
  expect(await fits([...words.slice(1), "nothing"], real)).toBe(false);
});
