import { expect, test } from "vitest";
import { leavingOf } from "./unsubscribe.ts";

const mail = (list_unsubscribe: string[], list_unsubscribe_post = false, verified = true) => leavingOf({ list_unsubscribe, list_unsubscribe_post, verified });

test("one click where RFC 8058 and a proved domain allow it", () => {
  expect(mail(["mailto:a@l.example", "https://l.example/u?1"], true)).toEqual({ how: "click", url: "https://l.example/u?1", host: "l.example" });
  expect(mail(["https://l.example/u"], true, false)).toMatchObject({ how: "page" });
  expect(mail(["https://l.example/u"], false)).toMatchObject({ how: "page" });
});

test("a mail rather than a page", () => {
  expect(mail(["https://l.example/u", "mailto:leave%2Bx@l.example?subject=out"])).toEqual({ how: "mail", to: "leave+x@l.example", subject: "out" });
});

test("nothing that is neither https nor one address", () => {
  for (const u of ["http://l.example/u", "javascript:alert(1)", "https://user:pw@l.example/", "mailto:a@b.example,c@d.example", "mailto:%", "data:text/html,x", "https://"]) expect(mail([u], true), u).toBeUndefined();
  expect(mail(["mailto:a@b.example?subject=x%0d%0aBcc:%20c@d.example"])).toMatchObject({ subject: "x  Bcc: c@d.example" });
});
