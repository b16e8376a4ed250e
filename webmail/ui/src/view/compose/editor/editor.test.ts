// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { forgotten } from "../forgot.ts";
import { fromHTML, fromText, quoted } from "./parse.ts";
import { lastQuote, own } from "./quotes.ts";
import { safeHref, schema } from "./schema.ts";
import { html, text, wrap } from "./text.ts";

const p = (...words: string[]) => schema.node("paragraph", null, words.map((w) => schema.text(w)));

describe("text and HTML of a mail", () => {
  const doc = schema.node("doc", null, [
    p("Hello & <welcome>"),
    schema.node("bullet_list", null, [schema.node("list_item", null, [p("one")]), schema.node("list_item", null, [p("two")])]),
    schema.node("paragraph", null, [schema.text("see "), schema.text("this page", [schema.mark("link", { href: "https://example.org/?a=1&b=\"2\"" })])]),
    schema.node("image", { cid: "x@y", alt: "a picture" }) && schema.node("paragraph", null, [schema.node("image", { cid: "x@y", alt: "a picture" })]),
    schema.node("blockquote", null, [p("old words"), schema.node("blockquote", null, [p("older words")])]),
  ]);

  it("writes HTML that means only what the schema has", () => {
    expect(html(doc)).toBe(
      "<div>Hello &amp; &lt;welcome&gt;</div><ul><li><div>one</div></li><li><div>two</div></li></ul>" +
      '<div>see <a href="https://example.org/?a=1&amp;b=&quot;2&quot;" rel="noopener noreferrer">this page</a></div>' +
      '<div><img src="cid:x@y" alt="a picture"></div>' +
      '<blockquote type="cite"><div>old words</div><blockquote type="cite"><div>older words</div></blockquote></blockquote>');
  });

  it("says of what is written from the right that it is", () => {
    const said = html(schema.node("doc", null, [p("שלום, Ines"), p("Hello שלום"), schema.node("bullet_list", null, [schema.node("list_item", null, [p("12 رسالة")])])]));
    expect(said).toBe('<div dir="rtl">שלום, Ines</div><div>Hello שלום</div><ul dir="rtl"><li><div dir="rtl">12 رسالة</div></li></ul>');
  });

  it("writes plain text as people do", () => {
    expect(text(doc)).toBe(["Hello & <welcome>", "", "- one", "- two", "", "see this page <https://example.org/?a=1&b=\"2\">", "", "[a picture]", "",
      "> old words", ">", "> > older words"].join("\n"));
  });

  it("wraps between words and leaves quotes and long words alone", () => {
    expect(wrap("word ".repeat(30).trim()).every((l) => l.length <= 72)).toBe(true);
    expect(wrap("word ".repeat(30).trim()).join(" ")).toBe("word ".repeat(30).trim());
    expect(wrap("x".repeat(200))).toEqual(["x".repeat(200)]);
    expect(wrap(`> ${"word ".repeat(30).trim()}`, "> ")).toHaveLength(1);
  });

  it("makes its policy once: the browser allows no second of that name", () => {
    const asked: string[] = [];
    const createPolicy = (name: string, rules: object) => {
      asked.push(name);
      return rules;
    };
    (window as { trustedTypes?: object }).trustedTypes = { createPolicy };
    for (const word of ["one", "two", "three"]) expect(fromHTML(`<p>${word}</p>`).textContent).toBe(word);
    expect(asked).toEqual(["dompurify"]);
  });

  it("reads its own HTML again", () => {
    expect(html(fromHTML(html(doc)))).toBe(html(doc));
  });

  it("reads plain text with its quotes, and writes it again", () => {
    const source = "Hi\nthere\n\n> quoted\n> > deeper\n\nbye";
    expect(text(fromText(source))).toBe("Hi\nthere\n\n> quoted\n>\n> > deeper\n\nbye");
  });
});

describe("quotes", () => {
  it("finds the last quote with the line above it, and what is one's own", () => {
    const doc = quoted(fromText("their words"), "On Monday, Ann wrote:");
    const q = lastQuote(doc);
    expect(q).not.toBeNull();
    expect(doc.cut(0, q?.from).textContent).toBe("");
    expect(text(doc)).toBe("On Monday, Ann wrote:\n\n> their words");
    expect(own(schema.node("doc", null, [p("mine"), ...doc.content.content]))).not.toContain("their words");
    expect(lastQuote(fromText("no quote"))).toBeNull();
  });
});

describe("links", () => {
  it("are of the web, of mail or of telephones", () => {
    for (const bad of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "//x", "x", "", null]) expect(safeHref(bad), String(bad)).toBeNull();
    for (const good of ["https://example.org", "http://a", "mailto:a@b", "tel:+1"]) expect(safeHref(good)).toBe(good);
  });
});

describe("forgotten files", () => {
  it("asks in many languages, and not about quotes' subjects or other words", () => {
    for (const s of ["see the attached file", "Anbei die Rechnung", "en pièce jointe", "te adjunto el pdf", "in allegato", "segue em anexo", "zie bijlage", "w załączniku", "файл прикреплён", "附件请查收", "添付します"]) {
      expect(forgotten(s, "", 0), s).toBe(true);
      expect(forgotten(s, "", 1), s).toBe(false);
    }
    for (const s of ["nothing here", "unattached people", "hello"]) expect(forgotten(s, "", 0), s).toBe(false);
  });
});
