// The displayable text and the attachments of a part and what is in it. The tree has
// counted its parts already; attachments are decoded when they are asked for.

import { parseFileLink } from "../files/address.ts";
import { type Stub, parseStubPart } from "../files/stub.ts";
import { type Bytes, looseText, octets } from "./bytes.ts";
import { all, first, plain, typed, type Typed } from "./header.ts";
import { decodeText, decodeTransfer, decodedSize, unflow } from "./transfer.ts";
import type { Part } from "./tree.ts";
import type { LinkedPart, Part as Listed } from "./vault.ts";

export interface Body {
  html: string;
  text: string;
  calendar: string;
  parts: Listed[];
  data: (() => Bytes)[]; // of the parts
  listed: number[]; // indexes of those that a card lists, in its order
  transferred: number[]; // sizes of the parts before they are decoded
}

interface Text {
  html: string[]; // empty: there is only text
  text: string[];
}

const maxText = 16 << 20; // octets of one text
const maxTexts = 100;

export function emptyBody(text = ""): Body {
  return { html: "", text: text.slice(0, maxText), calendar: "", parts: [], data: [], listed: [], transferred: [] };
}

// repeated: the header of root is protected and shown, so that what repeats it for programs
// that do not know of that (RFC 9788, section 5.2) is left out.
// cut says which parts are stubs of the owner's server, of those that are written as one.
export async function readBody(b: Uint8Array, root: Part, repeated = false, cut: IsCut = () => false): Promise<Body> {
  const { decodeWords } = await import("postal-mime");
  const reader = new Reader(b, decodeWords, repeated ? root : null, cut);
  const { html, text } = reader.text(root, false);
  return { ...reader.body, html: html.join("\n<hr>\n"), text: text.join("\n") };
}

export type IsCut = (p: Part, s: Stub) => boolean;

class Reader {
  readonly body = emptyBody();
  private texts = 0;

  constructor(
    private readonly b: Uint8Array,
    private readonly words: (s: string) => string,
    private readonly header: Part | null, // what repeats it is not shown
    private readonly cut: IsCut,
  ) {}

  // related: the part stands beside one that may refer to it.
  text(p: Part, related: boolean): Text {
    const kind = p.content.type === "" ? "text/plain" : p.content.type;
    if (kind.startsWith("multipart/") && p.parts.length > 0) return this.multipart(p, kind, related);
    const stub = parseStubPart(this.b.subarray(p.start, p.end));
    if (stub && this.cut(p, stub)) {
      this.attachCut(stub);
      return { html: [], text: [] };
    }
    const disposition = typed(first(p.fields, "content-disposition"));
    const shown = (kind === "text/plain" || kind === "text/html") && disposition.type !== "attachment" && nameOf(p.content, disposition) === "";
    if (!shown || this.texts >= maxTexts) {
      this.attach(p, kind, disposition, related);
      return { html: [], text: [] };
    }
    this.texts++;
    if (this.header !== null && repeats(p, this.header)) return { html: [], text: [] };
    const whole = this.decode(p);
    const s = this.header !== null && p.content.params["hp-legacy-display"] === "1" ? withoutLegacy(whole, kind) : whole;
    return kind === "text/html" ? { html: [s], text: [] } : { html: [], text: [s] };
  }

  private multipart(p: Part, kind: string, related: boolean): Text {
    if (kind === "multipart/alternative") {
      const choices = p.parts.map((c) => this.text(c, related));
      // The last that is HTML, and the first that is text: a sender puts the best last.
      return { html: choices.findLast((c) => c.html.length > 0)?.html ?? [], text: choices.find((c) => c.text.length > 0)?.text ?? [] };
    }
    const inner = p.parts.map((c) => this.text(c, related || kind === "multipart/related"));
    const html = inner.some((t) => t.html.length > 0);
    return { html: html ? inner.flatMap((t) => (t.html.length > 0 ? t.html : t.text.map(textToHtml))) : [], text: inner.flatMap((t) => t.text) };
  }

  private decode(p: Part): string {
    const s = decodeText(decodeTransfer(this.b.subarray(p.body, Math.min(p.end, p.body + 2 * maxText)), first(p.fields, "content-transfer-encoding")).subarray(0, maxText), p.content.params["charset"] ?? "");
    return p.content.type !== "text/html" && /^flowed$/i.test(p.content.params["format"] ?? "") ? unflow(s, /^yes$/i.test(p.content.params["delsp"] ?? "")) : s;
  }

  private attachCut(s: Stub): void {
    this.body.listed.push(this.body.parts.length);
    this.body.parts.push({
      index: this.body.parts.length, name: fileName(s.name), type: s.type || "application/octet-stream", size: s.length, content_id: "", inline: false,
      cut: { object: s.object, secret: s.secret, hash: s.hash },
    });
    this.body.data.push(() => new Uint8Array(0));
    this.body.transferred.push(s.length);
  }

  private attach(p: Part, kind: string, disposition: Typed, related: boolean): void {
    const octetsOf = this.b.subarray(p.body, p.end);
    const encoding = first(p.fields, "content-transfer-encoding");
    const data = () => decodeTransfer(octetsOf, encoding);
    const id = plain(all(p.fields, "content-id")[0] ?? "").replace(/^<|>$/g, "").slice(0, 250);
    if (kind === "text/calendar" && this.body.calendar === "") this.body.calendar = this.decode(p);
    const cloud = linkOf(p, this.words);
    const name = cloud?.name ?? fileName(this.words(nameOf(p.content, disposition)));
    const said = cloud?.type ?? kind;
    if (name !== "" || kind !== "text/calendar" || disposition.type === "attachment") this.body.listed.push(this.body.parts.length);
    this.body.parts.push({
      index: this.body.parts.length,
      name,
      type: /^[a-z0-9!#$&^_.+-]{1,80}\/[a-z0-9!#$&^_.+-]{1,80}$/.test(said) ? said : "application/octet-stream",
      size: cloud?.link.size ?? decodedSize(octetsOf, encoding),
      content_id: id,
      inline: !cloud && id !== "" && (related || disposition.type === "inline"),
      ...(cloud && { link: cloud.link }),
    });
    this.body.data.push(data);
    this.body.transferred.push(octetsOf.length);
  }
}

// The form of before RFC 9788: a part of its own in front of the others, marked as the root is.
function repeats(p: Part, root: Part): boolean {
  return root.content.type === "multipart/mixed" && root.parts[0] === p && root.parts.length > 1 && p.content.params["protected-headers"] === "v1" && p.content.type === "text/plain";
}

// Lines that look like a header, up to an empty one; in HTML one division of that class.
function withoutLegacy(s: string, kind: string): string {
  if (kind === "text/html") return s.replace(/<div\b[^<>]{0,200}\bclass\s*=\s*"?header-protection-legacy-display\b[^<>]{0,200}>[^]{0,20000}?<\/div>/i, "");
  const block = /^(?:[!-9;-~]{1,76}:[^\r\n]{0,2000}\r?\n(?:[ \t][^\r\n]{0,2000}\r?\n){0,50}){1,20}\r?\n/.exec(s.slice(0, 20_000));
  return block === null ? s : s.slice(block[0].length);
}

function nameOf(content: Typed, disposition: Typed): string {
  return extended(disposition.params, "filename") || extended(content.params, "name");
}

// What stands for a file of the file store. Another's link, or one that is not to the letter
// of the format, makes it a part like any other.
function linkOf(p: Part, words: (s: string) => string): { name: string; type: string; link: LinkedPart } | null {
  const field = first(p.fields, "x-mozilla-cloud-part");
  const { type, params } = typed(field);
  const link = type === "cloudfile" ? parseFileLink(params["url"] ?? "") : null;
  if (link === null) return null;
  const number = (s = "") => (/^\d{1,15}$/.test(s) ? Number(s) : 0);
  const name = extended(params, "name") || extended(p.content.params, "name").replace(/\.html$/i, "");
  return { name: fileName(words(name)), type: params["type"]?.toLowerCase() ?? "", link: { url: link.url, size: number(params["size"]), ends: number(params["ends"]) } };
}

// A parameter as it is, or in the forms of RFC 2231.
function extended(params: { [name: string]: string }, name: string): string {
  const whole = params[`${name}*`];
  if (whole !== undefined) return percent(whole);
  const pieces: string[] = [];
  let encoded = false;
  for (let i = 0; i < 100; i++) {
    const marked = params[`${name}*${i}*`];
    const piece = marked ?? params[`${name}*${i}`];
    if (piece === undefined) break;
    if (i === 0) encoded = marked !== undefined;
    pieces.push(marked === undefined && encoded ? piece.replace(/%/g, "%25") : piece);
  }
  if (pieces.length > 0) return encoded ? percent(pieces.join("")) : pieces.join("");
  return looseText(octets(params[name] ?? ""));
}

function percent(s: string): string {
  const [charset = "", , ...rest] = s.split("'");
  const b = octets(rest.join("'").replace(/%([0-9a-f]{2})/gi, (_, h: string) => String.fromCharCode(parseInt(h, 16))));
  return decodeText(b, charset);
}

// A name to show and to save under: no folders, no turned text, not endless.
export function fileName(name: string): string {
  return plain(name).replace(/[/\\:*?"<>|]/g, "_").replace(/^\.+/, "_").slice(0, 250);
}

function textToHtml(s: string): string {
  const escaped = s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<div>${escaped.replace(/\r?\n/g, "<br>")}</div>`;
}

