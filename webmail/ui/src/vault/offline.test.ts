// A device that opens without the server: what it keeps for that, and what it does not.

import "fake-indexeddb/auto";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { fromBase64 } from "./bytes.ts";
import { createEngine } from "./engine.ts";
import { type World, account, address, newWorld, phrase, share } from "./world.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // Argon2id is slow on purpose

const facts = JSON.stringify({ account: { addresses: [address], quota: 4_711 } });
let w: World;
let kit: string;

beforeAll(async () => {
  w = await newWorld();
  kit = w.made.words.join(" ");
  await w.vault.proveByKit({ address, words: kit });
  await w.vault.open({ ...w.id, keyring: w.ring, share });
}, 120_000);

// Everything that this browser keeps, as octets of one character each; keys that cannot be
// taken out are no part of it.
async function stored(): Promise<{ [name: string]: unknown }> {
  const db = await new Promise<IDBDatabase>((done) => {
    const r = indexedDB.open("sealpost-vault", 1);
    r.onsuccess = () => done(r.result);
  });
  const kept = await new Promise<{ [name: string]: unknown }>((done) => {
    const r = db.transaction("accounts").objectStore("accounts").get(account);
    r.onsuccess = () => done(r.result as { [name: string]: unknown });
  });
  db.close();
  return kept;
}
function octets(v: unknown): string {
  if (v instanceof Uint8Array) return Array.from(v, (b) => String.fromCharCode(b)).join("");
  if (typeof v === "object" && v !== null && !(v instanceof CryptoKey)) return Object.entries(v).map(([k, x]) => `${k}=${octets(x)}`).join("\n");
  return String(v);
}

async function byPassphrase(passphrase: string) {
  const vault = createEngine();
  const here = (await vault.offline(address))!;
  await vault.proveByPassphrase({ address, passphrase, parameters: here.parameters });
  const opened = await vault.openOffline(here.account);
  return { vault, opened };
}

describe("without a network", () => {
  it("opens nothing that was not left here for it", async () => {
    const vault = createEngine();
    expect(await vault.offline(address)).toBe(null);
    await vault.proveByKit({ address, words: kit });
    await expect(vault.openOffline(account)).rejects.toThrow(/^closed$/);
  });

  it("opens by passphrase or kit what the owner left here, and by nothing else", async () => {
    await w.vault.keepOffline({ keyring: w.ring, facts });
    const { vault, opened } = await byPassphrase(phrase);
    expect(opened).toEqual({ keyring: w.ring, facts });
    expect(await vault.state()).toEqual({ open: true, mail: true, list: true, fingerprint: w.id.fingerprint });
    const box = await w.vault.seal({ drawer: "device", name: "x", version: 1, data: new ArrayBuffer(3) });
    expect((await vault.openBox({ drawer: "device", name: "x", version: 1, box })).byteLength).toBe(3);
    await expect(byPassphrase("wrong horse battery staple")).rejects.toThrow(/^closed$/);
    const other = createEngine();
    await other.proveByKit({ address, words: kit });
    await other.openOffline(account);
    expect((await other.state()).mail).toBe(true);
    await expect(createEngine().openOffline(account)).rejects.toThrow(/^closed$/); // nothing was proved
  });

  it("opens by a passkey that unlocks", async () => {
    const prf = new Uint8Array(32).fill(7).buffer;
    const made = await w.vault.passkeyContainer({ prf, credential: "cred-1", keyring: w.ring, fingerprint: w.id.fingerprint });
    const ring = { ...w.ring, version: made.version, containers: { ...w.ring.containers, "master.passkey.cred-1": made.container } };
    await w.vault.keepOffline({ keyring: ring, facts });
    const vault = createEngine();
    expect((await vault.offline(address))?.credentials).toEqual(["cred-1"]);
    await vault.proveByPasskey({ prf, credential: "cred-1" });
    await vault.openOffline(account);
    expect((await vault.state()).open).toBe(true);
    await vault.proveByPasskey({ prf: new Uint8Array(32).fill(8).buffer, credential: "cred-1" });
    await expect(vault.openOffline(account)).rejects.toThrow(/^closed$/);
    await w.vault.keepOffline({ keyring: w.ring, facts });
  });

  it("keeps the account secret, the keyring and the facts under keys, and no key that can be taken out", async () => {
    await w.vault.keepOffline({ keyring: w.ring, facts });
    const kept = await stored();
    const key = kept["key"] as CryptoKey;
    expect([key.extractable, key.algorithm.name]).toEqual([false, "HMAC"]);
    const all = octets(kept);
    const grant = await stolenSecret();
    expect(all.includes(grant), "the account secret in the clear").toBe(false);
    expect(all.includes("4711") || all.includes("quota"), "facts in the clear").toBe(false);
    for (const [name, container] of Object.entries(w.ring.containers)) {
      expect(all.includes(container), `${name} as text`).toBe(false);
      expect(all.includes(octets(fromBase64(container)).slice(8, 60)), name).toBe(false);
    }
  });

  it("does not open with another device's key: a copied record alone is no use", async () => {
    const kept = await stored();
    const db = await new Promise<IDBDatabase>((done) => {
      const r = indexedDB.open("sealpost-vault", 1);
      r.onsuccess = () => done(r.result);
    });
    const put = (k: unknown) => new Promise<void>((done) => {
      db.transaction("accounts", "readwrite").objectStore("accounts").put(k).onsuccess = () => done();
    });
    const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);
    await put({ ...kept, key });
    const vault = createEngine();
    await expect(vault.offline(address)).rejects.toThrow(/^closed$/);
    await put(kept);
    db.close();
    expect((await createEngine().offline(address))?.account).toBe(account);
  });

  it("keeps on after locking, and nothing after it was dropped", async () => {
    const { vault } = await byPassphrase(phrase);
    await vault.signOut(false);
    expect(await createEngine().offline(address)).not.toBe(null);
    await createEngine().dropOffline("ALICE@example.org"); // also by who has no key open
    expect(await createEngine().offline(address)).toBe(null);
    expect(await createEngine().knows(address)).toBe(true);
    await expect(createEngine().reopen({ ...w.id, keyring: w.ring, share })).rejects.toThrow(/^closed$/);
  });

  it("meets the server: an older keyring, or another account's, is not taken", async () => {
    await w.vault.keepOffline({ keyring: w.ring, facts });
    const { vault } = await byPassphrase(phrase);
    await expect(vault.renew({ ...w.id, keyring: { ...w.ring, version: 0 }, share })).rejects.toThrow(/^closed$/);
    await expect(vault.renew({ ...w.id, account: "ffffffffffffffff", keyring: w.ring, share })).rejects.toThrow(/^closed$/);
    await vault.renew({ ...w.id, keyring: { ...w.ring, version: 5 }, share });
    await expect(vault.renew({ ...w.id, keyring: w.ring, share })).rejects.toThrow(/^rolled-back$/);
    await createEngine().reopen({ ...w.id, keyring: { ...w.ring, version: 5 }, share });
    await w.vault.lock();
  });
});

// The account secret as a granted device gets it: 16 octets, one character each.
async function stolenSecret(): Promise<string> {
  const { openContents, openMaster } = await import("./keys.ts");
  const { kitWrap, parseKit } = await import("./kit.ts");
  const master = await openMaster({ by: "kit", wrap: await kitWrap(await parseKit(kit)) }, w.id, w.ring);
  const { secret } = await openContents(master, w.id, w.ring);
  expect(secret).toHaveLength(16);
  return octets(secret);
}
