// A plain text mail as nodes: quotes that fold, addresses that can be clicked, and
// nothing that a sender could use to turn the lines around.

import { judgeLink } from "./links.ts";

export interface TextWords {
  quote: string; // of the fold
}

const maxLines = 20_000;
const maxLinks = 2_000;
const address = /(?:https?:\/\/|www\.)[^\s<>"'`\u0000-\u001f]{1,2000}|[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/giu;

// Controls as signs that can be seen (escape sequences, NUL); tab stays.
export function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
  });
}

// What ends a sentence does not end its link.
function trimmed(link: string): string {
  let end = link.length;
  for (; end > 0; end--) {
    const c = link[end - 1] ?? "";
    if (".,;:!?*_~".includes(c)) continue;
    if (c === ")" && !link.slice(0, end).includes("(")) continue;
    if (c === "]" && !link.slice(0, end).includes("[")) continue;
    break;
  }
  return link.slice(0, end);
}

class Writer {
  private links = 0;
  constructor(private readonly doc: Document, private readonly words: TextWords) {}

  // Lines between `from` and `to`, whose first `depth` quote marks are taken off.
  block(into: Node, lines: string[], depth: number): void {
    for (let i = 0; i < lines.length; ) {
      const quoted = lines[i]?.startsWith(">") ?? false;
      let end = i;
      while (end < lines.length && (lines[end]?.startsWith(">") ?? false) === quoted) end++;
      const run = lines.slice(i, end);
      if (!quoted || depth >= 12) for (const line of run) this.line(into, line);
      else this.quote(into, run.map((line) => line.replace(/^> ?/, "")), depth, end === lines.length || lines.slice(end).every((l) => l.trim() === ""));
      i = end;
    }
  }

  // A quote that ends the mail and is long folds away; one that is answered stays.
  private quote(into: Node, lines: string[], depth: number, last: boolean): void {
    const quote = this.doc.createElement("blockquote");
    quote.className = "sp-quote";
    this.block(quote, lines, depth + 1);
    if (depth > 0 || !last || lines.length < 4) {
      into.appendChild(quote);
      return;
    }
    into.appendChild(fold(this.doc, quote, this.words.quote));
  }

  private line(into: Node, text: string): void {
    const line = this.doc.createElement("div");
    line.className = "sp-line";
    line.dir = "auto";
    let at = 0;
    if (this.links < maxLinks) {
      for (const found of text.matchAll(address)) {
        const words = trimmed(found[0]);
        const href = words.includes("@") && !/^(?:https?:|www\.)/i.test(words) ? "mailto:" + words : words.replace(/^www\./i, "https://www.");
        const link = judgeLink(href);
        if (link.kind === "refused" || this.links++ > maxLinks) continue;
        line.append(text.slice(at, found.index), this.anchor(words, link.href));
        at = found.index + words.length;
      }
    }
    line.append(text.slice(at) || (at === 0 ? "\u200b" : ""));
    into.appendChild(line);
  }

  private anchor(words: string, href: string): HTMLElement {
    const a = this.doc.createElement("a");
    a.href = href;
    a.target = "_blank";
    a.rel = "noopener noreferrer nofollow";
    a.dir = "ltr";
    a.append(words);
    return a;
  }
}

// A fold that works without a script.
export function fold(doc: Document, content: Node, words: string): HTMLElement {
  const details = doc.createElement("details");
  details.className = "sp-fold";
  const summary = doc.createElement("summary");
  summary.append(words);
  details.append(summary, content);
  return details;
}

export function textNodes(doc: Document, text: string, words: TextWords): { content: DocumentFragment; cut: boolean } {
  const content = doc.createDocumentFragment();
  const lines = visible(text.replace(/\r\n?/g, "\n").trimEnd()).split("\n");
  const cut = lines.length > maxLines;
  new Writer(doc, words).block(content, cut ? lines.slice(0, maxLines) : lines, 0);
  return { content, cut };
}

// The words of HTML that is too large to be shown as it is: tags taken out by a scan
// that looks at each character once.
export function wordsOf(html: string, limit: number): string {
  let out = "";
  let at = 0;
  while (at < html.length && out.length < limit) {
    const open = html.indexOf("<", at);
    const end = open < 0 ? html.length : open;
    out += html.slice(at, Math.min(end, at + limit - out.length));
    if (open < 0) break;
    const skip = /^<(script|style|head|title)\b/i.exec(html.slice(open, open + 8))?.[1];
    const close = skip ? html.toLowerCase().indexOf("</" + skip.toLowerCase(), open) : open;
    const after = close < 0 ? -1 : html.indexOf(">", close);
    if (/^<(?:br|\/p|\/div|\/tr|\/li|\/h\d)\b/i.test(html.slice(open, open + 6))) out += "\n";
    if (after < 0) break;
    at = after + 1;
  }
  return out.replace(/&nbsp;/g, " ").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&").replace(/[ \t]+/g, " ").replace(/(?:\s*\n){3,}/g, "\n\n");
}
