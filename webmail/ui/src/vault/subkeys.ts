// Subkeys of the owner's key: another one to encrypt to, what becomes of those before it,
// and how long all of it holds.

import type { Config, Key, PrivateKey, PublicKey, Subkey } from "openpgp";
import { copy } from "./bytes.ts";
import { VaultError } from "./errors.ts";
import { openpgp, type OpenPGP } from "./openpgp.ts";
import type { KeyDescription, SubkeyDescription } from "./vault.ts";

const encrypts = 0x0c; // key flags (RFC 9580, section 5.2.3.29): communications and storage
const second = 1000;

async function library(): Promise<{ lib: OpenPGP; config: Config }> {
  const { lib, config } = await openpgp();
  return { lib, config: { ...lib.config, ...config } };
}

// The secret of the primary key is kept elsewhere.
function elsewhere(key: PrivateKey): boolean {
  return (key.keyPacket as unknown as { isDummy(): boolean }).isDummy();
}

async function again(key: PrivateKey): Promise<PrivateKey> {
  const { lib, config } = await library();
  return lib.readPrivateKey({ binaryKey: copy(key.write()), config });
}

// The newest valid binding, at any time: an expired subkey has one too.
function binding(s: Subkey) {
  return [...s.bindingSignatures].sort((a, b) => (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0))[0];
}

export function forEncryption(s: Subkey): boolean {
  return ((binding(s)?.keyFlags?.[0] ?? 0) & encrypts) !== 0;
}

// The subkey that others encrypt to now; null: there is none.
export async function current(key: Key): Promise<string | null> {
  const { config } = await library();
  const anyTime = undefined as unknown as Date;
  const k = await key.getEncryptionKey(undefined, anyTime, undefined, config).catch(() => null);
  return k === null ? null : k.getFingerprint().toUpperCase();
}

// Another encryption subkey. Those before it are revoked as superseded: nobody encrypts to
// them any more, whatever their clocks say, and what was encrypted to them still opens.
export async function addSubkey(key: PrivateKey, now = new Date()): Promise<PrivateKey> {
  const { lib, config } = await library();
  if (elsewhere(key)) throw new VaultError("no-key");
  const next = await again(key);
  // A clock that is behind must not make the new one look older.
  const latest = Math.max(...[next, ...next.subkeys].map((k) => k.getCreationTime().getTime()), ...next.subkeys.map((s) => binding(s)?.created?.getTime() ?? 0));
  const date = new Date(Math.max(now.getTime(), latest + second));
  for (const [i, s] of next.subkeys.entries()) {
    if (!forEncryption(s) || s.revocationSignatures.length > 0) continue;
    next.subkeys[i] = await s.revoke(next.keyPacket as never, { flag: lib.enums.reasonForRevocation.keySuperseded }, date, config);
  }
  const kind = next.keyPacket.version === 6 ? { type: "curve25519" as const } : { type: "ecc" as const, curve: "curve25519Legacy" as const };
  return next.addSubkey({ ...kind, date, config });
}

// What this key has of certificates that were published with more user ids.
export async function withUsersOf(key: PrivateKey, published: PublicKey): Promise<PrivateKey> {
  const next = await again(key);
  const known = new Set(next.users.map((u) => u.userID?.userID));
  for (const u of published.users) {
    if (!u.userID || known.has(u.userID.userID)) continue;
    if (await u.verify().then(() => true, () => false)) next.users.push(u.clone());
  }
  return next;
}

// Without the secrets of subkeys that were revoked. Their public halves stay: senders who
// have them learn from them that they were replaced.
export async function forgetSecrets(key: PrivateKey): Promise<PrivateKey> {
  const next = await again(key);
  for (const s of next.subkeys) {
    if (s.revocationSignatures.length > 0 && forEncryption(s)) (s.keyPacket as unknown as { makeDummy(): void }).makeDummy();
  }
  return next;
}

// Expiry lives in self-signatures: those of user ids (version 4), the direct one (version 6)
// and the bindings of subkeys in use. until: seconds, 0 for never.
export async function extend(key: PrivateKey, until: number, now = new Date()): Promise<PrivateKey> {
  const { config, lib } = await library();
  if (elsewhere(key)) throw new VaultError("no-key");
  const next = await again(key);
  const primary = next.keyPacket;
  const last = (of: { created: Date | null }[]) => [...of].sort((a, b) => b.created!.getTime() - a.created!.getTime())[0] as never;
  const renewed = async (old: Renewable | undefined, data: object, made: Date) => {
    if (old === undefined) throw new VaultError("no-key");
    const s = new lib.SignaturePacket() as unknown as Renewable;
    for (const name of carried) (s as unknown as Record<string, unknown>)[name] = (old as unknown as Record<string, unknown>)[name];
    const seconds = until === 0 ? 0 : until - Math.floor(made.getTime() / second);
    if (seconds < 0) throw new VaultError("bad-input");
    s.keyExpirationTime = seconds === 0 ? null : seconds;
    s.keyNeverExpires = seconds === 0;
    await s.sign(primary, data, new Date(Math.max(now.getTime(), old.created!.getTime() + second)), false, config);
    return s as never;
  };
  const made = primary.getCreationTime();
  const { directSignatures } = next as unknown as { directSignatures: { created: Date | null }[] };
  if (directSignatures.length > 0) directSignatures.push(await renewed(last(directSignatures), { key: primary }, made));
  for (const u of next.users) {
    if (u.userID && u.selfCertifications.length > 0 && u.revocationSignatures.length === 0) u.selfCertifications.push(await renewed(last(u.selfCertifications), { userID: u.userID, key: primary }, made));
  }
  for (const s of next.subkeys) {
    if (s.revocationSignatures.length === 0) s.bindingSignatures.push(await renewed(binding(s) as never, { key: primary, bind: s.keyPacket }, s.getCreationTime()));
  }
  return next;
}

interface Renewable {
  created: Date | null;
  keyExpirationTime: number | null;
  keyNeverExpires: boolean | null;
  sign(key: unknown, data: object, date: Date, detached: boolean, config: Config): Promise<void>;
}

// What of a self-signature goes into the one that takes its place.
const carried = [
  "signatureType", "hashAlgorithm", "publicKeyAlgorithm", "preferredSymmetricAlgorithms", "preferredHashAlgorithms", "preferredCompressionAlgorithms",
  "preferredAEADAlgorithms", "preferredCipherSuites", "isPrimaryUserID", "keyFlags", "features", "keyServerPreferences", "preferredKeyServer", "embeddedSignature",
];

const reasons: { [flag: number]: string } = { 1: "superseded", 2: "compromised", 3: "retired" };

export async function describe(key: Key): Promise<KeyDescription> {
  const { config } = await library();
  const expires = await key.getExpirationTime().catch(() => null);
  const info = key.getAlgorithmInfo();
  const encryption = await current(key);
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    identities: key.getUserIDs().slice(0, 50),
    created: seconds(key.getCreationTime()),
    expires: expires instanceof Date ? seconds(expires) : 0,
    algorithm: named(info),
    usable: encryption !== null,
    encryption: encryption ?? "",
    subkeys: await Promise.all(key.subkeys.slice(0, 100).map((s) => describeSubkey(key, s, config))),
  };
}

async function describeSubkey(key: Key, s: Subkey, config: Config): Promise<SubkeyDescription> {
  const anyTime = null as unknown as Date;
  const expires = await s.getExpirationTime(anyTime, config).catch(() => null);
  const revocation = s.revocationSignatures[0];
  const revoked = revocation !== undefined && (await s.isRevoked(undefined as never, undefined as never, anyTime, config).catch(() => false));
  const flags = binding(s)?.keyFlags?.[0] ?? 0;
  const packet = s.keyPacket as unknown as { isDummy?(): boolean };
  return {
    fingerprint: s.getFingerprint().toUpperCase(),
    algorithm: named(s.getAlgorithmInfo()),
    created: seconds(s.getCreationTime()),
    expires: expires instanceof Date ? seconds(expires) : 0,
    revoked: revoked ? seconds(revocation.created ?? new Date(0)) : 0,
    reason: revoked ? (reasons[revocation.reasonForRevocationFlag ?? 0] ?? "none") as SubkeyDescription["reason"] : "",
    use: (flags & encrypts) !== 0 ? "encrypt" : (flags & 2) !== 0 ? "sign" : "other",
    secret: key.isPrivate() && !(packet.isDummy?.() ?? true),
  };
}

const seconds = (d: Date) => Math.floor(d.getTime() / second);
// As people call them: the library has the words of RFC 9580, "Legacy" among them.
const curves: { [name: string]: string } = {
  ed25519: "Ed25519", ed25519Legacy: "Ed25519", x25519: "X25519", curve25519Legacy: "X25519", ed448: "Ed448", x448: "X448",
  nistP256: "NIST P-256", nistP384: "NIST P-384", nistP521: "NIST P-521",
};
const named = ({ algorithm, curve, bits }: { algorithm: string; curve?: string; bits?: number }) =>
  bits ? `${algorithm.replace(/(Encrypt|Sign)+$/u, "").toUpperCase()} ${bits}` : (curves[curve ?? algorithm] ?? curve ?? algorithm);
