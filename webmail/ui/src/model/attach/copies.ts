// What leaves of files that are links: for whom a link of its own, for whom one with a
// password, for whom the file itself, and what each copy of the mail then says.

import { ApiError } from "../../wire/http.ts";
import type { DraftContent, DraftFile, LinkedCopy, Linking, LinkWay, Reader } from "../types.ts";
import { entryOf, type Store } from "./store.ts";

export const MOST_DAYS = 90; // of a link: what the server takes
export const LARGEST = 25 * 2 ** 20; // bytes of all attachments of one mail: what most servers take
const DAY = 86_400;

export interface Line { name: string; type: string; size: number; url: string }
// What a mail says of its files, in the writer's words: a view brings them.
export interface Said {
  title: string; // until when
  foot: string; // that they are sealed; and how the password comes
  size(bytes: number): string;
}
export interface CopyParts {
  store: Store;
  now(): number; // ms
  bytes(f: DraftFile): Promise<ArrayBuffer | null>;
  password: string; // of links for who has no key; "": none was chosen
  say(o: { ends: number; password: boolean }): Said; // ends: seconds
}

// Who has a key, or a letter's password, gets the link inside of what is sealed. For all others
// somebody has to choose.
export const wayFor = (d: DraftContent, reader: Reader): LinkWay | "" => (reader === "readable" ? d.linksAs : "link");

// A password beside its link protects nothing. Case and spaces do not hide it.
export function tells(d: Pick<DraftContent, "subject" | "text" | "html">, password: string): boolean {
  const folded = (s: string) => s.normalize("NFKC").toLowerCase().replace(/\s+/gu, "");
  const p = folded(password);
  const inside = (s: string) => folded(s).includes(p);
  return p !== "" && [d.subject, d.text, d.html, d.html.replace(/<[^>]*>/gu, ""), unescaped(d.html)].some(inside);
}
const unescaped = (s: string) => s.replace(/<[^>]*>/gu, "").replace(/&nbsp;/gu, " ").replace(/&lt;/gu, "<").replace(/&gt;/gu, ">").replace(/&quot;/gu, '"').replace(/&amp;/gu, "&");

export function linkingOf(p: CopyParts): Linking {
  return async (d, reader, at) => {
    const way = wayFor(d, reader);
    const files = d.files.filter((f) => f.linked);
    if (way === "") throw new ApiError("link-choice", 422);
    if (way === "plain") return whole(p, d, files);
    const password = way === "password" ? p.password : "";
    if (way === "password" && password === "") throw new ApiError("link-password", 422);
    if (tells(d, password)) throw new ApiError("link-told", 422);
    const ends = endOf(d, Math.floor(p.now() / 1000), at);
    const lines = await linksTo(p.store, files, { ends: ends * 1000, ...(password && { password }) });
    const said = p.say({ ends, password: password !== "" });
    const trace = reader === "sealed" ? lines.map((l) => ({ name: l.name, type: l.type, content_id: "", data: page(l, said), link: { url: l.url, size: l.size, ends } })) : [];
    return { ids: lines.map((l) => l.id), ends, html: d.html === "" ? "" : placed(d, d.html, block(lines, said), ""), text: placed(d, d.text, plain(lines, said), "\n\n"), attachments: trace };
  };
}

// It begins to count when the mail leaves.
function endOf(d: DraftContent, now: number, at: number): number {
  const leaves = Math.max(now, at);
  const ends = Math.min(leaves + Math.min(Math.max(1, d.linkDays), MOST_DAYS) * DAY, now + MOST_DAYS * DAY - 600);
  if (ends < leaves + DAY / 2) throw new ApiError("links-late", 422);
  return ends;
}

async function whole(p: CopyParts, d: DraftContent, files: readonly DraftFile[]): Promise<LinkedCopy> {
  if (d.files.reduce((n, f) => n + f.size, 0) > LARGEST) throw new ApiError("too-large", 413);
  const attachments: LinkedCopy["attachments"] = [];
  for (const f of files) {
    const data = await p.bytes(f);
    if (!data) throw new ApiError("gone", 404);
    attachments.push({ name: f.name, type: f.type || "application/octet-stream", content_id: "", data });
  }
  return { ids: [], ends: 0, html: d.html, text: d.text, attachments };
}

// All of them, or none.
async function linksTo(store: Store, files: readonly DraftFile[], o: { ends: number; password?: string }): Promise<(Line & { id: string })[]> {
  const out: (Line & { id: string })[] = [];
  try {
    for (const f of files) {
      const { id, url } = await store.makeLink(entryOf(f, f.linked!.entry!), o);
      out.push({ id, url, name: f.name, type: f.type, size: f.size });
    }
    return out;
  } catch (e) {
    await Promise.all(out.map((l) => store.revoke(l.id).catch(() => {})));
    throw e;
  }
}

// ---- What a mail says ---------------------------------------------------------------------

// Below what was written; above it where an answer would hide it behind what it quotes.
const placed = (d: DraftContent, written: string, said: string, between: string) => (d.how === "new" ? `${written.trimEnd()}${between}${said}` : `${said}${between}${written}`);

const escapes: { [c: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (s: string) => s.replace(/[&<>"']/g, (c) => escapes[c]!);
const isolated = (name: string) => `\u2068${name}\u2069`;

// Colours that stand on light and dark; no picture, nothing from anywhere.
function block(lines: readonly Line[], said: Said): string {
  const rows = lines.map((l) => `<tr><td style="padding:8px 14px;border-top:1px solid #8886"><a href="${escape(l.url)}" rel="noreferrer" style="font-weight:600;word-break:break-word"><bdi>${escape(l.name)}</bdi></a> <span style="opacity:.75;white-space:nowrap">${escape(said.size(l.size))}</span></td></tr>`);
  return `<br><table role="presentation" cellpadding="0" cellspacing="0" style="border:1px solid #8886;border-radius:8px;border-collapse:separate;max-width:34em;font-family:system-ui,sans-serif;font-size:14px;line-height:1.45">` +
    `<tr><td style="padding:8px 14px;font-weight:600">${escape(said.title)}</td></tr>${rows.join("")}<tr><td style="padding:8px 14px;border-top:1px solid #8886;font-size:12px;opacity:.75">${escape(said.foot)}</td></tr></table>`;
}

function plain(lines: readonly Line[], said: Said): string {
  return [said.title, ...lines.map((l) => `${isolated(l.name)} (${said.size(l.size)})\n${l.url}`), said.foot].join("\n\n") + "\n";
}

// For programs that show the part and do not know its field.
function page(l: Line, said: Said): ArrayBuffer {
  const html = `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>${escape(l.name)}</title><p><a href="${escape(l.url)}" rel="noreferrer"><bdi>${escape(l.name)}</bdi></a> ${escape(said.size(l.size))}</p><p>${escape(said.title)}</p><p>${escape(said.foot)}</p>`;
  return new TextEncoder().encode(html).buffer;
}
