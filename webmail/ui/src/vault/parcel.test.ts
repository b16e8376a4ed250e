// Parcels: what Go sealed opens here, nothing opens that was changed, and an answer proves
// what it says it proves.

import "fake-indexeddb/auto";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { open as openBox, seal } from "./box.ts";
import { fromBase64, hkdf, octets, toBase64, utf8 } from "./bytes.ts";
import { createEngine } from "./engine.ts";
import { fromBase64url, openHint, openParcel, parseLink, parseName } from "./parcel.ts";
import type { Draft, Vault } from "./vault.ts";
import { type World, account, newWorld, root } from "./world.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // Argon2id is slow on purpose

const made = JSON.parse(readFileSync(new URL("keyring/testdata/vectors.json", root), "utf8")).parcel;
const box = fromBase64(made.box);
const link = parseLink(made.link)!;

describe("a parcel made by Go", () => {
  it("opens with its link and password", async () => {
    expect(await openHint(link, box)).toBe(made.hint);
    const l = await openParcel(link, box, made.password);
    expect(l).toMatchObject({ from: made.letter.from, to: made.letter.to, subject: "Größe", text: "hello", html: "<p>hello</p>", date: made.letter.date });
    expect(toBase64(l.answer!.key)).toBe(made.letter.answer.key);
    expect(l.files.map((f) => [f.name, f.type, f.content_id, toBase64(f.data)])).toEqual([["a.txt", "text/plain", "", btoa("kiwi")], ["b", "image/png", "c@d", "AAEC"]]);
    expect((await openParcel(link, box, "five w\u00f6rds".replace("fi", "\ufb01"))).subject).toBe("Größe"); // NFKC
  });

  it("opens with no octet changed, and every failure is the same", async () => {
    for (let i = 0; i < box.length; i += 1 + Math.floor(box.length / 300)) {
      const changed = box.slice();
      changed[i]! ^= 1;
      await expect(openHint(link, changed), `octet ${i}`).rejects.toThrow(/^closed$/);
      await expect(openParcel(link, changed, made.password), `octet ${i}`).rejects.toThrow(/^closed$/);
    }
    await expect(openParcel(link, box.slice(0, -1), made.password)).rejects.toThrow(/^closed$/);
    await expect(openParcel(link, box, "five words")).rejects.toThrow(/^closed$/);
  });

  it("opens under no other name, account or secret", async () => {
    for (const other of [
      { ...link, account: "ffffffffffffffff" }, { ...link, name: "ffffffff" + link.name.slice(8) }, { ...link, name: link.name.slice(0, 8) + "9" + link.name.slice(9) },
      { ...link, secret: "A" + link.secret.slice(1) }, { ...link, secret: link.secret.slice(1) },
    ]) await expect(openParcel(other, box, made.password)).rejects.toThrow(/^closed$/);
  });

  it("refuses a weak key derivation before the password is used", async () => {
    await expect(openParcel(link, fromBase64(made.weak), made.password)).rejects.toThrow(/^weak$/);
  });

  it("gives the password nothing that the link's secret alone opens", async () => {
    const key = await hkdf(fromBase64url(link.secret), new Uint8Array(0), "sealpost parcel link v1", 32);
    const plain = await openBox(key, { account: link.account, purpose: "parcel", name: link.name, version: 1 }, box);
    const text = new TextDecoder("latin1").decode(plain);
    expect(text).toContain("argon2id");
    for (const word of ["hello", "kiwi", "Alice", "elsewhere"]) expect(text).not.toContain(word);
  });
});

it("reads names and links, and nothing else", () => {
  const name = link.name;
  expect(parseName(name)).toEqual({ stem: name.slice(0, 31), ends: Number.parseInt(name.slice(0, 8), 16), answers: 5 });
  expect(parseName(name.slice(0, 8) + "0" + name.slice(9, 31))).toMatchObject({ answers: 0 });
  for (const bad of ["", name.slice(1), name + "A", name.slice(0, 31), name.slice(0, 8) + "0" + name.slice(9), name.toUpperCase()]) expect(parseName(bad), bad).toBeNull();
  for (const bad of ["", made.link + "A", made.link.replace(".", "/"), made.link.slice(1), "../" + made.link]) expect(parseLink(bad), bad).toBeNull();
});

describe("from one browser to another and back", () => {
  let w: World;
  let outside: Vault;
  let handle: number;
  let parcel: Awaited<ReturnType<Vault["sealParcel"]>>;
  const to = "Outsider@Elsewhere.example";
  const password = "abandon ability able about above";
  const draft: Draft = {
    from: { name: "Alice", address: "alice@example.org" }, to: [{ name: "O", address: to }], cc: [], bcc: [], reply_to: [], subject: "Grüße", html: '<p>the kumquat <img src="cid:pic"></p>', text: "the kumquat",
    attachments: [{ name: "../größe.txt", type: "text/plain", content_id: "", data: utf8("kiwi").buffer }, { name: "p.png", type: "image/png", content_id: "pic", data: utf8("png").buffer }],
    in_reply_to: "", references: [], date: 1795338000, message_id: "<1@example.org>",
  };

  beforeAll(async () => {
    w = await newWorld();
    parcel = await w.vault.sealParcel({ to, draft, password, hint: "the café", ends: 1796547600, answers: 2 });
    outside = createEngine(); // knows nobody
    const opened = await outside.openParcel({ link: parcel.link, box: parcel.box, password });
    expect(opened).toMatchObject({ subject: "Grüße", to: "Outsider@elsewhere.example", answers: true, ends: 1796547600 });
    expect(opened.parts.map((p) => [p.inline, p.size])).toEqual([[false, 4], [true, 3]]);
    expect(opened.parts[0]!.name).not.toMatch(/[/\\]/);
    handle = opened.handle;
    expect(new TextDecoder().decode(await outside.parcelFile(handle, 0))).toBe("kiwi");
  });

  // As the server stores it: the packets, and a header letter is not needed to open them.
  async function read(mail: Uint8Array) {
    const { openpgp } = await import("./openpgp.ts");
    const text = new TextDecoder().decode(mail);
    const { data } = await (await openpgp()).lib.unarmor(text.slice(text.indexOf("-----BEGIN"), text.indexOf("-----END PGP MESSAGE-----") + 25));
    return w.vault.openMail({ message: new Uint8Array(data as unknown as Uint8Array).buffer });
  }
  const answer = (more: Partial<Parameters<Vault["sealAnswer"]>[0]> = {}) =>
    outside.sealAnswer({ handle, name: "Olga", text: "an answer: persimmon", files: [{ name: "b.txt", type: "text/plain", data: utf8("fig").buffer }], date: 1795338100, ...more });

  it("hides in the box and in the answer what is written", async () => {
    const { mail, proof } = await answer();
    for (const bytes of [new Uint8Array(parcel.box), mail]) for (const word of ["kumquat", "persimmon", "Olga", "Grüße", "the café"]) expect(new TextDecoder().decode(bytes)).not.toContain(word);
    expect(fromBase64(proof)).toHaveLength(32);
    const head = new TextDecoder().decode(mail).split("\r\n\r\n")[0]!;
    expect(head.split("\r\n").filter((l) => !/^\s/.test(l)).map((l) => l.split(":")[0])).toEqual(["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "MIME-Version", "Content-Type"]);
    expect(head).toContain("From: Outsider@elsewhere.example\r\n");
  });

  it("proves an answer, and to whom the parcel went", async () => {
    const opened = await read((await answer()).mail);
    expect(opened).toMatchObject({ class: "end-to-end", answer: "proved", subject: "Re: Grüße", text: "an answer: persimmon\r\n", in_reply_to: "<1@example.org>", from: [{ name: "Olga", address: "Outsider@elsewhere.example" }] });
    expect(opened.parts.map((p) => p.name)).toEqual(["b.txt"]);
    expect(opened.signature.state).toBe("none");
  });

  it("is what its card says: the tag of a mail in armor is that of its packets", async () => {
    const { tagOf, tagOfMail } = await import("../model/letters.ts");
    const { openpgp } = await import("./openpgp.ts");
    for (const files of [[], [{ name: "large", type: "a/b", data: new ArrayBuffer(300_000) }]]) {
      const { mail } = await answer({ files });
      const text = new TextDecoder().decode(mail);
      const { data } = await (await openpgp()).lib.unarmor(text.slice(text.indexOf("-----BEGIN"), text.indexOf("-----END PGP MESSAGE-----") + 25));
      const tag = await tagOfMail(mail.slice().buffer);
      expect(tag).toHaveLength(24);
      expect(tag).toBe(await tagOf(new Uint8Array(data as unknown as Uint8Array).buffer));
    }
  });

  it("does not take an answer that somebody else wrote", async () => {
    const { openpgp, readCertificate } = await import("./openpgp.ts");
    const { lib, config } = await openpgp();
    const forge = async (payload: string) => {
      const message = await lib.createMessage({ binary: octets(payload) });
      const packets = (await lib.encrypt({ message, encryptionKeys: await readCertificate(fromBase64(w.made.join.certificate)), format: "binary", config })) as Uint8Array;
      return w.vault.openMail({ message: new Uint8Array(packets).buffer });
    };
    const stem = parcel.name.slice(0, 31);
    const rest = `From: ${to}\r\nTo: alice@example.org\r\nSubject: x\r\nContent-Type: text/plain; hp="cipher"\r\n\r\nforged\r\n`;
    expect(await forge(`Sealpost-Answer: v=1; parcel=${stem}; mac=${"0".repeat(64)}\r\n${rest}`)).toMatchObject({ answer: "unproved" });
    expect(await forge(`Sealpost-Answer: yes\r\n${rest}`)).toMatchObject({ answer: "unproved" });
    expect((await forge(rest)).answer).toBeUndefined();
    // The owner of another account, and the one it was for under another name.
    const key = await letterKey();
    const mac = async (text: string) => {
      const k = await crypto.subtle.importKey("raw", await hkdf(key, new Uint8Array(0), "sealpost parcel mac v1", 32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      return Array.from(new Uint8Array(await crypto.subtle.sign("HMAC", k, octets(text))), (n) => n.toString(16).padStart(2, "0")).join("");
    };
    expect(await forge(`Sealpost-Answer: v=1; parcel=${stem}; mac=${await mac(rest)}\r\n${rest}`)).toMatchObject({ answer: "proved" });
    const other = rest.replace(to, "bank@example.com");
    expect(await forge(`Sealpost-Answer: v=1; parcel=${stem}; mac=${await mac(other)}\r\n${other}`)).toMatchObject({ answer: "unproved" });
    const two = rest.replace(to, `${to}, bank@example.com`);
    expect(await forge(`Sealpost-Answer: v=1; parcel=${stem}; mac=${await mac(two)}\r\n${two}`)).toMatchObject({ answer: "unproved" });
  });

  async function letterKey() {
    return (await openParcel(parseLink(parcel.link)!, new Uint8Array(parcel.box), password)).answer!.key;
  }

  it("answers nothing where no answer is wanted, and needs a parcel to answer", async () => {
    const mute = await w.vault.sealParcel({ to, draft, password, hint: "", ends: 1796547600, answers: 0 });
    expect(mute.name).toHaveLength(31);
    const opened = await outside.openParcel({ link: mute.link, box: mute.box, password });
    expect(opened.answers).toBe(false);
    await expect(answer({ handle: opened.handle })).rejects.toThrow("bad-input");
    await expect(answer({ handle: 999 })).rejects.toThrow("bad-input");
    await expect(createEngine().sealParcel({ to, draft, password, hint: "", ends: 1796547600, answers: 0 })).rejects.toThrow("locked");
    for (const bad of [{ answers: 10 }, { ends: 2 ** 32 }, { hint: "x".repeat(301) }, { password: "" }]) await expect(w.vault.sealParcel({ to, draft, password, hint: "", ends: 1796547600, answers: 1, ...bad })).rejects.toThrow("bad-input");
    const large = { ...draft, attachments: [{ name: "a", type: "a/b", content_id: "", data: new ArrayBuffer(16 << 20) }] };
    await expect(w.vault.sealParcel({ to, draft: large, password, hint: "", ends: 1796547600, answers: 0 })).rejects.toThrow("too-large");
  });

  it("keeps no drawer of parcels that its cabinet would open", async () => {
    await expect(w.vault.openBox({ drawer: "parcels", name: parcel.name, version: 1, box: parcel.box })).rejects.toThrow("bad-input");
    const other = await seal(new Uint8Array(32), { account, purpose: "parcel", name: parcel.name, version: 1 }, utf8("x"));
    await expect(openHint(parseLink(parcel.link)!, other)).rejects.toThrow("closed");
  });
});
