// The encryption key is replaced: old mail is sealed to the new one while the page may be
// reloaded, new mail comes sealed to it, another device follows by itself, GnuPG finds it by
// WKD; then the old one is forgotten, and all of it still opens.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { bobsOf, bodyOf, deliver, expect, isOpen, openMail, place, row, signInByKit, withGnuPG } from "./stage.mjs";

const wordIn = (n) => `turnip number ${["one", "two", "three", "four"][n]}`;

export async function rotate(stage) {
  const { bob } = stage;
  const laptop = await stage.device();
  await signInByKit(laptop.page, bob);
  const other = await bobsOf(stage);
  await place(other.page, "#/inbox");
  const plain = (subject, text) => `From: Eve <eve@example.org>\r\nTo: ${bob.address}\r\nSubject: ${subject}\r\nMessage-ID: <${Math.random()}@example.org>\r\nContent-Type: text/plain; charset=utf-8; protected-headers="v1"\r\n\r\n${text}\r\n`;
  for (let n = 0; n < 3; n++) await deliver(stage, { to: bob.address, mail: plain(stage.plant(`Turnips ${n}`), stage.plant(wordIn(n))) });
  await withGnuPG((gpg) => deliver(stage, { to: bob.address, mail: encryptedBy(gpg, stage, bob, plain(stage.plant("Turnips in a sack"), stage.plant(wordIn(3)))) }));
  await row(laptop.page, "Turnips in a sack").waitFor();
  await row(other.page, "Turnips 0").waitFor();

  const { page } = laptop;
  await place(page, "#/settings/keys");
  const current = page.locator(".room-row, li, .sheet > *", { hasText: "In use" }).first();
  await current.waitFor();
  const before = await (await page.request.get(`${stage.demo.url}api/v1/session`)).json();
  await page.getByRole("button", { name: "Replace", exact: true }).click();
  const ask = page.locator("dialog");
  await ask.getByLabel(/passphrase/i).fill(bob.passphrase);
  await ask.getByRole("button", { name: "Replace", exact: true }).click();
  await page.getByText("You have a new encryption key.").first().waitFor();
  await page.reload(); // in the middle of it
  await page.getByText("All your mail opens with the new key.").waitFor({ timeout: 60_000 });
  const after = await (await page.request.get(`${stage.demo.url}api/v1/session`)).json();
  expect(after.account.certificate !== before.account.certificate && after.account.fingerprint === before.account.fingerprint, "another certificate of the same key");

  // Whoever looks for the key finds the new one, and what they write opens.
  await withGnuPG((gpg) => deliver(stage, { to: bob.address, mail: encryptedBy(gpg, stage, bob, plain(stage.plant("Beet for the new key"), stage.plant("beet greens"))) }));
  await forget(page, bob);

  await page.goto(stage.demo.url + "#/inbox");
  await isOpen(page);
  for (const [subject, words] of [["Turnips 0", wordIn(0)], ["Turnips in a sack", wordIn(3)], ["Beet for the new key", "beet greens"]]) {
    await openMail(page, subject);
    await bodyOf(page).getByText(words).waitFor();
  }
  // The other device was never signed out, has the new key, and reads old and new.
  await isOpen(other.page);
  for (const [subject, words] of [["Beet for the new key", "beet greens"], ["Turnips 1", wordIn(1)], ["Turnips in a sack", wordIn(3)]]) {
    await openMail(other.page, subject);
    await bodyOf(other.page).getByText(words).waitFor();
  }
  for (const d of [laptop, other]) expect((await d.page.locator(".shell-notes").getByText("old key").count()) === 0, "no alarm");
  await stage.leave(laptop);
}

async function forget(page, bob) {
  await page.getByRole("button", { name: /^Forget the old key/ }).click();
  const ask = page.locator("dialog");
  await ask.getByLabel(/passphrase/i).fill(bob.passphrase);
  await ask.getByRole("button", { name: "Forget it" }).click();
  await page.getByText("The old key is forgotten.").first().waitFor();
}

// As mail programs do it: the key comes from WKD, the mail leaves as PGP/MIME.
function encryptedBy(gpg, stage, to, mail) {
  gpg(["--import"], byWKD(stage, to.address));
  const sealed = gpg(["--trust-model", "always", "--armor", "--recipient", to.address, "--encrypt"], mail).toString().replace(/\r?\n/g, "\r\n");
  const head = mail.split("\r\n").filter((l) => /^(From|To|Message-ID):/.test(l)).join("\r\n");
  return [
    head, "Subject: ...", "MIME-Version: 1.0", 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"', "",
    "--b", "Content-Type: application/pgp-encrypted", "", "Version: 1", "", "--b", "Content-Type: application/octet-stream", "", sealed, "--b--", "",
  ].join("\r\n");
}

// The key as anybody gets it (draft-koch-openpgp-webkey-service, section 3.1).
function byWKD(stage, address) {
  const [local, domain] = address.split("@");
  const bits = [...createHash("sha1").update(local.toLowerCase()).digest()].map((b) => b.toString(2).padStart(8, "0")).join("");
  const name = bits.match(/.{5}/g).map((five) => "ybndrfg8ejkmcpqxot1uwisza345h769"[parseInt(five, 2)]).join("");
  const port = new URL(stage.demo.url).port;
  const host = `openpgpkey.${domain}`;
  const r = spawnSync("curl", ["-sSfk", "--resolve", `${host}:${port}:127.0.0.1`, `https://${host}:${port}/.well-known/openpgpkey/${domain}/hu/${name}?l=${local}`]);
  expect(r.status === 0 && r.stdout.length > 0, `a key by WKD: ${r.stderr}`);
  return r.stdout;
}
