// A large attachment of mail that arrives: the server cuts it out, and the page shows it as
// the attachment that it was. Nothing of it is asked before a click; saved and exported it is
// what was sent; kept it outlives its mail; deleted it says so. Who writes a stub writes text.
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { look, picture } from "./looks.mjs";
import { deliver, expect, goTo, openMail, row, toast } from "./stage.mjs";

const hashOf = (b) => createHash("sha256").update(b).digest("hex");
const call = (page, method, path, body) => page.evaluate(async ([method, path, body]) => {
  const r = await fetch(`/api/v1${path}`, { method, ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }) });
  if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`);
  return r.status === 204 ? null : r.json();
}, [method, path, body]);
const bodyOf = (page) => page.frameLocator("iframe.mail-frame").locator("body"); // a download stands in a frame too
const cutOut = async (page) => (await call(page, "GET", "/files?limit=100")).files.filter((f) => f.mail);
const head = (stage, subject) => `From: Eve <eve@example.org>\r\nTo: ${stage.alice.address}\r\nSubject: ${subject}\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\nMessage-ID: <${subject.replace(/\W/g, "")}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nthe plan is with it\r\n--b\r\n`;

async function save(page, press) {
  const [download] = await Promise.all([page.waitForEvent("download"), press()]);
  return readFile(await download.path());
}

export async function stubs(stage) {
  const d = stage.desk, { page } = d;
  const content = Buffer.concat([Buffer.from(`%PDF-1.4 ${stage.plant("the drains of the old town")}`), randomBytes(150_000)]);
  const subject = stage.plant("Drains of the old town"), name = `${stage.plant("drains-of-the-old-town")}.pdf`;
  const before = await call(page, "GET", "/attachments");
  await call(page, "PUT", "/attachments", { ...before, over: 100_000, incoming: "stub" });
  const coded = content.toString("base64").replace(/(.{76})(?=.)/g, "$1\r\n");
  await deliver(stage, { to: stage.alice.address, mail: `${head(stage, subject)}Content-Type: application/pdf; name="${name}"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n${coded}\r\n--b--` });
  await goTo(page, "Inbox");
  await row(page, subject).waitFor();
  const seen = d.seen.requests.length;
  await openMail(page, subject);
  await bodyOf(page).getByText("the plan is with it").waitFor();
  const files = page.locator(".files"), saveIt = () => files.getByRole("button", { name: `Save ${name}`, exact: true }).click();
  await files.getByText(name).waitFor();
  await files.getByText("beside the mail").waitFor();
  expect(!(await bodyOf(page).innerText()).includes("SEALPOST"), "no text of a stub where the file is shown");
  const [object, ...more] = await cutOut(page);
  expect(object && more.length === 0, "one file that goes with its mail");
  expect(!d.seen.requests.slice(seen).some((r) => /\/(shared|f)\//.test(r.url) || r.url.includes(object.id)), "nothing asked before somebody does");
  await look(d, "stub-read", { only: ["light", "phone-dark"] });
  await onPaper(d, name);
  await asStored(page, subject);
  expect(hashOf(await save(page, saveIt)) === hashOf(content), "the file as it was sent");
  const mail = await save(page, async () => {
    await page.getByRole("button", { name: "More for this mail" }).click();
    await page.getByRole("menuitem", { name: "Save as .eml" }).click();
  });
  expect(mail.includes(`\r\n\r\n${coded}\r\n--b--`) && !mail.includes("SEALPOST"), "the mail as it arrived");

  await files.getByRole("button", { name: `Save ${name} to your files`, exact: true }).click();
  await page.getByRole("dialog", { name: "Save to your files" }).getByRole("button", { name: "Save here" }).click();
  await toast(page, "Saved in your files.").waitFor();
  expect((await cutOut(page)).length === 0, "what was kept does not go with its mail");
  await call(page, "DELETE", `/files/${object.id}`);
  await saveIt();
  await files.getByText("Deleted: only its name is left").waitFor();

  await forged(stage, subject);
  await call(page, "PUT", "/attachments", before);
}

// What leaves the printer names the file, and has no buttons for it.
async function onPaper(d, name) {
  const { page } = d;
  await page.emulateMedia({ media: "print" });
  expect(await page.locator(".mail-open iframe").first().isVisible(), "the mail is printed");
  expect(await page.locator(".files").getByText(name).first().isVisible(), "the name of the file is printed");
  const pressed = page.locator(".reader :is(.icon-button, .button):visible"); // words in the form of a button are words on paper
  expect((await pressed.count()) === 0, `nothing to press is printed, not ${await pressed.evaluateAll((all) => all.map((b) => b.outerHTML.slice(0, 80)))}`);
  await picture(d, "stub-print");
  await page.emulateMedia({ media: "screen" });
}

// The source is what is kept: the stub stands in it, where the export has the file.
async function asStored(page, subject) {
  await page.getByRole("button", { name: "More for this mail" }).click();
  await page.getByRole("menuitem", { name: "Show source" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.locator("pre", { hasText: `Subject: ${subject}` }).waitFor();
  expect(!/SEALPOST/.test(await dialog.locator("pre").innerText()), "the header alone");
  await dialog.getByText("Whole mail", { exact: true }).click();
  await dialog.locator("pre", { hasText: "BEGIN SEALPOST ATTACHMENT" }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
}

// Somebody else writes what a server writes, with a link that leads to them.
async function forged(stage, plan) {
  const d = stage.desk, { page } = d, subject = "A plan of somebody else";
  const json = { v: 1, name: "plan.pdf", length: 5, object: "A".repeat(22), secret: Buffer.alloc(32, 1).toString("base64"), hash: Buffer.alloc(32, 2).toString("base64"), link: `https://elsewhere.example/f/${"A".repeat(22)}#${"s".repeat(22)}`, header: Buffer.from("\r\n").toString("base64"), coding: { name: "none" } };
  const coded = Buffer.from(JSON.stringify(json)).toString("base64").replace(/(.{64})(?=.)/g, "$1\r\n");
  await deliver(stage, { to: stage.alice.address, mail: `Sealpost-Cut: v=1; at=0; size=1\r\n${head(stage, subject)}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: inline\r\n\r\nwords\r\n\r\n-----BEGIN SEALPOST ATTACHMENT-----\r\n${coded}\r\n-----END SEALPOST ATTACHMENT-----\r\n--b--` });
  await row(page, subject).waitFor();
  await openMail(page, subject);
  await bodyOf(page).getByText("BEGIN SEALPOST ATTACHMENT").waitFor();
  expect((await page.locator(".files").getByText("beside the mail").count()) === 0, `a stub of somebody else is text, unlike in ${plan}`);
}
