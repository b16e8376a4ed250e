// What the vault holds while it is open, and how it comes to be: keys in memory, and this
// device's copy of them.

import type { Kdf, Keyring } from "../wire/api.ts";
import { open as openBox, seal } from "./box.ts";
import { type Bytes, copy, equal, fromBase64, textOf, utf8 } from "./bytes.ts";
import { type Kept, Device, checkPins, newDeviceKey, nextPins, openCopy, openRing, sealCopy, sealRing, sealSecret } from "./device.ts";
import { VaultError, closed } from "./errors.ts";
import { type ListKey, importListKey } from "./hpke.ts";
import { type Contents, type Identity, type Opener, openContents, openLocal, openMaster, purposeKey } from "./keys.ts";
import { foldAddress } from "./kit.ts";
import { type PrivateKey, readSecretKey } from "./openpgp.ts";

export interface Held {
  id: Identity;
  master: Bytes;
  secret: Bytes;
  list: ListKey;
  raw: Bytes | null; // transferable secret key; null: none is here
  key: PrivateKey | null; // the same, read when it is first needed
}

const factsContext = (account: string) => ({ account, purpose: "device.facts", version: 1 });

export class Session {
  held: Held | null = null;
  readonly device = new Device();

  open(): Held {
    if (this.held === null) throw new VaultError("locked");
    return this.held;
  }

  // The owner's OpenPGP key. It is read and checked when mail is first opened, so that a
  // list shows before a library is loaded.
  async key(): Promise<PrivateKey> {
    const h = this.open();
    if (h.raw === null) throw new VaultError("no-key");
    return (h.key ??= await readSecretKey(h.raw, h.id.fingerprint));
  }

  lock(): void {
    const h = this.held;
    this.held = null;
    for (const b of [h?.master, h?.secret, h?.raw]) b?.fill(0);
  }

  // What a server may not go back behind, checked before anything is opened.
  async pinned(id: Identity, ring: Keyring): Promise<Kept | undefined> {
    const kept = await this.device.of(id.account);
    checkPins(kept?.pins, ring, id.fingerprint);
    return kept;
  }

  async take(master: Bytes, contents: Contents, id: Identity, kept: Kept | undefined): Promise<void> {
    let raw = contents.openpgp;
    if (raw === null && kept?.own) raw = await openLocal(master, id, kept.own).catch(() => null);
    this.held = { id, master, secret: contents.secret, list: await importListKey(contents.list), raw, key: null };
  }

  async openWith(master: Bytes, id: Identity, ring: Keyring, kept: Kept | undefined): Promise<void> {
    await this.take(master, await openContents(master, id, ring), id, kept);
  }

  // Keeps what this device needs to open again, and pins what was seen.
  async keep(ring: { version: number; kdf: Kdf }, share: string | null, own?: Bytes | null): Promise<void> {
    const { id, master, secret } = this.open();
    const old = await this.device.of(id.account);
    const key = old?.key ?? (await newDeviceKey());
    const base = { account: id.account, key };
    const sealed = await sealSecret(base, secret);
    const both = share === null ? null : await sealCopy(base, fromBase64(share), master, secret);
    await this.device.change(id.account, (now) => ({
      ...base,
      address: foldAddress(id.address),
      secret: sealed,
      copy: both ?? now?.copy ?? null,
      own: own === undefined ? (now?.own ?? null) : own,
      offline: now?.offline ?? null,
      pins: nextPins(now?.pins, ring.version, ring.kdf, id.fingerprint),
    }));
  }

  async reopen(id: Identity, ring: Keyring, share: string): Promise<void> {
    const kept = await this.pinned(id, ring);
    if (kept === undefined) throw closed();
    const { master, secret } = await openCopy(kept, fromBase64(share));
    const contents = await openContents(master, id, ring);
    if (contents.secret.some((b, i) => b !== secret[i])) throw closed();
    await this.take(master, contents, id, kept);
    await this.keep(ring, null);
  }

  // ---- Without a network -------------------------------------------------------------

  async keepOffline(ring: Keyring, facts: string): Promise<void> {
    const { id, master } = this.open();
    const kept = await this.pinned(id, ring);
    if (kept === undefined) throw closed();
    const sealed = await seal(await purposeKey(master, "device"), factsContext(id.account), utf8(facts));
    const offline = { ring: await sealRing(kept, ring), facts: sealed };
    if (this.held?.master !== master) throw new VaultError("locked"); // meanwhile
    await this.device.change(id.account, (now) => now && { ...now, offline });
  }

  async openOffline(opener: Opener, account: string): Promise<{ keyring: Keyring; facts: string }> {
    const kept = await this.device.of(account);
    if (!kept?.offline) throw closed();
    const ring = await openRing(kept);
    const id: Identity = { account, address: kept.address, fingerprint: kept.pins.fingerprint };
    const master = await openMaster(opener, id, ring);
    const facts = textOf(await openBox(await purposeKey(master, "device"), factsContext(account), kept.offline.facts));
    await this.openWith(master, id, ring, kept);
    return { keyring: ring, facts };
  }

  async dropOffline(address: string, onlyThis: boolean): Promise<void> {
    const kept = await this.device.at(address);
    if (kept !== undefined) await this.device.change(kept.account, (now) => now && { ...now, copy: onlyThis ? now.copy : null, offline: null });
  }

  // What was opened without the server is what the server has, or something newer of it.
  // Says whether the OpenPGP key is another: a device of the owner's gave it a subkey.
  async renew(id: Identity, ring: Keyring, share: string): Promise<boolean> {
    const held = this.open();
    if (id.account !== held.id.account) throw closed();
    await this.pinned(id, ring);
    const contents = await openContents(held.master, id, ring);
    if (contents.secret.some((b, i) => b !== held.secret[i])) throw closed();
    const other = await this.follow(contents);
    held.id = id;
    await this.keep(ring, share);
    return other;
  }

  // The OpenPGP key as the keyring has it, before anything is made of it: who changes an older
  // copy would lose the subkey that another device gave it.
  async latest(ring: Keyring): Promise<void> {
    const { master, id } = this.open();
    await this.follow(await openContents(master, id, ring));
  }
  private async follow(contents: Contents): Promise<boolean> {
    const held = this.open();
    if (contents.openpgp === null || (held.raw !== null && equal(contents.openpgp, held.raw))) return false;
    held.key = await readSecretKey(contents.openpgp, held.id.fingerprint);
    held.raw = contents.openpgp;
    return true;
  }

  async signOut(forget: boolean): Promise<void> {
    const id = this.held?.id;
    this.lock();
    if (id === undefined) return;
    if (forget) return this.device.remove(id.account);
    await this.device.change(id.account, (now) => now && { ...now, copy: null });
  }

  // Copies, so that what a caller does with them changes nothing here.
  both(): Bytes {
    const { master, secret } = this.open();
    const b = new Uint8Array(48);
    b.set(copy(master));
    b.set(copy(secret), 32);
    return b;
  }
}
