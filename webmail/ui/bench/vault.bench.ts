// How long the vault takes for what people wait for: `npm run bench` prints it.

import "fake-indexeddb/auto";
import { expect, it } from "vitest";
import { fromBase64, latin1 } from "../src/vault/bytes.ts";
import type { Card, Draft } from "../src/vault/vault.ts";
import { address, newWorld } from "../src/vault/world.ts";

async function time<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  console.log(`${what}: ${(performance.now() - start).toFixed(0)} ms`);
  return result;
}

function letterOf(mail: Uint8Array): ArrayBuffer {
  const s = latin1(mail);
  const from = s.indexOf("MESSAGE-----\r\n\r\n") + 16;
  return fromBase64(s.slice(from, s.indexOf("-----END PGP")).replace(/\r\n=[A-Za-z0-9+/]{4}\r\n$/, "").replaceAll("\r\n", "")).buffer;
}

it("of an account, its cards and its mails", async () => {
  const w = await time("a new account (Argon2id 64 MiB)", newWorld);
  const parameters = { salt: w.ring.salt, kdf: w.ring.kdf };
  await time("proving by passphrase (Argon2id 64 MiB)", () => w.vault.proveByPassphrase({ address, passphrase: "correct horse battery staple", parameters }));
  const card: Card = {
    id: "x", tag: "AAAAAAAAAAAAAAAAAAAAAA==", subject: "Subject of some length", from_name: "Some Body", from: "some@body.example", recipients: 1, to: [], date: 1795338000, arrived: 1795338000,
    snippet: "first words ".repeat(12), attachments: [], more_attachments: 0, message_id: "<a@b.c>", in_reply_to: "", references: [], class: "sealed on arrival", incomplete: false, junk: "",
    verified: true, dmarc: "pass", spf: "pass", dkim: "pass",
  };
  const cards = await Promise.all(Array.from({ length: 1000 }, () => w.vault.sealCard(card)));
  for (let i = 0; i < 2; i++) {
    const opened = await time("1,000 cards", () => w.vault.openCards({ ids: cards.map(String), cards }));
    expect(opened.every((c) => c?.subject === card.subject)).toBe(true);
  }
  const own = () => fromBase64(w.made.join.certificate).buffer;
  const draft: Draft = {
    from: { name: "", address }, to: [{ name: "", address: "bob@example.net" }], cc: [], bcc: [], reply_to: [], subject: "s", html: "", text: "words ".repeat(700), attachments: [],
    in_reply_to: "", references: [], date: 1795338000, message_id: "",
  };
  const { mail } = await time("writing 4 KB, signed, with its Sent copy", () => w.vault.encrypt({ draft, certificates: [own()], sign: true }));
  for (let i = 0; i < 2; i++) await time("opening 4 KB, signed", () => w.vault.openMail({ message: letterOf(mail), verify: [own()] }));
  const large = { ...draft, attachments: [{ name: "a.bin", type: "application/x", content_id: "", data: new ArrayBuffer(25 << 20) }] };
  const big = letterOf((await time("writing 25 MiB twice", () => w.vault.encrypt({ draft: large, certificates: [own()], sign: false }))).mail);
  const opened = await time("opening 25 MiB", () => w.vault.openMail({ message: big }));
  expect((await time("its attachment", () => w.vault.part(opened.handle, 0))).data.byteLength).toBe(25 << 20);
}, 180_000);
