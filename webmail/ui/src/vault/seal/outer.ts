// What of a mail stays visible, at the account's level (docs/formats.md, "What IMAP
// serves"). The server reads these fields and writes them anew; it refuses any other.

import { hmac, toHex, utf8 } from "../bytes.ts";
import { type Line, addressField, dateText, fold, idField, line, textWords } from "../fields.ts";
import { addresses, date, ids, text } from "../header.ts";
import type { Address } from "../vault.ts";
import { type Top, valuesOf } from "./section.ts";

export type Level = "open" | "baseline" | "shy" | "minimal";

export interface Visible {
  header: string; // for the server: what it may see, with its empty line
  outer: Line[]; // as it will show, for HP-Outer; what it alone can know is left out
}

const maxList = 100;
const maxListBytes = 3 << 10;

// pseudonym: a key of the owner's clients, which stands in for names at level minimal.
export async function visible(b: Uint8Array, top: Top, level: Level, arrived: number, pseudonym: Uint8Array): Promise<Visible> {
  const values = (name: string) => valuesOf(b, top, name);
  const first = (name: string) => values(name)[0] ?? "";
  const people = async (name: string) => (await addresses(values(name))).map((a) => (level === "shy" ? { ...a, name: "" } : a));
  const shown: Line[] = [];
  const outer: Line[] = [];
  const both = (lines: Line[]) => {
    shown.push(...lines);
    outer.push(...lines);
  };
  const sent = dateLine(first("date"), level, arrived);
  const threads = [["Message-ID", ids(first("message-id"), 1)], ["In-Reply-To", ids(first("in-reply-to"), 5)], ["References", ids(first("references"), 20)]] as const;
  if (level === "minimal") {
    const alias = async (purpose: string, value: string) => `${toHex((await hmac(pseudonym, utf8(`${purpose}\0${value}`))).subarray(0, 16))}@sealpost.invalid`;
    const from = (await addresses(values("from")))[0]?.address.toLowerCase() ?? "";
    shown.push({ name: "From", body: `<${await alias("from", from)}>` });
    if (values("to").length > 0) both([{ name: "To", body: "undisclosed-recipients:;" }]);
    both([sent]);
    for (const [name, list] of threads) shown.push(...idField(name, await Promise.all(list.map(async (id) => `<${await alias("id", id)}>`))));
  } else {
    both(listField("From", (await people("from")).slice(0, 20), 1 << 10));
    both(listField("To", await people("to"), maxListBytes));
    both(listField("Cc", await people("cc"), maxListBytes));
    both([sent]);
    if (level === "open") both([fold("Subject", textWords((await text(first("subject"))).slice(0, 900)))]);
    for (const [name, list] of threads) both(idField(name, list.filter((id) => id.length <= 250)));
  }
  if (level !== "open") outer.push({ name: "Subject", body: "[...]" });
  return { header: `${shown.map(line).join("")}\r\n`, outer };
}

// Addresses that can be written at all, as far as there is room.
function listField(name: string, list: Address[], most: number): Line[] {
  const kept: Address[] = [];
  let size = 0;
  for (const a of list) {
    const [field] = tried(name, { name: a.name.slice(0, 200), address: a.address });
    if (field === undefined || kept.length >= maxList || (size += utf8(field.body).length) > most) continue;
    kept.push({ name: a.name.slice(0, 200), address: a.address });
  }
  return addressField(name, kept);
}

function tried(name: string, a: Address): Line[] {
  try {
    return addressField(name, [a]);
  } catch {
    return [];
  }
}

const months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
const plainDate = new RegExp(`^(?:[A-Z][a-z]{2}, *)?(\\d{1,2}) (${months}) (\\d{4}) (\\d\\d):(\\d\\d):(\\d\\d) ([+-]\\d{4})(?: *\\([^()]*\\))?$`);

// As the server shows it: in the sender's zone, in UTC, or the hour.
function dateLine(value: string, level: Level, arrived: number): Line {
  const said = date(value);
  const sent = said || arrived;
  const m = plainDate.exec(value.replace(/\s+/g, " ").trim());
  if (m !== null && (level === "open" || level === "baseline") && said > 0) {
    const [, day, month, year, h, min, s, zone] = m;
    const local = new Date(Date.UTC(Number(year), months.split("|").indexOf(month!), Number(day)));
    return { name: "Date", body: `${dateText(local.getTime() / 1000).slice(0, 3)}, ${day!.padStart(2, "0")} ${month} ${year} ${h}:${min}:${s} ${zone === "-0000" ? "+0000" : zone}` };
  }
  const text = dateText(level === "minimal" ? sent - (sent % 3600) : sent);
  return { name: "Date", body: text.replace(/^(\w+, )(\d )/, "$10$2") };
}
