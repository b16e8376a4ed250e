import { describe, expect, it } from "vitest";
import { add, mailto, parseList, plausible } from "./addresses.ts";

describe("addresses", () => {
  it("are taken apart as people write them", () => {
    expect(parseList('"Doe, Ann" <ann@example.org>; bob@example.org,\n Carl <carl@x.org>')).toEqual([
      { name: "Doe, Ann", address: "ann@example.org" }, { name: "", address: "bob@example.org" }, { name: "Carl", address: "carl@x.org" }]);
    expect(parseList("")).toEqual([]);
    expect(parseList('"a \\"b\\" c" <d@e.f>')).toEqual([{ name: 'a "b" c', address: "d@e.f" }]);
  });
  it("are plausible or not", () => {
    for (const good of ["a@b", "a.b+c@example.org", "ü@exämple.de", '"a@b"@c.d']) expect(plausible(good), good).toBe(true);
    for (const bad of ["", "a", "@b", "a@", "a b@c", "a@b..c", "a@.b", "a@b.", "a@b@c", `${"x".repeat(65)}@b`]) expect(plausible(bad), bad).toBe(false);
  });
  it("stand once in a list", () => {
    expect(add([{ name: "", address: "A@b" }], [{ name: "x", address: "a@B" }, { name: "", address: "c@d" }, { name: "", address: "c@d" }])).toHaveLength(2);
  });
  it("come from mailto: links without files or other header fields (B03)", () => {
    expect(mailto("mailto:ann@example.org?subject=Hi%20there&body=a%0D%0Ab&attach=/etc/passwd&bcc=eve@example.org&X-Evil=1&from=x@y")).toEqual({
      to: [{ name: "", address: "ann@example.org" }], cc: [], bcc: [{ name: "", address: "eve@example.org" }], subject: "Hi there", body: "a\nb" });
    expect(mailto("mailto:a@b?subject=x%0D%0ABcc:%20eve@x.org").subject).toBe("x Bcc: eve@x.org");
    expect(mailto("javascript:alert(1)").to).toEqual([]);
  });
});
