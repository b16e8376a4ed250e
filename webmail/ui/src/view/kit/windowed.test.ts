import { expect, test } from "vitest";
import { elementOf, reuse, windowOf } from "./windowed.ts";

const base = { view: 600, rowHeight: 60, overscan: 2 };

test("draws what is in sight and a little more", () => {
  expect(windowOf({ ...base, top: 0, count: 100_000 })).toEqual({ from: 0, to: 12, offset: 0 });
  expect(windowOf({ ...base, top: 6000, count: 100_000 })).toEqual({ from: 98, to: 112, offset: 98 * 60 });
});

test("never goes beyond the list", () => {
  expect(windowOf({ ...base, top: 0, count: 3 })).toEqual({ from: 0, to: 3, offset: 0 });
  expect(windowOf({ ...base, top: 1e9, count: 100 }).to).toBe(100);
  expect(windowOf({ ...base, top: 0, count: 0 })).toEqual({ from: 0, to: 0, offset: 0 });
});

test("a list higher than browsers can lay out is squeezed and still ends at its end", () => {
  const count = 1_000_000, most = 8_000_000;
  const end = windowOf({ ...base, top: most - base.view, count });
  expect(end.to).toBe(count);
  const last = end.offset + (end.to - end.from) * base.rowHeight;
  expect(Math.abs(last - most)).toBeLessThan(1);
});

test("rows in sight keep their elements, and a jump takes those that are there in their order", () => {
  let e = reuse({ from: 0, count: 0, turn: 0 }, 0, 14);
  const drawn = () => Array.from({ length: 14 }, (_, i) => elementOf(e, e.from + i));
  for (const from of [1, 3, 16, 15, 2, 0, 9]) {
    const was = new Map(drawn().map((element, i) => [e.from + i, element]));
    e = reuse(e, from, from + 14);
    expect(new Set(drawn()).size).toBe(14);
    expect(Math.max(...drawn())).toBe(13);
    for (let row = from; row < from + 14; row++) if (was.has(row)) expect(elementOf(e, row)).toBe(was.get(row));
  }
  const before = drawn();
  e = reuse(e, 50_000, 50_014);
  expect(drawn()).toEqual(before);
});
