// Pages: up to 1,000 cards in one sealed box, {v:1, cards:[...]}, each card as the JSON of
// docs/formats.md ("card") with "mid", the mail's id.

import type { Card, Class } from "../vault/vault.ts";

export const PAGE = 1_000;

interface Small {
  mid: string; m?: string; s?: string; fn?: string; f?: string; to?: number; r?: { n?: string; a?: string }[]; d?: number; a?: number; p?: string;
  at?: { n?: string; t?: string; s?: number }[]; mo?: number; id?: string; ir?: string; rf?: string[]; c?: string; j?: string;
  ok?: boolean; dm?: string; sp?: string; dk?: string; in?: boolean; g?: number;
}

const NONE: never[] = [];
const CLASSES: readonly string[] = ["sealed on arrival", "end-to-end", "both"];
const text = (v: unknown) => (typeof v === "string" ? v : "");
const number = (v: unknown) => (typeof v === "number" && Number.isFinite(v) ? v : 0);

export function encodePage(cards: readonly Card[]): ArrayBuffer {
  return new TextEncoder().encode(JSON.stringify({ v: 1, cards: cards.map(shrink) })).buffer;
}

function shrink(c: Card): Small {
  const out: Record<string, unknown> = { mid: c.id };
  const set = (k: keyof Small, v: string | number | boolean) => v && (out[k] = v);
  set("m", c.tag); set("s", c.subject); set("fn", c.from_name); set("f", c.from); set("to", c.recipients); set("d", c.date); set("a", c.arrived); set("p", c.snippet);
  if (c.to.length) out["r"] = c.to.map((a) => ({ ...(a.name && { n: a.name }), a: a.address }));
  if (c.attachments.length) out["at"] = c.attachments.map((a) => ({ n: a.name, t: a.type, s: a.size }));
  set("mo", c.more_attachments); set("id", c.message_id); set("ir", c.in_reply_to);
  if (c.references.length) out["rf"] = c.references;
  set("c", c.class); set("j", c.junk); set("ok", c.verified); set("dm", c.dmarc); set("sp", c.spf); set("dk", c.dkim); set("in", c.incomplete); set("g", c.generation ?? 0);
  return out as unknown as Small;
}

// Our own devices wrote it, and still every field is looked at: a page of a newer version
// is left alone (null).
export function decodePage(data: ArrayBuffer): Card[] | null {
  let page: { v?: unknown; cards?: unknown };
  try {
    page = JSON.parse(new TextDecoder().decode(data)) as typeof page;
  } catch {
    return null;
  }
  if (page.v !== 1 || !Array.isArray(page.cards)) return null;
  return (page.cards as Small[]).filter((c) => typeof c?.mid === "string").map(grow);
}

function grow(c: Small): Card {
  return {
    id: c.mid, tag: text(c.m), subject: text(c.s), from_name: text(c.fn), from: text(c.f), recipients: number(c.to), to: Array.isArray(c.r) ? c.r.map((a) => ({ name: text(a.n), address: text(a.a) })) : NONE, date: number(c.d), arrived: number(c.a), snippet: text(c.p),
    attachments: Array.isArray(c.at) ? c.at.map((a) => ({ name: text(a.n), type: text(a.t), size: number(a.s) })) : NONE,
    more_attachments: number(c.mo), message_id: text(c.id), in_reply_to: text(c.ir), references: Array.isArray(c.rf) ? c.rf.map(text) : NONE,
    class: (CLASSES.includes(text(c.c)) ? c.c : "sealed on arrival") as Class, incomplete: c.in === true, junk: text(c.j),
    verified: c.ok === true, dmarc: text(c.dm), spf: text(c.sp), dkim: text(c.dk), ...(number(c.g) > 0 ? { generation: number(c.g) } : {}),
  };
}
