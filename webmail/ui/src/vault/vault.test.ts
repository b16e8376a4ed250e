// The vault as a page uses it: opening, changing keys, and what a hostile server may try.

import "fake-indexeddb/auto";
import { MessageChannel } from "node:worker_threads";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Kdf, Keyring } from "../wire/api.ts";
import { createEngine } from "./engine.ts";
import { fromBase64, toBase64, utf8 } from "./bytes.ts";
import { methods } from "./methods.ts";
import { type Port, createClient, serve } from "./rpc.ts";
import { type World, account, address, newWorld, phrase, share } from "./world.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // Argon2id is slow on purpose

let w: World;
let kit: string;
let passphrase = phrase; // the account's now: tests change it, and stand alone all the same

beforeAll(async () => {
  w = await newWorld();
  kit = w.made.words.join(" ");
  expect((await w.vault.tryKit(kit.toUpperCase())).kit_proof).toHaveLength(44);
  await w.vault.proveByKit({ address, words: kit });
  await w.vault.open({ ...w.id, keyring: w.ring, share });
}, 120_000);

// As a browser that knows the account, after a reload.
function reload() {
  return createEngine();
}

async function byPassphrase(ring: Keyring, o: { passphrase?: string; salt?: string; kdf?: Kdf; fingerprint?: string; account?: string } = {}) {
  const vault = reload();
  const { proof } = await vault.proveByPassphrase({ address, passphrase: o.passphrase ?? phrase, parameters: { salt: o.salt ?? ring.salt, kdf: o.kdf ?? ring.kdf } });
  await vault.open({ ...w.id, keyring: ring, share, ...(o.fingerprint ? { fingerprint: o.fingerprint } : {}), ...(o.account ? { account: o.account } : {}) });
  return { vault, proof };
}

describe("opening", () => {
  it("opens by passphrase, and proves what the server was told", async () => {
    const { vault, proof } = await byPassphrase(w.ring);
    expect(proof).toBe(w.made.join.proof);
    expect(await vault.state()).toEqual({ open: true, mail: true, list: true, fingerprint: w.id.fingerprint });
    await vault.lock();
    expect(await vault.state()).toMatchObject({ open: false, mail: false });
    await expect(vault.openCards({ ids: [], cards: [] })).rejects.toThrow("locked");
  });

  it("opens by kit, and knows the account afterwards", async () => {
    const vault = reload();
    const { proof } = await vault.proveByKit({ address, words: kit });
    expect(proof).toBe((await w.vault.tryKit(kit)).kit_proof);
    await vault.open({ ...w.id, keyring: w.ring, share });
    expect(await vault.knows("ALICE@Example.org")).toBe(true);
    expect(await vault.knows("bob@example.org")).toBe(false);
    await expect(vault.tryKit(kit)).rejects.toThrow("closed"); // this one showed none
  });

  it("reopens after a reload with the session's share, and with no other", async () => {
    const vault = reload();
    await vault.reopen({ ...w.id, keyring: w.ring, share });
    expect((await vault.state()).open).toBe(true);
    await expect(reload().reopen({ ...w.id, keyring: w.ring, share: btoa("t".repeat(32)) })).rejects.toThrow("closed");
    await expect(reload().reopen({ ...w.id, keyring: w.ring, share: "" })).rejects.toThrow("closed");
  });

  it("refuses a wrong passphrase with the word of every other failure", async () => {
    await expect(byPassphrase(w.ring, { passphrase: "wrong horse battery staple" })).rejects.toThrow(/^closed$/);
    await expect(reload().proveByKit({ address, words: "abandon ".repeat(24) })).rejects.toThrow(/^closed$/);
    await expect(reload().proveByPassphrase({ address: "nobody@example.org", passphrase: phrase, parameters: w.ring })).rejects.toThrow(/^closed$/);
  });

  it("attaches an account without its key, which another device has", async () => {
    const vault = createEngine();
    const { join } = w.made;
    const invitation = { domains: [], attach: true, account: "ffffffffffffffff", certificate: join.certificate, expires: "" };
    const made = await vault.attach({ invitation, address: "alice@other.test", passphrase: phrase, keep: false });
    expect(Object.keys(made.join.containers).sort()).toEqual(["list", "master.kit", "master.passphrase", "secret"]);
    expect(await vault.state()).toMatchObject({ open: true, mail: false, list: true });
    const armored = await w.vault.exportKey({ passphrase: "export me please" });
    const id = { account: "ffffffffffffffff", address: "alice@other.test", fingerprint: made.fingerprint };
    await expect(vault.importKey({ secret_key: armored, key_passphrase: "wrong", fingerprint: made.fingerprint })).rejects.toThrow("closed");
    await vault.importKey({ secret_key: armored, key_passphrase: "export me please", fingerprint: made.fingerprint });
    expect((await vault.state()).mail).toBe(true);
    // It stays on this device, under the master key.
    const keyring = { version: 1, salt: join.salt, kdf: join.kdf, containers: made.join.containers };
    await vault.proveByKit({ address: id.address, words: made.words.join(" ") });
    await vault.open({ ...id, keyring, share });
    expect((await vault.state()).mail).toBe(true);
    const again = createEngine();
    await again.reopen({ ...id, keyring, share });
    expect((await again.state()).mail).toBe(true);
  });
});

describe("a hostile server", () => {
  const opens = async (ring: Keyring, id = w.id) => {
    const vault = reload();
    await vault.proveByKit({ address, words: kit });
    await vault.open({ ...id, keyring: ring, share });
  };
  const tampered = (name: string, b: Uint8Array): Keyring => ({ ...w.ring, containers: { ...w.ring.containers, [name]: toBase64(b) } });

  it("gets nothing from a container with any byte changed, or cut (A01)", async () => {
    await expect(opens(w.ring)).resolves.toBeUndefined();
    for (const name of ["master.kit", "secret", "list", `openpgp.${w.id.fingerprint}`]) {
      const whole = fromBase64(w.ring.containers[name]!);
      for (let i = 0; i < whole.length; i++) {
        const b = whole.slice();
        b[i]! ^= 1 << i % 8;
        await expect(opens(tampered(name, b)), `${name} byte ${i}`).rejects.toThrow(/^closed$/);
        if (i % 3 === 0) await expect(opens(tampered(name, whole.slice(0, i))), `${name} cut at ${i}`).rejects.toThrow(/^closed$/);
      }
    }
  }, 120_000);

  it("cannot put one container in another's place, or another account's (A03)", async () => {
    const other = await newWorld("bob@example.org", "1111222233334444");
    for (const name of Object.keys(w.ring.containers)) {
      if (name === "master.passphrase") continue;
      for (const [from, container] of [...Object.entries(w.ring.containers), ...Object.entries(other.ring.containers)]) {
        if (container === w.ring.containers[name]) continue;
        await expect(opens({ ...w.ring, containers: { ...w.ring.containers, [name]: container } }), `${from} for ${name}`).rejects.toThrow(/^closed$/);
      }
    }
    await expect(opens(w.ring, { ...w.id, account: "1111222233334444" })).rejects.toThrow(); // pinned: another key
    await expect(opens(w.ring, { ...w.id, account: "../../../x" })).rejects.toThrow(/^closed$/);
  });

  it("cannot lower the key derivation (A02)", async () => {
    const good = w.ring.kdf;
    for (const kdf of [
      { ...good, memory: 8 }, { ...good, memory: 65535 }, { ...good, iterations: 1 }, { ...good, lanes: 0 }, { ...good, name: "pbkdf2" }, { ...good, memory: 2 ** 30 },
      { ...good, iterations: 1000 }, { ...good, memory: NaN }, { ...good, memory: 65536.5 },
    ] as Kdf[]) {
      await expect(reload().proveByPassphrase({ address, passphrase: phrase, parameters: { salt: w.ring.salt, kdf } })).rejects.toThrow(/^weak$/);
      await expect(opens({ ...w.ring, kdf })).rejects.toThrow(/^weak$/);
    }
    await expect(byPassphrase({ ...w.ring, salt: toBase64(new Uint8Array(16)) })).rejects.toThrow(/^closed$/);
  });

  it("cannot go back behind what this browser has seen, nor swap the key (A03, A08)", async () => {
    const vault = reload();
    await vault.reopen({ ...w.id, keyring: w.ring, share });
    const change = await vault.newPassphrase({ old: phrase, passphrase: "a new and longer passphrase", keyring: w.ring, fingerprint: w.id.fingerprint });
    expect(change.old_proof).toBe(w.made.join.proof);
    const next: Keyring = { version: 2, salt: change.salt, kdf: change.kdf, containers: { ...w.ring.containers, "master.passphrase": change.container } };
    // Kept aside, so that other tests find the account as it was.
    const later = await byPassphrase(next, { passphrase: "a new and longer passphrase" });
    expect((await later.vault.state()).open).toBe(true);
    await expect(byPassphrase(w.ring)).rejects.toThrow(/^rolled-back$/);
    await expect(reload().reopen({ ...w.id, keyring: w.ring, share })).rejects.toThrow(/^rolled-back$/);
    await expect(byPassphrase(next, { passphrase: phrase })).rejects.toThrow(/^closed$/);
    await expect(opens(next, { ...w.id, fingerprint: "A".repeat(40) })).rejects.toThrow(/^rolled-back$/);
    w.ring = next;
    passphrase = "a new and longer passphrase";
  });

  it("cannot make a weaker derivation pass once a stronger was seen", async () => {
    const { nextPins, checkPins } = await import("./device.ts");
    const strong: Kdf = { name: "argon2id", memory: 128 << 10, iterations: 4, lanes: 1 };
    const pins = nextPins(undefined, 1, strong, w.id.fingerprint);
    expect(() => checkPins(pins, { ...w.ring, kdf: strong }, w.id.fingerprint)).not.toThrow();
    expect(() => checkPins(pins, w.ring, w.id.fingerprint)).toThrow(/^weak$/);
    expect(nextPins(pins, 5, w.ring.kdf, w.id.fingerprint)).toEqual({ ...pins, version: 5 });
  });

  it("cannot have a changed secret key used, were it sealed by who has the master key (A04)", async () => {
    const { readSecretKey, newKey } = await import("./openpgp.ts");
    const mine = await newKey("A", "a@example.org");
    const other = await newKey("B", "b@example.org");
    await expect(readSecretKey(mine.secret, mine.fingerprint)).resolves.toBeDefined();
    await expect(readSecretKey(other.secret, mine.fingerprint)).rejects.toThrow(/^closed$/);
    let refused = 0;
    const material = (k: typeof mine.key) => [k, ...k.subkeys].map((s) => toBase64((s.keyPacket as unknown as { write(): Uint8Array }).write()));
    for (let i = 0; i < mine.secret.length; i++) {
      const b = mine.secret.slice();
      b[i]! ^= 1;
      await readSecretKey(b, mine.fingerprint).then(
        // A name was changed, or a subkey became one of no known kind: what is left is as it was.
        (k) => expect(material(mine.key), `byte ${i}`).toEqual(expect.arrayContaining(material(k))),
        (e) => (expect(e.message).toBe("closed"), refused++),
      );
    }
    expect(refused).toBeGreaterThan(mine.secret.length / 2);
    // Another private part under the same public one, with its checksum made anew.
    for (const i of [0, 1]) {
      const made = await newKey("A", "a@example.org");
      const { privateParams } = [made.key, ...made.key.subkeys][i]!.keyPacket as unknown as { privateParams: Record<string, Uint8Array> };
      for (const part of Object.values(privateParams)) part[10]! ^= 1;
      await expect(readSecretKey(new Uint8Array(made.key.write()), made.fingerprint), `key ${i}`).rejects.toThrow(/^closed$/);
    }
  }, 120_000);
});

describe("changing keys", () => {
  it("makes another kit, and only for who knows the passphrase", async () => {
    const vault = reload();
    await vault.reopen({ ...w.id, keyring: w.ring, share });
    const fingerprint = w.id.fingerprint;
    await expect(vault.newKit({ passphrase: "not the passphrase", keyring: w.ring, fingerprint })).rejects.toThrow("closed");
    const { words, request } = await vault.newKit({ passphrase, keyring: w.ring, fingerprint });
    expect(request.version).toBe(w.ring.version + 1);
    expect((await vault.tryKit(words.join(" "))).kit_proof).not.toBe("");
    await expect(vault.tryKit(kit)).rejects.toThrow("closed");
    const next: Keyring = { ...w.ring, version: request.version, containers: { ...w.ring.containers, "master.kit": request.container } };
    await vault.proveByKit({ address, words: words.join(" ") });
    await vault.open({ ...w.id, keyring: next, share });
    w.ring = next;
    kit = words.join(" ");
  });

  it("opens by a passkey", async () => {
    const vault = reload();
    await vault.reopen({ ...w.id, keyring: w.ring, share });
    const prf = new Uint8Array(32).fill(9).buffer;
    const c = await vault.passkeyContainer({ prf, credential: "cred_-1", keyring: w.ring, fingerprint: w.id.fingerprint });
    const next: Keyring = { ...w.ring, version: c.version, containers: { ...w.ring.containers, "master.passkey.cred_-1": c.container } };
    const other = reload();
    await other.proveByPasskey({ prf, credential: "cred_-1" });
    await other.open({ ...w.id, keyring: next, share });
    expect((await other.state()).open).toBe(true);
    await other.proveByPasskey({ prf: new ArrayBuffer(32), credential: "cred_-1" });
    await expect(other.open({ ...w.id, keyring: next, share })).rejects.toThrow("closed");
    w.ring = next;
  });

  it("lets a new device in by its words", async () => {
    const old = reload();
    await old.reopen({ ...w.id, keyring: w.ring, share });
    const device = reload();
    const asked = await device.requestAccess("Alice@example.ORG");
    expect(asked.words).toHaveLength(6);
    await expect(old.grantAccess({ public_key: asked.public_key, address, words: "abandon ".repeat(6) })).rejects.toThrow("closed");
    const between = await reload().requestAccess(address); // the server's own key
    await expect(old.grantAccess({ public_key: between.public_key, address, words: asked.words.join(" ") })).rejects.toThrow("closed");
    const { sealed } = await old.grantAccess({ public_key: asked.public_key, address, words: asked.words.join(" ") });
    const bad = fromBase64(sealed);
    bad[60]! ^= 1;
    await expect(device.acceptGrant({ ...w.id, sealed: toBase64(bad), keyring: w.ring, share })).rejects.toThrow("closed");
    await device.acceptGrant({ ...w.id, sealed, keyring: w.ring, share });
    expect((await device.state()).open).toBe(true);
  });

  it("signs out of this device, and forgets it if told so", async () => {
    const vault = reload();
    await vault.reopen({ ...w.id, keyring: w.ring, share });
    await vault.signOut(false);
    expect((await vault.state()).open).toBe(false);
    expect(await vault.knows(address)).toBe(true);
    await expect(reload().reopen({ ...w.id, keyring: w.ring, share })).rejects.toThrow("closed");
    const back = await byPassphrase(w.ring, { passphrase: "a new and longer passphrase" });
    await back.vault.signOut(true);
    expect(await back.vault.knows(address)).toBe(false);
  });
});

describe("the cabinet", () => {
  it("seals items for one place and version", async () => {
    const { vault } = await newWorld("carol@example.org", "5555666677778888");
    const data = () => utf8('{"v":1,"x":"canary"}').buffer;
    const box = await vault.seal({ drawer: "settings", name: "main", version: 3, data: data() });
    expect(new TextDecoder().decode(await vault.openBox({ drawer: "settings", name: "main", version: 3, box })).trimEnd()).toBe('{"v":1,"x":"canary"}');
    for (const wrong of [{ drawer: "drafts", name: "main", version: 3 }, { drawer: "settings", name: "other", version: 3 }, { drawer: "settings", name: "main", version: 2 }])
      await expect(vault.openBox({ ...wrong, box })).rejects.toThrow(/^closed$/);
    for (const wrong of [{ drawer: "keys", name: "main", version: 3 }, { drawer: "settings", name: "a\nb", version: 3 }, { drawer: "settings", name: "main", version: 0 }])
      await expect(vault.seal({ ...wrong, data: data() })).rejects.toThrow(/^bad-input$/);
    // What stays in this browser comes back octet for octet, and is no item of the cabinet.
    const local = await vault.seal({ drawer: "device", name: "main", version: 3, data: utf8("x".repeat(1001)).buffer });
    expect((await vault.openBox({ drawer: "device", name: "main", version: 3, box: local })).byteLength).toBe(1001);
    await expect(vault.openBox({ drawer: "settings", name: "main", version: 3, box: local })).rejects.toThrow(/^closed$/);
    const big = await vault.seal({ drawer: "pages", name: "p", version: 1, data: utf8("x".repeat(1001)).buffer });
    expect(big.byteLength).toBe(1024 + 65 + 16);
  });
});

describe("calls over a port", () => {
  it("tells one word of any failure, and reaches nothing else", async () => {
    const { port1, port2 } = new MessageChannel();
    const engine = createEngine();
    (engine as unknown as { [m: string]: unknown })["fold"] = async () => {
      throw new Error("inner detail");
    };
    serve(port2 as unknown as Port, engine);
    const vault = createClient(port1 as unknown as Port);
    await expect(vault.state()).resolves.toMatchObject({ open: false });
    const e = await vault.fold("x").catch((e: unknown) => e as Error);
    expect(e).toMatchObject({ name: "VaultError", message: "closed" });
    (engine as unknown as { [m: string]: unknown })["part"] = async (handle: number, index: number) => ({ name: `${handle}/${index}`, type: "", data: new ArrayBuffer(3) });
    expect(await vault.part(4, 2)).toMatchObject({ name: "4/2", data: expect.any(ArrayBuffer) });
    for (const name of ["constructor", "__proto__", "session", "held", "key"]) expect(methods.has(name)).toBe(false);
    port1.close();
    expect(account).toHaveLength(16);
  });
});
