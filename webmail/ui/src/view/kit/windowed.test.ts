import { expect, test } from "vitest";
import { windowOf } from "./windowed.ts";

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
