// A whole mail sealed for its owner as the server seals what arrives (docs/formats.md), so
// that mail can be brought in which no server ever had readable.

import { type Bytes, concat, equal, octets, toHex, sha256, utf8 } from "../bytes.ts";
import { VaultError, closed } from "../errors.ts";
import { line } from "../fields.ts";
import { type ListKey, sealCard, tagOf } from "../hpke.ts";
import { purposeKey } from "../keys.ts";
import { type PublicKey, decrypt, readCertificate } from "../openpgp.ts";
import { walkMessage } from "../packets.ts";
import { belongs, readHeaderLetter, readSeal, restore, restoreEndToEnd } from "../sealed.ts";
import type { Session } from "../session.ts";
import type { Class, SealMail, SealedMail, Vault } from "../vault.ts";
import { type Ciphertext, type Owns, findCiphertext } from "./ciphertext.ts";
import { type Edit, headerEdits, protection } from "./edits.ts";
import { type Letters, newLetters } from "./letters.ts";
import { type Gist, cardOf, look, textOfTerms } from "./look.ts";
import { type Visible, visible } from "./outer.ts";
import { type Top, readTop, valuesOf } from "./section.ts";
import { fit, padding, paddingFor } from "./sizes.ts";

const maxMail = 128 << 20;
const largeMail = 256 << 10; // beyond it a mail gets a body letter

export class Sealing implements Pick<Vault, "sealMail" | "restoreMail"> {
  private certificate: { bytes: Bytes; key: PublicKey } | null = null;

  constructor(private readonly session: Session) {}

  async sealMail(o: SealMail): Promise<SealedMail> {
    const held = this.session.open();
    const b = new Uint8Array(o.mail);
    if (b.length === 0 || b.length > maxMail) throw new VaultError(b.length === 0 ? "bad-input" : "too-large");
    const key = await this.owner(new Uint8Array(o.certificate), held.id.fingerprint);
    const top = readTop(b);
    const letters = await newLetters(key, o.profile);
    const found = o.whole === true ? null : findCiphertext(b, top, owns(key));
    const shown = await visible(b, top, o.level, o.arrived, await purposeKey(held.master, "visible"));
    const job: Job = { b, top, letters, shown, arrived: o.arrived, authserv: o.authserv, list: held.list };
    const { class: kind, ...made } = found?.exact === true ? await endToEnd(job, found) : await whole(job, found !== null || (o.whole === true && findCiphertext(b, top, owns(key)) !== null));
    const head = {
      flags: o.flags, received: o.arrived, header: shown.header, class: kind, ...(made.charset === "" ? {} : { charset: made.charset }),
      letters: made.letters.map(([letter, data]) => ({ letter, size: data.length })),
    };
    const text = utf8(JSON.stringify(head));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, text.length);
    const upload = concat(length, text, ...made.letters.map(([, data]) => data));
    return { upload: upload.buffer, class: kind, message_id: made.gist.card.message_id, date: made.gist.card.date, subject: made.gist.card.subject, mark: toHex((await sha256(b)).subarray(0, 12)) };
  }

  // A mail that was sealed, exported and brought in again comes back as it first arrived.
  async restoreMail(o: Parameters<Vault["restoreMail"]>[0]): Promise<ArrayBuffer> {
    const key = await this.session.key();
    const letter = new Uint8Array(o.message);
    const pkesks = letter.subarray(0, walkMessage(letter).head);
    const { data } = await decrypt(letter, key, []);
    const seal = readSeal(data);
    if (seal !== null) return restore(data, seal).buffer;
    if (o.header === undefined) throw closed();
    const sealed = new Uint8Array(o.header);
    walkMessage(sealed);
    const header = readHeaderLetter((await decrypt(sealed, key, [])).data);
    if (!(await belongs(header, pkesks, letter.length))) throw closed();
    return restoreEndToEnd(header, letter).buffer;
  }

  // The certificate is the server's word: only the owner's own key is sealed to.
  private async owner(bytes: Bytes, fingerprint: string): Promise<PublicKey> {
    if (this.certificate === null || !equal(this.certificate.bytes, bytes)) this.certificate = { bytes, key: await readCertificate(bytes) };
    if (this.certificate.key.getFingerprint().toUpperCase() !== fingerprint) throw new VaultError("no-key");
    return this.certificate.key;
  }
}

interface Job { b: Uint8Array; top: Top; letters: Letters; shown: Visible; arrived: number; authserv: string; list: ListKey }
type Made = { class: Class; charset: string; gist: Gist; letters: [string, Bytes][] };

function owns(key: PublicKey): Owns {
  const mine = key.getKeys().map((k) => ({ id: k.getKeyID().toHex(), fingerprint: k.getFingerprint(), algorithm: k.keyPacket.algorithm as number }));
  return (recipient, algorithm) => mine.some((k) => k.algorithm === algorithm && (recipient === "" || k.id === recipient || k.fingerprint === recipient));
}

async function whole(j: Job, encrypted: boolean): Promise<Made> {
  const kind: Class = encrypted ? "both" : "sealed on arrival";
  const payload = payloadOf(j, kind);
  const gist = await look(j.b, j.top, false);
  const letters: [string, Bytes][] = [["message", await j.letters.letter(payload, true)]];
  if (gist.terms.length > 0) letters.push(["terms", await termsLetter(j, gist.terms)]);
  const body = j.b.length > largeMail ? (gist.body?.() ?? null) : null;
  if (body !== null && body.length > 0) letters.push(["body", await j.letters.letter(concat(octets(padding(paddingFor(body.length, (n) => j.letters.size(n, false)))), body), false)]);
  letters.push(["card", await sealCard(j.list, cardOf(gist, { tag: await tagOf(j.letters.pkesk), class: kind, arrived: j.arrived }))]);
  return { class: kind, charset: "", gist, letters };
}

// The sender's packets as they are, and all that was around them in a letter of its own.
async function endToEnd(j: Job, c: Ciphertext): Promise<Made> {
  const pkesks = c.packets.subarray(0, c.head);
  const gist = await look(j.b, j.top, true);
  const letters: [string, Bytes][] = [["message", c.packets], ["header", await j.letters.letter(await headerContent(j, c, pkesks), true)]];
  if (gist.terms.length > 0) letters.push(["terms", await termsLetter(j, gist.terms)]);
  letters.push(["card", await sealCard(j.list, cardOf(gist, { tag: await tagOf(pkesks), class: "end-to-end", arrived: j.arrived }))]);
  return { class: "end-to-end", charset: c.charset, gist, letters };
}

async function termsLetter(j: Job, terms: readonly string[]): Promise<Bytes> {
  const text = textOfTerms(terms);
  const full = new Uint8Array(fit(text.length, (n) => j.letters.size(n, false))).fill(10);
  full.set(text);
  return j.letters.letter(full, false);
}

const digits = (n: number, width: number) => String(n).padStart(width, "0");

// The front block, then the original with its insertions (docs/formats.md, "message").
function payloadOf(j: Job, kind: Class): Bytes {
  const found = headerEdits(j.b, j.top, j.authserv);
  const edits = found?.edits ?? [];
  const rest = utf8(j.shown.outer.map((l) => line({ name: "HP-Outer", body: `${l.name}: ${l.body}` })).join("") + ownFields(j, found));
  const list = edits.length === 0 ? "-" : edits.map((e) => `${e.at}+${e.text.length}`).join(",");
  const first = (front: number, pad: number) =>
    `Sealpost-Seal: v=1; front=${digits(front, 10)}; pad=${digits(pad, 5)}; size=${digits(j.b.length, 10)}; edits=${list}; class=${kind === "both" ? "both" : "arrival"}; time=${j.arrived}\r\n`;
  const front = first(0, 0).length + rest.length;
  const edited = edits.reduce((n, e) => n + e.text.length, j.b.length);
  const pad = paddingFor(front + edited, (n) => j.letters.size(n, true));
  const payload = concat(octets(first(front + pad, pad) + padding(pad)), rest, ...inserted(j.b, edits));
  const seal = readSeal(payload);
  if (seal === null || !equal(restore(payload, seal), j.b)) throw new VaultError("bad-input"); // a fault of ours: rather not sealed than not restored
  return payload;
}

function inserted(b: Uint8Array, edits: readonly Edit[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const e of edits) {
    parts.push(b.subarray(from, e.at), octets(e.text));
    from = e.at;
  }
  return [...parts, b.subarray(from)];
}

// What the original does not say itself.
function ownFields(j: Job, found: { typed: boolean } | null): string {
  if (found === null) {
    return `${j.shown.outer.map(line).join("")}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8;\r\n ${protection}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n`;
  }
  if (found.typed) return "";
  const version = valuesOf(j.b, j.top, "mime-version").length > 0 ? "" : "MIME-Version: 1.0\r\n";
  return `${version}Content-Type: text/plain; charset=us-ascii;\r\n ${protection}\r\n`;
}

async function headerContent(j: Job, c: Ciphertext, pkesks: Uint8Array): Promise<Bytes> {
  const [prefix, suffix] = [j.b.subarray(0, c.start), j.b.subarray(c.end)];
  const tag = toHex((await sha256(pkesks)).subarray(0, 16));
  const first = (front: number, pad: number) =>
    `Sealpost-Header: v=1; front=${digits(front, 10)}; pad=${digits(pad, 5)}; prefix=${digits(prefix.length, 10)}; suffix=${digits(suffix.length, 10)}; raw=${digits(c.packets.length, 10)}; width=${digits(c.width, 4)}; message=${tag}; time=${j.arrived}\r\n`;
  const front = first(0, 0).length;
  const pad = paddingFor(front + prefix.length + suffix.length, (n) => j.letters.size(n, true));
  return concat(octets(first(front + pad, pad) + padding(pad)), prefix, suffix);
}
