// From a draft to the mail that leaves and the copy that stays (RFC 3156, RFC 9788).

import type { PrivateKey, PublicKey } from "openpgp";
import { type Bytes, copy, octets, padme, random, toHex } from "./bytes.ts";
import { type Entity, base64Lines, contentOf, multipart, write } from "./entity.ts";
import { VaultError, closed } from "./errors.ts";
import { type Line, addrSpec, addressField, dateText, fold, idField, line, structured, textWords } from "./fields.ts";
import { foldAddress } from "./kit.ts";
import { addressOfId, openpgp, readCertificate } from "./openpgp.ts";
import type { Session } from "./session.ts";
import { describe } from "./subkeys.ts";
import type { Draft, Encrypted, Vault } from "./vault.ts";

type Writer = Pick<Vault, "encrypt" | "describeKey">;

const maxRecipients = 200;
const protection = ['hp="cipher"', 'protected-headers="v1"'];
const version: Line = { name: "MIME-Version", body: "1.0" };

export class Composing implements Writer {
  constructor(private readonly session: Session) {}

  async encrypt(o: Parameters<Vault["encrypt"]>[0]): Promise<Encrypted> {
    const key = await this.session.key();
    if (o.certificates.length > maxRecipients) throw new VaultError("too-large");
    const to = await Promise.all(o.certificates.map((c) => readCertificate(new Uint8Array(c))));
    const draft = withId(o.draft);
    const header = headerOf(draft);
    const content = contentOf(draft);
    const signer = o.sign ? key : null;
    const autocrypt = autocryptOf(draft, key);
    // Who cannot be encrypted to is known before anything is made.
    const mail =
      to.length > 0
        ? await encrypted({ header, content, to, signer, autocrypt, hidden: draft.bcc.length > 0 })
        : readable(header, signer === null ? content : await signed(header, content, signer), autocrypt);
    const bcc = addressField("Bcc", draft.bcc);
    const sent = await encrypted({ header: [...header, ...bcc], content, to: [key.toPublic()], signer, autocrypt: [], hidden: false });
    return { mail, sent, message_id: draft.message_id };
  }

  async describeKey(certificate: ArrayBuffer): ReturnType<Vault["describeKey"]> {
    return describe(await readCertificate(new Uint8Array(certificate)));
  }
}

function withId(d: Draft): Draft {
  const domain = addrSpec(d.from.address).split("@").pop()!;
  return { ...d, message_id: d.message_id !== "" ? d.message_id : `<${toHex(random(16))}@${domain}>` };
}

// All but Bcc.
export function headerOf(d: Draft): Line[] {
  if (d.to.length + d.cc.length + d.bcc.length > maxRecipients * 5) throw new VaultError("too-large");
  const header = [
    ...addressField("From", [d.from]),
    ...addressField("Reply-To", d.reply_to),
    ...addressField("To", d.to),
    ...addressField("Cc", d.cc),
    fold("Subject", textWords(d.subject.slice(0, 2000))),
    { name: "Date", body: dateText(d.date) },
    ...idField("Message-ID", [d.message_id]),
    ...idField("In-Reply-To", [d.in_reply_to]),
    ...idField("References", d.references.slice(-50)),
  ];
  if (!header.some((l) => l.name === "Message-ID")) throw new VaultError("bad-input");
  return header;
}

function readable(header: Line[], content: Entity, autocrypt: Line[]): Bytes {
  return ascii([...header, ...autocrypt, version].map(line).join("") + write(content));
}

// Addresses may hold UTF-8 (RFC 6532), all else is ASCII by now.
function ascii(s: string): Bytes {
  return new TextEncoder().encode(s);
}

// The content with the header inside, and what of it is seen outside.
function payloadOf(header: Line[], content: Entity, outer: Line[], hp: string[]): string {
  const [type, ...others] = content.fields;
  const marked: Line = { name: type!.name, body: [type!.body, ...hp].join(";\r\n ") };
  const seen = outer.map((l) => line({ name: "HP-Outer", body: `${l.name}: ${l.body}` })).join("");
  const head = header.map(line).join("") + seen + line(version) + [marked, ...others].map(line).join("");
  return `${head}\r\n${content.body}`;
}

// A field of dots brings the length of what is encrypted to a bucket; more octets come in
// front of it.
function padded(payload: Bytes, more = 0): Bytes {
  const least = 21;
  const field = "Sealpost-Padding: ";
  const room = padme(payload.length + more + least) - payload.length - more - field.length - 2;
  let dots = "";
  for (let left = room, column = field.length; left > 0; ) {
    const n = Math.min(left, 76 - column);
    dots += ".".repeat(n);
    left -= n;
    if (left > 3) {
      dots += "\r\n ";
      left -= 3;
      column = 1;
    } else {
      dots += ".".repeat(left);
      left = 0;
    }
  }
  const pad = octets(`${field}${dots}\r\n`);
  const out = new Uint8Array(pad.length + payload.length);
  out.set(pad);
  out.set(payload, pad.length);
  return out;
}

interface Encrypting {
  header: Line[];
  outer?: Line[]; // another one outside
  content: Entity;
  to: PublicKey[];
  signer: PrivateKey | null;
  autocrypt: Line[];
  hidden: boolean;
  front?: { size: number; put: (payload: Bytes) => Promise<Bytes> }; // comes before all of it
}

export async function encrypted(o: Encrypting): Promise<Bytes> {
  const outer = (o.outer ?? o.header).filter((l) => l.name !== "Bcc").map((l) => (l.name === "Subject" ? { name: "Subject", body: "[...]" } : l));
  const whole = padded(ascii(payloadOf(o.header, o.content, outer, protection)), o.front?.size);
  const payload = o.front === undefined ? whole : await o.front.put(whole);
  const packets = await encryptTo(payload, o.to, o.signer, o.hidden);
  const body: Entity = multipart("encrypted", [
    { fields: [{ name: "Content-Type", body: "application/pgp-encrypted" }, { name: "Content-Description", body: "PGP/MIME version identification" }], body: "Version: 1\r\n" },
    {
      fields: [
        structured("Content-Type", "application/octet-stream", ['name="encrypted.asc"']),
        { name: "Content-Description", body: "OpenPGP encrypted message" },
        structured("Content-Disposition", "inline", ['filename="encrypted.asc"']),
      ],
      body: armor(packets),
    },
  ], ['protocol="application/pgp-encrypted"']);
  return readable(outer, body, o.autocrypt);
}

async function encryptTo(payload: Bytes, to: PublicKey[], signer: PrivateKey | null, hidden: boolean): Promise<Bytes> {
  const { lib, config } = await openpgp();
  try {
    const message = await lib.createMessage({ binary: payload });
    const made = await lib.encrypt({
      message, encryptionKeys: to, ...(signer === null ? {} : { signingKeys: signer }), format: "binary", wildcard: hidden, config,
    });
    return copy(made as Uint8Array);
  } catch {
    throw new VaultError("no-key");
  }
}

// Base64 in lines of 76 with CRLF. GnuPG 2.2 finds the end of base64 by its padding or by a
// checksum, so there is one only where there is no padding.
export function armor(packets: Bytes): string {
  const sum = packets.length % 3 === 0 ? `=${crc24(packets)}\r\n` : "";
  return `-----BEGIN PGP MESSAGE-----\r\n\r\n${base64Lines(packets)}${sum}-----END PGP MESSAGE-----\r\n`;
}

const crcTable = Int32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet << 16;
  for (let i = 0; i < 8; i++) crc = (crc << 1) ^ ((crc & 0x800000) !== 0 ? 0x1864cfb : 0);
  return crc & 0xffffff;
});

export function crc24(b: Bytes): string {
  let crc = 0xb704ce;
  for (let i = 0; i < b.length; i++) crc = ((crc << 8) & 0xffffff) ^ crcTable[((crc >> 16) ^ b[i]!) & 255]!;
  return btoa(String.fromCharCode((crc >> 16) & 255, (crc >> 8) & 255, crc & 255));
}

// multipart/signed over the content with its header, marked as seen by all (RFC 9788).
async function signed(header: Line[], content: Entity, signer: PrivateKey): Promise<Entity> {
  const { lib, config } = await openpgp();
  const part = payloadOf(header, content, [], ['hp="clear"', 'protected-headers="v1"']);
  try {
    const message = await lib.createMessage({ binary: ascii(part.replace(/\r\n$/, "")) });
    const signature = (await lib.sign({ message, signingKeys: signer, detached: true, format: "object", config })) as unknown as {
      armor(): string;
      packets: { hashAlgorithm: number }[];
    };
    const hash = lib.enums.read(lib.enums.hash, signature.packets[0]!.hashAlgorithm as never);
    const boundary = `=_${toHex(random(16))}`;
    const sig: Entity = {
      fields: [structured("Content-Type", "application/pgp-signature", ['name="signature.asc"']), { name: "Content-Description", body: "OpenPGP digital signature" }],
      body: signature.armor().replace(/\r?\n/g, "\r\n"),
    };
    return {
      fields: [structured("Content-Type", "multipart/signed", ['protocol="application/pgp-signature"', `micalg=pgp-${hash}`, `boundary="${boundary}"`])],
      body: `--${boundary}\r\n${part.replace(/\r\n$/, "")}\r\n--${boundary}\r\n${write(sig)}\r\n--${boundary}--\r\n`,
    };
  } catch {
    throw closed();
  }
}

// The owner's certificate for who answers (Autocrypt, level 1), where it fits.
function autocryptOf(d: Draft, key: PrivateKey): Line[] {
  // Of the owner's other addresses it says nothing; without a user id for this one it is left out.
  const from = foldAddress(addrSpec(d.from.address)).replace(/\+[^@]*@/, "@");
  const shown = key.toPublic();
  shown.users = shown.users.filter((u) => u.userID && addressOfId(u.userID.userID) === from);
  if (shown.users.length === 0) return [];
  const data = base64Lines(copy(shown.write())).trim().split("\r\n");
  if (data.join("").length > 9 << 10) return [];
  return [{ name: "Autocrypt", body: [`addr=${addrSpec(d.from.address)};`, "prefer-encrypt=mutual;", "keydata=", ...data].join("\r\n ") }];
}
