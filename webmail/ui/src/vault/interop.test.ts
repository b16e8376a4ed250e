// Other OpenPGP programs, run for real: GnuPG 2.2, RNP (what Thunderbird uses) and Sequoia
// read what we write and write what we read, before the encryption subkey was replaced and
// after, and import the key as it is exported. And mail in the shapes that Thunderbird and
// Proton send.

import "fake-indexeddb/auto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fromBase64, latin1, octets, utf8 } from "./bytes.ts";
import { createEngine } from "./engine.ts";
import { openpgp } from "./openpgp.ts";
import { walkMessage } from "./packets.ts";
import type { Draft, Vault } from "./vault.ts";
import { type World, address, newWorld, phrase, share } from "./world.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const draft: Draft = {
  from: { name: "Alice", address }, to: [{ name: "", address }], cc: [], bcc: [], reply_to: [], subject: "Grüße", html: "", text: "from a browser: kumquat\n",
  attachments: [{ name: "a.bin", type: "application/octet-stream", content_id: "", data: new Uint8Array(70_000).fill(7).buffer }], in_reply_to: "", references: [], date: 1795338000, message_id: "",
};
const plain = `From: Alice <${address}>\r\nTo: ${address}\r\nSubject: by others\r\nContent-Type: text/plain; charset=utf-8; hp="cipher"\r\n\r\nfrom another program\r\n`;
const password = "for the other programs";

function run(program: string, args: string[], input: Uint8Array | string) {
  const r = spawnSync(program, args, { input, maxBuffer: 64 << 20 });
  return { status: r.status ?? -1, out: new Uint8Array(r.stdout ?? []), said: String(r.stderr ?? r.error) };
}
function must(r: ReturnType<typeof run>): Uint8Array<ArrayBuffer> {
  expect(r.status, r.said).toBe(0);
  return new Uint8Array(r.out);
}

// A program with a home of its own that has imported the exported key.
interface Program {
  name: string;
  import(secret: string, certificate: string): void;
  open(armored: Uint8Array): { text: string; signed: boolean };
  write(text: string): Uint8Array<ArrayBuffer>; // encrypted to the certificate and signed
}

const homes: string[] = [];
function home(): string {
  const dir = mkdtempSync(join(tmpdir(), "i"));
  homes.push(dir);
  return dir;
}
afterAll(() => {
  for (const h of homes) {
    spawnSync("gpgconf", ["--homedir", h, "--kill", "all"]);
    rmSync(h, { recursive: true, force: true });
  }
});

function gnupg(): Program {
  const at = home();
  const gpg = (args: string[], input: Uint8Array | string) => run("gpg", ["--homedir", at, "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", password, ...args], input);
  return {
    name: "GnuPG",
    import: (secret) => void must(gpg(["--import"], secret)),
    open(b) {
      const r = gpg(["--status-fd", "2", "--decrypt"], b);
      return { text: latin1(must(r)), signed: r.said.includes("GOODSIG") };
    },
    write: (text) => must(gpg(["--trust-model", "always", "--recipient", address, "--local-user", address, "--encrypt", "--sign"], text)),
  };
}

function rnp(): Program {
  const at = home();
  const file = (name: string, data: Uint8Array | string) => (writeFileSync(join(at, name), data), join(at, name));
  const call = (args: string[], input: Uint8Array | string = "") => run("rnp", ["--homedir", at, "--notty", "--password", password, ...args], input);
  return {
    name: "RNP",
    import(secret) {
      must(run("rnpkeys", ["--homedir", at, "--notty", "--import-keys", file("secret.asc", secret)], ""));
    },
    open(b) {
      const r = call(["--decrypt", "--output", "-", file("mail.asc", b)]);
      return { text: latin1(must(r)), signed: /Good signature/i.test(r.said) };
    },
    write: (text) => must(call(["--encrypt", "--sign", "-r", address, "-u", address, "--output", "-", file("plain", text)])),
  };
}

function sequoia(): Program {
  const at = home();
  const file = (name: string, data: Uint8Array | string) => (writeFileSync(join(at, name), data), join(at, name));
  return {
    name: "Sequoia",
    import(secret, certificate) {
      file("secret.asc", secret);
      file("cert.asc", certificate);
      file("password", password);
    },
    open(b) {
      const r = run("sqop", ["decrypt", `--with-key-password=${join(at, "password")}`, `--verify-with=${join(at, "cert.asc")}`, `--verifications-out=${join(at, `v${Date.now()}${Math.random()}`)}`, join(at, "secret.asc")], b);
      const seen = run("sh", ["-c", `cat ${at}/v*`], "");
      return { text: latin1(must(r)), signed: seen.out.length > 0 };
    },
    write: (text) => must(run("sqop", ["encrypt", `--with-key-password=${join(at, "password")}`, `--sign-with=${join(at, "secret.asc")}`, "--no-armor", join(at, "cert.asc")], text)),
  };
}

const programs = [["gpg", gnupg], ["rnp", rnp], ["sqop", sequoia]] as const;
const has = (name: string) => !spawnSync(name, ["--version"]).error;

let w: World;
let old: { certificate: ArrayBuffer; secret: string; mail: Uint8Array };
let now: { certificate: ArrayBuffer; secret: string };
let bare: string; // the secret key without the old subkey's secret

const blockOf = (mail: Uint8Array) => octets(/-----BEGIN PGP MESSAGE-----[^]*-----END PGP MESSAGE-----\r\n/.exec(latin1(mail))![0]);
async function armored(certificate: ArrayBuffer): Promise<string> {
  const { lib, config } = await openpgp();
  return (await lib.readKey({ binaryKey: new Uint8Array(certificate), config })).armor();
}

beforeAll(async () => {
  w = await newWorld();
  const certificate = fromBase64(w.made.join.certificate).buffer;
  const { mail } = await w.vault.encrypt({ draft, certificates: [certificate.slice(0)], sign: true });
  old = { certificate, secret: await w.vault.exportKey({ passphrase: password }), mail: blockOf(mail) };
  const n = await w.vault.changeKey({ passphrase: phrase, keyring: w.ring, fingerprint: w.id.fingerprint, certificate: certificate.slice(0), change: { do: "rotate" } });
  w.ring = { ...w.ring, version: n.version, containers: { ...w.ring.containers, [`openpgp.${w.id.fingerprint}`]: n.container! } };
  await w.vault.renew({ ...w.id, keyring: w.ring, share });
  now = { certificate: fromBase64(n.certificate).buffer, secret: await w.vault.exportKey({ passphrase: password }) };
  const f = await w.vault.changeKey({ passphrase: phrase, keyring: w.ring, fingerprint: w.id.fingerprint, certificate: now.certificate.slice(0), change: { do: "forget" } });
  const other = createEngine();
  await other.proveByKit({ address, words: w.made.words.join(" ") });
  await other.open({ ...w.id, keyring: { ...w.ring, version: f.version, containers: { ...w.ring.containers, [`openpgp.${w.id.fingerprint}`]: f.container! } }, share });
  bare = await other.exportKey({ passphrase: password });
}, 120_000);

async function read(vault: Vault, b: Uint8Array<ArrayBuffer>) {
  const message = b[0]! >= 0x80 ? b : new Uint8Array((await (await openpgp()).lib.unarmor(latin1(b))).data as unknown as Uint8Array);
  return vault.openMail({ message: message.slice().buffer, verify: [now.certificate.slice(0)] });
}

for (const [command, make] of programs) {
  describe.skipIf(!has(command))(command, () => {
    it("imports the exported key, opens our mail and writes ours", async () => {
      const p = make();
      p.import(old.secret, await armored(old.certificate));
      const seen = p.open(old.mail);
      expect(seen.text).toContain("HP-Outer: Subject: [...]");
      expect(seen.signed).toBe(true);
      expect(await read(w.vault, p.write(plain))).toMatchObject({ subject: "by others", text: expect.stringContaining("from another program"), signature: { state: "good", from_matches: true } });
    });

    it("does so after the subkey was replaced: new mail to the new one, old mail with the old", async () => {
      const p = make();
      p.import(now.secret, await armored(now.certificate));
      expect(p.open(old.mail)).toMatchObject({ signed: true });
      const { mail } = await w.vault.encrypt({ draft, certificates: [now.certificate.slice(0)], sign: true });
      expect(p.open(blockOf(mail))).toMatchObject({ signed: true });
      const theirs = p.write(plain);
      expect(await read(w.vault, theirs)).toMatchObject({ subject: "by others", signature: { state: "good" } });
      // Nobody takes the old subkey any more: without its secret all of it still opens.
      const { head } = walkMessage(theirs[0]! >= 0x80 ? theirs : ((await (await openpgp()).lib.unarmor(latin1(theirs))).data as unknown as Uint8Array));
      expect(head).toBeGreaterThan(0);
      expect(await w.vault.reseal({ keys: theirs.slice(0, head).buffer })).toBe(null);
    });

    it("opens old mail that was sealed anew with a key that has forgotten the old subkey", async () => {
      const { lib, config } = await openpgp();
      const message = new Uint8Array((await lib.unarmor(latin1(old.mail))).data as unknown as Uint8Array);
      const { head } = walkMessage(message);
      const made = new Uint8Array((await w.vault.reseal({ keys: message.slice(0, head).buffer }))!.message);
      const whole = new Uint8Array([...made, ...message.subarray(head)]);
      const p = make();
      p.import(bare, await armored(now.certificate));
      const armor = lib.armor(lib.enums.armor.message, whole, undefined, undefined, undefined, undefined, config as never) as unknown as string;
      expect(p.open(utf8(armor))).toMatchObject({ signed: true });
      expect(() => p.open(old.mail)).toThrow();
    });
  });
}

// ---- Shapes of mail that others send ----------------------------------------------------

async function encrypted(content: string): Promise<ArrayBuffer> {
  const { lib, config } = await openpgp();
  const key = await lib.readKey({ binaryKey: new Uint8Array(now.certificate), config });
  const message = await lib.createMessage({ binary: utf8(content.replace(/\r?\n/g, "\r\n")) });
  return new Uint8Array((await lib.encrypt({ message, encryptionKeys: key, format: "binary", config })) as Uint8Array).buffer;
}

describe("shapes", () => {
  it("Thunderbird: protected headers around a mixed body, with Autocrypt-Gossip", async () => {
    const m = await w.vault.openMail({
      message: await encrypted(`Content-Type: multipart/mixed; boundary="------------p"; protected-headers="v1"
From: Bob <bob@example.net>
To: Alice <${address}>
Message-ID: <tb@example.net>
Subject: Thunderbird =?UTF-8?Q?gr=C3=BC=C3=9Ft?=
Autocrypt-Gossip: addr=alice@example.org; keydata=AA

--------------p
Content-Type: multipart/mixed; boundary="------------q"

--------------q
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: base64

S3VtcXVhdCBmcm9tIFRodW5kZXJiaXJkCg==

--------------q
Content-Type: application/pgp-keys; name="OpenPGP_0x1.asc"
Content-Disposition: attachment; filename="OpenPGP_0x1.asc"
Content-Description: OpenPGP public key

-----BEGIN PGP PUBLIC KEY BLOCK-----
-----END PGP PUBLIC KEY BLOCK-----
--------------q--

--------------p--
`),
    });
    expect(m).toMatchObject({ subject: "Thunderbird grüßt", from: [{ name: "Bob", address: "bob@example.net" }], message_id: "<tb@example.net>", text: expect.stringContaining("Kumquat from Thunderbird"), autocrypt: "" });
    expect(m.parts.map((p) => p.name)).toEqual(["OpenPGP_0x1.asc"]);
  });

  it("Proton: one readable body without a header of its own, compressed", async () => {
    const { lib, config } = await openpgp();
    const key = await lib.readKey({ binaryKey: new Uint8Array(now.certificate), config });
    const content = `Content-Type: multipart/mixed;boundary=---------------------b5d1\n\n-----------------------b5d1\nContent-Type: multipart/related;boundary=---------------------0e3f\n\n-----------------------0e3f\nContent-Type: text/html;charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+S3VtcXVhdCBmcm9tIFByb3RvbjwvcD4=\n-----------------------0e3f--\n-----------------------b5d1\nContent-Type: application/pdf; filename="a.pdf"; name="a.pdf"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="a.pdf"; name="a.pdf"\n\nAQID\n-----------------------b5d1--\n`;
    const message = await lib.createMessage({ text: content });
    const made = new Uint8Array((await lib.encrypt({ message, encryptionKeys: key, format: "binary", config: { ...config, preferredCompressionAlgorithm: lib.enums.compression.zlib } })) as Uint8Array);
    const m = await w.vault.openMail({ message: made.buffer });
    expect(m).toMatchObject({ html: expect.stringContaining("Kumquat from Proton"), parts: [{ name: "a.pdf", size: 3 }] });
  });

  it("RFC 9788 with a legacy display part", async () => {
    const m = await w.vault.openMail({
      message: await encrypted(`From: Bob <bob@example.net>
Subject: inside
HP-Outer: Subject: [...]
HP-Outer: From: Bob <bob@example.net>
Content-Type: text/plain; charset=utf-8; hp-legacy-display="1"; hp="cipher"

Subject: inside

kumquat
`),
    });
    expect(m).toMatchObject({ subject: "inside", text: expect.stringContaining("kumquat"), differs: [] });
  });
});
