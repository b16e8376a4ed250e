// What is said of a mail, and what of its row: by real SMTP, with domains that sign what
// they send, and keys of GnuPG. The words are compared whole, with their tone: a good one
// more is as wrong as a bad one less.
import { arrives, bodyOf, deliver, expect, goTo, openMail, row, until, withGnuPG } from "./stage.mjs";
import { openDomain } from "./world.mjs";

const domain = "orchard.example", vera = `vera@${domain}`;

const fields = (stage, from, subject) => `From: ${from}\r\nTo: ${stage.alice.address}\r\nSubject: ${subject}\r\nDate: ${day}\r\nMessage-ID: <${subject.replace(/\W/g, "")}@${domain}>\r\n`;
const day = new Date().toUTCString().replace("GMT", "+0000");
const head = (stage, from, subject, more) => `${fields(stage, from, subject)}MIME-Version: 1.0\r\n${more}`;
const plain = "Content-Type: text/plain; charset=utf-8\r\n\r\n";

/** PGP/MIME (RFC 3156) around a part that repeats the header, as most programs do now. */
const within = (stage, from, subject, text) => `Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\n${fields(stage, from, subject)}\r\n${text}\r\n`;
const signedMail = (stage, from, subject, part, armor) => head(stage, from, subject, `Content-Type: multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature"; boundary="s"\r\n\r\n`) +
  `--s\r\n${part}\r\n--s\r\nContent-Type: application/pgp-signature; name="signature.asc"\r\n\r\n${armor}\r\n--s--\r\n`;
const encryptedMail = (stage, from, subject, armor) => head(stage, from, subject, `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="e"\r\n\r\n`).replace(`Subject: ${subject}`, "Subject: ...") +
  `--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--e\r\nContent-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n${armor}\r\n--e--\r\n`;

/** All mails at once: what was signed by whom, and encrypted. */
async function letters(stage) {
  const sent = openDomain(stage.dns, domain);
  return withGnuPG(async (gpg) => {
    gpg(["--import", stage.alice.secret_key]);
    const known = gpg.make("Vera Quill", vera, "future-default");
    const other = gpg.make("Vera Quill", vera, "ed25519");
    const stranger = gpg.make("Nina Nobody", "nina@elsewhere.example", "ed25519");
    const autocrypt = gpg(["--export-options", "export-minimal", "--export", known]).toString("base64").replace(/.{1,70}/g, "\r\n $&");
    const by = (key, part) => gpg(["--local-user", key, "--digest-algo", "SHA256", "--armor", "--detach-sign"], part).toString();
    const sealed = (part, ...more) => gpg(["--armor", "--encrypt", "--recipient", stage.alice.fingerprint, ...more], part).toString();
    const signed = (subject, key, { from = `Vera Quill <${vera}>`, change = (s) => s } = {}) => {
      const part = within(stage, from, subject, "the pears are ripe");
      return signedMail(stage, from, subject, change(part), by(key, part));
    };
    const she = `Vera Quill <${vera}>`, odo = "Odo <odo@nowhere.example>";
    const secret = (from, subject, text, ...more) => encryptedMail(stage, from, subject, sealed(within(stage, from, subject, text), ...more));
    const mails = {
      proven: sent(head(stage, she, "Pears proven", `Autocrypt: addr=${vera}; keydata=${autocrypt}\r\n${plain}`) + "the pears are ripe\r\n"),
      forged: head(stage, she, "Pears forged", plain) + "send money\r\n",
      unproven: head(stage, odo, "Pears unproven", plain) + "hello\r\n",
      both: sent(secret(she, "Pears in private", "the key is under the pears", "--local-user", known, "--sign")),
      closed: secret(odo, "Pears unsigned", "nobody signed this"),
      verified: sent(signed("Pears signed", known)),
      tampered: sent(signed("Pears tampered", known, { change: (part) => part.replace("are ripe", "are poison") })),
      changed: sent(signed("Pears of another key", other)),
      stranger: signed("Pears of a stranger", stranger, { from: "Nina Nobody <nina@elsewhere.example>" }),
      alike: head(stage, `"service@paypal.com" <x@paypa1.com>`, "Pears to pay for", plain) + "pay here\r\n",
    };
    return { known, mails };
  });
}

/** What the row and the reader say of a mail: its mark, and each word with its tone. */
async function says(page, subject, { mark, words, warns = [] }) {
  await row(page, subject).waitFor();
  await openMail(page, subject);
  await page.locator("#subject", { hasText: subject }).waitFor();
  const line = page.locator(".mail-open .trust-line .trust-word");
  const said = () => line.evaluateAll((all) => all.map((w) => `${w.className.replace(/.*trust-(good|plain|warn|bad).*/, "$1")}: ${w.textContent}`));
  await line.first().waitFor();
  expect(JSON.stringify(await said()) === JSON.stringify(words), `${subject}: ${JSON.stringify(words)}, not ${JSON.stringify(await said())}`);
  const shown = await row(page, subject).locator(".row-mark .unseen").textContent();
  expect(shown === mark, `${subject}: the row says ${JSON.stringify(mark)}, not ${JSON.stringify(shown)}`);
  const group = page.getByRole("group", { name: "Warnings" });
  for (const w of warns) await group.getByText(w).waitFor();
  const found = await group.locator(".note").allTextContents();
  expect(found.length === warns.length, `${subject}: ${warns.length} warnings, not ${JSON.stringify(found)}`);
}

const arrival = "Sealed on arrival", encrypted = "End-to-end encrypted", proven = "Sender’s domain proven", open = "Sender’s domain not proven";

export async function trust(stage) {
  const { page } = stage.desk;
  await goTo(page, "Inbox");
  const { known, mails } = await letters(stage);
  for (const word of ["the pears are ripe", "the pears are poison", "the key is under the pears", "nobody signed this", "Pears in private"]) stage.plant(word);
  // The first brings her key along; it counts because the domain proves itself.
  for (const mail of Object.values(mails)) await deliver(stage, { from: /^From: .*<(.*)>/m.exec(mail)[1], to: stage.alice.address, mail });

  await arrives(page, "Pears to pay for"); // the last: now no row moves any more below a pointer
  await says(page, "Pears proven", { mark: arrival, words: [`plain: ${arrival}`, `good: ${proven}`] });
  await says(page, "Pears forged", { mark: "The sender is not who it claims to be", words: [`plain: ${arrival}`, "bad: Not sent by the sender’s domain"] });
  await says(page, "Pears unproven", { mark: arrival, words: [`plain: ${arrival}`, `warn: ${open}`] });
  await says(page, "Pears unsigned", { mark: encrypted, words: [`good: ${encrypted}`, `warn: ${open}`] });
  // Opening it looks for her key, and pins what was found.
  await says(page, "Pears in private", { mark: encrypted, words: [`good: ${encrypted}`, "plain: Signed, key not verified", `good: ${proven}`] });
  await bodyOf(page).getByText("the key is under the pears").waitFor();

  await compare(page, known);
  await says(page, "Pears signed", { mark: arrival, words: [`plain: ${arrival}`, "good: Signed by a key you verified", `good: ${proven}`] });
  await stage.desk.screenshot("trust-verified");
  // One word was changed on the way: nothing of it is good any more.
  await says(page, "Pears tampered", { mark: arrival, words: [`plain: ${arrival}`, "bad: Signature wrong", `plain: ${proven}`] });
  await stage.desk.screenshot("trust-bad");
  await says(page, "Pears of another key", { mark: arrival, words: [`plain: ${arrival}`, "warn: Signed by another key than before", `good: ${proven}`] });
  await says(page, "Pears of a stranger", { mark: arrival, words: [`plain: ${arrival}`, "plain: Signed by an unknown key", `warn: ${open}`] });
  await says(page, "Pears to pay for", { mark: arrival, words: [`plain: ${arrival}`, `warn: ${open}`], warns: ["The address looks like one you know", "The name pretends to be somebody else"] });

  // Why: the sentence behind a word, and the key.
  await page.locator(".mail-open .trust-line").click();
  await page.getByText("Nothing proves that this comes from").waitFor();
  await until("everything was judged", async () => (await row(page, "Pears").count()) >= 10);
}

/** She reads her fingerprint aloud; alice types what she hears. */
async function compare(page, fingerprint) {
  await page.evaluate(() => { location.hash = "#/settings/keys"; });
  await page.locator(".sheet-row", { hasText: vera }).getByRole("button", { name: "Compare" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByRole("textbox").fill(fingerprint.replace(/.{4}/g, "$& "));
  await dialog.getByRole("button", { name: "Compare", exact: true }).click();
  await dialog.getByRole("button", { name: "Good", exact: true }).click();
  await goTo(page, "Inbox");
}
