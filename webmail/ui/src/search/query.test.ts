import { describe, expect, it } from "vitest";
import { parse, type Query, wordsOf } from "./query.ts";

const now = Date.UTC(2026, 10, 22, 12) / 1000;
const words = (text: string, phrase = false): Query => ({ kind: "words", text, phrase });

describe("query", () => {
  it("takes every operator", () => {
    const day = (y: number, m: number, d: number) => new Date(y, m - 1, d).getTime() / 1000;
    const cases: [string, Query][] = [
      ["", { kind: "all" }],
      ["invoice", words("invoice")],
      ['"two words"', words("two words", true)],
      ["a b", { kind: "and", parts: [words("a"), words("b")] }],
      ["a OR b c", { kind: "or", parts: [words("a"), { kind: "and", parts: [words("b"), words("c")] }] }],
      ["-spam", { kind: "not", part: words("spam") }],
      ["from:bob@x.org", { kind: "field", field: "from", value: "bob@x.org" }],
      ['subject:"the plan"', { kind: "field", field: "subject", value: "the plan" }],
      ["label:work", { kind: "field", field: "label", value: "work" }],
      ["in:archive", { kind: "field", field: "in", value: "archive" }],
      ["filename:pdf", { kind: "field", field: "filename", value: "pdf" }],
      ["to:ann", { kind: "field", field: "to", value: "ann" }],
      ["has:attachment", { kind: "attachment" }],
      ["is:unread", { kind: "is", what: "unread" }],
      ["is:encrypted", { kind: "is", what: "encrypted" }],
      ["before:2026-11-01", { kind: "date", op: "before", at: day(2026, 11, 1) }],
      ["after:2025", { kind: "date", op: "after", at: day(2025, 1, 1) }],
      ["after:2w", { kind: "date", op: "after", at: now - 14 * 86400 }],
      ["larger:5m", { kind: "size", op: "larger", bytes: 5 << 20 }],
      ["smaller:10k", { kind: "size", op: "smaller", bytes: 10240 }],
      ["(a OR b) c", { kind: "and", parts: [{ kind: "or", parts: [words("a"), words("b")] }, words("c")] }],
      ["-from:x", { kind: "not", part: { kind: "field", field: "from", value: "x" } }],
      ["http://a.b", words("http://a.b")],
      ["FROM:x", { kind: "field", field: "from", value: "x" }],
    ];
    for (const [text, want] of cases) {
      expect(parse(text, now).query, text).toEqual(want);
    }
  });

  it("negates a group", () => {
    expect(parse("-(a OR b) c", now).query).toEqual({ kind: "and", parts: [{ kind: "not", part: { kind: "or", parts: [words("a"), words("b")] } }, words("c")] });
  });

  it("names what it cannot use, and searches for it as words", () => {
    expect(parse("before:yesterday is:blue has:fun larger:big", now).problems).toEqual(["before:yesterday", "is:blue", "has:fun", "larger:big"]);
  });

  it("never fails, whatever is typed", () => {
    for (const text of ["(((((((((((((((((((((((a", ")))", '"', 'from:"', "OR OR", "-", "a".repeat(10_000), "x ".repeat(5_000)]) {
      expect(() => parse(text, now)).not.toThrow();
    }
  });

  it("highlights what must be there", () => {
    expect(wordsOf(parse('plan -spam subject:"the end" from:bob is:read', now).query)).toEqual(["plan", "the end", "bob"]);
  });
});
