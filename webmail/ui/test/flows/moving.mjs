// Mail brought in from a file, broken off by a reload in the middle; found; taken out again,
// byte for byte. The server has none of it readable.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, goTo, isOpen, row, until, withGnuPG } from "./stage.mjs";

const count = 30;

// Mails of 300 KB, so that they take several requests; one is encrypted to alice.
async function mails(stage) {
  const word = stage.plant("a marmoset in the scullery"), secret = stage.plant("under the verdigris lamp");
  const all = [];
  for (let i = 0; i < count; i++) {
    const subject = i > 25 ? stage.plant(`Gazpacho ledger ${i} of the archive`) : `Archive ${i}`;
    const file = randomBytes(220_000).toString("base64").replace(/.{76}/g, "$&\r\n");
    all.push(`From: Eve Marlow <eve@example.org>\r\nTo: alice@demo.test\r\nSubject: ${subject}\r\nDate: Tue, 14 Nov 2023 22:13:${String(i).padStart(2, "0")} +0000\r\nMessage-ID: <archive-${i}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n${i === 7 ? word : "text"} ${i}\r\nFrom here on\r\n--b\r\nContent-Type: application/octet-stream; name="a.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n${file}\r\n--b--\r\n`);
  }
  const armor = await withGnuPG(async (gpg) => {
    gpg(["--import", stage.alice.secret_key]);
    return gpg(["--trust-model", "always", "--armor", "--encrypt", "--recipient", stage.alice.fingerprint], `Content-Type: text/plain\r\n\r\n${secret}\r\n`).toString().replace(/\r?\n/g, "\r\n");
  });
  all[count - 1] = `From: Eve Marlow <eve@example.org>\r\nTo: alice@demo.test\r\nSubject: Archive encrypted\r\nDate: Tue, 14 Nov 2023 22:13:29 +0000\r\nMessage-ID: <archive-29@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="e"\r\n\r\n--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--e\r\nContent-Type: application/octet-stream\r\n\r\n${armor}\r\n--e--\r\n`;
  return all;
}

const open = (page) => page.evaluate(() => { location.hash = "#/settings/moving"; });
const counts = async (page) => (await page.locator(".moving-counts dd").allInnerTexts()).map(Number);

export async function moving(stage) {
  const { page } = stage.desk;
  const folder = mkdtempSync(join(tmpdir(), "sp-moving-"));
  try {
    const all = await mails(stage);
    const path = join(folder, "Moved.mbox");
    writeFileSync(path, all.map((m, i) => `From eve@example.org Tue Nov 14 22:13:${String(i).padStart(2, "0")} 2023\r\nStatus: RO\r\n${m.replace(/^(>*From )/gm, (line, _, at) => (at === 0 ? line : `>${line}`)).replace(/^>From: /gm, "From: ")}\r\n`).join("").replace(/\r\n/g, "\n"));
    const originals = all.map((m) => `Status: RO\r\n${m}`);
    await bringIn(stage, page, path);
    await goTo(page, "Moved");
    await row(page, "Archive encrypted").filter({ hasText: "End-to-end" }).waitFor();
    await row(page, "Gazpacho ledger 28").filter({ hasText: "Sealed on arrival" }).waitFor();
    await page.getByRole("searchbox").or(page.getByRole("combobox", { name: /Search/ })).first().fill("marmoset");
    await page.keyboard.press("Enter");
    await row(page, "Archive 7").waitFor();
    await takeOut(page, folder, originals);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bringIn(stage, page, path) {
  let sent = 0;
  await page.route("**/sealed", (r) => (sent++ < 1 ? r.continue() : r.abort()));
  page.on("dialog", (d) => void d.accept().catch(() => undefined));
  await open(page);
  await page.locator("input[data-moving]").setInputFiles(path);
  await until("some mails came and the rest is held up", async () => sent > 1 && (await counts(page))[0] > 0);
  const [before] = await counts(page);
  expect(before < count, `a part of ${count} mails, not ${before}`);
  await page.reload();
  await page.unroute("**/sealed");
  await isOpen(page).catch(() => undefined);
  await open(page);
  await page.getByText("Waiting for the files").waitFor();
  expect((await counts(page))[0] === before, `${before} mails counted after the reload, not ${await counts(page)}`);
  await page.locator("input[data-moving]").setInputFiles(path);
  await page.getByText("All read").waitFor();
  const after = await counts(page);
  expect(after[0] === count && after[1] === 1 && after[2] === 0 && after[3] === 0, `${count} brought in, one of them encrypted, none twice, none refused, not ${after}`);
  // The same file once more brings nothing.
  await page.locator("input[data-moving]").setInputFiles(path);
  await until("all are known", async () => (await counts(page))[2] === count && (await counts(page))[0] === 0);
  await stage.desk.screenshot("moving");
  await page.getByRole("button", { name: "Done" }).first().click();
}

async function takeOut(page, folder, originals) {
  await page.evaluate(() => { globalThis.showSaveFilePicker = undefined; }); // the browser's own dialogue is nobody's to press here
  await open(page);
  const room = page.locator(".room-section", { hasText: "Take everything out" });
  await room.getByRole("combobox", { name: "What" }).selectOption({ label: "Moved" });
  const saved = page.waitForEvent("download");
  await room.getByRole("button", { name: "Save archive" }).click();
  const zip = join(folder, "out.zip");
  await (await saved).saveAs(zip);
  await room.getByText("Saved", { exact: true }).waitFor();
  const script = "import zipfile,sys,json,base64\nz=zipfile.ZipFile(sys.argv[1]);assert z.testzip() is None\njson.dump({n:base64.b64encode(z.read(n)).decode() for n in z.namelist()},open(sys.argv[2],'w'))";
  execFileSync("python3", ["-c", script, zip, join(folder, "out.json")]);
  const found = JSON.parse(readFileSync(join(folder, "out.json"), "utf8"));
  const text = (name) => Buffer.from(found[name], "base64").toString("latin1");
  expect(/whole mail account/.test(text("README.txt")) && "contacts.vcf" in found && "settings.json" in found, `readme, contacts and settings, not ${Object.keys(found)}`);
  const out = new Set(Object.keys(found).filter((n) => n.endsWith(".eml") && n.startsWith("mail/Moved/")).map(text));
  expect(out.size === originals.length, `${originals.length} mails in the archive, not ${out.size}`);
  for (const [i, m] of originals.entries()) expect(out.has(m), `mail ${i} byte for byte`);
}
