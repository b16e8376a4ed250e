import { expect, test } from "vitest";
import { draftOf } from "./mailto.ts";

test("a link begins a draft and no more", () => {
  expect(draftOf("mailto:a%40x.example,b@y.example?subject=Hi%0d%0aBcc:z@z.example&body=x&bcc=spy@z.example&attach=/etc/passwd")).toEqual({ to: [{ name: "", address: "a@x.example" }, { name: "", address: "b@y.example" }], subject: "Hi Bcc:z@z.example", text: "x" });
  expect(draftOf("mailto:%zz@x.example").to).toEqual([{ name: "", address: "%zz@x.example" }]);
  expect(draftOf("javascript:alert(1)")).toEqual({ to: [], subject: "", text: "" });
});
