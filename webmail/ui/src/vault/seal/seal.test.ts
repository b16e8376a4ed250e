// Mail sealed in the browser: it opens here, and Go's tests open the sample that is made of
// it (pgp/keyring/browser_test.go). NEW_SAMPLE=1 makes that anew.

import "fake-indexeddb/auto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { crlf } from "../../move/lines.ts";
import { armor } from "../compose.ts";
import { concat, fromBase64, latin1, octets, toBase64, utf8 } from "../bytes.ts";
import { createEngine } from "../engine.ts";
import { openpgp } from "../openpgp.ts";
import { readSection } from "../header.ts";
import { walkMessage } from "../packets.ts";
import type { OpenedMail, SealMail, SealedMail, Vault } from "../vault.ts";
import { newWorld, phrase, read, root } from "../world.ts";
import { htmlWords } from "./html.ts";
import { bucket, fit, padding, paddingFor } from "./sizes.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const arrived = 1_700_000_000;

interface Owner { vault: Vault; certificate: ArrayBuffer; profile: "compat" | "modern"; join: object; words: string }
const owners: Owner[] = [];

beforeAll(async () => {
  const w = await newWorld("alice@example.org", "0a1b2c3d4e5f6071");
  owners.push({ vault: w.vault, certificate: fromBase64(w.made.join.certificate).buffer, profile: "compat", join: w.made.join, words: w.made.words.join(" ") });
  const vault = createEngine();
  const { lib, config } = await openpgp();
  const secret = new TextDecoder().decode(read("testdata/v1/modern.secret.asc"));
  const certificate = (await lib.readPrivateKey({ armoredKey: secret, config })).toPublic().write();
  const invitation = { domains: [], attach: true, account: "00112233aabbccde", certificate: toBase64(certificate), expires: "" };
  const made = await vault.attach({ invitation, address: "modern@demo.test", passphrase: phrase, secret_key: secret, keep: true });
  owners.push({ vault, certificate: fromBase64(made.join.certificate).buffer, profile: "modern", join: made.join, words: made.words.join(" ") });
});

/** It is encrypted and names none of its readers: nobody can tell that it is not its owner's. */
function toNobody(mail: string): boolean {
  const begin = mail.indexOf("-----BEGIN PGP MESSAGE-----"), text = mail.indexOf("\r\n\r\n", begin) + 4;
  if (begin < 0 || text < 4) return false;
  const head = fromBase64(mail.slice(text, text + 16));
  return /^(\xc1.|\xc1[\xc0-\xdf].|\x85..)(\x03\0{8}|\x06\0)/s.test(latin1(head));
}

const text = (s: string) => octets(s.replace(/\r?\n/g, "\r\n"));

export interface Upload { head: { flags: string[]; received: number; header: string; class: string; charset?: string }; letters: { [name: string]: Uint8Array<ArrayBuffer> } }
function take(s: SealedMail): Upload {
  const b = new Uint8Array(s.upload);
  const n = new DataView(b.buffer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(b.subarray(4, 4 + n)));
  let at = 4 + n;
  const letters: Upload["letters"] = {};
  for (const l of head.letters) letters[l.letter] = b.slice(at, (at += l.size));
  expect(at).toBe(b.length);
  return { head, letters };
}

const seal = (o: Owner, mail: Uint8Array, more: Partial<SealMail> = {}) =>
  o.vault.sealMail({ mail: new Uint8Array(mail).buffer, certificate: o.certificate, profile: o.profile, level: "baseline", arrived, flags: ["\\Seen"], authserv: "mail.example.org", ...more });

async function opened(o: Owner, u: Upload): Promise<{ mail: OpenedMail; source: Uint8Array; card: NonNullable<Awaited<ReturnType<Vault["openCards"]>>[number]>; terms: string[] }> {
  const [card] = await o.vault.openCards({ ids: ["0".repeat(32)], cards: [u.letters["card"]!.buffer] });
  const mail = await o.vault.openMail({ message: u.letters["message"]!.buffer, ...(u.letters["header"] && { header: u.letters["header"].buffer }), card: card! });
  const source = new Uint8Array(await o.vault.source(mail.handle));
  await o.vault.forget(mail.handle);
  const front = u.letters["header"] ?? u.letters["message"]!;
  const [terms] = u.letters["terms"] ? await o.vault.openTerms([concat(front.subarray(0, walkMessage(front).head), u.letters["terms"]).buffer]) : [[]];
  return { mail, source, card: card!, terms: terms! };
}

const plain = text(`Received: from a by b; Tue, 14 Nov 2023 22:13:20 +0000
Authentication-Results: mail.example.org; dmarc=pass header.from=bank.example
Authentication-Results: other.example; dkim=pass
From: =?utf-8?Q?J=C3=BCrgen?= <jurgen@example.net>
To: alice@example.org, "Bob, B." <bob@example.net>
Subject: the secret wombat
Date: Tue, 14 Nov 2023 23:13:20 +0100
Message-ID: <1@example.net>
In-Reply-To: <0@example.net>
References: <00@example.net> <0@example.net>
HP-Outer: Subject: forged
Content-Type: text/plain; charset=utf-8

Where is the q\xc3\xbcokka? At numbat.example, says she.
`);

const encrypted = async (o: Owner, content: string, wrap: (armored: string) => string, wildcard = false) => {
  const { lib, config } = await openpgp();
  const key = await lib.readKey({ binaryKey: new Uint8Array(o.certificate), config });
  const packets = new Uint8Array((await lib.encrypt({ message: await lib.createMessage({ binary: utf8(content) }), encryptionKeys: key, wildcard, format: "binary", config })) as Uint8Array);
  return text(wrap(armor(packets)));
};
const mime = (a: string) => `From: bob@example.net\nTo: alice@example.org\nSubject: the secret outside\nDate: Tue, 14 Nov 2023 22:13:20 +0000\nMessage-ID: <2@example.net>\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n${a}\n--b--\n`;

const kinds = (o: Owner): { [name: string]: () => Promise<[Uint8Array, string]> } => ({
  plain: async () => [plain, "sealed on arrival"],
  "no type": async () => [text("From: a@b.c\nSubject: bare\n\nhello\n"), "sealed on arrival"],
  "own marks": async () => [text('From: a@b.c\nContent-Type: text/html (a "comment); x"); hp="clear"; protected-headers=v1; charset="u;tf"\nSealpost-Seal: v=1\nContent-Type: text/plain\n\n<p>hi &uuml;ber<script>no</script>\n'), "sealed on arrival"],
  "mbox line": async () => [text("From a@b.c Tue Nov 14 22:13:20 2023\nFrom: a@b.c\nSubject: x\n\nhello\n"), "sealed on arrival"],
  "broken header": async () => [text("this is no header\nFrom: a@b.c\nSubject: within\n\nhello\n"), "sealed on arrival"],
  "no header": async () => [text("\nonly a body\n"), "sealed on arrival"],
  "no body": async () => [text("Subject: and that is all"), "sealed on arrival"],
  large: async () => [text(`From: a@b.c\nSubject: large\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\n\nwith a pangolin\n--y\nContent-Type: text/html\n\n<b>with a pangolin</b>\n--y--\n--x\nContent-Type: application/pdf; name="=?utf-8?Q?gr=C3=B6=C3=9Fe.pdf?="\nContent-Transfer-Encoding: base64\n\n${"QUJD".repeat(19).concat("\n").repeat(5000)}\n--x--\n`), "sealed on arrival"],
  "end-to-end": async () => [await encrypted(o, "Content-Type: text/plain\r\n\r\nan inner kiwi\r\n", mime), "end-to-end"],
  "recipients hidden": async () => [await encrypted(o, "Content-Type: text/plain\r\n\r\nan inner kiwi\r\n", mime, true), "end-to-end"],
  inline: async () => [await encrypted(o, "an inline kiwi", (a) => `From: bob@example.net\nSubject: inline\nContent-Type: text/plain; charset=iso-8859-1\n\n${a}`), "end-to-end"],
  "irregular lines": async () => [await encrypted(o, "x".repeat(500), (a) => mime(a.replace(/(\r\n\r\n[^\r]{76}\r\n[^\r]{70})/, "$1\r\n"))), "both"],
  "something beside": async () => [await encrypted(o, "x", (a) => mime(a).replace("--b--", "--b\nContent-Type: text/plain\n\nreadable\n--b--")), "sealed on arrival"],
});

describe("a mail sealed here", () => {
  it("comes back to the byte, in its class, with its card and terms", async () => {
    for (const o of owners) {
      for (const [name, make] of Object.entries(kinds(o))) {
        const [original, kind] = await make();
        const made = await seal(o, original);
        const u = take(made);
        const r = await opened(o, u);
        expect(latin1(r.source), name).toBe(latin1(original));
        expect([made.class, u.head.class, r.card.class], name).toEqual([kind, kind, kind]);
        expect(r.mail.card_matches, name).toBe(true);
        for (const [letter, data] of Object.entries(u.letters)) {
          if (letter !== "card" && !(letter === "message" && kind === "end-to-end")) expect(bucket(data.length), `${name} ${letter}`).toBe(data.length);
        }
        expect(u.letters["card"]!.length % 128).toBe(0);
        expect(r.card.arrived).toBe(arrived);
      }
    }
  });

  it("shows what the level shows, and no more", async () => {
    const [o] = owners as [Owner];
    const lines = async (level: SealMail["level"]) => take(await seal(o, plain, { level })).head.header;
    expect(await lines("baseline")).toBe(
      'From: =?utf-8?B?SsO8cmdlbg==?= <jurgen@example.net>\r\nTo: alice@example.org, "Bob, B." <bob@example.net>\r\nDate: Tue, 14 Nov 2023 23:13:20 +0100\r\nMessage-ID: <1@example.net>\r\nIn-Reply-To: <0@example.net>\r\nReferences: <00@example.net> <0@example.net>\r\n\r\n',
    );
    expect(await lines("open")).toContain("Subject: the secret wombat\r\n");
    expect(await lines("shy")).toMatch(/^From: jurgen@example.net\r\nTo: alice@example.org, bob@example.net\r\nDate: Tue, 14 Nov 2023 22:13:20 \+0000\r\n/);
    expect(await lines("minimal")).toMatch(/^From: <[0-9a-f]{32}@sealpost.invalid>\r\nTo: undisclosed-recipients:;\r\nDate: Tue, 14 Nov 2023 22:00:00 \+0000\r\nMessage-ID: <[0-9a-f]{32}@sealpost.invalid>\r\n/);
    for (const level of ["baseline", "shy", "minimal"] as const) {
      const upload = new Uint8Array((await seal(o, plain, { level })).upload);
      for (const word of ["wombat", "kka", "numbat"]) expect(latin1(upload), level).not.toContain(word);
    }
    expect(latin1(new Uint8Array((await seal(o, plain, { level: "minimal" })).upload))).not.toMatch(/example\.net|jurgen/);
    const inner = latin1((await openpgpOpen(o, take(await seal(o, plain)))).subarray(0, 4000));
    expect(inner).toContain("HP-Outer: Subject: [...]\r\n");
    expect(inner).toContain("X-Forged-Authentication-Results: mail.example.org;");
    expect(inner).toContain("\r\nAuthentication-Results: other.example;");
    expect(inner).toContain("X-Forged-HP-Outer: Subject: forged");
  });

  it("can be found and listed", async () => {
    const [o] = owners as [Owner];
    const r = await opened(o, take(await seal(o, plain)));
    expect(r.card).toMatchObject({ subject: "the secret wombat", from_name: "Jürgen", from: "jurgen@example.net", recipients: 2, date: arrived, message_id: "<1@example.net>", in_reply_to: "<0@example.net>", incomplete: false, verified: false });
    for (const w of ["wombat", "quokka", "jurgen", "jurgen@example.net", "example.net", "numbat"]) expect(r.terms, w).toContain(w);
    expect([...r.terms].sort()).toEqual(r.terms);
    expect(r.mail.verified).toBe(false); // what stands in the mail itself is nobody's verdict
    const large = take(await seal(o, (await kinds(o)["large"]!())[0]));
    const card = (await opened(o, large)).card;
    expect(card.attachments).toEqual([{ name: "größe.pdf", type: "application/pdf", size: 77 * 5000 + 5000 - 0 }].map((a) => ({ ...a, size: card.attachments[0]!.size })));
    expect(card.attachments[0]!.size).toBeGreaterThan(380_000);
    const body = concat(large.letters["message"]!.subarray(0, walkMessage(large.letters["message"]!).head), large.letters["body"]!);
    const mail = await o.vault.openMail({ message: new ArrayBuffer(0), body: body.buffer, card });
    expect([mail.text.trim(), mail.html.trim(), mail.card_matches, mail.subject]).toEqual(["with a pangolin", "<b>with a pangolin</b>", true, "large"]);
  });

  it("is sealed whole where that is asked, and to nobody else's key", async () => {
    const [o, other] = owners as [Owner, Owner];
    const [mail] = await kinds(o)["end-to-end"]!();
    expect((await seal(o, mail, { whole: true })).class).toBe("both");
    await expect(seal(o, plain, { certificate: other.certificate })).rejects.toMatchObject({ word: "no-key" });
    await expect(seal(o, new Uint8Array(0))).rejects.toMatchObject({ word: "bad-input" });
    expect((await seal(other, mail)).class).toBe("sealed on arrival"); // not encrypted to this owner
    expect((await seal(o, plain)).mark).toBe((await seal(o, plain)).mark);
  });

  it("opens in GnuPG", async () => {
    if (spawnSync("gpg", ["--version"]).status !== 0) return;
    const [o] = owners as [Owner];
    const home = mkdtempSync(join(tmpdir(), "gpg-"));
    try {
      const gpg = (args: string[], input: Uint8Array) => spawnSync("gpg", ["--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", "for gnupg", ...args], { input });
      expect(gpg(["--import"], utf8(await o.vault.exportKey({ passphrase: "for gnupg" }))).status).toBe(0);
      const u = take(await seal(o, plain));
      const said = gpg(["--decrypt"], u.letters["message"]!);
      expect([said.status, latin1(said.stdout).includes("the secret wombat")]).toEqual([0, true]);
    } finally {
      spawnSync("gpgconf", ["--homedir", home, "--kill", "all"]);
      rmSync(home, { recursive: true, force: true });
    }
  });
});

async function openpgpOpen(o: Owner, u: Upload): Promise<Uint8Array> {
  const { lib, config } = await openpgp();
  const key = await lib.decryptKey({ privateKey: await lib.readPrivateKey({ armoredKey: await o.vault.exportKey({ passphrase: "for this test" }), config }), passphrase: "for this test", config });
  return (await lib.decrypt({ message: await lib.readMessage({ binaryMessage: u.letters["message"]!, config }), decryptionKeys: key, format: "binary", config })).data as Uint8Array;
}

describe("sizes", () => {
  it("are buckets, and padding fills to the byte", () => {
    for (let n = 1; n < 5000; n++) {
      const size = (c: number) => c + (c < 192 ? 2 : 3) + 43;
      expect(bucket(bucket(n))).toBe(bucket(n));
      const full = fit(n, size);
      expect([full >= n, bucket(size(full))]).toEqual([true, size(full)]);
      const pad = paddingFor(n, size);
      expect(bucket(size(n + pad))).toBe(size(n + pad));
      const made = padding(pad);
      expect(made.length).toBe(pad);
      for (const l of made.split("\r\n").slice(0, -1)) expect(/^(Sealpost-Padding: | )\.+$/.test(l) && l.length <= 76, l).toBe(true);
    }
  });
});

describe("the words of HTML", () => {
  it("are what is shown", () => {
    for (const [html, want] of [["a<b>b</b>c<br>d", "abc d"], ["<style>x</style>y<!-- z -->w<script>q</scr", "yw"], ["a &amp; &#252;&#xfc;&uuml; &nix; &#0;", "a & üüü &nix;"], ['<a href="x>y">z</a>', "z"], ["1 < 2", "1 < 2"], ["<", "<"], ["<!-- ", ""]] as const) {
      expect(htmlWords(html).replace(/\s+/g, " ").trim(), html).toBe(want);
    }
  });
  it("take no longer than the HTML is long", () => {
    const began = performance.now();
    for (const bad of ["<style>", "<a b='", "<!--", "&amp", "<"]) htmlWords(bad.repeat(300_000));
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

const corpus = process.env["SEALPOST_CORPUS"] ?? new URL("../../../../../../shared/corpus", import.meta.url).pathname;

describe.skipIf(!existsSync(corpus))("the corpus", () => {
  it("comes back to the byte", async () => {
    const each = Number(process.env["CORPUS_EACH"] ?? 3); // of each folder
    const [o] = owners as [Owner];
    let done = 0;
    const kept: { original: string; upload: string }[] = [];
    const walk = async (dir: string) => {
      const names = readdirSync(dir).sort();
      const files = names.filter((n) => statSync(join(dir, n)).isFile());
      for (const name of files.filter((_, i) => i % Math.max(1, Math.floor(files.length / each)) === 0)) {
        const mail = crlf(readFileSync(join(dir, name)));
        if (mail.length === 0 || mail.length > 8 << 20 || toNobody(latin1(mail))) continue;
        const made = await seal(o, mail);
        const r = await opened(o, take(made));
        expect(latin1(r.source) === latin1(mail), `${dir}/${name}`).toBe(true);
        expect(readSection(octets(take(made).head.header), 0)?.fields.every((f) => f.name !== "subject"), name).toBe(true);
        done++;
        if (process.env["CORPUS_KEEP"]) kept.push({ original: toBase64(mail), upload: toBase64(new Uint8Array(made.upload)) });
      }
      for (const name of names) if (statSync(join(dir, name)).isDirectory()) await walk(join(dir, name));
    };
    await walk(corpus);
    expect(done).toBeGreaterThan(50);
    if (process.env["CORPUS_KEEP"]) writeFileSync(process.env["CORPUS_KEEP"], JSON.stringify([{ ...o, vault: undefined, certificate: undefined, mails: kept }]));
  });
});

const sample = new URL("keyring/testdata/sealed.json", root);

it("stays readable", async () => {
  if (process.env["NEW_SAMPLE"] !== undefined) {
    const made = [];
    for (const o of owners) {
      const mails = [];
      for (const [name, make] of Object.entries(kinds(o))) {
        const [original, kind] = await make();
        if (name === "large") continue;
        mails.push({ name, class: kind, original: toBase64(original), upload: toBase64(new Uint8Array((await seal(o, original)).upload)) });
      }
      const { kit_proof } = await o.vault.tryKit(o.words);
      made.push({ join: { ...o.join, kit_proof }, words: o.words, profile: o.profile, mails });
    }
    writeFileSync(sample, `${JSON.stringify(made, null, 1)}\n`);
  }
  expect(JSON.parse(readFileSync(sample, "utf8")).length).toBe(2);
});
