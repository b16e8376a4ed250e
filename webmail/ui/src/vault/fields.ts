// Header fields, written: folded, in ASCII but for local parts, with nothing in them that
// could begin another field.

import { toBase64, utf8 } from "./bytes.ts";
import { VaultError } from "./errors.ts";
import type { Address } from "./vault.ts";

const width = 76;
const maxAddresses = 1000;

export interface Line {
  name: string;
  body: string; // folded with CRLF and a space
}

export function line(l: Line): string {
  return `${l.name}: ${l.body}\r\n`;
}

// Refuses what would end a field (ATTACKS D06).
function oneLine(s: string): string {
  if (/[\u0000-\u001f\u007f]/.test(s)) throw new VaultError("bad-input");
  return s;
}

// Words joined by spaces, in lines of at most 76 columns where words allow.
export function fold(name: string, words: string[]): Line {
  let body = "";
  let column = name.length + 2;
  words.forEach((w, i) => {
    if (i > 0 && column + 1 + w.length > width) {
      body += "\r\n ";
      column = 1;
    } else if (i > 0) {
      body += " ";
      column++;
    }
    body += w;
    column += w.length;
  });
  return { name, body };
}

// Free text: as it is where it is plain ASCII, else encoded words (RFC 2047).
export function textWords(s: string): string[] {
  const t = oneLine(s.replace(/[\r\n\t]+/g, " ").trim());
  return /^[ -~]*$/.test(t) && !t.includes("=?") && !/\S{70}/.test(t) ? t.split(/ +/) : encodedWords(t);
}

function encodedWords(s: string): string[] {
  const words: string[] = [];
  let piece = "";
  for (const c of s) {
    if (utf8(piece + c).length > 45) {
      words.push(piece);
      piece = "";
    }
    piece += c;
  }
  words.push(piece);
  return words.map((w) => `=?utf-8?B?${toBase64(utf8(w))}?=`);
}

const atoms = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+$/;

function phrase(name: string): string[] {
  const n = oneLine(name.trim().slice(0, 250));
  if (atoms.test(n) && !n.includes("=?")) return n.split(/ +/);
  if (/^[ -~]+$/.test(n) && !n.includes("=?") && n.length < 70) return [`"${n.replace(/["\\]/g, "\\$&")}"`];
  return encodedWords(n);
}

const dotAtom = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+)*$/u;

// The addr-spec with its domain in ASCII.
export function addrSpec(address: string): string {
  const at = address.lastIndexOf("@");
  const local = oneLine(address.slice(0, at));
  let domain = "";
  try {
    const d = address.slice(at + 1);
    if (/^[^\s/?#@:[\]\\]+$/.test(d)) domain = new URL(`http://${d}`).hostname;
  } catch {
    // domain stays empty
  }
  if (at < 1 || domain === "" || utf8(address).length > 320) throw new VaultError("bad-input");
  if (dotAtom.test(local)) return `${local}@${domain}`;
  if (/^".*"$/.test(local) && /^"(?:[^"\\]|\\.)*"$/.test(local)) return `${local}@${domain}`;
  return `"${local.replace(/["\\]/g, "\\$&")}"@${domain}`;
}

export function addressField(name: string, list: Address[]): Line[] {
  if (list.length === 0) return [];
  if (list.length > maxAddresses) throw new VaultError("too-large");
  const words = list.flatMap((a, i) => {
    const comma = i < list.length - 1 ? "," : "";
    const spec = addrSpec(a.address);
    return a.name.trim() === "" ? [spec + comma] : [...phrase(a.name), `<${spec}>${comma}`];
  });
  return [fold(name, words)];
}

const messageId = /^<[!-;=?-~]{1,990}>$/;

export function idField(name: string, list: string[]): Line[] {
  const kept = list.filter((id) => messageId.test(id));
  return kept.length === 0 ? [] : [fold(name, kept)];
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// In UTC: where somebody is, is nobody's business.
export function dateText(seconds: number): string {
  const d = new Date(seconds * 1000);
  if (Number.isNaN(d.getTime())) throw new VaultError("bad-input");
  const two = (n: number) => String(n).padStart(2, "0");
  return `${days[d.getUTCDay()]}, ${d.getUTCDate()} ${months[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`;
}

// A parameter of Content-Type or Content-Disposition, by RFC 2231 where it must be.
export function parameter(name: string, value: string): string[] {
  const v = oneLine(value);
  if (/^[ -~]*$/.test(v) && v.length <= 60) return [`${name}="${v.replace(/["\\]/g, "\\$&")}"`];
  const pieces: string[] = [];
  let piece = "utf-8''";
  for (const c of v.toWellFormed()) {
    const escaped = /[A-Za-z0-9!#$&+.^_`|~-]/.test(c) ? c : Array.from(utf8(c), (b) => `%${b.toString(16).toUpperCase().padStart(2, "0")}`).join("");
    if (piece.length + escaped.length > 55) {
      pieces.push(piece);
      piece = "";
    }
    piece += escaped;
  }
  pieces.push(piece);
  return pieces.length === 1 ? [`${name}*=${pieces[0]}`] : pieces.map((p, i) => `${name}*${i}*=${p}`);
}

// "value; a=b; c=d", one parameter a line.
export function structured(name: string, value: string, params: string[]): Line {
  return { name, body: [value, ...params].join(";\r\n ") };
}
