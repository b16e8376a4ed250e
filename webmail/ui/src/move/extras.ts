// What an account has beside its mail, in forms that others read: contacts, keys, drafts,
// settings, and a page that says what is what.

import type { ExportWish, MovingParts } from "../model/moving.ts";
import type { DraftContent } from "../model/types.ts";
import { clean } from "./names.ts";
import type { ZipWriter } from "./zip.ts";

const piece = 8 * 1024 * 1024; // of a draft's file, as the cabinet has it

export async function extras(zip: ZipWriter, p: MovingParts, wish: Omit<ExportWish, "passphrase">, passphrase: string): Promise<void> {
  const now = Math.floor(p.clock.now() / 1000);
  const text = (name: string, s: string) => zip.add(name, new TextEncoder().encode(s), now);
  const octets = (name: string, base64: string) => zip.add(name, Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)), now);
  const secret = passphrase === "" ? "" : await p.vault.exportKey({ passphrase }); // fails before anything is written
  await text("README.txt", wish.readme.replace(/\r?\n/g, "\r\n"));
  await text("contacts.vcf", p.contacts.exportCards());
  await octets("keys/public-key.pgp", p.account.certificate);
  if (secret !== "") await text("keys/secret-key.asc", secret);
  for (const pin of p.pins.all.peek().values()) await octets(`keys/of others/${clean(pin.address)}.pgp`, pin.certificate);
  const rules = await p.api.rules().catch(() => null);
  await text("settings.json", `${JSON.stringify({ settings: p.settings.value.peek(), searches: p.settings.searches.peek(), templates: p.settings.templates.peek(), rules }, null, 2)}\n`);
  for (const item of p.cabinet.list("drafts")) {
    if (!/^[0-9a-f]{16}$/.test(item.name)) continue;
    const data = await p.cabinet.read("drafts", item.name).catch(() => null);
    if (data !== null) await draft(zip, p, item.name, JSON.parse(new TextDecoder().decode(data)) as DraftContent, now);
  }
}

// As a mail, or where it has no address that can be written yet, as it is kept.
async function draft(zip: ZipWriter, p: MovingParts, name: string, d: DraftContent, now: number): Promise<void> {
  try {
    const attachments = [];
    for (const f of d.files) attachments.push({ name: f.name, type: f.type, content_id: f.content_id, data: await fileOf(p, f.id, f.size) });
    const { mail } = await p.vault.encrypt({
      draft: { from: d.from, to: d.to, cc: d.cc, bcc: [], reply_to: d.reply_to, subject: d.subject, html: d.html, text: d.text, attachments, in_reply_to: d.in_reply_to, references: d.references, date: now, message_id: d.message_id },
      certificates: [], sign: false,
    });
    await zip.add(`drafts/${name}.eml`, mail, now);
  } catch {
    await zip.add(`drafts/${name}.json`, new TextEncoder().encode(JSON.stringify(d, null, 2)), now);
  }
}

async function fileOf(p: MovingParts, id: string, size: number): Promise<ArrayBuffer> {
  const out = new Uint8Array(size);
  for (let i = 0; i * piece < size; i++) {
    const data = await p.cabinet.read("files", `draft-${id}-${i}`);
    if (data === null) throw new Error("a file of a draft is not there");
    out.set(new Uint8Array(data, 0, Math.min(piece, size - i * piece, data.byteLength)), i * piece);
  }
  return out.buffer;
}
