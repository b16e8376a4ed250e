// vCard 3.0 (RFC 2426) and 4.0 (RFC 6350), as far as contacts hold it. Reading is
// forgiving; what is written is 4.0, in lines of at most 75 bytes.

import type { Contact } from "./types.ts";

export type CardContact = Omit<Contact, "id" | "collected" | "changed" | "encrypt">;

interface Line {
  name: string;
  params: { [name: string]: string[] };
  value: string;
}
const MOST = 20_000; // cards in one file
const LONG = 200_000; // characters of one line, unfolded

function parseLine(text: string): Line | null {
  if (text.length > LONG) return null;
  const pieces = [""]; // the name, then parameters: between ";" and up to ":", not within quotes
  let quoted = false;
  let at = 0;
  for (; at < text.length; at++) {
    const c = text[at]!;
    if (c === '"') quoted = !quoted;
    if (c === ":" && !quoted) break;
    if (c === ";" && !quoted) pieces.push("");
    else pieces[pieces.length - 1] += c;
  }
  const name = pieces[0]!.slice(pieces[0]!.lastIndexOf(".") + 1).toUpperCase();
  if (at === text.length || !/^[A-Z0-9-]+$/.test(name)) return null;
  const params: Line["params"] = {};
  for (const p of pieces.slice(1, 50)) {
    const eq = p.indexOf("=");
    const list = (params[eq < 0 ? "TYPE" : p.slice(0, eq).toUpperCase()] ??= []);
    for (const v of p.slice(eq + 1).split(",")) list.push(v.replaceAll('"', "").toLowerCase());
  }
  return { name, params, value: text.slice(at + 1) };
}

const unescape = (s: string) => s.replace(/\\([nN,;\\:])/g, (_, c: string) => (c === "n" || c === "N" ? "\n" : c));
// Split at a separator that is not escaped.
function parts(s: string, sep: string): string[] {
  const out = [""];
  for (let i = 0; i < s.length; i++) {
    if (s[i] === "\\" && i + 1 < s.length) out[out.length - 1] += s[i]! + s[++i]!;
    else if (s[i] === sep) out.push("");
    else out[out.length - 1] += s[i]!;
  }
  return out.map(unescape);
}
const label = (l: Line) => (l.params["TYPE"] ?? []).find((t) => ["home", "work", "cell", "mobile"].includes(t)) ?? "";

export function parseCards(text: string): { contacts: CardContact[]; skipped: number } {
  const lines = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n").replace(/=\n(?=.)/g, "=\n").replace(/\n[ \t]/g, "").split("\n");
  const contacts: CardContact[] = [];
  let skipped = 0;
  let now: Line[] | null = null;
  for (const raw of lines) {
    if (/^BEGIN:VCARD\s*$/i.test(raw)) now = [];
    else if (/^END:VCARD\s*$/i.test(raw)) {
      const c = now && contacts.length < MOST ? contactOf(now) : null;
      if (c) contacts.push(c);
      else skipped++;
      now = null;
    } else if (now && raw.trim() !== "" && now.length < 1_000) {
      const l = parseLine(raw);
      if (l) now.push(l);
    }
  }
  return { contacts, skipped };
}

function contactOf(lines: readonly Line[]): CardContact | null {
  const c: CardContact = { name: "", addresses: [], phones: [], organisation: "", notes: "", keys: [], uid: "" };
  let n = "";
  for (const l of lines) {
    const value = unescape(l.value).trim();
    switch (l.name) {
      case "FN":
        c.name ||= value;
        break;
      case "N": {
        const [family = "", given = "", more = ""] = parts(l.value, ";");
        n = [given, more, family].map((s) => s.trim()).filter(Boolean).join(" ");
        break;
      }
      case "EMAIL":
        if (value.includes("@") && value.length <= 320) c.addresses.push({ address: value.replace(/^mailto:/i, ""), label: label(l) });
        break;
      case "TEL":
        c.phones.push({ number: value.replace(/^tel:/i, "").slice(0, 60), label: label(l) });
        break;
      case "ORG":
        c.organisation = parts(l.value, ";").map((s) => s.trim()).filter(Boolean).join(", ");
        break;
      case "NOTE":
        c.notes = value.slice(0, 10_000);
        break;
      case "UID":
        c.uid = value.slice(0, 200);
        break;
      case "KEY": {
        const key = keyOf(l);
        if (key && c.keys.length < 8) c.keys.push(key);
      }
    }
  }
  c.name ||= n || c.organisation || c.addresses[0]?.address || "";
  c.name = c.name.slice(0, 300);
  return c.name === "" ? null : c;
}
function keyOf(l: Line): string {
  const data = /^data:application\/pgp-keys[^,]*;base64,(.*)$/is.exec(l.value)?.[1] ?? ((l.params["ENCODING"] ?? []).some((e) => e === "b" || e === "base64") ? l.value : "");
  const key = data.replace(/\s+/g, "");
  return key.length < 100_000 && /^[A-Za-z0-9+/]+=*$/.test(key) ? key : "";
}

const escape = (s: string) => s.replace(/[\\,;]/g, "\\$&").replace(/\r\n?|\n/g, "\\n");
const encoder = new TextEncoder();
// 75 bytes a line, never within a character.
function fold(line: string): string {
  let out = "";
  let length = 0;
  for (const c of line) {
    const n = encoder.encode(c).length;
    if (length + n > 75) {
      out += "\r\n ";
      length = 1;
    }
    out += c;
    length += n;
  }
  return out + "\r\n";
}

export function formatCards(contacts: readonly Contact[]): string {
  return contacts
    .map((c) => {
      const type = (l: string) => (/^[a-z]+$/.test(l) ? `;TYPE=${l}` : "");
      const lines = ["BEGIN:VCARD", "VERSION:4.0", `UID:${escape(c.uid || "urn:uuid:" + c.id)}`, `FN:${escape(c.name)}`];
      for (const a of c.addresses) lines.push(`EMAIL${type(a.label)}:${escape(a.address)}`);
      for (const p of c.phones) lines.push(`TEL${type(p.label)}:${escape(p.number)}`);
      if (c.organisation) lines.push(`ORG:${escape(c.organisation)}`);
      if (c.notes) lines.push(`NOTE:${escape(c.notes)}`);
      for (const k of c.keys) lines.push(`KEY:data:application/pgp-keys;base64,${k}`);
      lines.push("END:VCARD");
      return lines.map(fold).join("");
    })
    .join("");
}
