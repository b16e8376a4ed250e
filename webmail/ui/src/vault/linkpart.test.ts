import { expect, test } from "vitest";
import { octets } from "./bytes.ts";
import { contentOf, write } from "./entity.ts";
import { readBody } from "./mime.ts";
import { readTree } from "./tree.ts";
import type { Draft } from "./vault.ts";

const url = `https://mail.example.org/f/${"A".repeat(22)}#${"s".repeat(22)}`;
const link = { url, size: 123_456_789_012, ends: 1_800_000_000 };
const draft = (attachments: Draft["attachments"]): Draft => ({ from: { name: "", address: "a@b.example" }, to: [], cc: [], bcc: [], reply_to: [], subject: "", html: "", text: "hi", attachments, in_reply_to: "", references: [], date: 0, message_id: "" });
const page = new TextEncoder().encode("<p>a page</p>").buffer;
const read = (mail: string) => { const b = octets(mail); return readBody(b, readTree(b)!); };

test("a part that stands for a file says so to programs, and is read as that file", async () => {
  const mail = write(contentOf(draft([{ name: "Übersicht (1).pdf", type: "application/pdf", content_id: "", data: page, link }, { name: "b (1).txt", type: "text/plain", content_id: "", data: page }])));
  expect(mail).toContain(`X-Mozilla-Cloud-Part: cloudFile;\r\n url="${url}";\r\n`);
  const { parts } = await read(mail);
  expect(parts).toMatchObject([{ name: "Übersicht (1).pdf", type: "application/pdf", size: link.size, inline: false, link }, { name: "b (1).txt", type: "text/plain" }]);
  expect(parts[1]!.link).toBeUndefined();
});

test("another's link, or one that is not to the letter, is a part like any other", async () => {
  const mail = write(contentOf(draft([{ name: "a.pdf", type: "application/pdf", content_id: "", data: page, link }])));
  for (const other of ["https://drop.example/s/abc", url.replace("https", "http"), `${url}x`.repeat(2), "javascript:1"]) {
    const { parts } = await read(mail.replace(url, other));
    expect(parts).toMatchObject([{ name: "a.pdf.html", type: "text/html" }]);
    expect(parts[0]!.link, other).toBeUndefined();
  }
  expect(() => contentOf(draft([{ name: "a", type: "", content_id: "", data: page, link: { ...link, url: "https://x.example/" } }]))).toThrow();
});
