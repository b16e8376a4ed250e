// What a mail that is written here can be made of. Foreign HTML, from a paste or a mail
// that is answered, enters the page only as these nodes: what is not in the schema is
// dropped, and its text stays where it can be seen.

import { type DOMOutputSpec, Schema } from "prosemirror-model";

// Links that a mail may have. Anything else is text.
const schemes = /^(?:https?:\/\/|mailto:|tel:)/iu;

export function safeHref(href: string | null): string | null {
  const clean = (href ?? "").trim().replace(/[\u0000-\u0020\u007f]/gu, "");
  return schemes.test(clean) && clean.length <= 2000 ? clean : null;
}

const tag = (name: string): DOMOutputSpec => [name, 0];

export const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: { group: "block", content: "inline*", parseDOM: [{ tag: "p" }, { tag: "div" }], toDOM: () => tag("p") },
    heading: {
      group: "block", content: "inline*", attrs: { level: { default: 1 } }, defining: true,
      parseDOM: [1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${level}`, attrs: { level: Math.min(level, 3) } })),
      toDOM: (n) => tag(`h${n.attrs["level"]}`),
    },
    blockquote: { group: "block", content: "block+", defining: true, parseDOM: [{ tag: "blockquote" }], toDOM: () => ["blockquote", { type: "cite" }, 0] },
    code_block: { group: "block", content: "text*", marks: "", code: true, defining: true, parseDOM: [{ tag: "pre", preserveWhitespace: "full" }], toDOM: () => ["pre", ["code", 0]] },
    horizontal_rule: { group: "block", parseDOM: [{ tag: "hr" }], toDOM: () => ["hr"] },
    bullet_list: { group: "block", content: "list_item+", parseDOM: [{ tag: "ul" }], toDOM: () => tag("ul") },
    ordered_list: {
      group: "block", content: "list_item+", attrs: { order: { default: 1 } },
      parseDOM: [{ tag: "ol", getAttrs: (el) => ({ order: Math.max(1, Number((el as HTMLElement).getAttribute("start")) || 1) }) }],
      toDOM: (n) => (n.attrs["order"] === 1 ? ["ol", 0] : ["ol", { start: n.attrs["order"] }, 0]),
    },
    list_item: { content: "paragraph block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: () => tag("li") },
    text: { group: "inline" },
    hard_break: { group: "inline", inline: true, selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] },
    // A picture of this mail, by the Content-ID of its part. What it shows is in the editor's hands.
    image: {
      group: "inline", inline: true, draggable: true, attrs: { cid: {}, alt: { default: "" }, width: { default: 0 } },
      parseDOM: [{
        tag: "img[src]",
        getAttrs: (el) => {
          const cid = /^cid:([A-Za-z0-9._@+-]{1,200})$/u.exec((el as HTMLElement).getAttribute("src") ?? "");
          return cid ? { cid: cid[1], alt: (el as HTMLElement).getAttribute("alt") ?? "", width: Math.min(2000, Math.max(0, Number((el as HTMLElement).getAttribute("width")) || 0)) } : false;
        },
      }],
      toDOM: (n) => ["img", { src: `cid:${n.attrs["cid"]}`, alt: n.attrs["alt"], ...(n.attrs["width"] > 0 && { width: n.attrs["width"] }) }],
    },
  },
  marks: {
    link: {
      attrs: { href: {} }, inclusive: false,
      parseDOM: [{ tag: "a[href]", getAttrs: (el) => { const href = safeHref((el as HTMLElement).getAttribute("href")); return href ? { href } : false; } }],
      toDOM: (m) => ["a", { href: m.attrs["href"], rel: "noopener noreferrer" }, 0],
    },
    strong: { parseDOM: [{ tag: "strong" }, { tag: "b:not([data-plain])" }], toDOM: () => tag("strong") },
    em: { parseDOM: [{ tag: "i" }, { tag: "em" }], toDOM: () => tag("em") },
    underline: { parseDOM: [{ tag: "u" }], toDOM: () => tag("u") },
    strike: { parseDOM: [{ tag: "s" }, { tag: "del" }, { tag: "strike" }], toDOM: () => tag("s") },
    code: { parseDOM: [{ tag: "code" }, { tag: "tt" }, { tag: "kbd" }], toDOM: () => tag("code") },
  },
});
