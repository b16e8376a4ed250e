import { expect, test, vi } from "vitest";
import type { Rules } from "../wire/api.ts";
import { ApiError } from "../wire/http.ts";
import { asks, createRules, fields, lacks, moved, newAction, newCondition, newRule, replaced } from "./rules.ts";

const empty = (version = 3): Rules => ({ version, rules: [], vacation: { on: false, subject: "", text: "" } });
const good = () => ({ ...newRule(), conditions: [{ ...newCondition("from"), value: "a@b.example" }], actions: [{ do: "move", mailbox: "Lists" } as const] });

test("a rule says what it lacks", () => {
  expect(lacks(good())).toEqual([]);
  expect(lacks(newRule())).toEqual(["empty-value", "no-mailbox"]);
  expect(lacks({ ...good(), conditions: [] })).toEqual(["no-condition"]);
  expect(lacks({ ...good(), actions: [] })).toEqual(["no-action"]);
  expect(lacks({ ...good(), conditions: [{ field: "size", op: "over", value: "1e9" }] })).toEqual(["bad-size"]);
  expect(lacks({ ...good(), actions: [{ do: "forward", address: "nobody" }] })).toEqual(["bad-address"]);
  expect(lacks({ ...good(), actions: [{ do: "flag", flag: "\\Deleted" }] })).toEqual(["bad-label"]);
  expect(lacks({ ...good(), actions: [{ do: "flag", flag: "two words" }] })).toEqual(["bad-label"]);
  expect(lacks({ ...good(), actions: [newAction("discard"), newAction("flag")] })).toEqual(["discard-and-more"]);
});

test("every field starts with something it can be asked", () => {
  for (const f of fields) expect(asks[f]).toContain(newCondition(f).op);
});

test("lists move and change without touching what they were", () => {
  const list = ["a", "b", "c"];
  expect(moved(list, 0, 2)).toEqual(["b", "c", "a"]);
  expect(moved(list, 2, -5)).toEqual(["c", "a", "b"]);
  expect(replaced(list, 1, undefined)).toEqual(["a", "c"]);
  expect(replaced(list, 1, "x")).toEqual(["a", "x", "c"]);
  expect(list).toEqual(["a", "b", "c"]);
});

test("a rule or an answer that lacks something is not sent", async () => {
  const putRules = vi.fn();
  const m = createRules({ rules: async () => empty(), putRules });
  await m.load();
  m.edit((r) => ({ ...r, rules: [newRule()] }));
  expect(await m.save()).toBe(false);
  m.edit((r) => ({ ...r, rules: [], vacation: { on: true, subject: "", text: " " } }));
  expect(await m.save()).toBe(false);
  m.edit((r) => ({ ...r, vacation: { on: true, subject: "", text: "away", from: "2026-07-02T00:00:00Z", until: "2026-07-01T00:00:00Z" } }));
  expect(await m.save()).toBe(false);
  expect(putRules).not.toHaveBeenCalled();
});

test("what another device saved is neither lost nor silently covered", async () => {
  let server = empty(3);
  const putRules = vi.fn(async (r: Rules) => {
    if (r.version !== server.version) throw new ApiError("conflict", 409);
    return (server = { ...r, version: r.version + 1 });
  });
  const m = createRules({ rules: async () => server, putRules });
  await m.load();
  server = empty(4);
  m.edit((r) => ({ ...r, rules: [good()] }));
  expect(await m.save()).toBe(false);
  expect(m.saving.value).toBe("conflict");
  expect(m.edited.value?.rules).toHaveLength(1);
  await m.settle(true);
  expect(m.saving.value).toBe("saved");
  expect(server.rules).toHaveLength(1);
  expect(server.version).toBe(5);

  server = empty(9);
  m.edit((r) => ({ ...r, rules: [] }));
  await m.save();
  await m.settle(false);
  expect(m.edited.value).toEqual(server);
  expect(m.dirty.value).toBe(false);
});
