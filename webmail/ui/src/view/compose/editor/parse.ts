// Foreign HTML and plain text as a document of the schema.

import createDOMPurify, { type DOMPurify } from "dompurify";
import { DOMParser, Fragment, type Node } from "prosemirror-model";
import { schema } from "./schema.ts";

const most = 500_000; // characters of HTML that are taken in

// One for each window: a policy of its name may be made there once, and without it the
// browser parses nothing.
const purifiers = new WeakMap<Window, DOMPurify>();

function purifierOf(win: Window & typeof globalThis): DOMPurify {
  const known = purifiers.get(win) ?? spelling(createDOMPurify(win));
  purifiers.set(win, known);
  return known;
}

// Styles that say what an element of the schema says. A page with our policy tries none, so
// they come as the words of data-style, and are spelled out.
const spelled: [name: string, style: RegExp][] = [
  ["b", /(?:^|;)\s*font-weight\s*:\s*(?:bold|[6-9]\d\d)/iu], ["i", /(?:^|;)\s*font-style\s*:\s*(?:italic|oblique)/iu],
  ["u", /(?:^|;)\s*text-decoration(?:-line)?\s*:[^;]*underline/iu], ["s", /(?:^|;)\s*text-decoration(?:-line)?\s*:[^;]*line-through/iu],
];
const plain = /(?:^|;)\s*font-weight\s*:\s*(?:normal|400)/iu; // of a <b>: some programs put one around everything

function spelling(purifier: DOMPurify): DOMPurify {
  purifier.addHook("afterSanitizeAttributes", (el) => {
    const style = el.getAttribute("data-style");
    if (style === null) return;
    el.removeAttribute("data-style");
    if (el.nodeName === "B" && plain.test(style)) el.setAttribute("data-plain", "");
    for (const [name, says] of spelled) {
      if (!says.test(style)) continue;
      const around = el.ownerDocument.createElement(name);
      around.append(...el.childNodes);
      el.append(around);
    }
  });
  return purifier;
}

// quiet takes away what a browser would refuse while it parses, and report: handlers and
// sheets; of styles it leaves the words, which are spelled out. What slips through is
// refused and reported; nothing rests on this.
const quiet = (source: string): string =>
  source.slice(0, most).replace(/<style\b[^]*?<\/style\s*>/giu, "").replace(/<[a-z][^>]*>/giu, (tag) => tag.replace(/([\s/"'])on(?=[a-z]+\s*=)/giu, "$1data-not-").replace(/([\s/"'])style(?=\s*=)/giu, "$1data-style"));

const risky = { FORBID_TAGS: ["style", "svg", "math", "form", "input", "button", "select", "textarea", "iframe", "object", "video", "audio", "picture", "template"], FORBID_ATTR: ["srcset", "poster", "background", "id", "name", "class"] };

// fromHTML reads a draft's or another's HTML. It never enters the page: DOMPurify parses it
// in a document of its own, and what the schema knows is copied from there.
export function fromHTML(source: string, win: Window & typeof globalThis = window): Node {
  const fragment = purifierOf(win).sanitize(quiet(source), {
    RETURN_DOM_FRAGMENT: true, FORBID_TAGS: risky.FORBID_TAGS, FORBID_ATTR: risky.FORBID_ATTR, ALLOWED_URI_REGEXP: /^(?:https?|mailto|tel|cid):/iu,
  });
  return DOMParser.fromSchema(schema).parse(fragment);
}

// pasted leaves of a clipboard's HTML what the editor may parse: it does so in a document
// of the page, where a handler or a style would be tried, and reported.
export function pasted(source: string, win: Window & typeof globalThis = window): string {
  return purifierOf(win).sanitize(quiet(source), risky);
}

// fromText makes a paragraph of each block of lines, and quotes of lines with ">".
export function fromText(source: string): Node {
  const lines = source.slice(0, most).replace(/\r\n?/gu, "\n").split("\n");
  return schema.node("doc", null, blocks(lines, 0));
}

function blocks(lines: string[], depth: number): Node[] {
  const out: Node[] = [];
  for (let i = 0; i < lines.length; ) {
    const quoted = depth < 8 && /^>/u.test(lines[i] as string);
    let end = i;
    while (end < lines.length && /^>/u.test(lines[end] as string) === quoted) end++;
    const some = lines.slice(i, end);
    if (quoted) out.push(schema.node("blockquote", null, blocks(some.map((l) => l.replace(/^>[ ]?/u, "")), depth + 1)));
    else out.push(...paragraphs(some));
    i = end;
  }
  return out.length > 0 ? out : [schema.node("paragraph")];
}

function paragraphs(lines: string[]): Node[] {
  return lines.join("\n").replace(/^\n+|\n+$/gu, "").split(/\n{2,}/u).map((part) => {
    const nodes: Node[] = [];
    part.split("\n").forEach((line, i) => {
      if (i > 0) nodes.push(schema.node("hard_break"));
      if (line) nodes.push(schema.text(line));
    });
    return schema.node("paragraph", null, Fragment.from(nodes));
  });
}

// quoted puts a document into a quote behind a line that says whose it is. Where the editor
// opens, an empty line stands above it.
export function quoted(doc: Node, said: string): Node {
  return schema.node("doc", null, [schema.node("paragraph", null, said ? [schema.text(said)] : []), schema.node("blockquote", null, doc.content)]);
}

// headed puts lines above a document, as a forwarded mail has them.
export function headed(doc: Node, lines: readonly string[]): Node {
  const words = lines.flatMap((l, i) => (i > 0 ? [schema.node("hard_break"), schema.text(l)] : [schema.text(l)]));
  return schema.node("doc", null, [schema.node("paragraph", null, words), schema.node("paragraph"), ...doc.content.content]);
}
