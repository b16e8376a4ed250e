import { expect, test } from "vitest";
import { fileLinksIn, parseFileLink } from "./address.ts";

const id = "AbCdEfGhIjKlMnOpQrStUv", secret = "0123456789_-abcdefghij";
const url = `https://mail.example.org/f/${id}#${secret}`;

test("a link to a file is known by its form, to the letter", () => {
  expect(parseFileLink(url)).toEqual({ url, origin: "https://mail.example.org", host: "mail.example.org", id, secret });
  expect(parseFileLink(`https://mail.example.org:8443/f/${id}#${secret}`)?.host).toBe("mail.example.org:8443");
  for (const other of [
    url.replace("https", "http"), url.replace("/f/", "/F/"), url.replace("/f/", "/f/../f/"), url.replace("mail.", "user@mail."), url.replace(".org", ".org:443"), url.replace(".org", ".org:99999"),
    url.replace("#", "?x#"), url.replace("#", "/#"), url + "&x", url.slice(0, -1), `${url} `, ` ${url}`, url.replace(id, id + "A"), url.replace("mail", "MAIL"), url.replace(".org", ".org."),
    url.replace("mail.example.org", "-mail"), url.replace("mail.example.org", "mail..example"), `javascript:${url}`, url + "A".repeat(30), url.replace("mail.example.org", "[::1]"), url.replace("mail.example.org", "0x7f.1"),
  ]) expect(parseFileLink(other), other).toBeNull();
});

test("text and HTML name a file once, and what is nearly one is none", () => {
  expect(fileLinksIn(`see ${url}, and\n${url}.`, `<a href="${url}">x</a>`)).toHaveLength(1);
  expect(fileLinksIn(`${url}${"A".repeat(30)}`)).toEqual([]);
  expect(fileLinksIn(Array.from({ length: 50 }, (_, i) => url.replace("AbC", `A${String(i).padStart(2, "0")}`)).join(" "))).toHaveLength(30);
});
