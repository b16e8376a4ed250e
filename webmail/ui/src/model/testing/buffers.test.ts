import { expect, test } from "vitest";

test("buffers that hold something else are not equal, wherever they stand", () => {
  const of = (...octets: number[]) => Uint8Array.from(octets).buffer;
  expect(of(1, 200)).toEqual(of(1, 200));
  expect({ x: [of(1, 2)] }).toEqual({ x: [of(1, 2)] });
  for (const [a, b] of [[of(1, 2), of(1, 3)], [of(1), of(1, 2)], [{ x: of(1) }, { x: of(2) }]] as const) {
    expect(() => expect(a).toEqual(b)).toThrow();
    expect(() => expect({ a }).toMatchObject({ a: b })).toThrow();
  }
});
