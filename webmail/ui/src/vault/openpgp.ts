// OpenPGP.js, loaded when it is first needed, with its limits set in every call. Nothing
// else in the client imports it. The library stays an unmodified chunk of its own (LGPL).

import type { Config, Key, Message, PartialConfig, PrivateKey, PublicKey, Subkey } from "openpgp";
import { type Bytes, copy, latin1 } from "./bytes.ts";
import { VaultError, closed } from "./errors.ts";

export type { Key, PrivateKey, PublicKey };
export type OpenPGP = typeof import("openpgp");

// ATTACKS B06, A12: the library's own ceilings are none, and 1 TiB.
export const maxOpened = 64 << 20; // bytes that a compressed message may become
const maxArgon2 = 18; // exponent of KiB: 256 MiB
const maxKey = 1 << 20; // bytes of a certificate or secret key
export const maxMessage = 256 << 20; // bytes of a message

let loading: Promise<{ lib: OpenPGP; config: PartialConfig }> | undefined;

export function openpgp(): Promise<{ lib: OpenPGP; config: PartialConfig }> {
  loading ??= import("openpgp/lightweight").then((lib) => ({ lib: lib as OpenPGP, config: limits(lib as OpenPGP) }));
  return loading;
}

function limits(lib: OpenPGP): PartialConfig {
  const e = lib.enums;
  return {
    maxDecompressedMessageSize: maxOpened,
    maxArgon2MemoryExponent: maxArgon2,
    minRSABits: 2047,
    allowUnauthenticatedMessages: false,
    allowUnauthenticatedStream: false,
    allowInsecureDecryptionWithSigningKeys: false,
    allowInsecureVerificationWithReformattedKeys: false,
    allowMissingKeyFlags: false,
    rejectCurves: new Set([e.curve.secp256k1]),
    rejectPublicKeyAlgorithms: new Set([e.publicKey.elgamal, e.publicKey.dsa]),
    rejectHashAlgorithms: new Set([e.hash.md5, e.hash.ripemd]),
    rejectMessageHashAlgorithms: new Set([e.hash.md5, e.hash.ripemd, e.hash.sha1]),
    preferredCompressionAlgorithm: e.compression.uncompressed,
    preferredSymmetricAlgorithm: e.symmetric.aes256,
    preferredAEADAlgorithm: e.aead.gcm,
    aeadProtect: false, // what we make reads in GnuPG 2.2 (profile compat)
    s2kType: e.s2k.iterated,
    s2kIterationCountByte: 255,
    showVersion: false,
    showComment: false,
  };
}

// Algorithms of keys we use, by their OpenPGP numbers: RSA (1, 2, 3), ECDH, ECDSA, EdDSA
// (legacy), X25519, X448, Ed25519, Ed448.
const algorithms = new Set([1, 2, 3, 18, 19, 22, 25, 26, 27, 28]);

function allowed(key: Key): boolean {
  return [key, ...key.subkeys].every((k) => algorithms.has(k.keyPacket.algorithm as number));
}

// The owner's secret key, unlocked and checked: every private part belongs to its public
// part (ATTACKS A04), the fingerprint is the account's, the algorithms are ours. Whatever
// is wrong with it is "closed", and nothing was done with the key before.
export async function readSecretKey(data: Uint8Array | string, fingerprint: string | null, passphrase?: string): Promise<PrivateKey> {
  if (data.length > maxKey) throw closed();
  const { lib, config } = await openpgp();
  try {
    const armored = typeof data === "string";
    let key = armored ? await lib.readPrivateKey({ armoredKey: data, config }) : await lib.readPrivateKey({ binaryKey: copy(data), config });
    if (!allowed(key)) throw closed();
    if (!key.isDecrypted()) {
      if (passphrase === undefined) throw closed();
      key = await lib.decryptKey({ privateKey: key, passphrase, config });
    }
    if (fingerprint !== null && key.getFingerprint().toUpperCase() !== fingerprint) throw closed();
    await consistent(lib, { ...lib.config, ...config }, key);
    return key;
  } catch {
    throw closed();
  }
}

// A public part that was changed (its curve, the parameters of its key derivation) breaks
// the fingerprint of the primary key, or the signature that binds the subkey.
async function consistent(lib: OpenPGP, config: Config, key: PrivateKey): Promise<void> {
  for (const k of [key, ...key.subkeys]) {
    const packet = k.keyPacket as unknown as { isDummy(): boolean; validate(): Promise<void>; isDecrypted(): boolean };
    if (packet.isDummy()) {
      // A primary key that is kept elsewhere, or a subkey that was replaced and forgotten.
      if (k !== key && (k as Subkey).revocationSignatures.length === 0) throw closed();
      continue;
    }
    if (!packet.isDecrypted()) throw closed();
    await packet.validate();
  }
  for (const s of key.subkeys) {
    const bound = { key: key.keyPacket, bind: s.keyPacket };
    const anyTime = null as unknown as Date; // an expired key still opens old mail
    await Promise.any(s.bindingSignatures.map((b) => b.verify(key.keyPacket, lib.enums.signature.subkeyBinding, bound, anyTime, false, config)));
  }
}

// A new key as GnuPG 2.2 and all later software read it: version 4, Ed25519 and
// Curve25519 under their old algorithm ids, no AEAD among its features.
export async function newKey(name: string, address: string, date = new Date()): Promise<{ secret: Bytes; certificate: Bytes; fingerprint: string; key: PrivateKey }> {
  const { lib, config } = await openpgp();
  try {
    const { privateKey, publicKey } = await lib.generateKey({
      userIDs: [name === "" ? { email: address } : { name, email: address }],
      type: "ecc",
      curve: "ed25519Legacy",
      date,
      format: "object",
      config,
    });
    return { secret: copy(privateKey.write()), certificate: copy(publicKey.write()), fingerprint: privateKey.getFingerprint().toUpperCase(), key: privateKey };
  } catch {
    throw new VaultError("bad-input"); // of a name or an address
  }
}

export async function readCertificate(data: Uint8Array): Promise<PublicKey> {
  if (data.length > maxKey) throw new VaultError("too-large");
  const { lib, config } = await openpgp();
  try {
    const text = data[0] !== undefined && data[0] < 0x80;
    const key = text ? await lib.readKey({ armoredKey: latin1(data), config }) : await lib.readKey({ binaryKey: copy(data), config });
    if (key.isPrivate() || !allowed(key)) throw closed();
    return key;
  } catch {
    throw new VaultError("bad-input");
  }
}

// The address that a user id names, or "".
export const addressOfId = (id: string): string => (/<([^<>]+)>\s*$/.exec(id)?.[1] ?? id).trim().toLowerCase();

// Adds a user id for each address that the key does not name yet. All that is there stays as
// it is, to the byte.
export async function addIdentities(key: PrivateKey, name: string, addresses: readonly string[]): Promise<PrivateKey> {
  const { lib, config } = await openpgp();
  const named = new Set(key.getUserIDs().map(addressOfId));
  const missing = addresses.filter((a) => !named.has(a.toLowerCase()));
  if (missing.length === 0) return key;
  try {
    const fresh = await lib.readPrivateKey({ binaryKey: key.write(), config });
    // The library makes the first one the primary one: that stays what it was.
    const first = (await key.getPrimaryUser()).user.userID;
    const main = first && { name: first.name, email: first.email, comment: first.comment };
    const same = main && lib.UserIDPacket.fromObject(main).userID === first.userID;
    const { privateKey: other } = await lib.reformatKey({
      privateKey: fresh, userIDs: [...(same ? [main] : []), ...missing.map((email) => (name === "" ? { email } : { name, email }))], format: "object", config,
      ...(await lifeOf(key)),
    });
    // Only the new user ids are taken: a subkey that was retired must not be bound anew.
    const wanted = new Set(missing.map((m) => m.toLowerCase()));
    const out = await lib.readPrivateKey({ binaryKey: key.write(), config });
    out.users.push(...other.users.filter((u) => u.userID && wanted.has(addressOfId(u.userID.userID))));
    return await lib.readPrivateKey({ binaryKey: out.write(), config });
  } catch {
    throw new VaultError("bad-input"); // of a name or an address
  }
}

async function lifeOf(key: PrivateKey): Promise<{ keyExpirationTime?: number }> {
  const end = await key.getExpirationTime();
  return end instanceof Date ? { keyExpirationTime: Math.floor((end.getTime() - key.getCreationTime().getTime()) / 1000) } : {};
}

export interface Decrypted {
  data: Bytes;
  signatures: { keyID: string; verified: Promise<boolean>; at: Promise<number>; fingerprint: Promise<string> }[];
}

// Opens one message of PKESK and SEIPD packets. Not a byte comes back unless all of it is
// whole (ATTACKS B02): the library is not asked for a stream.
export async function decrypt(packets: Uint8Array, key: PrivateKey, verify: PublicKey[]): Promise<Decrypted> {
  if (packets.length > maxMessage) throw new VaultError("too-large");
  const { lib, config } = await openpgp();
  try {
    const message = (await lib.readMessage({ binaryMessage: copy(packets), config })) as Message<Uint8Array>;
    const opened = await lib.decrypt({ message, decryptionKeys: key, verificationKeys: verify, format: "binary", config });
    return { data: copy(opened.data as Uint8Array), signatures: opened.signatures.map((s) => resultOf(s, verify)) };
  } catch {
    throw closed();
  }
}

// What one signature says, with promises that do not reject.
export function resultOf(s: { keyID: { toHex(): string }; verified: Promise<true>; signature: Promise<{ packets: ArrayLike<{ created: Date | null }> }> }, keys: PublicKey[]): Decrypted["signatures"][number] {
  const id = s.keyID.toHex();
  const signer = keys.find((k) => k.getKeys().some((sub) => sub.getKeyID().toHex() === id));
  return {
    keyID: id,
    verified: s.verified.then(() => true, () => false),
    at: s.signature.then((p) => Math.floor((p.packets[0]?.created?.getTime() ?? 0) / 1000), () => 0),
    fingerprint: Promise.resolve(signer?.getFingerprint().toUpperCase() ?? ""),
  };
}
