// A written mail as HTML and as plain text.

import type { DOMOutputSpec, Mark, Node } from "prosemirror-model";
import { direction } from "../../../words/direction.ts";

const escapes: { [c: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\u00a0": "&nbsp;" };
const escape = (s: string): string => s.replace(/[&<>"\u00a0]/gu, (c) => escapes[c] as string);
const directed = new Set(["paragraph", "heading", "bullet_list", "ordered_list"]);
const single = new Set(["br", "hr", "img"]);

// html is the mail's HTML part: what the schema has, and nothing else.
export function html(doc: Node): string {
  let s = "";
  doc.forEach((n) => { s += element(n); });
  return s;
}

function element(n: Node): string {
  let s = n.isText ? escape(n.text ?? "") : "";
  if (!n.isText) {
    n.forEach((c) => { s += element(c); });
    if (n.type.name === "paragraph" && s === "") s = "<br>"; // an empty line has its height
    // Lines as people type them: a <p> would have a gap above and below in every reader.
    s = n.type.name === "paragraph" ? `<div>${s}</div>` : tagged(n.type.spec.toDOM?.(n) ?? [""], s);
    // Who reads it in a page of the other direction still sees the lines as they were written.
    if (directed.has(n.type.name) && direction(n.textContent) === "rtl") s = s.replace(/^<\w+/, '$& dir="rtl"');
  }
  for (const mark of [...n.marks].reverse()) s = tagged(mark.type.spec.toDOM?.(mark, true) ?? [""], s);
  return s;
}

// tagged writes what a toDOM of the schema says: [name, attributes?, hole or child?].
function tagged(spec: DOMOutputSpec, inner: string): string {
  const [name, ...rest] = spec as readonly [string, ...unknown[]];
  const first = rest[0];
  const attrs = typeof first === "object" && first !== null && !Array.isArray(first) ? Object.entries(first as { [k: string]: unknown }) : [];
  const open = `<${name}${attrs.map(([k, v]) => ` ${k}="${escape(String(v))}"`).join("")}>`;
  const child = rest.find((r) => Array.isArray(r));
  return single.has(name) ? open : `${open}${child ? tagged(child as unknown as DOMOutputSpec, inner) : inner}</${name}>`;
}

const width = 72;

// text is the mail's plain part: quotes with "> ", lists with dashes, links behind their words.
export function text(doc: Node): string {
  const lines: string[] = [];
  doc.forEach((n) => block(n, "", lines));
  while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
  return lines.join("\n");
}

function block(n: Node, prefix: string, out: string[]): void {
  switch (n.type.name) {
    case "blockquote":
      n.forEach((c) => block(c, `${prefix}> `, out));
      trimLast(out, `${prefix}> `);
      out.push(prefix.trimEnd());
      return;
    case "bullet_list":
    case "ordered_list": {
      let number = (n.attrs["order"] as number | undefined) ?? 1;
      n.forEach((item) => listItem(item, n.type.name === "bullet_list" ? "- " : `${number++}. `, prefix, out));
      out.push(prefix.trimEnd());
      return;
    }
    case "code_block":
      out.push(...n.textContent.split("\n").map((l) => `${prefix}    ${l}`), prefix.trimEnd());
      return;
    case "horizontal_rule":
      out.push(`${prefix}${"-".repeat(24)}`, prefix.trimEnd());
      return;
    default:
      for (const line of inline(n).split("\n")) out.push(...wrap(line, prefix));
      out.push(prefix.trimEnd());
  }
}

function listItem(item: Node, mark: string, prefix: string, out: string[]): void {
  const at = out.length;
  item.forEach((c) => block(c, prefix + " ".repeat(mark.length), out));
  trimLast(out, prefix + " ".repeat(mark.length));
  const first = out[at];
  if (first !== undefined) out[at] = prefix + mark + first.slice(prefix.length + mark.length);
}

// trimLast takes an empty last line away: what follows a quote or an item puts its own.
function trimLast(out: string[], prefix: string): void {
  if (out[out.length - 1] === prefix.trimEnd()) out.pop();
}

function inline(n: Node): string {
  let s = "";
  n.forEach((c, _, i) => {
    if (c.type.name === "hard_break") s += "\n";
    else if (c.type.name === "image") s += c.attrs["alt"] ? `[${c.attrs["alt"]}]` : "";
    else s += c.text ?? "";
    const link = linkOf(c);
    const after = i + 1 < n.childCount ? linkOf(n.child(i + 1)) : undefined;
    if (link && (!after || after.attrs["href"] !== link.attrs["href"])) s += target(link, s);
  });
  return s;
}

const linkOf = (n: Node): Mark | undefined => n.marks.find((m) => m.type.name === "link");

function target(link: Mark, before: string): string {
  const href = link.attrs["href"] as string;
  const said = href.replace(/^mailto:/iu, "");
  return before.endsWith(said) || before.endsWith(href) ? "" : ` <${href}>`;
}

// wrap breaks a line between words. A line that is a quote or one long word stays.
export function wrap(line: string, prefix = ""): string[] {
  if (prefix.startsWith(">") || line.length + prefix.length <= width) return [(prefix + line).trimEnd()];
  const out: string[] = [];
  let now = "";
  for (const word of line.split(/(?<= )/u)) {
    if (now && prefix.length + now.trimEnd().length + word.trimEnd().length + (now.endsWith(" ") ? 0 : 1) > width) {
      out.push((prefix + now).trimEnd());
      now = "";
    }
    now += word;
  }
  out.push((prefix + now).trimEnd());
  return out;
}
