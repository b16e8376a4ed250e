// What signatures say. A verdict is given only for a signature that covers the whole
// displayed body from its root, and only of a key one of whose user ids is exactly From's
// address (ATTACKS B04, B05). Cleartext signatures and inline PGP are not offered.

import type { Message } from "openpgp";
import { type Bytes, concat, latin1, octets } from "./bytes.ts";
import { sameAddress } from "./header.ts";
import { type Decrypted, type PublicKey, openpgp, readCertificate, resultOf } from "./openpgp.ts";
import { type Part, some } from "./tree.ts";
import type { SignatureVerdict } from "./vault.ts";

export const unsigned: SignatureVerdict = { state: "none", fingerprint: "", from_matches: false, from_signed: false, at: 0 };

const maxKeys = 20;
const maxSignature = 64 << 10;
const maxSignatures = 10;

export async function keysOf(certificates: ArrayBuffer[] | undefined): Promise<PublicKey[]> {
  const keys = (certificates ?? []).slice(0, maxKeys).map((c) => readCertificate(new Uint8Array(c)).catch(() => null));
  return (await Promise.all(keys)).filter((k) => k !== null);
}

// The one signed part of a mail whose root is multipart/signed in the form of RFC 3156, or
// null. What is displayed is then this part, and nothing beside it.
export function signedPart(root: Part): { part: Part; signature: Part } | null {
  const [part, signature, ...more] = root.parts;
  if (root.content.type !== "multipart/signed" || part === undefined || signature === undefined || more.length > 0) return null;
  if ((root.content.params["protocol"] ?? "").toLowerCase() !== "application/pgp-signature") return null;
  return signature.content.type === "application/pgp-signature" ? { part, signature } : null;
}

// A signature somewhere inside covers less than what is displayed.
export function partly(root: Part): SignatureVerdict {
  return some(root, (p) => p.content.type === "application/pgp-signature") ? { ...unsigned, state: "partial" } : unsigned;
}

export async function verifyDetached(b: Uint8Array, signed: { part: Part; signature: Part }, keys: PublicKey[], from: readonly string[]): Promise<SignatureVerdict> {
  const { part, signature } = signed;
  const bad: SignatureVerdict = { ...unsigned, state: "bad" };
  if (signature.end - signature.body > maxSignature) return bad;
  const { lib, config } = await openpgp();
  try {
    const detached = await lib.readSignature({ armoredSignature: latin1(b.subarray(signature.body, signature.end)), config });
    const message = (await lib.createMessage({ binary: canonical(b.subarray(part.start, part.end)) })) as Message<Uint8Array>;
    const { signatures } = await lib.verify({ message, signature: detached, verificationKeys: keys, format: "binary", config });
    return await verdict(signatures.map((s) => resultOf(s, keys)), keys, from);
  } catch {
    return bad;
  }
}

// Lines end in CRLF where a signature is made over text (RFC 3156, section 5).
function canonical(b: Uint8Array): Bytes {
  const s = latin1(b);
  return /(^|[^\r])\n/.test(s) ? octets(s.replace(/\r?\n/g, "\r\n")) : concat(b);
}

// The best that one of the signatures says.
export async function verdict(signatures: Decrypted["signatures"], keys: PublicKey[], from: readonly string[]): Promise<SignatureVerdict> {
  const said: SignatureVerdict[] = [];
  for (const s of signatures.slice(0, maxSignatures)) {
    const fingerprint = await s.fingerprint;
    const key = keys.find((k) => k.getFingerprint().toUpperCase() === fingerprint);
    if (key === undefined) {
      said.push({ ...unsigned, state: "unknown-key", at: await s.at });
      continue;
    }
    const good = await s.verified;
    const matches = good && from.length === 1 && (await speaksFor(key, from[0]!));
    said.push({ state: good ? "good" : "bad", fingerprint, from_matches: matches, from_signed: false, at: good ? await s.at : 0 });
  }
  const rank = (v: SignatureVerdict) => (v.state === "good" ? (v.from_matches ? 3 : 2) : v.state === "bad" ? 1 : 0);
  return said.sort((a, b) => rank(b) - rank(a))[0] ?? unsigned;
}

// One of the user ids that the key's owner signed, and did not revoke, is exactly the address.
async function speaksFor(key: PublicKey, address: string): Promise<boolean> {
  for (const user of key.users) {
    const id = user.userID?.userID;
    if (id === undefined || !sameAddress(addressOf(id), address)) continue;
    if (await user.verify().then(() => true, () => false)) return true;
  }
  return false;
}

// "Name <address>" with one pair of brackets, at the end, or the address alone.
export function addressOf(userId: string): string {
  const bracketed = /^[^<>]*<([^<>\s@]+@[^<>\s@]+)>$/.exec(userId);
  if (bracketed !== null) return bracketed[1]!;
  return /^[^<>\s@]+@[^<>\s@]+$/.test(userId) ? userId : "";
}
