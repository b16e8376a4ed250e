// Opening, and changing keys: the half of the vault that knows keyrings.

import type { Keyring, NewContainer, NewKit, NewPassphrase } from "../wire/api.ts";
import { type Halves, checkKdf, derive, floor } from "./argon.ts";
import { type Bytes, equal, fromBase64, random, toBase64 } from "./bytes.ts";
import { openRing, openSecret } from "./device.ts";
import { VaultError, closed } from "./errors.ts";
import { type Asking, ask, newListKey, openGrant, sealGrant } from "./hpke.ts";
import { type Identity, type Opener, newContainers, newSecrets, openContents, openMaster, passkeyWrap, sameSecret, sealLocal, wrapMaster, sealOpenpgp } from "./keys.ts";
import { accessWords, checkAccessWords, foldAddress, kitProof, kitToWords, kitWrap, newKit, parseKit } from "./kit.ts";
import { addIdentities, newKey, readCertificate, readSecretKey } from "./openpgp.ts";
import type { Session } from "./session.ts";
import type { NewIdentity, Vault } from "./vault.ts";

type Part = Pick<
  Vault,
  | "create" | "attach" | "tryKit" | "proveByPassphrase" | "proveByKit" | "proveByPasskey" | "open" | "reopen" | "keepOffline" | "offline" | "openOffline" | "dropOffline" | "renew" | "knows" | "lock" | "signOut" | "state"
  | "newPassphrase" | "newKit" | "proof" | "withAddresses" | "passkeyContainer" | "requestAccess" | "grantAccess" | "acceptGrant" | "importKey"
>;

const passkeyName = "master.passkey.";
const leastPassphrase = 8; // characters; the page asks for more by what it judges them to be worth

export class SignIn implements Part {
  // What the last prove… left for open.
  private opener: Opener | null = null;
  private asking: Asking | null = null;
  private kit: Bytes | null = null; // shown, and to be typed back

  constructor(private readonly session: Session) {}

  // ---- A new keyring -----------------------------------------------------------------

  async create(o: Parameters<Vault["create"]>[0]): Promise<NewIdentity> {
    const key = await newKey(o.name, o.address);
    return this.join({ ...o, certificate: key.certificate, fingerprint: key.fingerprint, openpgp: key.secret, keep: true });
  }

  async attach(o: Parameters<Vault["attach"]>[0]): Promise<NewIdentity> {
    if (o.invitation.account === undefined || o.invitation.certificate === undefined) throw new VaultError("bad-input");
    const certificate = fromBase64(o.invitation.certificate);
    const fingerprint = (await readCertificate(certificate)).getFingerprint().toUpperCase();
    if (o.keep && o.secret_key === undefined) throw new VaultError("no-key");
    const openpgp = o.secret_key === undefined ? null : new Uint8Array((await readSecretKey(o.secret_key, fingerprint, o.key_passphrase)).write());
    return this.join({ address: o.address, passphrase: o.passphrase, account: o.invitation.account, certificate, fingerprint, openpgp, keep: o.keep });
  }

  private async join(o: { address: string; passphrase: string; account: string; certificate: Bytes; fingerprint: string; openpgp: Bytes | null; keep: boolean }): Promise<NewIdentity> {
    if ([...o.passphrase.normalize("NFKC")].length < leastPassphrase) throw new VaultError("bad-input");
    const id: Identity = { account: o.account, address: o.address, fingerprint: o.fingerprint };
    const secrets = newSecrets();
    const halves = await derive(o.passphrase, secrets.secret, secrets.salt, secrets.kdf);
    const { list, der } = await newListKey();
    const containers = await newContainers({
      id, secrets, wrap: halves.wrap, kitWrap: await kitWrap(secrets.kit), list: der, openpgp: o.keep ? o.openpgp : null,
    });
    this.session.held = { id, master: secrets.master, secret: secrets.secret, list, raw: o.openpgp, key: null };
    await this.session.keep({ version: 1, kdf: secrets.kdf }, null, o.keep || o.openpgp === null ? null : await sealLocal(secrets.master, id, o.openpgp));
    this.kit = secrets.kit;
    const join = {
      address: o.address, account: o.account, certificate: toBase64(o.certificate), list_key: toBase64(list.raw), profile: "compat" as const,
      salt: toBase64(secrets.salt), kdf: secrets.kdf, proof: toBase64(halves.proof), containers,
    };
    return { join, words: await kitToWords(secrets.kit), fingerprint: o.fingerprint };
  }

  async tryKit(words: string): Promise<{ kit_proof: string }> {
    const entropy = await parseKit(words);
    if (this.kit === null || !equal(entropy, this.kit)) throw closed();
    return { kit_proof: toBase64(await kitProof(entropy)) };
  }

  // ---- Signing in ----------------------------------------------------------------------

  async proveByPassphrase(o: Parameters<Vault["proveByPassphrase"]>[0]): Promise<{ proof: string }> {
    this.opener = null;
    const kept = await this.session.device.at(o.address);
    checkKdf(o.parameters.kdf, kept?.pins.kdf);
    if (kept === undefined) throw closed();
    const salt = fromBase64(o.parameters.salt);
    const halves = await derive(o.passphrase, await openSecret(kept), salt, o.parameters.kdf);
    this.opener = { by: "passphrase", wrap: halves.wrap, salt, kdf: o.parameters.kdf };
    return { proof: toBase64(halves.proof) };
  }

  async proveByKit(o: { address: string; words: string }): Promise<{ proof: string }> {
    this.opener = null;
    const entropy = await parseKit(o.words);
    this.opener = { by: "kit", wrap: await kitWrap(entropy) };
    return { proof: toBase64(await kitProof(entropy)) };
  }

  async proveByPasskey(o: { prf: ArrayBuffer; credential: string }): Promise<void> {
    this.opener = null;
    if (o.prf.byteLength !== 32) throw closed();
    this.opener = { by: "passkey", wrap: await passkeyWrap(new Uint8Array(o.prf)), credential: o.credential };
  }

  async open(o: Parameters<Vault["open"]>[0]): Promise<void> {
    const opener = this.opener;
    const kept = await this.session.pinned(o, o.keyring);
    if (opener === null) throw closed();
    // What the passphrase was derived with is what the container must say.
    const master = await openMaster(opener, o, o.keyring);
    await this.session.openWith(master, identity(o), o.keyring, kept);
    await this.session.keep(o.keyring, o.share);
    this.opener = null;
  }

  async reopen(o: Parameters<Vault["reopen"]>[0]): Promise<void> {
    await this.session.reopen(identity(o), o.keyring, o.share);
  }

  async keepOffline(o: Parameters<Vault["keepOffline"]>[0]): Promise<void> {
    if (o.facts.length > 64 << 10) throw new VaultError("too-large");
    await this.session.keepOffline(o.keyring, o.facts);
  }

  async offline(address: string): ReturnType<Vault["offline"]> {
    const kept = await this.session.device.at(address);
    if (!kept?.offline) return null;
    const ring = await openRing(kept);
    const credentials = Object.keys(ring.containers).filter((n) => n.startsWith(passkeyName)).map((n) => n.slice(passkeyName.length));
    return { account: kept.account, parameters: { salt: ring.salt, kdf: ring.kdf }, credentials };
  }

  async openOffline(account: string): ReturnType<Vault["openOffline"]> {
    const opener = this.opener;
    if (opener === null) throw closed();
    const opened = await this.session.openOffline(opener, account);
    this.opener = null;
    return opened;
  }

  async dropOffline(address: string, onlyThis = false): Promise<void> {
    await this.session.dropOffline(address, onlyThis);
  }

  async renew(o: Parameters<Vault["renew"]>[0]): Promise<boolean> {
    return this.session.renew(identity(o), o.keyring, o.share);
  }

  async knows(address: string): Promise<boolean> {
    return (await this.session.device.at(address)) !== undefined;
  }

  async lock(): Promise<void> {
    this.opener = this.asking = this.kit = null;
    this.session.lock();
  }

  async signOut(forget: boolean): Promise<void> {
    this.opener = this.asking = this.kit = null;
    await this.session.signOut(forget);
  }

  async state(): ReturnType<Vault["state"]> {
    const h = this.session.held;
    return { open: h !== null, mail: h?.raw != null, list: h !== null, fingerprint: h?.id.fingerprint ?? "" };
  }

  // ---- Changing keys ---------------------------------------------------------------------

  // The passphrase opens its container before anything is made with what is inside.
  async confirm(passphrase: string, keyring: Keyring, fingerprint: string): Promise<{ id: Identity; halves: Halves; master: Bytes }> {
    const { id, secret, master } = this.session.open();
    if (fingerprint !== id.fingerprint) throw closed();
    await this.session.pinned(id, keyring);
    const salt = fromBase64(keyring.salt);
    const halves = await derive(passphrase, secret, salt, keyring.kdf);
    const opened = await openMaster({ by: "passphrase", wrap: halves.wrap, salt, kdf: keyring.kdf }, id, keyring);
    sameSecret(opened, master);
    return { id, halves, master };
  }

  async newPassphrase(o: Parameters<Vault["newPassphrase"]>[0]): Promise<NewPassphrase> {
    if ([...o.passphrase.normalize("NFKC")].length < leastPassphrase) throw new VaultError("bad-input");
    const { id, halves: old, master } = await this.confirm(o.old, o.keyring, o.fingerprint);
    const salt = random(16);
    const kdf = stronger(o.keyring.kdf, floor);
    const halves = await derive(o.passphrase, this.session.open().secret, salt, kdf);
    const version = o.keyring.version + 1;
    const container = await wrapMaster({ by: "passphrase", wrap: halves.wrap, salt, kdf }, id, version, master);
    return { version, old_proof: toBase64(old.proof), salt: toBase64(salt), kdf, proof: toBase64(halves.proof), container };
  }

  async newKit(o: Parameters<Vault["newKit"]>[0]): Promise<{ words: string[]; request: Omit<NewKit, "kit_proof"> }> {
    const { id, halves, master } = await this.confirm(o.passphrase, o.keyring, o.fingerprint);
    const entropy = newKit();
    const version = o.keyring.version + 1;
    const container = await wrapMaster({ by: "kit", wrap: await kitWrap(entropy) }, id, version, master);
    this.kit = entropy;
    return { words: await kitToWords(entropy), request: { version, proof: toBase64(halves.proof), container } };
  }

  async proof(o: Parameters<Vault["proof"]>[0]): Promise<{ proof: string }> {
    const { halves } = await this.confirm(o.passphrase, o.keyring, o.fingerprint);
    return { proof: toBase64(halves.proof) };
  }

  // The key in the vault gets them too, and so does its container where the server keeps one.
  async withAddresses(o: Parameters<Vault["withAddresses"]>[0]): ReturnType<Vault["withAddresses"]> {
    const h = this.session.open();
    if (o.fingerprint !== h.id.fingerprint) throw closed();
    await this.session.pinned(h.id, o.keyring);
    await this.session.latest(o.keyring);
    const key = await addIdentities(await this.session.key(), o.name, o.addresses);
    const raw = new Uint8Array(key.write());
    const kept = Object.hasOwn(o.keyring.containers, `openpgp.${h.id.fingerprint}`);
    const version = o.keyring.version + 1;
    const container = kept ? { version, container: await sealOpenpgp(h.master, h.id, version, raw) } : null;
    if (!kept) {
      const pins = (await this.session.device.of(h.id.account))?.pins;
      await this.session.keep({ version: pins?.version ?? 1, kdf: pins?.kdf ?? floor }, null, await sealLocal(h.master, h.id, raw));
    }
    h.raw = raw;
    h.key = key;
    return { certificate: toBase64(new Uint8Array(key.toPublic().write())), container };
  }

  async passkeyContainer(o: Parameters<Vault["passkeyContainer"]>[0]): Promise<NewContainer> {
    const { id, master } = this.session.open();
    if (o.prf.byteLength !== 32 || o.fingerprint !== id.fingerprint || !/^[\w-]{1,1400}$/.test(o.credential)) throw new VaultError("bad-input");
    await this.session.pinned(id, o.keyring);
    const version = o.keyring.version + 1;
    const wrap = await passkeyWrap(new Uint8Array(o.prf));
    return { version, container: await wrapMaster({ by: "passkey", wrap, credential: o.credential }, id, version, master) };
  }

  async requestAccess(address: string): Promise<{ public_key: string; words: string[] }> {
    this.asking = await ask(address);
    return { public_key: toBase64(this.asking.key.raw), words: await accessWords(address, this.asking.key.raw) };
  }

  async grantAccess(o: { public_key: string; address: string; words: string }): Promise<{ sealed: string }> {
    const { id } = this.session.open();
    if (foldAddress(o.address) !== foldAddress(id.address)) throw closed();
    const key = fromBase64(o.public_key);
    if (key.length !== 32) throw closed();
    await checkAccessWords(id.address, key, o.words);
    return { sealed: toBase64(await sealGrant(key, id.address, this.session.both())) };
  }

  async acceptGrant(o: Parameters<Vault["acceptGrant"]>[0]): Promise<void> {
    const id = identity(o);
    const kept = await this.session.pinned(id, o.keyring);
    if (this.asking === null || foldAddress(o.address) !== this.asking.address) throw closed();
    const both = await openGrant(this.asking, fromBase64(o.sealed));
    const master = both.slice(0, 32);
    const contents = await openContents(master, id, o.keyring);
    sameSecret(contents.secret, both.slice(32));
    await this.session.take(master, contents, id, kept);
    await this.session.keep(o.keyring, o.share);
    this.asking = null;
  }

  async importKey(o: Parameters<Vault["importKey"]>[0]): Promise<void> {
    const h = this.session.open();
    if (o.fingerprint !== h.id.fingerprint) throw closed();
    const key = await readSecretKey(o.secret_key, o.fingerprint, o.key_passphrase);
    const raw = new Uint8Array(key.write());
    const pins = (await this.session.device.of(h.id.account))?.pins;
    await this.session.keep({ version: pins?.version ?? 1, kdf: pins?.kdf ?? floor }, null, await sealLocal(h.master, h.id, raw));
    h.raw = raw;
    h.key = key;
  }
}

function identity(o: Identity): Identity {
  return { account: o.account, address: o.address, fingerprint: o.fingerprint };
}

function stronger(a: typeof floor, b: typeof floor): typeof floor {
  return { name: "argon2id", memory: Math.max(a.memory, b.memory), iterations: Math.max(a.iterations, b.iterations), lanes: Math.max(a.lanes, b.lanes) };
}

