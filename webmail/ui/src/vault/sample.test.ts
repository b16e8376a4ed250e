// A sample of what a browser makes, which Go's tests open (pgp/keyring/browser_test.go).
// NEW_SAMPLE=1 makes it anew; only for a new version of a format.

import "fake-indexeddb/auto";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { fromBase64, toBase64, utf8 } from "./bytes.ts";
import { armor } from "./compose.ts";
import { createEngine } from "./engine.ts";
import { makePage, openPage } from "./pages.ts";
import type { Card, Draft, Vault } from "./vault.ts";
import { newWorld, ringOf, root, share } from "./world.ts";

vi.setConfig({ testTimeout: 60_000 });

const path = new URL("keyring/testdata/browser.json", root);
const access = JSON.parse(readFileSync(new URL("keyring/testdata/vectors.json", root), "utf8")).access;
const at = access.address as string;

const card: Card = {
  id: "00112233445566778899aabbccddeeff", tag: "AAECAwQFBgcICQoLDA0ODw==", subject: "Größe & <canary>", from_name: "Bob", from: "bob@example.net", recipients: 3, to: [], date: 1795338000,
  arrived: 1795338060, snippet: "first words", attachments: [{ name: "a.pdf", type: "application/pdf", size: 12 }], more_attachments: 1, message_id: "<a@b.c>", in_reply_to: "<o@b.c>",
  references: ["<n@b.c>", "<o@b.c>"], class: "both", incomplete: true, junk: "", verified: true, dmarc: "pass", spf: "fail", dkim: "none",
};

const draft: Draft = {
  from: { name: "Alice Exämple", address: at }, to: [{ name: "Bob", address: "bob@example.net" }], cc: [], bcc: [{ name: "", address: "hidden@example.net" }], reply_to: [],
  subject: "Grüße from a browser", html: "<p>the canary: kumquat</p>", text: "the canary: kumquat", attachments: [{ name: "größe.txt", type: "text/plain", content_id: "", data: utf8("kiwi").buffer }],
  in_reply_to: "", references: [], date: 1795338000, message_id: "<1@example.org>",
};

// For somebody outside, and the answer that comes of it.
async function parcelOf(vault: Vault) {
  const password = "abandon ability able about above";
  const made = await vault.sealParcel({ to: "outsider@elsewhere.example", draft: { ...draft, bcc: [] }, password, hint: "the café", ends: 1796547600, answers: 5 });
  const outside = createEngine();
  const { handle } = await outside.openParcel({ link: made.link, box: made.box, password });
  const { mail } = await outside.sealAnswer({ handle, name: "Olga", text: "an answer", files: [], date: 1795338000 });
  return { link: made.link, password, box: toBase64(new Uint8Array(made.box)), answer: toBase64(mail) };
}

async function make() {
  const w = await newWorld(at, "0a1b2c3d4e5f6071");
  const words = w.made.words.join(" ");
  const { kit_proof } = await w.vault.tryKit(words);
  const { sealed } = await w.vault.grantAccess({ public_key: access.public, address: at, words: access.words.join(" ") });
  const certificate = fromBase64(w.made.join.certificate).buffer;
  const { mail, sent } = await w.vault.encrypt({ draft: { ...draft, bcc: [] }, certificates: [certificate], sign: true });
  return {
    join: { ...w.made.join, kit_proof }, words, passphrase: "correct horse battery staple", grant: sealed, card: toBase64(new Uint8Array(await w.vault.sealCard(card))),
    page: { name: "p", version: 4, box: toBase64(new Uint8Array(await w.vault.seal({ drawer: "pages", name: "p", version: 4, data: makePage([card]) }))) },
    mail: toBase64(mail), sent: toBase64(sent), parcel: await parcelOf(w.vault),
  };
}

it("stays readable", async () => {
  if (process.env["NEW_PARCEL"] !== undefined) {
    const old = JSON.parse(readFileSync(path, "utf8"));
    const v = createEngine();
    await v.proveByKit({ address: at, words: old.words });
    const { readCertificate } = await import("./openpgp.ts");
    await v.open({ account: old.join.account, address: at, fingerprint: (await readCertificate(fromBase64(old.join.certificate))).getFingerprint().toUpperCase(), keyring: ringOf(old.join), share });
    writeFileSync(path, `${JSON.stringify({ ...old, parcel: await parcelOf(v) }, null, 2)}\n`);
  }
  if (process.env["NEW_SAMPLE"] !== undefined) writeFileSync(path, `${JSON.stringify(await make(), null, 2)}\n`);
  const sample = JSON.parse(readFileSync(path, "utf8"));
  const vault = createEngine();
  await vault.proveByKit({ address: at, words: sample.words });
  const { readCertificate } = await import("./openpgp.ts");
  const fingerprint = (await readCertificate(fromBase64(sample.join.certificate))).getFingerprint().toUpperCase();
  await vault.open({ account: sample.join.account, address: at, fingerprint, keyring: ringOf(sample.join), share });
  expect(await vault.openCards({ ids: [card.id], cards: [fromBase64(sample.card).buffer] })).toEqual([card]);
  const page = await vault.openBox({ drawer: "pages", name: sample.page.name, version: sample.page.version, box: fromBase64(sample.page.box).buffer });
  expect(openPage(new Uint8Array(page))).toEqual([card]);
});

it("ends armor with a checksum where there is no padding", () => {
  expect(armor(utf8("123456789"))).toBe("-----BEGIN PGP MESSAGE-----\r\n\r\nMTIzNDU2Nzg5\r\n=Ic8C\r\n-----END PGP MESSAGE-----\r\n");
  expect(armor(utf8("1234567"))).not.toContain("\r\n=");
});
