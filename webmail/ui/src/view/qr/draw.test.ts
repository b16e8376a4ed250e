import jsQR from "jsqr";
import { expect, test } from "vitest";
import { modules } from "./draw.tsx";

// Draws the path as pixels again, by its own runs, for the reader that phones are like.
function paint(text: string, scale = 4): { data: Uint8ClampedArray; side: number } {
  const { size, path } = modules(text);
  const side = (size + 8) * scale;
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  for (const [, x, y, run] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let py = (Number(y) + 4) * scale; py < (Number(y) + 5) * scale; py++) {
      for (let px = (Number(x) + 4) * scale; px < (Number(x) + 4 + Number(run)) * scale; px++) data.fill(0, (py * side + px) * 4, (py * side + px) * 4 + 3);
    }
  }
  return { data, side };
}

test("what is drawn reads as what was said", () => {
  for (const text of ["ABANDON ABILITY ABLE ".repeat(8).trim(), "openpgp4fpr:0123456789abcdef0123456789abcdef01234567", "x"]) {
    const { data, side } = paint(text);
    expect(jsQR(data, side, side)?.data).toBe(text);
  }
});
