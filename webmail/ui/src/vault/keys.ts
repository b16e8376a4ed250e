// The keyring: which container opens with what, and what a new one is made of.

import type { Kdf, Keyring } from "../wire/api.ts";
import { floor, kdfExtra } from "./argon.ts";
import { type Bytes, equal, fromBase64, hkdf, random, toBase64 } from "./bytes.ts";
import { openContainer, sealContainer } from "./box.ts";
import { closed } from "./errors.ts";

export interface Identity {
  account: string;
  address: string;
  fingerprint: string; // upper-case hex
}

const nothing = new Uint8Array(0);
const accountId = /^[0-9a-f]{16}$/;
const fingerprint = /^([0-9A-F]{40}|[0-9A-F]{64})$/;

// What is bound into contexts must not be able to look like something else.
export function checkIdentity(id: Identity): void {
  if (!accountId.test(id.account) || !fingerprint.test(id.fingerprint)) throw closed();
}

function context(id: Identity, purpose: string, name = "", extra = "") {
  return { account: id.account, purpose, name, extra: `fingerprint=${id.fingerprint}${extra}` };
}

// The key that the master key gives to "keys" or to a drawer of the cabinet.
export function purposeKey(master: Uint8Array, purpose: string): Promise<Bytes> {
  return hkdf(master, nothing, `sealpost key v1 ${purpose}`, 32);
}

export function passkeyWrap(prf: Uint8Array): Promise<Bytes> {
  return hkdf(prf, nothing, "sealpost passkey wrap v1", 32);
}

function container(ring: Keyring, name: string): Bytes {
  const text = Object.hasOwn(ring.containers, name) ? ring.containers[name] : undefined;
  if (text === undefined) throw closed();
  return fromBase64(text);
}

// What opens the master key: the half of a passphrase, of a kit, or of a passkey.
export type Opener =
  | { by: "passphrase"; wrap: Bytes; salt: Bytes; kdf: Kdf }
  | { by: "kit"; wrap: Bytes }
  | { by: "passkey"; wrap: Bytes; credential: string };

export async function openMaster(o: Opener, id: Identity, ring: Keyring): Promise<Bytes> {
  checkIdentity(id);
  const c = masterContext(o, id);
  const master = await openContainer(o.wrap, c, ring.version, container(ring, masterName(o)));
  if (master.length !== 32) throw closed();
  return master;
}

function masterName(o: Opener): string {
  return o.by === "passkey" ? `master.passkey.${o.credential}` : `master.${o.by}`;
}

function masterContext(o: Opener, id: Identity) {
  switch (o.by) {
    case "passphrase":
      return context(id, "master.passphrase", "", kdfExtra(o.kdf, o.salt));
    case "kit":
      return context(id, "master.kit");
    case "passkey":
      return context(id, "master.passkey", o.credential);
  }
}

// A container of the master key for the next version of the keyring.
export async function wrapMaster(o: Opener, id: Identity, version: number, master: Uint8Array): Promise<string> {
  return toBase64(await sealContainer(o.wrap, { ...masterContext(o, id), version }, master));
}

export interface Contents {
  secret: Bytes;
  list: Bytes; // PKCS #8
  openpgp: Bytes | null; // transferable secret key; null: it is elsewhere
}

export async function openContents(master: Uint8Array, id: Identity, ring: Keyring): Promise<Contents> {
  checkIdentity(id);
  const keys = await purposeKey(master, "keys");
  const secret = await openContainer(keys, context(id, "secret"), ring.version, container(ring, "secret"));
  const list = await openContainer(keys, context(id, "list"), ring.version, container(ring, "list"));
  if (secret.length !== 16) throw closed();
  const name = `openpgp.${id.fingerprint}`;
  if (!Object.hasOwn(ring.containers, name)) return { secret, list, openpgp: null };
  const openpgp = await openContainer(keys, context(id, "openpgp", id.fingerprint), ring.version, container(ring, name));
  return { secret, list, openpgp };
}

// The owner's OpenPGP key for the next version of the keyring.
export async function wrapOpenpgp(master: Uint8Array, id: Identity, version: number, key: Uint8Array): Promise<string> {
  checkIdentity(id);
  return toBase64(await sealContainer(await purposeKey(master, "keys"), { ...context(id, "openpgp", id.fingerprint), version }, key));
}

// A secret key that stays in this browser is sealed under the master key all the same, but
// as something that is no container of the keyring.
const localContext = (id: Identity) => context(id, "device.openpgp", id.fingerprint);

export async function sealLocal(master: Uint8Array, id: Identity, key: Uint8Array): Promise<Bytes> {
  return sealContainer(await purposeKey(master, "keys"), { ...localContext(id), version: 1 }, key);
}

export async function openLocal(master: Uint8Array, id: Identity, box: Uint8Array): Promise<Bytes> {
  return openContainer(await purposeKey(master, "keys"), localContext(id), 1, box);
}

// The owner's secret key as the next version of its container.
export async function sealOpenpgp(master: Uint8Array, id: Identity, version: number, key: Uint8Array): Promise<string> {
  return toBase64(await sealContainer(await purposeKey(master, "keys"), { ...context(id, "openpgp", id.fingerprint), version }, key));
}

export interface NewSecrets {
  master: Bytes;
  secret: Bytes;
  salt: Bytes;
  kit: Bytes;
  kdf: Kdf;
}

export function newSecrets(): NewSecrets {
  return { master: random(32), secret: random(16), salt: random(16), kit: random(32), kdf: floor };
}

// The containers of a new keyring, as its first version.
export async function newContainers(o: {
  id: Identity;
  secrets: NewSecrets;
  wrap: Bytes; // of the passphrase
  kitWrap: Bytes;
  list: Bytes;
  openpgp: Bytes | null;
}): Promise<{ [name: string]: string }> {
  const { id, secrets: s } = o;
  checkIdentity(id);
  const keys = await purposeKey(s.master, "keys");
  const inner = async (c: ReturnType<typeof context>, plain: Uint8Array) => toBase64(await sealContainer(keys, { ...c, version: 1 }, plain));
  const made: { [name: string]: string } = {
    "master.passphrase": await wrapMaster({ by: "passphrase", wrap: o.wrap, salt: s.salt, kdf: s.kdf }, id, 1, s.master),
    "master.kit": await wrapMaster({ by: "kit", wrap: o.kitWrap }, id, 1, s.master),
    secret: await inner(context(id, "secret"), s.secret),
    list: await inner(context(id, "list"), o.list),
  };
  if (o.openpgp !== null) made[`openpgp.${id.fingerprint}`] = await inner(context(id, "openpgp", id.fingerprint), o.openpgp);
  return made;
}

export function sameSecret(a: Uint8Array, b: Uint8Array): void {
  if (!equal(a, b)) throw closed();
}
