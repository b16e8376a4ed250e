import { expect, test } from "vitest";
import { commands } from "./commands.ts";
import { chordOf, reader, tableOf } from "./shortcuts.ts";

const key = (k: string, o: object = {}) => chordOf({ key: k, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...o });

test("no two commands have one key", () => {
  expect(tableOf({}).clashes).toEqual([]);
  expect(tableOf({ archive: "#" }).clashes).toEqual([["#", "archive", "trash"]]);
});

test("no key hides behind the beginning of another", () => {
  const all = [...tableOf({}).table.keys()];
  for (const k of all) expect(all.filter((o) => o.startsWith(k + " ")), k).toEqual([]);
});

test("what is pressed is written as the table writes it", () => {
  expect(key("j")).toBe("j");
  expect(key("#", { shiftKey: true })).toBe("#");
  expect(key("I", { shiftKey: true })).toBe("I");
  expect(key("K", { ctrlKey: true, shiftKey: false })).toBe("Mod+k");
  expect(key("F5", { shiftKey: true })).toBe("Shift+F5");
});

test("letters one after another make a command, in time", () => {
  let now = 0;
  const read = reader(() => tableOf({}).table, () => now);
  expect(read("g")).toBe("waits");
  expect(read("i")).toMatchObject({ id: "go-inbox" });
  expect(read("g")).toBe("waits");
  now += 5000;
  expect(read("i")).toBeUndefined();
  expect(read("g")).toBe("waits");
  expect(read("j")).toMatchObject({ id: "go-junk" });
  expect(read("g")).toBe("waits");
  expect(read("e"), "a second key that makes nothing counts by itself").toMatchObject({ id: "archive" });
});

test("the owner's keys replace those of the table", () => {
  const { table } = tableOf({ archive: "y" });
  expect(table.get("y")?.id).toBe("archive");
  expect(table.has("e")).toBe(false);
});

test("what the issue names is there", () => {
  const { table } = tableOf({});
  for (const [k, id] of Object.entries({ j: "next", k: "previous", o: "open", Enter: "open", u: "close", x: "pick", e: "archive", "#": "trash", "!": "junk", r: "reply", a: "reply-all", f: "forward", c: "compose", "/": "search", "g i": "go-inbox", "g s": "go-sent", "g d": "go-drafts", "?": "help", z: "undo", "Mod+Enter": "send", "Mod+k": "palette" })) expect(table.get(k)?.id, k).toBe(id);
  expect(new Set(commands.map((c) => c.id)).size).toBe(commands.length);
});
