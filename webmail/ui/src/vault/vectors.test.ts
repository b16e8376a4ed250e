// What Go made is opened here, and made again where nothing is random.

import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import type { Keyring } from "../wire/api.ts";
import { derive } from "./argon.ts";
import { contextBytes, open, openContainer } from "./box.ts";
import { fromBase64, padme, textOf, toBase64, utf8 } from "./bytes.ts";
import { fold, words } from "./fold.ts";
import { importListKey, openCard, openGrant } from "./hpke.ts";
import { openContents, openMaster, passkeyWrap, purposeKey } from "./keys.ts";
import { accessWords, kitProof, kitToWords, kitWrap, parseKit } from "./kit.ts";
import { openPage } from "./pages.ts";
import { words as list } from "./wordlist.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // Argon2id is slow on purpose

const root = new URL("../../../../pgp/", import.meta.url);
const vectors = JSON.parse(readFileSync(new URL("keyring/testdata/vectors.json", root), "utf8"));
const samples = new URL("testdata/v1/", root);

export function pem(text: string): Uint8Array<ArrayBuffer> {
  return fromBase64(text.replace(/-----[^-]+-----|\s/g, ""));
}

describe("vectors made by Go", () => {
  const { join, kit } = vectors;
  const id = { account: join.account, address: join.address, fingerprint: join.fingerprint };
  const ring: Keyring = { version: 1, salt: join.join.salt, kdf: join.join.kdf, containers: join.join.containers };

  it("has the same words", () => {
    expect(list.join("\n") + "\n").toBe(readFileSync(new URL("keyring/english.txt", root), "utf8"));
  });

  it("opens boxes, and gives keys to purposes", async () => {
    for (const b of vectors.boxes) {
      const [, account, purpose, name, version, extra] = b.context.split("\n");
      const c = { account, purpose, name, version: Number(version), extra };
      expect(textOf(contextBytes(c))).toBe(b.context);
      expect(toBase64(await open(fromBase64(b.key), c, fromBase64(b.box)))).toBe(b.plain ?? "");
    }
    for (const [purpose, key] of Object.entries(vectors.purposes)) expect(toBase64(await purposeKey(fromBase64(vectors.master), purpose))).toBe(key);
    expect(toBase64(await passkeyWrap(fromBase64(vectors.passkey.prf)))).toBe(vectors.passkey.key);
    for (const [n, size] of Object.entries(vectors.padded)) expect(padme(Number(n))).toBe(size);
  });

  it("derives the same from passphrases", async () => {
    for (const p of vectors.passphrases) {
      const h = await derive(p.passphrase, fromBase64(p.secret), fromBase64(p.salt), p.kdf);
      expect(toBase64(h.proof)).toBe(p.proof);
      expect(toBase64(h.wrap)).toBe(p.wrap);
    }
  });

  it("reads the recovery kit", async () => {
    const entropy = fromBase64(kit.entropy);
    expect(await kitToWords(entropy)).toEqual(kit.words);
    expect(await parseKit(` ${kit.words.join("\n ").toUpperCase()} `)).toEqual(entropy);
    expect(toBase64(await kitProof(entropy))).toBe(kit.proof);
    expect(toBase64(await kitWrap(entropy))).toBe(kit.wrap);
  });

  it("opens the keyring by kit and by passphrase", async () => {
    const byKit = await openMaster({ by: "kit", wrap: fromBase64(kit.wrap) }, id, ring);
    const { wrap } = await derive(join.passphrase, fromBase64(join.secret), fromBase64(ring.salt), ring.kdf);
    const byPhrase = await openMaster({ by: "passphrase", wrap, salt: fromBase64(ring.salt), kdf: ring.kdf }, id, ring);
    expect(byKit).toEqual(byPhrase);
    expect(toBase64(byKit)).toBe(vectors.master);
    const contents = await openContents(byKit, id, ring);
    expect(toBase64(contents.secret)).toBe(join.secret);
    expect(toBase64((await importListKey(contents.list)).raw)).toBe(join.join.list_key);
    expect(contents.openpgp).not.toBeNull();
  });

  it("opens a grant", async () => {
    const { access } = vectors;
    const key = await importListKey(fromBase64(access.private));
    expect(toBase64(key.raw)).toBe(access.public);
    expect(await accessWords("Alice@EXAMPLE.org", key.raw)).toEqual(access.words);
    const both = await openGrant({ key, address: access.address }, fromBase64(access.grant));
    expect(toBase64(both.slice(0, 32))).toBe(vectors.master);
    expect(toBase64(both.slice(32))).toBe(join.secret);
  });

  it("opens a page of cards", async () => {
    const { page } = vectors;
    const key = await purposeKey(fromBase64(vectors.master), page.drawer);
    const opened = await open(key, { account: join.account, purpose: page.drawer, name: page.name, version: page.version }, fromBase64(page.box));
    expect(textOf(opened).trimEnd()).toBe(page.content);
    const [card] = openPage(opened);
    expect(card).toMatchObject({ id: "000102030405060708090a0b0c0d0e0f", subject: "Größe", from: "bob@example.net", verified: true, attachments: [{ name: "a.pdf", type: "application/pdf", size: 1234 }] });
  });

  it("opens cards", async () => {
    const key = await importListKey(pem(readFileSync(new URL("list.pem", samples), "utf8")));
    for (const profile of ["compat", "modern"]) {
      const card = await openCard(key, "x", readFileSync(new URL(`${profile}.card`, samples)));
      expect(card).toMatchObject({ id: "x", subject: "the secret canary", class: "sealed on arrival" });
    }
  });

  it("folds words", () => {
    for (const [s, folded] of Object.entries(vectors.folded)) expect(fold(s), s).toBe(folded);
    for (const [s, terms] of Object.entries(vectors.words)) expect(words(s), s).toEqual(terms);
  });

  it("refuses a container in another's place, or newer than the keyring", async () => {
    const kitWrapKey = fromBase64(kit.wrap);
    const c = { account: id.account, purpose: "master.kit", extra: `fingerprint=${id.fingerprint}` };
    const container = fromBase64(ring.containers["master.kit"]!);
    await expect(openContainer(kitWrapKey, c, 1, container)).resolves.toHaveLength(32);
    await expect(openContainer(kitWrapKey, c, 0, container)).rejects.toThrow("closed");
    await expect(openContainer(kitWrapKey, { ...c, purpose: "master.passphrase" }, 1, container)).rejects.toThrow("closed");
    await expect(openContainer(kitWrapKey, { ...c, extra: "fingerprint=" + "0".repeat(40) }, 1, container)).rejects.toThrow("closed");
    expect(utf8("ä")).toHaveLength(2);
  });
});
