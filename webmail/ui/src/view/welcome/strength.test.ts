import { expect, test } from "vitest";
import { floor, strength, suggest } from "./strength.ts";

test("what everybody types is refused, and the reason is the one that weighs", () => {
  for (const [text, hint] of [
    ["", "short"],
    ["password", "common"],
    ["P4ssw0rd2024!", "common"],
    ["qwertyuiop", "rows"],
    ["aaaaaaaaaaaaaaaaaaaa", "repeats"],
    ["correct horse battery staple", "common"],
    ["blackbird", "one-word"],
    ["1234567890", "rows"],
    ["melon melon melon melon melon melon", "repeats"],
  ] as const) {
    const s = strength(text);
    expect(s.enough, text).toBe(false);
    if (text !== "P4ssw0rd2024!") expect(s.hint, text).toBe(hint);
  }
});

test("what is in the address and the name counts as known", () => {
  const of = ["ottoline.farquhar@example.org", "Ottoline Farquhar"];
  expect(strength("ottoline farquhar 1978 ottoline", of).enough).toBe(false);
  expect(strength("ottoline farquhar 1978", of).hint).toBe("yours");
  expect(strength("ottoline farquhar 1978", of).bits).toBeLessThan(strength("ottoline farquhar 1978").bits);
});

test("several unrelated words, or enough random letters, pass", () => {
  for (const text of ["velvet otter trims nine ladders", "xK9#mQ2vTz7pLw", "grün Leiter Möwe tanzt Ofen quer"]) {
    expect(strength(text).enough, text).toBe(true);
  }
  expect(strength("velvet otter trims").enough).toBe(false);
});

test("more is never less, and a suggestion passes with room", () => {
  let text = "";
  let before = 0;
  for (const word of ["velvet", " otter", " trims", " nine", " ladders", " quickly"]) {
    text += word;
    const now = strength(text).bits;
    expect(now).toBeGreaterThanOrEqual(before);
    before = now;
  }
  const list = Array.from({ length: 2048 }, (_, i) => "ab" + i.toString(26).replace(/\d/g, (d) => "ghijklmnop"[Number(d)] ?? "") + "o");
  expect(suggest(list).split(" ")).toHaveLength(6);
  expect(suggest(list)).not.toBe(suggest(list));
  expect(floor).toBeGreaterThanOrEqual(40);
});
