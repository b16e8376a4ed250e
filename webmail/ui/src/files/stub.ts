// What stands in a mail for an attachment that the owner's server cut out when the mail
// arrived (docs/formats.md, "Attachments"). Whoever writes a mail can write such a text: it
// is worth something only where its object is in the owner's own drive, with a mail.

import { type Bytes, fromBase64, latin1, toBase64, utf8 } from "../vault/bytes.ts";
import { type Json, numberOf, objectId, objectOf, parse, stringOf, validType } from "./head.ts";
import { validName } from "./names.ts";
import { maxLength, secretSize } from "./sizes.ts";

export interface Stub {
  name: string;
  type: string; // of media, as the mail says: nothing to trust; or empty
  length: number;
  object: string; // its id in the owner's drive
  secret: Bytes;
  hash: Bytes; // SHA-256 of the content
  link: string; // for who has no drive: it leads to the same
  header: Bytes; // of the part that was cut out, with its empty line
  coding: Coding; // how its content was written there
}

export interface Coding { name: "none" | "base64"; width: number; tail: string }

const begin = "-----BEGIN SEALPOST ATTACHMENT-----\n";
const end = "-----END SEALPOST ATTACHMENT-----";
const most = 64 << 10;
const width = 64;
const path = /^\/f\/[A-Za-z0-9_-]{16,64}$/;

// parseStub reads the text of a part, decoded; null: it is none.
export function parseStub(text: string): Stub | null {
  if (text.length > most) return null;
  const all = text.replace(/\r\n/g, "\n").replace(/\n+$/, "");
  const from = all.indexOf(begin);
  const to = all.indexOf(end);
  if (from < 1 || all[from - 1] !== "\n" || to < from || to + end.length !== all.length) return null;
  const lines = all.slice(from + begin.length, to).split("\n");
  if (lines.pop() !== "" || lines.length === 0) return null;
  if (lines.some((l, i) => l.length > width || l === "" || (i < lines.length - 1 && l.length !== width))) return null;
  try {
    return stubOf(parse(fromBase64(lines.join(""))));
  } catch {
    return null;
  }
}

function stubOf(o: Json): Stub | null {
  const s: Stub = {
    name: stringOf(o, "name"), type: stringOf(o, "type"), length: numberOf(o, "length"), object: stringOf(o, "object"),
    secret: fromBase64(stringOf(o, "secret")), hash: fromBase64(stringOf(o, "hash")), link: stringOf(o, "link"), header: fromBase64(stringOf(o, "header")), coding: codingOf(o),
  };
  const good = o["v"] === 1 && validName(s.name) && validType(s.type) && s.length > 0 && s.length <= maxLength && objectId.test(s.object)
    && s.secret.length === secretSize && s.secret.some((b) => b !== 0) && s.hash.length === 32 && leads(s.link) && writes(s);
  return good ? s : null;
}

function leads(link: string): boolean {
  if (!URL.canParse(link)) return false;
  const u = new URL(link);
  return u.protocol === "https:" && u.username === "" && u.password === "" && u.search === "" && path.test(u.pathname) && u.hash.length > 1;
}

function codingOf(o: Json): Coding {
  const c = objectOf(o["coding"]);
  const name = stringOf(c, "name");
  if (name !== "none" && name !== "base64") throw new TypeError("expected a coding that is known");
  return { name, width: numberOf(c, "width"), tail: stringOf(c, "tail") };
}

// writes says that the exact octets can be written again.
function writes({ header, coding: { name, width, tail } }: Stub): boolean {
  const ends = header.length >= 2 && header.length <= 16 << 10 && header.at(-2) === 13 && header.at(-1) === 10;
  if (name === "none") return ends && width === 0 && tail === "";
  return ends && width >= 4 && width <= 996 && width % 4 === 0 && utf8(tail).length <= 64 && /^(\r\n)*$/.test(tail);
}

const header = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: inline\r\n\r\n";

// parseStubPart reads a part with its header section, which is always the same.
export function parseStubPart(part: Uint8Array): Stub | null {
  if (part.length <= header.length || part.length > most || latin1(part.subarray(0, header.length)) !== header) return null;
  return parseStub(new TextDecoder().decode(part.subarray(header.length)));
}

// written is the part as it arrived, once its content is there.
export function written(s: Pick<Stub, "header" | "coding">, content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  if (s.coding.name === "none") return [s.header, content];
  const out: Uint8Array<ArrayBuffer>[] = [s.header], line = (s.coding.width / 4) * 3, step = line * 1000;
  for (let at = 0; at < content.length; at += step) {
    const lines = toBase64(content.subarray(at, at + step)).match(new RegExp(`.{1,${s.coding.width}}`, "g")) ?? [];
    out.push(utf8((at === 0 ? "" : "\r\n") + lines.join("\r\n")));
  }
  return [...out, utf8(s.coding.tail)];
}
