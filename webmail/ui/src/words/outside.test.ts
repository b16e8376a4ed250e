// The pages for strangers fetch a few words only: all that they may show is among them.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import en from "./en.json";
import { part, strangers } from "./gaps.ts";

const root = join(import.meta.dirname, "..");

// Every source that the page imports, at once or later, without its workers.
function reached(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file) || /\.(css|json)$/.test(file) || file.includes("?")) return seen;
  seen.add(file);
  const text = readFileSync(file, "utf8").replace(/^(?:import|export) type [^;]*;$/gm, "");
  for (const [, to, later] of text.matchAll(/^(?:import|export)\b[^;"]*"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm)) reached(join(dirname(file), to ?? later ?? ""), seen);
  return seen;
}

test("what a stranger may be told is among the words of these pages", () => {
  const files = [...reached(join(root, "stranger.tsx"))];
  expect(files.some((f) => f.endsWith("asked/index.tsx")) && files.some((f) => f.endsWith("shared/look.tsx"))).toBe(true);
  const known = Object.keys(en), missing = new Set<string>();
  for (const file of files) {
    for (const [, key = ""] of readFileSync(file, "utf8").matchAll(/"([a-z]+(?:\.[a-z]+)+)"/g)) {
      if ((known.includes(key) || known.includes(`${key}.other`)) && !strangers.test(key)) missing.add(key);
    }
  }
  expect([...missing]).toEqual([]);
  expect(files.filter((f) => /\/(vault\/client|model\/(app|session|desk)|view\/shell|wire\/http)/.test(f))).toEqual([]); // and nothing of the mail
  expect(readdirSync(join(root, "view/asked"))).toContain("asked.css");
});

test("they are few", () => {
  const mine = part(en as { [key: string]: string }, "outside");
  expect(JSON.stringify(mine).length).toBeLessThan(12_000);
  expect(Object.keys(mine).filter((k) => k.startsWith("admin."))).toEqual([]);
});
