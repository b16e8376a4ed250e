// What people type or paste into an address field, taken apart.

import type { Address } from "../../vault/vault.ts";

// split cuts a list at commas, semicolons and line ends that stand outside of quotes and
// brackets: "Doe, Ann" <ann@example.org>; bob@example.org
export function split(text: string): string[] {
  const out: string[] = [];
  let now = "";
  let quoted = false;
  let angle = false;
  for (const c of text.slice(0, 20_000)) {
    if (c === '"') quoted = !quoted;
    else if (c === "<" && !quoted) angle = true;
    else if (c === ">" && !quoted) angle = false;
    if (!quoted && !angle && /[,;\n\r\t]/u.test(c)) {
      out.push(now);
      now = "";
    } else now += c;
  }
  return [...out, now].map((s) => s.trim()).filter(Boolean);
}

// read takes one entry apart: a name and an address, or an address alone.
export function read(entry: string): Address {
  const m = /^(.*?)\s*<([^<>]*)>$/su.exec(entry.trim());
  if (!m) return { name: "", address: entry.trim().replace(/^mailto:/iu, "") };
  const name = (m[1] ?? "").trim().replace(/^"(.*)"$/su, "$1").replace(/\\(.)/gu, "$1");
  return { name: name === m[2] ? "" : name, address: (m[2] ?? "").trim() };
}

export const parseList = (text: string): Address[] => split(text).map(read);

// plausible says whether it can be an address at all; the server has the last word.
export function plausible(address: string): boolean {
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  return at > 0 && local.length <= 64 && address.length <= 254 && !/[\s<>,;\u0000-\u001f\u007f]/u.test(address) && /^(?:[^.\s@]+\.)*[^.\s@]+$/u.test(domain) && (!local.includes("@") || local.startsWith('"'));
}

// add puts new ones behind those that are there, each address once.
export function add(list: readonly Address[], more: readonly Address[]): Address[] {
  const seen = new Set(list.map((a) => a.address.toLowerCase()));
  return [...list, ...more.filter((a) => a.address && !seen.has(a.address.toLowerCase()) && seen.add(a.address.toLowerCase()))];
}

// words of a mailto: link (RFC 6068). Only what names people and text is taken: attach and
// any other header field could make somebody send what they did not choose (B03).
export function mailto(link: string): { to: Address[]; cc: Address[]; bcc: Address[]; subject: string; body: string } {
  const out = { to: [] as Address[], cc: [] as Address[], bcc: [] as Address[], subject: "", body: "" };
  const m = /^mailto:([^?#]*)(?:\?([^#]*))?/iu.exec(link);
  if (!m) return out;
  const decode = (s: string) => { try { return decodeURIComponent(s); } catch { return s; } };
  const list = (s: string) => s.split(",").flatMap((one) => parseList(decode(one))).filter((a) => plausible(a.address)).slice(0, 100);
  out.to = list(m[1] ?? "");
  for (const pair of (m[2] ?? "").split("&").slice(0, 50)) {
    const [name, value = ""] = pair.split("=", 2) as [string, string?];
    switch (name.toLowerCase()) {
      case "to": out.to = add(out.to, list(value)); break;
      case "cc": out.cc = add(out.cc, list(value)); break;
      case "bcc": out.bcc = add(out.bcc, list(value)); break;
      case "subject": out.subject = decode(value).replace(/[\r\n]+/gu, " ").slice(0, 500); break;
      case "body": out.body = decode(value).replace(/\r\n?/gu, "\n").slice(0, 50_000); break;
    }
  }
  return out;
}
