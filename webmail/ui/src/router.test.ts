import { expect, test } from "vitest";
import { href, parse, specials, type Route } from "./router.ts";

const routes: Route[] = [
  ...specials.map((name): Route => ({ page: "mail", list: { kind: "special", name } })),
  { page: "mail", list: { kind: "special", name: "inbox" }, mail: { box: 3, uid: 55 } },
  { page: "mail", list: { kind: "box", id: 12 }, mail: { box: 12, uid: 1 } },
  { page: "mail", list: { kind: "label", name: "Über/uns ?#%" } },
  { page: "mail", list: { kind: "search", query: 'from:"a b" x/y?z' }, mail: { box: 1, uid: 2 } },
  { page: "settings", part: "keys" },
  { page: "settings", part: "" },
  { page: "contacts", id: "ab12" },
  { page: "join", token: "tok-en_1" },
  { page: "sign-in" },
];

test("a route survives being written and read", () => {
  for (const r of routes) expect(parse(href(r))).toEqual(r);
});

test("a draft and its query survive", () => {
  const r = parse("#/compose/d1?to=a%40b.example&subject=Hi");
  expect(r.page === "compose" && [r.draft, r.query.get("to"), r.query.get("subject")]).toEqual(["d1", "a@b.example", "Hi"]);
});

test("a mail has a short address", () => {
  expect(parse("#/mail/3/55")).toEqual({ page: "mail", list: { kind: "box", id: 3 }, mail: { box: 3, uid: 55 } });
});

test("what is not understood leads to the inbox", () => {
  const inbox = { page: "mail", list: { kind: "special", name: "inbox" } };
  for (const f of ["", "#", "#/", "#/nonsense", "#/mail/x/1", "#/mail/1", "#/box/-1", "#/box/99999999999", "#/__proto__", "#/%"]) expect(parse(f)).toEqual(inbox);
});
