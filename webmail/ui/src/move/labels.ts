// What a mail out of an mbox says of its own state: flags, keywords, and the labels of a
// Google export.

import { header } from "./lines.ts";

export interface State { mailbox: string; flags: string[]; labels: string[] }

const boxes: { [label: string]: string } = { inbox: "INBOX", sent: "Sent", drafts: "Drafts", draft: "Drafts", trash: "Trash", bin: "Trash", spam: "Junk", archived: "" };
const quiet = /^(opened|archived|important|chat|category .*)$/iu;
const most = 60; // flags and labels of one mail

export function stateOf(mail: Uint8Array, mailbox: string): State {
  const status = header(mail, "Status") + header(mail, "X-Status");
  const mozilla = Number.parseInt(header(mail, "X-Mozilla-Status") || "0", 16) || 0;
  const flags = new Set<string>();
  if (status.includes("R") || (mozilla & 1) !== 0) flags.add("\\Seen");
  if (status.includes("A") || (mozilla & 2) !== 0) flags.add("\\Answered");
  if (status.includes("F") || (mozilla & 4) !== 0) flags.add("\\Flagged");
  if (status.includes("T")) flags.add("\\Draft");
  if ((mozilla & 0x1000) !== 0) flags.add("$Forwarded");
  for (const k of header(mail, "X-Keywords").split(/[\s,]+/u)) if (/^[$A-Za-z0-9._-]{1,60}$/u.test(k)) flags.add(k);
  const gmail = labelsOf(header(mail, "X-Gmail-Labels"));
  if (gmail.length === 0) return { mailbox, flags: [...flags].slice(0, most), labels: [] };
  return { ...ofGmail(gmail, flags) };
}

// A mail has several labels there: the most telling one of theirs is its mailbox, and those
// that its owner made stay labels.
function ofGmail(gmail: readonly string[], flags: Set<string>): State {
  const own: string[] = [];
  let box = "";
  for (const label of gmail) {
    const l = label.toLowerCase();
    if (l === "starred") flags.add("\\Flagged");
    else if (boxes[l] !== undefined) box = box === "" || box === "INBOX" ? boxes[l] || box : box;
    else if (l !== "unread" && !quiet.test(l)) own.push(label);
  }
  if (!gmail.some((l) => l.toLowerCase() === "unread")) flags.add("\\Seen");
  return { mailbox: box || "Archive", flags: [...flags].slice(0, most), labels: own.slice(0, 20) };
}

// Encoded words (RFC 2047), commas, and quotes around names that have some.
function labelsOf(value: string): string[] {
  const text = value.replace(/=\?utf-8\?([bq])\?([^?]*)\?=(\s+(?==\?))?/giu, (whole, how: string, data: string) => {
    try {
      const raw = how.toLowerCase() === "b" ? atob(data) : data.replace(/_/gu, " ").replace(/=([0-9A-F]{2})/giu, (_, h: string) => String.fromCharCode(Number.parseInt(h, 16)));
      return raw;
    } catch {
      return whole;
    }
  });
  // Bytes of UTF-8 until here: a character may be cut between two encoded words.
  const whole = new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  return [...whole.matchAll(/"((?:[^"\\]|\\.)*)"|([^",]+)/gu)].map((m) => (m[1]?.replace(/\\(.)/gu, "$1") ?? m[2] ?? "").trim().slice(0, 100)).filter((l) => l !== "");
}
