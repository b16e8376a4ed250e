import { expect, test } from "vitest";
import type { Contact } from "../../model/types.ts";
import { alike, blank, cleaned, matching, merged } from "./merge.ts";

const contact = (id: string, o: Partial<Contact>): Contact => ({ ...blank(), addresses: [], id, collected: false, uid: id, changed: 0, ...o });
const a = contact("a", { name: "Ottoline Farquhar", addresses: [{ address: "o@example.org", label: "work" }], notes: "lamps", keys: ["K1"] });
const b = contact("b", { addresses: [{ address: "O@example.org", label: "" }, { address: "otto@home.example", label: "" }], phones: [{ number: "+44 20", label: "" }], encrypt: "always", keys: ["K1", "k1", "K2"] });
const c = contact("c", { name: "ottoline  farquhar", organisation: "Lamps Ltd", notes: "lamps" });
const d = contact("d", { name: "Björk", addresses: [{ address: "b@example.is", label: "" }] });

test("merging loses nothing and says nothing twice", () => {
  expect(merged([a, b, c])).toEqual({
    name: "Ottoline Farquhar", organisation: "Lamps Ltd", notes: "lamps", encrypt: "always", keys: ["K1", "k1", "K2"],
    addresses: [{ address: "o@example.org", label: "work" }, { address: "otto@home.example", label: "" }], phones: [{ number: "+44 20", label: "" }],
  });
});

test("who shares an address or a whole name may be one person", () => {
  expect(alike([a, b, c, d]).map((g) => g.map((x) => x.id))).toEqual([["a", "b", "c"]]);
  expect(alike([d, contact("e", { name: "Björk" })])).toEqual([]);
});

test("search looks through accents, and for every word", () => {
  expect(matching([a, b, c, d], "bjork")).toEqual([d]);
  expect(matching([a, b, c, d], "farq lamps")).toEqual([c]);
  expect(matching([a, b, c, d], " ")).toHaveLength(4);
});

test("empty lines of a form are not kept", () => {
  const e = cleaned({ ...blank(), name: " x ", addresses: [{ address: " a@b.c ", label: "" }, { address: "", label: "home" }] });
  expect(e).toMatchObject({ name: "x", addresses: [{ address: "a@b.c", label: "" }], phones: [] });
});
