// What this browser keeps of an account, in IndexedDB: a key that cannot be taken out,
// boxes that only it opens, and pins: what a server may not go back behind (ATTACKS A03).

import type { Kdf, Keyring } from "../wire/api.ts";
import { checkKdf } from "./argon.ts";
import { type Bytes, concat, copy, textOf, utf8 } from "./bytes.ts";
import { open, seal } from "./box.ts";
import { VaultError, closed } from "./errors.ts";
import { foldAddress } from "./kit.ts";

export interface Pins {
  version: number; // of the keyring, the highest seen
  kdf: Kdf; // the strongest seen
  fingerprint: string;
}

export interface Kept {
  account: string;
  address: string; // folded
  key: CryptoKey; // HMAC-SHA-256, not extractable
  secret: Bytes; // box of the account secret, under the key alone
  copy: Bytes | null; // box of master and account secret, under the key and the session's share
  own: Bytes | null; // container of a secret key that only this browser has, under the master key
  offline?: { ring: Bytes; facts: Bytes } | null; // to open without a network: the keyring, under the key alone; facts, under the master key
  pins: Pins;
}

const name = "sealpost-vault";
const store = "accounts";

function wait<T>(r: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    r.onsuccess = () => resolve(r.result);
    r.onerror = () => reject(r.error);
  });
}

// Device opens the database for each call and closes it again: a worker that was put to
// sleep with an open one would hold up others.
export class Device {
  private async use<T>(mode: IDBTransactionMode, work: (s: IDBObjectStore) => Promise<T>): Promise<T> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(store, { keyPath: "account" });
    const db = await wait(opening);
    try {
      const t = db.transaction(store, mode, mode === "readwrite" ? { durability: "strict" } : {});
      const done = new Promise<void>((resolve, reject) => {
        t.oncomplete = () => resolve();
        t.onabort = t.onerror = () => reject(t.error);
      });
      const result = await work(t.objectStore(store));
      await done;
      return result;
    } finally {
      db.close();
    }
  }

  async of(account: string): Promise<Kept | undefined> {
    return (await this.use("readonly", (s) => wait(s.get(account)))) as Kept | undefined;
  }

  async at(address: string): Promise<Kept | undefined> {
    const folded = foldAddress(address);
    return ((await this.use("readonly", (s) => wait(s.getAll()))) as Kept[]).find((k) => k.address === folded);
  }

  // What stands there and what takes its place, in one transaction: a copy that was just
  // thrown away does not come back with something else that was being written.
  async change(account: string, next: (now: Kept | undefined) => Kept | undefined): Promise<void> {
    await this.use("readwrite", async (s) => {
      const k = next((await wait(s.get(account))) as Kept | undefined);
      if (k !== undefined) await wait(s.put(k));
    });
  }

  async remove(account: string): Promise<void> {
    await this.use("readwrite", (s) => wait(s.delete(account)));
  }
}

export async function newDeviceKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);
}

async function mac(key: CryptoKey, what: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, copy(what)));
}

const secretContext = (account: string) => ({ account, purpose: "device.secret", version: 1 });
const copyContext = (account: string) => ({ account, purpose: "device.copy", version: 1 });

export async function sealSecret(k: Pick<Kept, "account" | "key">, secret: Uint8Array): Promise<Bytes> {
  return seal(await mac(k.key, utf8("sealpost account secret v1")), secretContext(k.account), secret);
}

export async function openSecret(k: Kept): Promise<Bytes> {
  return open(await mac(k.key, utf8("sealpost account secret v1")), secretContext(k.account), k.secret);
}

// The device's copy opens only with the share of a session that lives.
export async function sealCopy(k: Pick<Kept, "account" | "key">, share: Uint8Array, master: Uint8Array, secret: Uint8Array): Promise<Bytes> {
  if (share.length !== 32) throw closed();
  return seal(await mac(k.key, share), copyContext(k.account), concat(master, secret));
}

export async function openCopy(k: Kept, share: Uint8Array): Promise<{ master: Bytes; secret: Bytes }> {
  if (k.copy === null || share.length !== 32) throw closed();
  const both = await open(await mac(k.key, share), copyContext(k.account), k.copy);
  return { master: both.slice(0, 32), secret: both.slice(32) };
}

// The keyring as the server served it. Its containers are opaque, and still nobody gets them
// to guess at without this device's key.
const ringContext = (account: string) => ({ account, purpose: "device.keyring", version: 1 });

export async function sealRing(k: Pick<Kept, "account" | "key">, ring: Keyring): Promise<Bytes> {
  const { version, salt, kdf, containers } = ring;
  return seal(await mac(k.key, utf8("sealpost offline v1")), ringContext(k.account), utf8(JSON.stringify({ version, salt, kdf, containers })));
}

export async function openRing(k: Kept): Promise<Keyring> {
  if (!k.offline) throw closed();
  const ring = JSON.parse(textOf(await open(await mac(k.key, utf8("sealpost offline v1")), ringContext(k.account), k.offline.ring))) as Keyring;
  checkPins(k.pins, ring, k.pins.fingerprint);
  return ring;
}

// Refuses a keyring that is older, weaker, or of another key than this browser has seen.
export function checkPins(pins: Pins | undefined, ring: Keyring, fingerprint: string): void {
  checkKdf(ring.kdf, pins?.kdf);
  if (!Number.isSafeInteger(ring.version) || ring.version < 1) throw closed();
  if (pins !== undefined && (ring.version < pins.version || fingerprint !== pins.fingerprint)) throw new VaultError("rolled-back");
}

// What is pinned once a keyring was opened.
export function nextPins(pins: Pins | undefined, version: number, kdf: Kdf, fingerprint: string): Pins {
  const strongest: Kdf = {
    name: "argon2id",
    memory: Math.max(kdf.memory, pins?.kdf.memory ?? 0),
    iterations: Math.max(kdf.iterations, pins?.kdf.iterations ?? 0),
    lanes: Math.max(kdf.lanes, pins?.kdf.lanes ?? 0),
  };
  return { version: Math.max(version, pins?.version ?? 0), kdf: strongest, fingerprint };
}
