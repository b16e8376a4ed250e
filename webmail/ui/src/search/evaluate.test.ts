import { describe, expect, it } from "vitest";
import { compile, leaves, type Row } from "./evaluate.ts";
import { highlight } from "./highlight.ts";
import { parse, phrasesOf } from "./query.ts";

const now = 1_800_000_000;
const row = (over: Partial<Row>): Row => ({
  id: "1", from: "ann@example.org", from_name: "Ann Ünal", subject: "The plan", snippet: "as we said", files: ["Offer.pdf"], attachments: 1,
  date: now - 86_400, size: 20_000, flags: ["\\Seen"], labels: ["Work"], mailboxes: ["Archive/2026"], end_to_end: false, snoozed: false, muted: false, ...over,
});

// The index knows the body "letter of intent" of mail 1, to carl@example.net.
const words = new Set(["plan", "said", "letter", "of", "intent", "carl", "carl@example.net", "ann@example.org"]);

function means(text: string, over: Partial<Row> = {}): boolean {
  const { query } = parse(text, now);
  const asked = leaves(query);
  return compile(query, (leaf, id) => id !== "1" ? undefined : (asked[leaf]?.text ?? "").toLowerCase().split(/\s+/u).every((w) => [...words].some((x) => x.startsWith(w))))(row(over));
}

describe("evaluate", () => {
  it("answers every operator, both ways", () => {
    const yes = ["letter", "lett", "from:ann", "from:unal", "subject:plan", "to:carl", "filename:pdf", "has:attachment", "label:work", "in:archive",
      "in:2026", "is:read", "after:2d", "larger:10k", "smaller:1m", "letter -invoice", "invoice OR letter", '"letter of intent"', "plan", "said", "-is:flagged", "-(invoice OR offerte)"];
    const no = ["invoice", "from:bob", "subject:letter", "to:ann", "filename:doc", "label:home", "in:inbox", "is:unread", "is:encrypted", "before:2d",
      "larger:1m", "letter -plan", "letter invoice", "is:flagged", "is:snoozed", "is:muted", "is:answered"];
    for (const q of yes) expect(means(q), q).toBe(true);
    for (const q of no) expect(means(q), q).toBe(false);
    expect(means("has:attachment", { attachments: 0 })).toBe(false);
    expect(means("is:encrypted", { end_to_end: true })).toBe(true);
  });

  it("finds a mail that is not indexed yet by its card", () => {
    expect(means("plan", { id: "2" })).toBe(true);
    expect(means("letter", { id: "2" })).toBe(false);
  });

  it("leaves phrases to be confirmed", () => {
    expect(phrasesOf(parse('"letter of intent" plan "one"', now).query)).toEqual(["letter of intent"]);
    expect(phrasesOf(parse('-"not this one"', now).query)).toEqual([]);
  });
});

describe("highlight", () => {
  const hits = (text: string, words: string[]) => highlight(text, words).filter((s) => s.hit).map((s) => s.text);
  it("marks beginnings of words in any case, with their marks", () => {
    expect(hits("Über den Plan, planlos und Airplane", ["uber", "plan"])).toEqual(["Über", "Plan", "plan"]);
    expect(hits("漢字かな", ["字か"])).toEqual(["字か"]);
    expect(hits("a ﬁne day", ["fine"])).toEqual(["ﬁne"]);
  });
  it("gives the text back whole", () => {
    for (const text of ["", "x", "İstanbul İİ", "👩‍👩‍👧 family", "e\u0301te\u0301"]) expect(highlight(text, ["is", "e"]).map((s) => s.text).join("")).toBe(text);
  });
});
