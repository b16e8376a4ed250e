// Every key that a view names has English words, and every English word is used.
// What a translation must be stands in languages.test.ts.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import en from "./en.json";
import { filled, languageOf } from "./gaps.ts";
import { allWords, bytes, choose, chosen, language, setLanguage, shortDate, t, type Key, type Memory } from "./index.ts";

const src = join(import.meta.dirname, "..");
const files = (dir: string): string[] => readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(join(dir, e.name)) : [join(dir, e.name)]));
const code = files(src).filter((f) => /\.tsx?$/.test(f) && !f.includes(".test.") && !f.endsWith("/words/index.ts")).map((f) => readFileSync(f, "utf8")).join("\n");
const keys = Object.keys(en);
const english = en as { [key: string]: string };
const base = (k: string) => k.replace(/\.(zero|one|two|few|many|other)$/, "");

test("every key used has words", () => {
  const used = [...code.matchAll(/\bt\(\s*"([^"]+)"/g)].map((m) => m[1] ?? "");
  expect(used.length).toBeGreaterThan(3);
  expect(used.filter((k) => !k.endsWith(".") && !(k in en) && !(`${k}.other` in en))).toEqual([]);
});

test("what a model reports has words", () => {
  const said = [...code.matchAll(/\b(?:actions|this)\.say\("([^"]+)"/g)].map((m) => `toast.${m[1]}`);
  expect(said).toContain("toast.sent");
  expect(said.filter((k) => !(k in en) && !(`${k}.other` in en))).toEqual([]);
});

test("every key is used", () => {
  // Keys made of parts (t(`box.${name}`)) count by their beginning.
  const made = [...code.matchAll(/`([a-z0-9]+\.[a-z0-9.]*)\$\{/g)].map((m) => m[1] ?? "");
  const unused = keys.filter((k) => !code.includes(`"${base(k)}"`) && !code.includes(`"${k}"`) && !made.some((m) => k.startsWith(m)));
  expect(unused).toEqual([]);
});

test("keys are sorted, so that two branches seldom meet", () => {
  expect(keys).toEqual([...keys].sort());
});

test("a plural has both of English's forms, and nothing is empty", () => {
  for (const k of keys) {
    expect(english[k], k).not.toBe("");
    if (k.endsWith(".one")) expect(keys).toContain(`${base(k)}.other`);
    if (k.endsWith(".other")) expect(keys).toContain(`${base(k)}.one`);
  }
});

beforeEach(() => { vi.stubGlobal("navigator", { languages: ["en-GB"] }); });
afterEach(() => { vi.unstubAllGlobals(); });

test("a word takes its parameters", async () => {
  await setLanguage("en");
  expect(t("kit.cancel")).toBe("Cancel");
  expect(t("no.such.key" as Key)).toBe("no.such.key");
});

test("what is filled in does not turn words of the other direction around", async () => {
  await setLanguage("ar");
  await allWords();
  expect(t("admin.acts", { address: "ines@example.org" })).toContain("\u2066ines@example.org\u2069");
  expect(t("admin.acts", { address: "https://a.example/#b" })).toMatch(/https:\/\/a\.example\/#b(?![\u2066-\u2069])/);
  expect(t("admin.acts", { address: "٢٠" })).toContain("\u2068٢٠\u2069");
  const part = t("rule.condition", { field: t("rule.field.size"), op: t("rule.op.over"), value: "20 MB" });
  expect(t("rule.sentence", { conditions: part, actions: "Work" })).toContain(`\u2067${part}\u2069`);
  expect(t("list.mails", { n: 7 })).not.toMatch(/[\u2066-\u2069]/);
  await setLanguage("en");
  expect(t("admin.acts", { address: "ines@example.org" })).not.toMatch(/[\u2066-\u2069]/);
});

test("the language chosen on a device comes before the browser's", async () => {
  let kept: string | null = null;
  const memory: Memory = { get: () => kept, set: (code) => { kept = code; } };
  expect(chosen(memory, ["tlh", "en-GB"])).toBe("en");
  expect(chosen(memory, ["tlh"])).toBe("en");
  await choose("en", memory);
  expect(kept).toBe("en");
  kept = "../../etc";
  expect(chosen(memory, [])).toBe("en");
  await choose("", memory);
  expect(kept).toBeNull();
});

test("of two languages asked for, the later one is shown", async () => {
  document_();
  const first = setLanguage("en", ["en-AU"]), second = setLanguage("xx", ["en-NZ"]);
  await Promise.all([first, second]);
  expect(language.value).toBe("en");
  expect(document.documentElement).toEqual({ lang: "en", dir: "ltr" });
});
function document_() { vi.stubGlobal("document", { documentElement: {} }); }

test("what a translation lacks is filled in with English, and nothing else is", () => {
  expect(filled({ a: "eins", c: "drei" }, { a: "one", b: "two" })).toEqual({ a: "eins", b: "two", c: "drei" });
  expect(languageOf("/x/src/words/de.json")).toBe("de");
  expect(languageOf("/x/src/words/de.json.ts")).toBeUndefined();
});

test("times are said as a list says them", async () => {
  await setLanguage("en");
  const now = new Date(2026, 5, 17, 15, 0).getTime(), at = (d: Date) => d.getTime() / 1000;
  expect(shortDate(at(new Date(2026, 5, 17, 9, 5)), now)).toMatch(/09:05|9:05/);
  expect(shortDate(at(new Date(2026, 5, 15, 9, 5)), now)).toMatch(/Mon/);
  expect(shortDate(at(new Date(2026, 1, 3)), now)).toMatch(/3 Feb/);
  expect(shortDate(at(new Date(2024, 1, 3)), now)).toMatch(/2024/);
  expect(shortDate(0, now)).toBe("");
});

test("sizes are said in steps of a thousand", async () => {
  await setLanguage("en");
  expect(bytes(1)).toBe("1 byte");
  expect(bytes(1234)).toBe("1.2 kB");
  expect(bytes(25_000_000)).toBe("25 MB");
});
