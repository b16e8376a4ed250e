// Opening what servers sealed and senders encrypted, and writing what others open.

import "fake-indexeddb/auto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { concat, fromBase64, latin1, octets, toBase64, utf8 } from "./bytes.ts";
import { armor } from "./compose.ts";
import { importListKey, openCard } from "./hpke.ts";
import { newKey, openpgp } from "./openpgp.ts";
import { walkMessage } from "./packets.ts";
import type { Draft, OpenedMail } from "./vault.ts";
import { type World, address, newWorld, read, sampleVault } from "./world.ts";

const draft: Draft = {
  from: { name: "Alice Exämple", address }, to: [{ name: "Bob, the \"Builder\"", address: "bob@exämple.net" }], cc: [], bcc: [{ name: "", address: "hidden-canary@example.net" }],
  reply_to: [], subject: "Grüße, and a rather long subject that must be folded somewhere 🔏 because it has no end",
  html: '<p>Hällo <b>Bob</b> <img src="cid:img1@x"></p>', text: "Hällo Bob\n.\nFrom here on\ntrailing \n", in_reply_to: "<p@x>", references: ["<o@x>", "<p@x>"],
  attachments: [
    { name: "größe-\u202egnp.exe", type: "image/png", content_id: "img1@x", data: new Uint8Array([1, 2, 3]).buffer },
    { name: "Ein sehr langer Dateiname mit Umlauten äöü und noch mehr davon, damit er umbrochen wird.pdf", type: "application/pdf", content_id: "", data: new Uint8Array(1000).fill(7).buffer },
  ],
  date: 1795338000, message_id: "",
};

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // Argon2id is slow on purpose

let w: World;
let own: ArrayBuffer;

beforeAll(async () => {
  w = await newWorld();
  own = fromBase64(w.made.join.certificate).buffer;
}, 120_000);

// What a server makes of a PGP/MIME mail whose packets it stores raw.
function letterOf(mail: Uint8Array): Uint8Array<ArrayBuffer> {
  const m = /-----BEGIN PGP MESSAGE-----\r\n\r\n([A-Za-z0-9+/=\r\n]+?)(=[A-Za-z0-9+/]{4}\r\n)?-----END PGP MESSAGE-----/.exec(latin1(mail));
  return fromBase64(m![1]!.replace(/\r\n/g, ""));
}

// Encrypts content to the owner as a stranger does, or a server with a Sealpost-Seal line.
async function sealed(content: string | Uint8Array, o: { sign?: World; to?: World } = {}): Promise<ArrayBuffer> {
  const { lib, config } = await openpgp();
  const to = await lib.readKey({ binaryKey: fromBase64((o.to ?? w).made.join.certificate), config });
  const message = await lib.createMessage({ binary: typeof content === "string" ? utf8(content.replace(/\r?\n/g, "\r\n")) : content });
  const signingKeys = o.sign === undefined ? [] : [await secretOf(o.sign)];
  return new Uint8Array((await lib.encrypt({ message, encryptionKeys: to, signingKeys, format: "binary", config })) as Uint8Array).buffer;
}

function armored(letter: ArrayBuffer): Uint8Array {
  return utf8(armor(new Uint8Array(letter)));
}

async function secretOf(of: World) {
  const { lib, config } = await openpgp();
  const key = await lib.readPrivateKey({ armoredKey: await of.vault.exportKey({ passphrase: "for this test" }), config });
  return lib.decryptKey({ privateKey: key, passphrase: "for this test", config });
}

function seal(original: string, front = "", kind = "arrival"): string {
  const mail = original.replace(/\r?\n/g, "\r\n");
  const block = front.replace(/\r?\n/g, "\r\n");
  const line = (n: number) => `Sealpost-Seal: v=1; front=${String(n).padStart(10, "0")}; pad=00000; size=${String(mail.length).padStart(10, "0")}; edits=-; class=${kind}; time=1795338000\r\n`;
  return line(line(0).length + block.length) + block + mail;
}

describe("mail that Go sealed", () => {
  for (const profile of ["compat", "modern"] as const) {
    it(`opens: ${profile}`, async () => {
      const vault = await sampleVault(profile);
      const at = (name: string) => read(`testdata/v1/${name}`);
      const list = await importListKey(fromBase64(new TextDecoder().decode(at("list.pem")).replace(/-----[^-]+-----|\s/g, "")));
      const card = (await openCard(list, "x", at(`${profile}.card`)))!;
      const mail = await vault.openMail({ message: at(`${profile}.message.pgp`).buffer, card });
      expect(mail).toMatchObject({
        class: "sealed on arrival", card_matches: true, subject: "the secret canary", from: [{ name: "Bob Example", address: "bob@example.org" }],
        to: [{ name: "", address: "alice@demo.test" }], message_id: "<1@example.org>", in_reply_to: "<0@example.org>", references: ["<00@example.org>", "<0@example.org>"],
        date: Date.parse("2025-11-22T10:20:00+0100") / 1000, html: "", incomplete: false, signature: { state: "none" }, parts: [], differs: [],
      });
      expect(mail.text).toContain("Hello Alice, here is the canary: kumquat.");
      expect(new Uint8Array(await vault.source(mail.handle))).toEqual(at("mail.eml"));
      expect((await vault.openMail({ message: at(`${profile}.message.pgp`).buffer, card: { ...card, tag: toBase64(new Uint8Array(16)) } })).card_matches).toBe(false);
      const terms = concat(at(`${profile}.message.pgp`).subarray(0, walkMessage(at(`${profile}.message.pgp`)).head), at(`${profile}.terms.pgp`));
      expect(await vault.openTerms([terms.buffer, new ArrayBuffer(0), at("mail.eml").buffer])).toEqual([new TextDecoder().decode(at("terms.txt")).trim().split("\n"), null, null]);
      const e2e = await vault.openMail({ message: at(`${profile}.e2e.message.pgp`).buffer, header: at(`${profile}.e2e.header.pgp`).buffer });
      expect(e2e).toMatchObject({ class: "end-to-end", incomplete: false });
      expect(new Uint8Array(await vault.source(e2e.handle))).toEqual(at(`${profile}.e2e.eml`));
      const other = profile === "compat" ? "modern" : "compat";
      await expect(vault.openMail({ message: at(`${other}.message.pgp`).buffer })).rejects.toThrow(/^closed$/);
      await expect(vault.openMail({ message: at(`${profile}.message.pgp`).buffer, header: at(`${profile}.e2e.header.pgp`).buffer })).rejects.toThrow(/^closed$/);
    });
  }

  it("shows what its server cut out as the attachment that it was, and a stub of anybody else as text", async () => {
    const stub = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: inline\r\n\r\n" + latin1(read("../filestore/sealed/cut/testdata/stub.txt"));
    const head = "Subject: plans\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n";
    const mail = `${head}${stub}\r\n--b\r\nContent-Type: text/plain; name=b.txt\r\n\r\nb\r\n--b--\r\n`;
    const cut = `Sealpost-Cut: v=1; at=${head.length}; size=${stub.length}\r\n`;
    const opens = async (content: string) => w.vault.openMail({ message: await sealed(octets(content)) });
    const own = await opens(seal(mail, cut));
    expect(own.parts).toMatchObject([{ name: "Bericht für alle.pdf", type: "application/pdf", size: 12_345_678, inline: false, cut: { object: "c3VibWl0dGVkIGJ5IHlvdQ" } }, { name: "b.txt" }]);
    expect(own.text.trim()).toBe("hello");
    expect(await w.vault.part(own.handle, -1)).toMatchObject({ name: "Bericht für alle.pdf", data: new ArrayBuffer(0), cut: { size: 12_345_678 } });
    expect(latin1(new Uint8Array(await w.vault.source(own.handle)))).toBe(mail);
    expect(await w.vault.cuts(own.handle)).toMatchObject([{ at: head.length, length: stub.length, part: { coding: { name: "base64", width: 76 } } }]);
    // No field of the server's; one in the mail; another place; one that is damaged; a mail that its sender sealed so.
    const inner = await sealed(octets(seal(mail, cut)));
    const header = await headerLetter(new Uint8Array(inner), walkMessage(new Uint8Array(inner)).head, "From: m@evil.example\r\nContent-Type: multipart/encrypted\r\n\r\n");
    for (const other of [
      await opens(seal(mail)), await opens(seal(cut + mail.replace("Subject", "X"))), await opens(seal(mail, cut.replace("at=", "at=1"))), await opens(seal(mail, cut.replace("v=1", "v=2"))),
      await opens(seal(mail, cut.replace(`size=${stub.length}`, `size=${stub.length - 1}`))), await opens(mail), await w.vault.openMail({ message: inner, header }),
    ]) {
      expect(other.parts.map((p) => [p.name, p.cut])).toEqual([["b.txt", undefined]]);
      expect(other.text).toContain("BEGIN SEALPOST ATTACHMENT");
      expect(await w.vault.cuts(other.handle)).toEqual([]);
    }
  });

  it("opens a large mail by its body letter, and its parts later", async () => {
    const mail = "Subject: large\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nshown\n--b\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nAQID\n--b--\n";
    const message = new Uint8Array(await sealed(seal(mail)));
    const body = await sealed("Content-Type: text/plain\n\nshown\n");
    const { tagOf } = await import("./hpke.ts");
    const tag = await tagOf(new Uint8Array(body).subarray(0, walkMessage(new Uint8Array(body)).head));
    const card = {
      id: "x", tag, subject: "large", from_name: "Bob", from: "bob@example.net", recipients: 1, to: [], date: 5, arrived: 6, snippet: "", attachments: [{ name: "a.pdf", type: "application/pdf", size: 4 }],
      more_attachments: 0, message_id: "<a@b>", in_reply_to: "", references: [], class: "sealed on arrival" as const, incomplete: false, junk: "", verified: true, dmarc: "pass", spf: "", dkim: "",
    };
    const opened = await w.vault.openMail({ message: new ArrayBuffer(0), body: body.slice(0), card });
    expect(opened).toMatchObject({ subject: "large", verified: true, card_matches: true, text: expect.stringContaining("shown"), parts: [{ index: -1, name: "a.pdf" }] });
    const other = await w.vault.openMail({ message: new ArrayBuffer(0), body: body.slice(0), card: { ...card, tag: toBase64(new Uint8Array(16)) } });
    expect(other).toMatchObject({ subject: "", verified: false, card_matches: false, parts: [] });
    const whole = await w.vault.openMail({ message: message.buffer });
    expect(new Uint8Array((await w.vault.part(whole.handle, -1)).data)).toEqual(new Uint8Array([1, 2, 3]));
    expect(whole.calendar).toContain("BEGIN:VCALENDAR");
  });

  it("releases nothing of a message that was cut or changed (B02)", async () => {
    const whole = new Uint8Array(await sealed(seal("Subject: x\nContent-Type: text/plain\n\ncanary\n")));
    await expect(w.vault.openMail({ message: whole.slice().buffer })).resolves.toMatchObject({ subject: "x" });
    for (let i = 0; i < whole.length; i += 3) {
      await expect(w.vault.openMail({ message: whole.slice(0, i).buffer }), `cut at ${i}`).rejects.toThrow(/^closed$/);
      const b = whole.slice();
      b[i]! ^= 0x10;
      const outcome = await w.vault.openMail({ message: b.buffer }).then((m) => m.subject, (e) => e.message);
      // The recipient's key id may say something else: the key is tried all the same.
      if (outcome !== "closed") expect(i).toBeLessThan(16);
    }
  }, 120_000);

  it("refuses what is no PKESK and SEIPD, such as SED and SKESK (B02)", async () => {
    const message = new Uint8Array(await sealed("Subject: x\n\ny\n"));
    const { head } = walkMessage(message);
    const sed = concat(message.subarray(0, head), Uint8Array.of(0xc9, 4, 1, 2, 3, 4));
    const skesk = concat(Uint8Array.of(0xc3, 4, 4, 9, 0, 8), message);
    const twice = concat(message, message.subarray(head));
    for (const b of [sed, skesk, twice, message.subarray(head), message.subarray(0, head), Uint8Array.of(), utf8("-----BEGIN PGP MESSAGE-----")]) {
      await expect(w.vault.openMail({ message: b.slice().buffer })).rejects.toThrow(/^closed$/);
      expect(() => walkMessage(b)).toThrow(/^closed$/); // before the library is asked
    }
  });

  it("stops a compressed message at 64 MiB (B06)", async () => {
    const { lib, config } = await openpgp();
    const to = await lib.readKey({ binaryKey: fromBase64(w.made.join.certificate), config });
    const message = await lib.createMessage({ binary: new Uint8Array(80 << 20) });
    const bomb = new Uint8Array((await lib.encrypt({ message, encryptionKeys: to, format: "binary", config: { ...config, preferredCompressionAlgorithm: lib.enums.compression.zip } })) as Uint8Array);
    if (bomb.length < 1 << 20) await expect(w.vault.openMail({ message: bomb.buffer })).rejects.toThrow(/^closed$/);
    else expect.fail("the library no longer compresses: make the bomb in another way");
  }, 120_000);

  it("asks a passphrase for no more than 256 MiB (A12)", async () => {
    const { lib, config } = await openpgp();
    const { key } = await newKey("A", "a@example.org");
    const s2kArgon2Params = { passes: 1, parallelism: 1, memoryExponent: 19 };
    const locked = lib.encryptKey({ privateKey: key, passphrase: "x", config: { ...config, aeadProtect: true, s2kType: lib.enums.s2k.argon2, s2kArgon2Params } });
    await expect(locked).rejects.toThrow("maxArgon2MemoryExponent"); // checked where a key is unlocked, too
  });
});

describe("verdicts", () => {
  const ar = (s: string) => `Return-Path: <x@bank.example>\nAuthentication-Results: mx.example.org;\n\tspf=pass smtp.mailfrom=bank.example;\n${s}\n`;
  const from = "From: Bank <service@bank.example>\nSubject: x\n\nbody\n";
  const open = async (front: string, mail: string, header?: ArrayBuffer) =>
    w.vault.openMail({ message: await sealed(seal(mail, front)), ...(header === undefined ? {} : { header }) });

  it("come from our own lines inside the seal, and from nowhere else (B11)", async () => {
    const pass = "\tdkim=pass header.d=bank.example;\n\tdmarc=pass header.from=bank.example policy.dmarc=reject";
    expect(await open(ar(pass), from)).toMatchObject({ verified: true, dmarc: "pass", spf: "pass", dkim: "pass" });
    // The same line from the sender, behind the front block.
    expect(await open("", ar(pass) + from)).toMatchObject({ verified: false, dmarc: "", spf: "", dkim: "" });
    // Of another domain than From shows; of two Froms; from a quoted string.
    expect(await open(ar(pass), from.replace("bank.example>", "bank.evil>"))).toMatchObject({ verified: false, dmarc: "pass" });
    expect(await open(ar(pass), "From: Other <a@b.example>\n" + from)).toMatchObject({ verified: false });
    expect(await open(ar('\tdkim=fail header.d=bank.example reason="a; dmarc=pass header.from=bank.example"'), from)).toMatchObject({ verified: false, dmarc: "", dkim: "fail" });
    // No policy: a signature of that very domain, and no key in testing.
    const none = "dmarc=none header.from=bank.example";
    expect(await open(ar(`\tdkim=pass header.d=bank.example;\n\t${none}`), from)).toMatchObject({ verified: true, dmarc: "none" });
    expect(await open(ar(`\tdkim=pass header.d=evil.example;\n\t${none}`), from)).toMatchObject({ verified: false });
    expect(await open(ar(`\tdkim=pass reason="key in testing" header.d=bank.example;\n\t${none}`), from)).toMatchObject({ verified: false });
  });

  it("are not believed from a sender who encrypts a seal of their own", async () => {
    const pass = "\tdmarc=pass header.from=bank.example";
    const inner = await sealed(seal(from, ar(pass)));
    const { head } = walkMessage(new Uint8Array(inner));
    const header = await headerLetter(new Uint8Array(inner), head, "From: mallory@evil.example\r\nContent-Type: multipart/encrypted\r\n\r\n");
    expect(await w.vault.openMail({ message: inner, header })).toMatchObject({ verified: false, dmarc: "" });
  });
});

async function headerLetter(message: Uint8Array, head: number, prefix: string, trace = ""): Promise<ArrayBuffer> {
  const tag = Buffer.from(await crypto.subtle.digest("SHA-256", message.slice(0, head))).subarray(0, 16).toString("hex");
  const n = (v: number, width = 10) => String(v).padStart(width, "0");
  const line = (front: number) =>
    `Sealpost-Header: v=1; front=${n(front)}; pad=00000; prefix=${n(prefix.length)}; suffix=${n(0)}; raw=${n(message.length)}; width=0076; message=${tag}; time=1795338000\r\n`;
  return sealed(utf8(line(line(0).length + trace.length) + trace + prefix));
}

describe("composing", () => {
  it("writes what it opens again, with all of the header inside", async () => {
    const { mail, sent, message_id } = await w.vault.encrypt({ draft, certificates: [own], sign: true });
    const text = latin1(mail);
    expect(message_id).toMatch(/^<[0-9a-f]{32}@example\.org>$/);
    expect(text).toMatch(/^From: =\?utf-8\?B\?[^?]+\?= <alice@example\.org>\r\n/);
    expect(text).toContain("\r\nSubject: [...]\r\n");
    expect(text).toContain("bob@xn--exmple-cua.net");
    expect(text).toContain("\r\nAutocrypt: addr=alice@example.org;");
    for (const line of text.split("\r\n")) expect(line).toMatch(/^[\t -~]{0,78}$/);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    const opened = await w.vault.openMail({ message: letterOf(mail).buffer, verify: [own] });
    check(opened, false);
    expect(opened.signature).toMatchObject({ state: "good", from_matches: true, fingerprint: w.id.fingerprint });
    const copy = await w.vault.openMail({ message: letterOf(sent).buffer, verify: [own] });
    check(copy, true);
    expect(latin1(sent)).not.toContain("hidden-canary");
    const image = await w.vault.part(opened.handle, 0);
    expect(new Uint8Array(image.data)).toEqual(new Uint8Array([1, 2, 3]));
  });

  function check(m: OpenedMail, bcc: boolean) {
    expect(m).toMatchObject({ subject: draft.subject, from: [draft.from], date: draft.date, in_reply_to: "<p@x>", references: ["<o@x>", "<p@x>"], incomplete: false, class: "end-to-end" });
    expect(m.to).toEqual([{ name: 'Bob, the "Builder"', address: "bob@xn--exmple-cua.net" }]);
    expect(m.bcc).toEqual(bcc ? [{ name: "", address: "hidden-canary@example.net" }] : []);
    expect(m.text.replace(/\r\n/g, "\n")).toBe(draft.text);
    expect(m.html.trim()).toBe(draft.html);
    expect(m.parts).toMatchObject([
      { name: "größe-_u202egnp.exe", type: "image/png", size: 3, content_id: "img1@x", inline: true },
      { name: draft.attachments[1]!.name, type: "application/pdf", size: 1000, inline: false },
    ]);
  }

  it("never says who gets a blind copy, nor by a key id", async () => {
    const { lib } = await openpgp();
    for (const certificates of [[own], []]) {
      const { mail } = await w.vault.encrypt({ draft, certificates, sign: false });
      expect(latin1(mail)).not.toContain("hidden-canary");
      expect(latin1(mail).toLowerCase()).not.toMatch(/\r\nbcc:/);
      if (certificates.length === 0) continue;
      const m = await lib.readMessage({ binaryMessage: letterOf(mail) });
      expect(m.getEncryptionKeyIDs().map((k) => k.toHex())).toEqual(["0000000000000000"]);
      expect(JSON.stringify(await w.vault.openMail({ message: letterOf(mail).buffer }))).not.toContain("hidden-canary");
    }
  });

  it("signs a readable mail whole, and says so only of the signed part", async () => {
    const { mail } = await w.vault.encrypt({ draft, certificates: [], sign: true });
    const opened = await w.vault.openMail({ message: await sealed(seal(latin1(mail))), verify: [own] });
    expect(opened.signature).toMatchObject({ state: "good", from_matches: true });
    expect(opened.subject).toBe(draft.subject);
    expect(opened.differs).toEqual([]);
    const forged = latin1(mail).replace("Subject: ", "Subject: forged ");
    const told = await w.vault.openMail({ message: await sealed(seal(forged)), verify: [own] });
    expect(told.differs).toEqual(["subject"]);
  });

  it("refuses fields that end early, and bad addresses (D06)", async () => {
    const bad: Partial<Draft>[] = [
      { from: { name: "a\r\nBcc: x", address } }, { to: [{ name: "", address: "a@b.c\r\nX: y" }] }, { to: [{ name: "", address: "nobody" }] }, { to: [{ name: "", address: "a@b/c" }] },
      { message_id: "<a\r\nb@c>" }, { date: NaN },
    ];
    for (const b of bad) await expect(w.vault.encrypt({ draft: { ...draft, ...b }, certificates: [own], sign: false }), JSON.stringify(b)).rejects.toThrow(/^bad-input$/);
    const { mail } = await w.vault.encrypt({ draft: { ...draft, subject: "a\r\nBcc: x@y.z" }, certificates: [], sign: false });
    expect(latin1(mail)).toContain("\r\nSubject: a Bcc: x@y.z\r\n");
    await expect(w.vault.encrypt({ draft, certificates: [utf8("no key").buffer], sign: false })).rejects.toThrow(/^bad-input$/);
  });

  it("says what a certificate is", async () => {
    expect(await w.vault.describeKey(own)).toMatchObject({ fingerprint: w.id.fingerprint, identities: ["Alice Exämple <alice@example.org>"], expires: 0, usable: true });
  });
});

describe("signatures (B04, B05)", () => {
  const mime = (body: string) => `From: Alice <${address}>\nSubject: s\nContent-Type: text/plain\n\n${body}\n`;

  it("are good only for the key that a certificate of From has", async () => {
    const mallory = await newWorld("mallory@evil.example", "9999888877776666");
    const theirs = fromBase64(mallory.made.join.certificate).buffer;
    const message = await sealed(mime("pay me"), { sign: mallory });
    expect((await w.vault.openMail({ message: message.slice(0), verify: [own, theirs] })).signature).toMatchObject({ state: "good", from_matches: false, fingerprint: mallory.made.fingerprint });
    expect((await w.vault.openMail({ message: message.slice(0), verify: [own] })).signature).toMatchObject({ state: "unknown-key", from_matches: false });
    const mine = await sealed(`From: Alice <${address}>\nFrom: x@y.z\nSubject: s\n\nx\n`, { sign: w });
    expect((await w.vault.openMail({ message: mine, verify: [own] })).signature).toMatchObject({ state: "good", from_matches: false });
  });

  it("say nothing where they cover only a part", async () => {
    const { mail } = await w.vault.encrypt({ draft: { ...draft, html: "", attachments: [] }, certificates: [], sign: true });
    const [head, ...rest] = latin1(mail).split("\r\n\r\n");
    const type = /Content-Type: multipart\/signed[^]*?boundary="[^"]+"/.exec(head!)![0];
    const outer = `From: Alice <${address}>\nSubject: s\nContent-Type: multipart/mixed; boundary=X\n\n--X\nContent-Type: text/plain\n\nsend money to mallory\n--X\n${type}\n\n${rest.join("\r\n\r\n")}\n--X--\n`;
    const opened = await w.vault.openMail({ message: await sealed(seal(outer)), verify: [own] });
    expect(opened.signature).toEqual({ state: "partial", fingerprint: "", from_matches: false, from_signed: false, at: 0 });
    // A third part behind a good signature is not displayed as signed.
    const extra = latin1(mail).replace(/(--=_[0-9a-f]{32})--\r\n$/, "$1\r\nContent-Type: text/plain\r\n\r\nsend money\r\n$1--\r\n");
    expect(extra).not.toBe(latin1(mail));
    expect((await w.vault.openMail({ message: await sealed(seal(extra)), verify: [own] })).signature.state).toBe("partial");
    const changed = latin1(mail).replace("Hällo".slice(0, 1) + "=C3", "h=C3");
    expect(changed).not.toBe(latin1(mail));
    const bad = await w.vault.openMail({ message: await sealed(seal(changed)), verify: [own] });
    expect(bad.signature).toMatchObject({ state: "bad", from_matches: false });
    // What stands around the signed part is not shown with it.
    const before = latin1(mail).replace(/\r\n\r\n--=_/, "\r\n\r\nsend money to mallory\r\n--=_");
    const shown = await w.vault.openMail({ message: await sealed(seal(before)), verify: [own] });
    expect(shown.signature.state).toBe("good");
    expect(shown.text + shown.html).not.toContain("mallory");
  });

  it("are not offered for text that looks signed", async () => {
    const text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n-----BEGIN PGP SIGNATURE-----\n\nwsB=\n-----END PGP SIGNATURE-----";
    expect((await w.vault.openMail({ message: await sealed(mime(text)), verify: [own] })).signature.state).toBe("none");
  });

  it("tell user ids apart by their addresses alone", async () => {
    const { addressOf } = await import("./verify.ts");
    expect(addressOf("Alice <a@b.c>")).toBe("a@b.c");
    expect(addressOf("a@b.c")).toBe("a@b.c");
    for (const id of ["a@b.c <x@y.z>", "<a@b.c> <x@y.z>", "a@b.c x", "Alice <a@b.c> x", "Alice (a@b.c)"]) expect(addressOf(id), id).not.toBe("a@b.c");
  });
});

describe("hostile mail", () => {
  const opens = async (mail: string) => {
    const start = performance.now();
    const message = await sealed(utf8(seal(mail)));
    const opened = await w.vault.openMail({ message });
    return { opened, ms: performance.now() - start };
  };

  it("with too much of anything is not taken apart, and fast (D09)", async () => {
    const nested = (n: number) => Array.from({ length: n }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join("") + "Content-Type: text/plain\n\nx\n";
    const cases = {
      "10,000 levels": nested(10_000),
      "100,000 parts": `Content-Type: multipart/mixed; boundary=b\n\n${"--b\n\nx\n".repeat(100_000)}--b--\n`,
      "a header of 5 MB": `X: ${"a".repeat(5 << 20)}\n\nx\n`,
      "100,000 fields": `${"X: y\n".repeat(100_000)}\nx\n`,
    };
    for (const [name, mail] of Object.entries(cases)) {
      const { opened, ms } = await opens(`Subject: s\n${mail}`);
      expect(opened, name).toMatchObject({ incomplete: true, html: "", text: "" });
      expect(ms, name).toBeLessThan(30_000); // it would be minutes
      expect((await w.vault.source(opened.handle)).byteLength).toBeGreaterThan(1000);
    }
    const many: { [name: string]: string } = {
      boundaries: `Content-Type: multipart/mixed; boundary=b\n\n${"--b-\n".repeat(200_000)}`,
      addresses: `To: ${"a@b.c, ".repeat(9000)}\n\nx\n`,
      brackets: `To: ${"<".repeat(60_000)}\nFrom: ${"(".repeat(60_000)}\n\nx\n`,
      words: `Subject: ${"=?utf-8?Q?a?= ".repeat(4000)}\n\nx\n`,
      quotes: `Content-Type: text/plain; ${'a="'.repeat(2000)}\n\nx\n`,
      spaces: `Subject: ${" ".repeat(60_000)}x\nList-Unsubscribe: ${"<https://".repeat(800)}\n\nx\n`,
    };
    for (const [name, mail] of Object.entries(many)) expect((await opens(mail)).ms, name).toBeLessThan(3000);
  }, 120_000);

  it("shows no control characters, and no turned text", async () => {
    const { opened } = await opens("From: \"a\u202eb\u0007\" <x@y.z>\nSubject: one\u2028two \u2066x\nContent-Type: application/x; name=\"../../a\u202etxt.exe\"\n\nx\n");
    expect(opened.from[0]!.name).toBe("a\\u202eb");
    expect(opened.subject).toBe("one two \\u2066x");
    expect(opened.parts[0]!.name).toBe("__.._a_u202etxt.exe");
  });

  it("does not join what was encrypted with what stood around it (B01)", async () => {
    const secret = await sealed("Content-Type: text/html\n\n<p>secret canary</p>\n");
    const armored = `-----BEGIN PGP MESSAGE-----\n\n${toBase64(new Uint8Array(secret)).replace(/.{76}/g, "$&\n")}\n-----END PGP MESSAGE-----\n`;
    const pgp = `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=E\n\n--E\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--E\nContent-Type: application/octet-stream\n\n${armored}\n--E--\n`;
    const efail = `Subject: s\nContent-Type: multipart/mixed; boundary=M\n\n--M\nContent-Type: text/html\n\n<img src="http://evil.example/\n--M\n${pgp}\n--M\nContent-Type: text/html\n\n">\n--M--\n`;
    const { opened } = await opens(efail);
    expect(JSON.stringify(opened)).not.toContain("secret canary");
    // Alone at the root it is a document of its own.
    expect((await opens(`Subject: s\n${pgp}`)).opened.html).toContain("secret canary");
  });

  it("is given back no faster than a reader asks", async () => {
    const { opened } = await opens("Subject: s\n\nx\n");
    const calls = await Promise.allSettled(Array.from({ length: 60 }, () => w.vault.source(opened.handle)));
    expect(calls.some((c) => c.status === "rejected")).toBe(true);
    await w.vault.forget(opened.handle);
    await expect(w.vault.source(opened.handle)).rejects.toThrow("bad-input");
  });
});

describe("header protection (B09)", () => {
  it("tells of a From that is another outside", async () => {
    const message = await sealed(`From: Alice <${address}>\nSubject: inner\nHP-Outer: Subject: [...]\nHP-Outer: From: Boss <boss@bank.example>\nContent-Type: text/plain; hp="cipher"\n\nx\n`);
    const { head } = walkMessage(new Uint8Array(message));
    const header = await headerLetter(new Uint8Array(message), head, "From: Boss <boss@bank.example>\r\nSubject: [...]\r\nReply-To: evil@evil.example\r\nContent-Type: multipart/encrypted\r\n\r\n");
    const opened = await w.vault.openMail({ message, header });
    expect(opened).toMatchObject({ subject: "inner", from: [{ address }], differs: ["from", "reply-to"], reply_to: [] });
  });

  it("takes the outer header where nothing inside is protected", async () => {
    const message = await sealed("Subject: not a header of the mail\nContent-Type: text/plain\n\nx\n");
    const { head } = walkMessage(new Uint8Array(message));
    const header = await headerLetter(new Uint8Array(message), head, "From: bob@example.net\r\nSubject: outer\r\nContent-Type: multipart/encrypted\r\nAutocrypt: addr=bob@example.net; keydata=AA\r\n\r\n",
      "Authentication-Results: mx;\r\n dmarc=pass header.from=example.net\r\n");
    expect(await w.vault.openMail({ message, header })).toMatchObject({ subject: "outer", from: [{ name: "", address: "bob@example.net" }], verified: true, autocrypt: "addr=bob@example.net; keydata=AA" });
  });

  // mutt, K-9 Mail: the subject alone is protected. RFC 9788: From is then not protected, and
  // a signature does not speak for it.
  it("says that the sender is not protected where only the subject is, signed or not", async () => {
    const outside = (message: ArrayBuffer) =>
      headerLetter(new Uint8Array(message), walkMessage(new Uint8Array(message)).head, `From: Alice <${address}>\r\nSubject: ...\r\nContent-Type: multipart/encrypted\r\n\r\n`);
    const open = async (content: string) => {
      const message = await sealed(content, { sign: w });
      return w.vault.openMail({ message, header: await outside(message), verify: [own] });
    };
    const half = await open('Subject: inner\nContent-Type: text/plain; protected-headers="v1"\n\nx\n');
    expect(half).toMatchObject({ subject: "inner", from: [{ address }], sender_outside: true, signature: { state: "good", from_matches: true, from_signed: false } });
    const none = await open("Content-Type: text/plain\n\nx\n");
    expect(none).toMatchObject({ subject: "...", sender_outside: true, signature: { state: "good", from_signed: false } });
    const whole = await open(`From: Alice <${address}>\nSubject: inner\nContent-Type: text/plain; hp="cipher"\n\nx\n`);
    expect(whole).toMatchObject({ subject: "inner", sender_outside: false, signature: { state: "good", from_matches: true, from_signed: true } });
  });

  it("says of a readable signed mail whether its sender is part of what was signed", async () => {
    const { mail } = await w.vault.encrypt({ draft, certificates: [], sign: true });
    const open = async (text: string) => (await w.vault.openMail({ message: await sealed(seal(text)), verify: [own] })).signature;
    expect(await open(latin1(mail))).toMatchObject({ state: "good", from_matches: true, from_signed: true });
    // The From outside is another of that key's addresses, or the signed part names none.
    expect(await open(latin1(mail).replace(/^From: [^\r]*/, "From: Mallory <mallory@evil.example>"))).toMatchObject({ state: "good", from_matches: false, from_signed: false });
  });

  it("takes the header inside of a mail that was encrypted and then sealed, and tells what differs", async () => {
    const inner = latin1(armored(await sealed(`From: Alice <${address}>\nSubject: inner\nContent-Type: text/plain; hp="cipher"\n\nx\n`, { sign: w })));
    const outer = `From: Boss <boss@bank.example>\nSubject: ...\nContent-Type: multipart/encrypted; boundary=e\n\n--e\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--e\nContent-Type: application/octet-stream\n\n${inner}\n--e--\n`;
    const front = "Authentication-Results: mx;\n\tdmarc=pass header.from=bank.example\n";
    const opened = await w.vault.openMail({ message: await sealed(seal(outer, front, "both")), verify: [own] });
    expect(opened).toMatchObject({ class: "both", subject: "inner", from: [{ address }], differs: ["from"], verified: false, sender_outside: false, signature: { state: "good", from_signed: true } });
  });

  it("leaves out what repeats a protected header, and nothing where none is protected (RFC 9788)", async () => {
    const html = '<html><body><div class="header-protection-legacy-display"><pre>Subject: inner</pre></div><p>body</p></body></html>';
    const mail = (hp: string) => `From: Alice <${address}>\nSubject: inner\nContent-Type: multipart/alternative; boundary=a${hp}\n\n` +
      '--a\nContent-Type: text/plain; hp-legacy-display="1"\n\nSubject: inner\nFrom: Alice\n <x>\n\nNote: body\n' +
      `--a\nContent-Type: text/html; hp-legacy-display="1"\n\n${html}\n--a--\n`;
    const shown = await w.vault.openMail({ message: await sealed(mail('; hp="cipher"')) });
    expect([shown.text.trim(), shown.html.includes("Subject"), shown.html.includes("<p>body</p>")]).toEqual(["Note: body", false, true]);
    const kept = await w.vault.openMail({ message: await sealed(mail("")) });
    expect([kept.text.startsWith("Subject: inner"), kept.html.includes("Subject")]).toEqual([true, true]);
    const old = await w.vault.openMail({ message: await sealed(`Subject: inner\nContent-Type: multipart/mixed; boundary=m; protected-headers="v1"\n\n--m\nContent-Type: text/plain; protected-headers="v1"\nContent-Disposition: inline\n\nSubject: inner\n\n--m\nContent-Type: text/plain\n\nbody\n--m--\n`) });
    expect(old.text.trim()).toBe("body");
  });

  it("shows armor amid other text apart, and only that of the owner's", async () => {
    const block = latin1(armored(await sealed("the inner words\n")));
    const both = (text: string, kind = "both") => seal(`From: list@example.org\nSubject: s\nContent-Type: text/plain\n\n${text}`, "", kind);
    const opened = await w.vault.openMail({ message: await sealed(both(`before\n${block}\n--\nthe list's footer\n`)) });
    expect(opened).toMatchObject({ inline: "the inner words\r\n", signature: { state: "none" } });
    expect(opened.text).toContain("BEGIN PGP MESSAGE");
    expect(opened.text + opened.html).not.toContain("inner words");
    expect((await w.vault.openMail({ message: await sealed(both("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n")) })).inline).toBe("");
    // Of mail that the server did not find encrypted, nothing is tried.
    expect((await w.vault.openMail({ message: await sealed(both(block, "arrival")) })).inline).toBe("");
  });
});

describe("GnuPG", () => {
  const gpg = (home: string, args: string[], input: Uint8Array) => spawnSync("gpg", ["--homedir", home, "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", ...args], { input });
  const has = spawnSync("gpg", ["--version"]).status === 0;

  it.skipIf(!has)("reads what we write with a key we made, and writes what we read", async () => {
    const home = mkdtempSync(join(tmpdir(), "g"));
    try {
      const secret = (await secretOf(w)).armor();
      expect(gpg(home, ["--import"], utf8(secret)).status).toBe(0);
      const { mail } = await w.vault.encrypt({ draft, certificates: [own], sign: true });
      const letter = letterOf(mail);
      const out = gpg(home, ["--status-fd", "2", "--decrypt"], letter);
      expect(out.status, String(out.stderr)).toBe(0);
      expect(String(out.stderr)).toContain("GOODSIG");
      expect(String(out.stdout)).toContain("HP-Outer: Subject: [...]");
      const plain = `From: Alice <${address}>\r\nSubject: by gpg\r\nContent-Type: text/plain; hp="cipher"\r\n\r\nfrom GnuPG\r\n`;
      const theirs = gpg(home, ["--trust-model", "always", "--recipient", w.id.fingerprint, "--encrypt", "--sign"], utf8(plain));
      expect(theirs.status, String(theirs.stderr)).toBe(0);
      const opened = await w.vault.openMail({ message: new Uint8Array(theirs.stdout).buffer, verify: [own] });
      expect(opened).toMatchObject({ subject: "by gpg", text: expect.stringContaining("from GnuPG"), signature: { state: "good", from_matches: true } });
      // Armor as a whole, in each of its three endings: GnuPG 2.2 needs a checksum for one.
      for (let i = 0; i < 3; i++) {
        const { mail: armored } = await w.vault.encrypt({ draft: { ...draft, html: "", attachments: [], text: "x".repeat(i) }, certificates: [own], sign: false });
        const block = /-----BEGIN PGP MESSAGE-----[^]*-----END PGP MESSAGE-----\r\n/.exec(latin1(armored))![0];
        expect(gpg(home, ["--decrypt"], utf8(block)).status).toBe(0);
      }
      const { mail: signed } = await w.vault.encrypt({ draft, certificates: [], sign: true });
      const [, part, sig] = /boundary="(=_[0-9a-f]{32})"[^]*?\r\n\r\n--\1\r\n([^]*)\r\n--\1\r\n[^]*?(-----BEGIN PGP SIGNATURE-----[^]*?-----END PGP SIGNATURE-----)/.exec(latin1(signed))!.slice(1) as [string, string, string];
      writeFileSync(join(home, "part"), octets(part));
      writeFileSync(join(home, "sig"), sig);
      expect(gpg(home, ["--verify", join(home, "sig"), join(home, "part")], new Uint8Array(0)).status).toBe(0);
    } finally {
      spawnSync("gpgconf", ["--homedir", home, "--kill", "gpg-agent"]);
      rmSync(home, { recursive: true, force: true });
    }
  }, 120_000);
});

