// Mail from outside: its row, its class, its text; a newsletter's tracker asks nobody.
import { bodyOf, deliver, expect, openMail, row, withGnuPG } from "./stage.mjs";

const head = (subject, more = "") => `From: Eve Marlow <eve@example.org>\r\nTo: alice@demo.test\r\nSubject: ${subject}\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\nMessage-ID: <${subject.replace(/\W/g, "")}@example.org>\r\nMIME-Version: 1.0\r\n${more}\r\n`;

export async function read(stage) {
  const { page } = stage.desk, { alice } = stage;
  const plain = stage.plant("Aubergine Seventeen"), text = stage.plant("the hedgehog ate the marzipan");
  await deliver(stage, { to: alice.address, mail: head(plain) + text + "\r\n" });
  await row(page, plain).waitFor();
  const words = await row(page, plain).innerText();
  expect(words.includes("Eve Marlow"), `the sender in the row, not ${JSON.stringify(words)}`);
  expect(words.includes("hedgehog"), `the beginning of the text in the row, not ${JSON.stringify(words)}`);
  expect(/Unread/.test(words) && /Sealed on arrival/.test(words), `unread and its class in the row, not ${JSON.stringify(words)}`);
  await openMail(page, plain);
  await bodyOf(page).getByText(text).waitFor();
  await page.locator(".trust-line", { hasText: "Sealed on arrival" }).waitFor();
  await row(page, plain).and(page.locator(":not(.row-unread)")).waitFor();
  await newsletter(stage, page);
  await encrypted(stage, page);
  await stage.desk.screenshot("reader");
}

async function newsletter(stage, page) {
  const subject = stage.plant("Quince weekly"), text = stage.plant("forty jars of quince jelly");
  const html = `<p>${text}</p><img src="https://pictures.letters.test/big.jpg" width="400" height="200"><img src="https://t.letters.test/open?u=1" width="1" height="1">`;
  const before = stage.sink.asked.length;
  await deliver(stage, { to: stage.alice.address, mail: head(subject, "Content-Type: text/html; charset=utf-8\r\n") + html + "\r\n" });
  await row(page, subject).waitFor();
  await openMail(page, subject);
  await bodyOf(page).getByText(text).waitFor();
  const held = await page.locator(".remote-words").innerText();
  expect(/1 picture from elsewhere is held back/.test(held) && /1 tracker is blocked/.test(held), `one picture and one tracker held back, not ${JSON.stringify(held)}`);
  expect(stage.sink.asked.length === before, `no request for a mail's pictures, not ${JSON.stringify(stage.sink.asked)}`);
  expect(stage.desk.seen.foreign.length === 0, `no request elsewhere, not ${stage.desk.seen.foreign}`);
}

// As Thunderbird and others do: PGP/MIME (RFC 3156), the whole entity encrypted.
async function encrypted(stage, page) {
  const text = stage.plant("meet me under the pewter clock"), subject = stage.plant("Pewter plans");
  const inner = `Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\nSubject: ${subject}\r\n\r\n${text}\r\n`;
  const armor = await withGnuPG(async (gpg) => {
    gpg(["--import", stage.alice.secret_key]);
    return gpg(["--trust-model", "always", "--armor", "--encrypt", "--recipient", stage.alice.fingerprint], inner).toString();
  });
  const b = "zz-" + Date.now();
  const mail = head("...", `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="${b}"\r\n`) +
    `--${b}\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--${b}\r\nContent-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n${armor}\r\n--${b}--\r\n`;
  await deliver(stage, { to: stage.alice.address, mail });
  await row(page, subject).filter({ hasText: "End-to-end" }).waitFor(); // nobody opened it by hand
  const words = await row(page, subject).innerText();
  expect(words.includes("Eve Marlow"), `the sender, though the subject alone is protected, not ${JSON.stringify(words)}`);
  await openMail(page, subject);
  await bodyOf(page).getByText(text).waitFor();
  await page.locator("#subject", { hasText: subject }).waitFor();
  await page.locator(".trust-line", { hasText: "End-to-end" }).waitFor();
}
