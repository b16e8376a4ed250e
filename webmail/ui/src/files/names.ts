// Names of files and folders, as Go has them (filestore/sealed/names.go): a name is one
// level of a path and looks like what it is.

import { textOf, utf8 } from "../vault/bytes.ts";
import { foldCase } from "../vault/fold.ts";

const most = 255; // octets of UTF-8
const unfit = /[/\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const dots = /^\.*$/;

export function validName(name: string): boolean {
  return name.isWellFormed() && utf8(name).length <= most && name === name.normalize("NFC") && !dots.test(name) && !unfit.test(name);
}

// A valid name of any, the same where it is valid already.
export function cleanName(name: string): string {
  const plain = name.toWellFormed().normalize("NFC").replace(new RegExp(unfit, "gu"), "_");
  return shorten(dots.test(plain) ? `_${plain}` : plain, most);
}

// Cuts the stem, so that the ending stays.
function shorten(name: string, to: number): string {
  const b = utf8(name);
  if (b.length <= to) return name;
  const dot = name.lastIndexOf(".");
  let end = dot < 0 ? "" : name.slice(dot);
  if (utf8(end).length > 32) end = "";
  let n = to - utf8(end).length;
  while (n > 0 && (b[n]! & 0xc0) === 0x80) n--;
  return textOf(b.subarray(0, n)) + end;
}

// The same for names that many systems take for one.
export function nameKey(name: string): string {
  return [...name.normalize("NFD")].map(foldCase).join("").normalize("NFC");
}

const reserved = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:[. ]|$)/iu;

// The name under which a file is saved: one that every system takes, and that is no device,
// no option of a command and not hidden.
export function localName(name: string): string {
  const plain = cleanName(name).replace(/[\\:*?"<>|]|(?![\u200c\u200d])\p{Cf}/gu, "_");
  const short = shorten(plain, 240).replace(/[. ]+$/u, "");
  return short === "" || /^[.\-~ ]/u.test(short) || reserved.test(short) ? `_${short}` : short;
}
