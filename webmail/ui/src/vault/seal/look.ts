// One look at a mail that is to be sealed: what its card, its terms and its body letter
// hold (docs/formats.md), bounded as the server's look is.

import { type Bytes, concat, octets, random, toHex, utf8 } from "../bytes.ts";
import { byBytes, eachWord, fold } from "../fold.ts";
import { addresses, all, date, first, ids, readSection, text, typed } from "../header.ts";
import { clip } from "../hpke.ts";
import { readBody } from "../mime.ts";
import { type Part, readTree } from "../tree.ts";
import { decodeTransfer } from "../transfer.ts";
import type { Card, Class } from "../vault.ts";
import { htmlWords } from "./html.ts";
import { type Top, rawOf } from "./section.ts";

const maxText = 4 << 20; // characters whose words count
const maxTerms = 50_000;
const maxTermBytes = 1 << 20;
const maxNested = 3; // messages in messages
const maxBody = 16 << 20; // bytes of a body letter's content; over it the mail is opened whole

export interface Gist {
  card: Omit<Card, "id" | "tag" | "class" | "arrived">;
  terms: string[];
  body: (() => Bytes) | null; // the displayable parts
}

// headerOnly: what is behind the header is ciphertext.
export async function look(b: Uint8Array, top: Top, headerOnly: boolean): Promise<Gist> {
  const terms = new Terms();
  const seen = headerOnly ? b.subarray(0, top.end) : b;
  const root = readTree(seen);
  const fields = root?.fields ?? readSection(seen, 0, Math.min(seen.length, 256 << 10))?.fields ?? [];
  const body = root === null || headerOnly ? null : await readBody(b, root);
  await terms.header(fields);
  const plain = body === null ? "" : body.text || htmlWords(body.html.slice(0, maxText));
  if (body !== null) {
    for (const p of body.parts) terms.add(p.name);
    terms.add(body.text);
    terms.add(htmlWords(body.html.slice(0, maxText)));
    terms.add(body.calendar);
    if (root !== null) await attached(b, root, terms, 0);
  }
  const from = (await addresses(all(fields, "from"))).find((a) => a.address.includes("@"));
  const files = body === null ? [] : body.listed.map((i) => ({ ...body.parts[i]!, size: body.transferred[i]! }));
  const recipients = top.fields.filter((f) => /^(to|cc)$/i.test(f.name)).reduce((n, f) => n + rawOf(b, f).split("@").length - 1, 0);
  const to = (await addresses([...all(fields, "to"), ...all(fields, "cc")])).filter((a) => a.address.includes("@")).slice(0, 3);
  return {
    card: {
      subject: await text(first(fields, "subject")), from_name: from?.name ?? "", from: from?.address ?? "", recipients, to, date: date(first(fields, "date")),
      snippet: clip(plain.slice(0, 4000).replace(/\s+/g, " ").trim(), 200),
      attachments: files.slice(0, 8).map((p) => ({ name: p.name, type: p.type, size: p.size })), more_attachments: Math.max(0, files.length - 8),
      message_id: ids(first(fields, "message-id"), 1)[0] ?? "", in_reply_to: ids(first(fields, "in-reply-to"), 1)[0] ?? "", references: ids(first(fields, "references"), 4),
      incomplete: headerOnly || root === null || terms.full, junk: "", verified: false, dmarc: "", spf: "", dkim: "",
    },
    terms: terms.sorted(),
    body: root === null ? null : () => displayable(b, root),
  };
}

export function cardOf(g: Gist, o: { tag: string; class: Class; arrived: number }): Card {
  return { ...g.card, id: "", ...o };
}

// Messages that are attached: their headers and texts count.
async function attached(b: Uint8Array, p: Part, terms: Terms, depth: number): Promise<void> {
  if (p.content.type === "message/rfc822" && depth < maxNested) {
    const inner = decodeTransfer(b.subarray(p.body, p.end), first(p.fields, "content-transfer-encoding"));
    const root = readTree(inner);
    if (root === null) return;
    await terms.header(root.fields);
    const body = await readBody(inner, root);
    terms.add(body.text);
    terms.add(htmlWords(body.html.slice(0, maxText)));
    await attached(inner, root, terms, depth + 1);
  }
  for (const child of p.parts) await attached(b, child, terms, depth);
}

class Terms {
  private readonly found = new Set<string>();
  private bytes = 0;
  private left = maxText;
  full = false;

  add(s: string): void {
    if (s.length > this.left) this.full = true;
    eachWord(s.slice(0, this.left), (w) => this.take(w));
    this.left -= Math.min(this.left, s.length);
  }
  private take(w: string): void {
    if (this.found.has(w)) return;
    const size = utf8(w).length;
    if (this.found.size >= maxTerms || this.bytes + size > maxTermBytes) this.full = true;
    else {
      this.found.add(w);
      this.bytes += size;
    }
  }
  // An address and its domain are words as a whole, too.
  async header(fields: Parameters<typeof first>[0]): Promise<void> {
    this.add(await text(first(fields, "subject")));
    for (const name of ["from", "to", "cc", "bcc"]) {
      for (const a of await addresses(all(fields, name))) {
        this.add(a.name);
        this.add(a.address);
        for (const w of [a.address, a.address.slice(a.address.lastIndexOf("@") + 1)]) {
          const folded = fold(w);
          if (utf8(w).length <= 160 && [...folded].length >= 2 && [...folded].length <= 40) this.take(folded);
        }
      }
    }
  }
  sorted(): string[] {
    return [...this.found].sort(byBytes);
  }
}

// The displayable parts without attachments, alternatives as alternatives, each as it was
// transferred.
function displayable(b: Uint8Array, root: Part): Bytes {
  const made = entity(b, root);
  const whole = made ?? octets("Content-Type: text/plain\r\n\r\n");
  return whole.length > maxBody ? octets("") : whole;
}

function entity(b: Uint8Array, p: Part): Bytes | null {
  if (p.parts.length > 0) {
    const parts = p.parts.map((c) => entity(b, c)).filter((e): e is Bytes => e !== null);
    if (parts.length < 2) return parts[0] ?? null;
    const boundary = toHex(random(16));
    const subtype = p.content.type === "multipart/alternative" ? "alternative" : "mixed";
    return concat(
      octets(`Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n`),
      ...parts.flatMap((e) => [octets(`--${boundary}\r\n`), e, octets("\r\n")]),
      octets(`--${boundary}--\r\n`),
    );
  }
  const disposition = typed(first(p.fields, "content-disposition"));
  const kind = p.content.type === "" ? "text/plain" : p.content.type;
  if (!/^text\/(plain|html|calendar)$/.test(kind) || disposition.type === "attachment" || "filename" in disposition.params || "name" in p.content.params) return null;
  const kept = p.fields.filter((f) => f.name === "content-type" || f.name === "content-transfer-encoding");
  const head = kept.map((f) => `${f.name === "content-type" ? "Content-Type" : "Content-Transfer-Encoding"}: ${f.value.replace(/[\r\n]+\s*/g, " ")}\r\n`).join("");
  return concat(octets(`${head || "Content-Type: text/plain\r\n"}\r\n`), b.subarray(p.body, p.end));
}

export const textOfTerms = (terms: readonly string[]): Bytes => utf8(terms.map((t) => `${t}\n`).join(""));
