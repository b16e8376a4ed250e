// Another encryption subkey: what it changes, what of the old one stays, and that old mail
// opens with the new one alone once it was sealed anew.

import "fake-indexeddb/auto";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Keyring, NewKey } from "../wire/api.ts";
import { concat, fromBase64, latin1, toBase64, utf8 } from "./bytes.ts";
import { createEngine } from "./engine.ts";
import { exchange, remakeHeader } from "./exchange.ts";
import { tagOf } from "./hpke.ts";
import { decrypt, openpgp, readCertificate, readSecretKey } from "./openpgp.ts";
import { splitKeys, walkMessage } from "./packets.ts";
import { sealParcel } from "./parcel.ts";
import { addSubkey, current, describe as describeKey, extend, forgetSecrets } from "./subkeys.ts";
import type { Card } from "./vault.ts";
import { type World, account, address, newWorld, phrase, read, share } from "./world.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let w: World;
let before: ArrayBuffer; // certificate
let after: NewKey;
let ring: Keyring;
const stale = createEngine(); // opened before, and told of nothing

const with_ = (k: Keyring, n: NewKey): Keyring => ({ ...k, version: n.version, containers: { ...k.containers, [`openpgp.${w.id.fingerprint}`]: n.container! } });

beforeAll(async () => {
  w = await newWorld();
  before = fromBase64(w.made.join.certificate).buffer;
  await stale.proveByKit({ address, words: w.made.words.join(" ") });
  await stale.open({ ...w.id, keyring: w.ring, share });
  await new Promise((go) => setTimeout(go, 1_100)); // what is made in the second of the key before holds from the next one on
  after = await w.vault.changeKey({ passphrase: phrase, keyring: w.ring, fingerprint: w.id.fingerprint, certificate: before, change: { do: "rotate" } });
  ring = with_(w.ring, after);
}, 120_000);

async function sealTo(certificate: ArrayBuffer, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const { lib, config } = await openpgp();
  const key = await readCertificate(new Uint8Array(certificate));
  const message = await lib.createMessage({ binary: utf8(text.replace(/\n/g, "\r\n")) });
  return new Uint8Array((await lib.encrypt({ message, encryptionKeys: key, format: "binary", config })) as Uint8Array);
}
const ids = (m: Uint8Array) => splitKeys(m).map((p) => latin1(p.subarray(p[1]! < 192 ? 3 : 4, p[1]! < 192 ? 11 : 12)));
const seal = (mail: string) => {
  const text = mail.replace(/\n/g, "\r\n");
  const line = (n: number) => `Sealpost-Seal: v=1; front=${String(n).padStart(10, "0")}; pad=00000; size=${String(text.length).padStart(10, "0")}; edits=-; class=arrival; time=1795338000\n`;
  return line(line(0).length + 1) + mail;
};
const card = (tag: string): Card => ({
  id: "00112233445566778899aabbccddeeff", tag, subject: "x", from_name: "", from: "bob@example.net", recipients: 1, to: [], date: 5, arrived: 6, snippet: "", attachments: [], more_attachments: 0,
  message_id: "", in_reply_to: "", references: [], class: "sealed on arrival", incomplete: false, junk: "", verified: false, dmarc: "", spf: "", dkim: "",
});

describe("rotating", () => {
  it("binds another subkey to the same primary key and revokes the one before as superseded", async () => {
    const old = await w.vault.describeKey(before);
    const now = await w.vault.describeKey(fromBase64(after.certificate).buffer);
    expect(now).toMatchObject({ fingerprint: old.fingerprint, identities: old.identities, usable: true });
    expect(now.encryption).not.toBe(old.encryption);
    expect(now.subkeys).toMatchObject([{ fingerprint: old.encryption, reason: "superseded", use: "encrypt", secret: false }, { fingerprint: now.encryption, revoked: 0, use: "encrypt" }]);
    expect(now.subkeys[0]!.revoked).toBeGreaterThan(0);
    expect(ids(await sealTo(fromBase64(after.certificate).buffer, "x"))).not.toEqual(ids(await sealTo(before, "x")));
  });

  it("needs the passphrase, and the container of the keyring", async () => {
    const o = { passphrase: phrase, keyring: w.ring, fingerprint: w.id.fingerprint, certificate: before, change: { do: "rotate" as const } };
    await expect(w.vault.changeKey({ ...o, passphrase: "another passphrase" })).rejects.toThrow(/^closed$/);
    await expect(w.vault.changeKey({ ...o, fingerprint: "0".repeat(40) })).rejects.toThrow(/^closed$/);
    const { [`openpgp.${w.id.fingerprint}`]: _, ...containers } = w.ring.containers;
    await expect(w.vault.changeKey({ ...o, keyring: { ...w.ring, containers } })).rejects.toThrow(/^no-key$/);
    expect(after).toMatchObject({ version: 2, proof: w.made.join.proof });
  });

  it("is taken over by this device and by others, and no server puts the old key back", async () => {
    const other = createEngine();
    await other.proveByKit({ address, words: w.made.words.join(" ") });
    await other.open({ ...w.id, keyring: w.ring, share });
    const was = (await other.ownKey())!;
    expect(await other.renew({ ...w.id, keyring: w.ring, share })).toBe(false);
    expect(await other.renew({ ...w.id, keyring: ring, share })).toBe(true);
    const now = (await other.ownKey())!;
    expect(now.encryption).not.toBe(was.encryption);
    expect(now.subkeys.map((s) => s.secret)).toEqual([true, true]);
    const [old, fresh] = [await sealTo(before, seal("Subject: old\n\nx\n")), await sealTo(fromBase64(after.certificate).buffer, seal("Subject: new\n\nx\n"))];
    expect((await other.openMail({ message: old.slice().buffer })).subject).toBe("old");
    expect((await other.openMail({ message: fresh.slice().buffer })).subject).toBe("new");
    // The keyring of yesterday, and today's number on yesterday's container.
    await expect(other.renew({ ...w.id, keyring: w.ring, share })).rejects.toThrow(/^rolled-back$/);
    const swapped = { ...ring, version: 3, containers: { ...ring.containers, [`openpgp.${w.id.fingerprint}`]: ring.containers["list"]! } };
    await expect(other.renew({ ...w.id, keyring: swapped, share })).rejects.toThrow(/^closed$/);
    await w.vault.renew({ ...w.id, account, keyring: ring, share });
    expect((await w.vault.ownKey())!.encryption).toBe(now.encryption);
  });

  it("is not lost by a device that has the older copy and changes that", async () => {
    expect((await stale.ownKey())!.subkeys.length).toBe(1);
    const n = await stale.changeKey({ passphrase: phrase, keyring: ring, fingerprint: w.id.fingerprint, certificate: before, change: { do: "publish" } });
    const named = await stale.withAddresses({ name: "Alice", addresses: [address, "more@example.org"], keyring: ring, fingerprint: w.id.fingerprint });
    const newest = (await w.vault.describeKey(fromBase64(after.certificate).buffer)).encryption;
    for (const c of [n.certificate, named.certificate]) expect((await w.vault.describeKey(fromBase64(c).buffer)).encryption).toBe(newest);
  });

  it("keeps user ids that only the published certificate has", async () => {
    const { lib, config } = await openpgp();
    const armored = await w.vault.exportKey({ passphrase: "for this test" });
    const key = await lib.decryptKey({ privateKey: await lib.readPrivateKey({ armoredKey: armored, config }), passphrase: "for this test", config });
    const more = await lib.reformatKey({ privateKey: key, userIDs: [{ email: address }, { email: "alias@example.org" }], format: "object", config });
    const certificate = new Uint8Array(more.publicKey.write()).buffer;
    const n = await w.vault.changeKey({ passphrase: phrase, keyring: ring, fingerprint: w.id.fingerprint, certificate, change: { do: "publish" } });
    expect((await w.vault.describeKey(fromBase64(n.certificate).buffer)).identities.join()).toContain("alias@example.org");
  });
});

describe("sealing anew", () => {
  beforeAll(() => w.vault.renew({ ...w.id, account, keyring: ring, share })); // the key in use is the new one

  it("exchanges the packets in front and nothing else", async () => {
    const old = await sealTo(before, seal("Subject: old\n\nkumquat\n"));
    const { head } = walkMessage(old);
    const tag = await tagOf(old.subarray(0, head));
    const made = (await w.vault.reseal({ keys: old.slice(0, head).buffer, card: card(tag) }))!;
    const now = concat(new Uint8Array(made.message), old.subarray(head));
    expect(made.card!.card).toMatchObject({ subject: "x", generation: 1 });
    const [opened] = await w.vault.openCards({ ids: [made.card!.card.id], cards: [made.card!.sealed] });
    expect(opened).toMatchObject({ generation: 1, tag: await tagOf(new Uint8Array(made.message)) });
    expect(await w.vault.openMail({ message: now.slice().buffer, card: opened! })).toMatchObject({ subject: "old", card_matches: true });
    expect(ids(now)).not.toEqual(ids(old));
    expect(await w.vault.reseal({ keys: made.message })).toBe(null); // twice is nothing
  });

  it("does not touch what is not for the owner, nor give a session key to another", async () => {
    const bob = await newWorld("bob@example.net", "ffeeddccbbaa9988");
    const bobs = fromBase64(bob.made.join.certificate);
    const theirs = await sealTo(bobs.buffer, "x");
    await expect(w.vault.reseal({ keys: theirs.slice(0, walkMessage(theirs).head).buffer })).rejects.toThrow(/^closed$/);
    await expect(w.vault.reseal({ keys: utf8("no packets").buffer })).rejects.toThrow(/^closed$/);
    const { lib, config } = await openpgp();
    const message = await lib.createMessage({ binary: utf8("for both") });
    const keys = [await readCertificate(bobs), await readCertificate(new Uint8Array(before))];
    const both = new Uint8Array((await lib.encrypt({ message, encryptionKeys: keys, format: "binary", config })) as Uint8Array);
    const { head } = walkMessage(both);
    const made = new Uint8Array((await w.vault.reseal({ keys: both.slice(0, head).buffer }))!.message);
    expect(splitKeys(made)[0]).toEqual(splitKeys(both)[0]); // bob's own
    expect(ids(made)[1]).not.toBe(ids(both)[1]);
  });

  it("takes the place of a packet that names nobody, if it opens, and leaves those of others", async () => {
    const bob = await newWorld("bob@example.net", "ffeeddccbbaa9987");
    const { lib, config } = await openpgp();
    const message = await lib.createMessage({ binary: utf8("for both") });
    const keys = [await readCertificate(fromBase64(bob.made.join.certificate)), await readCertificate(new Uint8Array(before))];
    const both = new Uint8Array((await lib.encrypt({ message, encryptionKeys: keys, wildcard: true, format: "binary", config })) as Uint8Array);
    const none = "\0".repeat(8);
    expect(ids(both)).toEqual([none, none]);
    const { head } = walkMessage(both);
    const made = new Uint8Array((await w.vault.reseal({ keys: both.slice(0, head).buffer }))!.message);
    expect(splitKeys(made)[0]).toEqual(splitKeys(both)[0]); // bob's own
    expect(ids(made)[1]).not.toBe(none);
    expect(await w.vault.openMail({ message: concat(made, both.subarray(head)).buffer })).toBeTruthy();
    const current = new Uint8Array((await lib.encrypt({ message, encryptionKeys: await readCertificate(fromBase64(after.certificate)), wildcard: true, format: "binary", config })) as Uint8Array);
    expect(await w.vault.reseal({ keys: current.slice(0, walkMessage(current).head).buffer })).toBe(null); // under the new key already
  });

  for (const profile of ["compat", "modern"] as const) {
    it(`end-to-end mail keeps what its sender encrypted, and its header letter follows: ${profile}`, async () => {
      const secret = new TextDecoder().decode(read(`testdata/v1/${profile}.secret.asc`));
      const key = await addSubkey(await readSecretKey(secret, null));
      const to = (await current(key))!;
      const message = read(`testdata/v1/${profile}.e2e.message.pgp`);
      const header = read(`testdata/v1/${profile}.e2e.header.pgp`);
      const { head } = walkMessage(message);
      const { packets } = (await exchange(message.subarray(0, head), key, to))!;
      const newHeader = await remakeHeader({ header, message, packets, key, to });
      const newMessage = concat(packets, message.subarray(head));
      const only = await forgetSecrets(key);
      await expect(decrypt(message, only, [])).rejects.toThrow(/^closed$/);
      expect(newHeader.length).toBe(header.length);
      // As a vault opens it whose key has the new secret alone.
      const vault = createEngine();
      const certificate = toBase64(new Uint8Array(only.toPublic().write()));
      const invitation = { domains: [], attach: true, account: "00112233aabbcce0", certificate, expires: "" };
      await vault.attach({ invitation, address: `${profile}@demo.test`, passphrase: phrase, secret_key: only.armor(), keep: true });
      const mail = await vault.openMail({ message: newMessage.buffer, header: newHeader.buffer });
      expect(mail).toMatchObject({ class: "end-to-end", incomplete: false });
      await expect(vault.openMail({ message: newMessage.slice().buffer, header: header.slice().buffer })).rejects.toThrow(/^closed$/);
      // All that arrived but the packet: the armor says the same otherwise.
      const source = latin1(new Uint8Array(await vault.source(mail.handle)));
      const arrived = latin1(read(`testdata/v1/${profile}.e2e.eml`));
      expect(source.split("-----BEGIN PGP MESSAGE-----")[0]).toBe(arrived.split("-----BEGIN PGP MESSAGE-----")[0]);
      expect(source.length).toBe(arrived.length);
      const { lib, config } = await openpgp();
      const armor = source.slice(source.indexOf("-----BEGIN PGP MESSAGE-----"), source.indexOf("-----END PGP MESSAGE-----") + 25);
      await expect(lib.readMessage({ armoredMessage: armor, config })).resolves.toBeTruthy();
    });

    it(`the old secret can be forgotten, and the whole be prolonged: ${profile}`, async () => {
      const key = await addSubkey(await readSecretKey(new TextDecoder().decode(read(`testdata/v1/${profile}.secret.asc`)), null));
      const only = await readSecretKey(new Uint8Array((await forgetSecrets(key)).write()), key.getFingerprint().toUpperCase());
      const now = await describeKey(only);
      expect(now.subkeys.map((s) => [s.secret, s.reason])).toEqual([[false, "superseded"], [true, ""]]);
      const until = Math.floor(Date.now() / 1000) + 1000;
      const short = await describeKey(await readCertificate(new Uint8Array((await extend(key, until)).toPublic().write())));
      expect(short).toMatchObject({ expires: until, encryption: now.encryption });
      expect(short.subkeys[1]!.expires).toBe(until);
      const ever = await describeKey(await readCertificate(new Uint8Array((await extend(await extend(key, until), 0, new Date(Date.now() + 5000))).toPublic().write())));
      expect(ever.expires).toBe(0);
      expect(ever.subkeys[0]!.reason).toBe("superseded");
      await expect(extend(key, 5)).rejects.toThrow(/^bad-input$/);
    });
  }

  it("a subkey without a secret that nobody revoked is not accepted", async () => {
    const key = await readSecretKey(new TextDecoder().decode(read("testdata/v1/compat.secret.asc")), null);
    (key.subkeys[0]!.keyPacket as unknown as { makeDummy(): void }).makeDummy();
    await expect(readSecretKey(new Uint8Array(key.write()), null)).rejects.toThrow(/^closed$/);
  });
});

describe("an answer to a letter from before", () => {
  // What the letter was sealed with, and what the server tells on the day of the answer.
  async function answered(written: ArrayBuffer, told?: ArrayBuffer): Promise<string[]> {
    const letter = { from: { name: "", address }, to: "out@elsewhere.example", subject: "x", text: "x", html: "", date: 5, message_id: "<1@example.org>", files: [] };
    const { link, box } = await sealParcel({ account, letter, password: "p", hint: "", ends: 1796547600, answers: 1, drawer: new Uint8Array(32), certificate: new Uint8Array(written) });
    const outside = createEngine();
    const { handle, proof } = await outside.openParcel({ link: `${link.account}.${link.name}.${link.secret}`, box: box.buffer, password: "p" });
    const made = await outside.sealAnswer({ handle, name: "", text: "y", files: [], date: 6, ...(told ? { certificate: told } : {}) });
    expect(made.proof).toBe(proof);
    expect(fromBase64(proof)).toHaveLength(32);
    const text = latin1(made.mail);
    const { data } = await (await openpgp()).lib.unarmor(text.slice(text.indexOf("-----BEGIN"), text.indexOf("-----END PGP MESSAGE-----") + 25));
    return ids(new Uint8Array(data as unknown as Uint8Array));
  }
  it("goes to the key that holds now, and to none that its writer did not make", async () => {
    const now = fromBase64(after.certificate).buffer;
    const { lib } = await openpgp();
    const other = await lib.generateKey({ userIDs: [{ email: address }], format: "binary" });
    const [toOld, toNew] = [ids(await sealTo(before, "x")), ids(await sealTo(now, "x"))];
    expect(await answered(before, now)).toEqual(toNew);
    expect(await answered(before)).toEqual(toOld);
    expect(await answered(now, before), "an older one").toEqual(toNew);
    expect(await answered(before, new Uint8Array(other.publicKey).buffer), "another primary key").toEqual(toOld);
    expect(await answered(before, utf8("no certificate").buffer), "none at all").toEqual(toOld);
  });
});
