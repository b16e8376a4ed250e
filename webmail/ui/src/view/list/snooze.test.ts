import { expect, test } from "vitest";
import { snoozes } from "./snooze.ts";

const ids = (d: Date) => snoozes(d).map((s) => s.id);
const at = (d: Date, id: string) => new Date((snoozes(d).find((s) => s.id === id)?.at ?? 0) * 1000);

test("only times that make sense are offered, and all lie ahead", () => {
  const wednesday = new Date(2026, 10, 18, 10, 20);
  expect(ids(wednesday)).toEqual(["later", "evening", "tomorrow", "weekend", "week"]);
  expect(ids(new Date(2026, 10, 20, 21, 0))).toEqual(["tomorrow", "week"]);
  for (let h = 0; h < 24 * 8; h++) {
    const now = new Date(2026, 10, 16, h, 7);
    for (const s of snoozes(now)) expect(s.at * 1000, `${s.id} at ${now}`).toBeGreaterThan(now.getTime());
  }
});

test("days are right over the turn of a month", () => {
  const sunday = new Date(2026, 10, 29, 9, 0);
  expect(at(sunday, "week")).toEqual(new Date(2026, 10, 30, 8));
  expect(at(new Date(2026, 10, 30, 9, 0), "week")).toEqual(new Date(2026, 11, 7, 8));
  expect(at(new Date(2026, 10, 30, 9, 0), "weekend")).toEqual(new Date(2026, 11, 5, 9));
});
