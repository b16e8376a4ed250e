// Large attachments: to who has a key a link inside of what is sealed; to who has none a
// link with a password, opened on a phone without an account. A file of the drive is sent
// without being sent again, an attachment is kept in the drive, and a discarded draft takes
// back what it put there.
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { look } from "./looks.mjs";
import { bobsOf, bodyOf, expect, goTo, openMail, row, sendAtOnce, toast, until, write } from "./stage.mjs";

const outsider = "outsider@elsewhere.example";
const password = "nine copper lanterns";
const hashOf = (b) => createHash("sha256").update(b).digest("hex");
const chip = (page, name) => page.locator(".compose-files li", { hasText: name });
const button = (page, name) => page.locator(".compose").getByRole("button", { name, exact: true });

async function fileHash(path) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

/** Asks the API as the page would. */
const call = (page, method, path, body) => page.evaluate(async ([method, path, body]) => {
  const r = await fetch(`/api/v1${path}`, { method, ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }) });
  if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`);
  return r.status === 204 ? null : r.json();
}, [method, path, body]);
const stored = async (page) => (await call(page, "GET", "/files?limit=100")).files.length;

/** Keeps what the page gives the server to send: a body that no recorder of requests sees. */
const keepSent = (page) => page.evaluate(() => {
  const ask = globalThis.fetch;
  globalThis.fetch = async (...a) => {
    if (String(a[0]).endsWith("/api/v1/outbox") && a[1]?.body instanceof Blob) globalThis.__sent = (globalThis.__sent ?? "") + (await a[1].body.text());
    return ask(...a);
  };
});
const sent = async (page) => (await page.evaluate(() => globalThis.__sent ?? "")).replace(/=\r\n/g, "").replace(/=3D/g, "=");

const attach = async (page, name, content) => {
  const disk = mkdtempSync(join(tmpdir(), "sp-attaching-")), path = join(disk, name);
  written.push(disk);
  writeFileSync(path, content); // what is handed over in memory goes by the debugger, slowly
  await page.locator(".compose-foot input[type=file]").setInputFiles(path);
};
const written = [];

export async function attaching(stage) {
  const { page } = stage.desk;
  const content = Buffer.concat([Buffer.from(`%PDF-1.4 ${stage.plant("the inventory of the orangery")}`), randomBytes(3 << 20)]);
  const name = `${stage.plant("Orangery inventory")}.pdf`;
  await call(page, "PUT", "/attachments", { over: 100_000, outgoing: "link", incoming: "off" });
  await page.reload();
  await page.getByRole("button", { name: "Compose" }).first().waitFor();
  await keepSent(page);
  await sendAtOnce(page);
  try {
    const bobs = await withKey(stage, page, name, content);
    await withoutKey(stage, page, name, content);
    await keeps(stage, bobs);
    await discards(stage, page, content);
  } finally {
    for (const disk of written.splice(0)) rmSync(disk, { recursive: true, force: true });
  }
}

async function withKey(stage, page, name, content) {
  const subject = stage.plant("Oranges for the council");
  await write(page, { to: stage.bob.address, subject, text: "as promised" });
  await attach(page, name, content);
  await button(page, "Send").click(); // what is on its way is waited for
  await page.locator(".compose").waitFor({ state: "detached" });
  expect((await sent(page)).includes("BEGIN PGP MESSAGE") && !(await sent(page)).includes("/f/"), "the link only inside of what is sealed");
  const d = await bobsOf(stage), there = d.page;
  await goTo(there, "Inbox");
  await row(there, subject).waitFor();
  const before = d.seen.requests.length;
  await openMail(there, subject);
  await bodyOf(there).getByText("as promised").waitFor();
  const files = there.locator(".files", { hasText: "Files behind links" });
  await files.getByText(name).waitFor();
  await files.getByText(/3\.1 MB/).waitFor();
  expect(!d.seen.requests.slice(before).some((r) => r.url.includes("/shared/")), "nothing asked before somebody does");
  await look(d, "attaching-read", { only: ["light", "phone-dark"] });
  const [download] = await Promise.all([there.waitForEvent("download"), files.getByRole("button", { name: `Save ${name}`, exact: true }).click()]);
  expect((await fileHash(await download.path())) === hashOf(content), "the file as it was attached");
  return d;
}

async function withoutKey(stage, page, name, content) {
  const files = await stored(page);
  await write(page, { to: outsider, subject: "The inventory", text: "the password comes by telephone" });
  await page.locator(".compose-sum", { hasText: "Readable by their provider" }).waitFor();
  await button(page, "Attach files").click();
  await page.getByRole("menuitem", { name: "From your files" }).click();
  const pick = page.getByRole("dialog", { name: "From your files" });
  await pick.getByRole("button", { name: "Attachments", exact: true }).click();
  await pick.getByRole("checkbox", { name }).check();
  await stage.desk.screenshot("attaching-pick");
  await pick.getByRole("button", { name: "As links" }).click();
  await chip(page, name).getByText("Link").waitFor();
  await look(stage.desk, "attaching-compose", { only: ["light", "phone-dark"] });
  await button(page, "Send").click();
  const ask = page.getByRole("dialog", { name: "How the files reach them" });
  await ask.getByText("A link with a password").click();
  await ask.getByLabel("Password", { exact: true }).fill(stage.plant(password));
  await look(stage.desk, "attaching-choice", { only: ["light", "phone-dark"] });
  await ask.getByRole("button", { name: "Use this" }).click();
  await page.locator(".compose").waitFor({ state: "detached" });
  const mail = await sent(page), url = /https:\/\/\S+\/f\/[\w-]{22}#[\w-]{22,43}/.exec(mail)?.[0];
  expect(url !== undefined && !mail.includes(password), `a link and no password in the mail: ${mail.slice(-1500)}`);
  expect((await stored(page)) === files, "nothing was sent again");

  const d = await stage.device({ phone: true });
  await d.page.goto(url.replace(/^https:\/\/[^/]+/, stage.demo.url.replace(/\/$/, "")));
  await d.page.getByLabel("Password", { exact: true }).fill(password);
  await d.page.getByRole("button", { name: "Open", exact: true }).click();
  await d.page.getByRole("heading", { name }).waitFor();
  const [download] = await Promise.all([d.page.waitForEvent("download"), d.page.getByRole("button", { name: "Download" }).click()]);
  expect((await fileHash(await download.path())) === hashOf(content), "the same file on a phone without an account");
  d.check({ ignore: [/status of 4/] });
  await d.close();
  stage.forget(d);
}

// What came with a mail is kept in the reader's own drive.
async function keeps(stage, bobs) {
  const { page } = bobs;
  const files = await stored(page);
  await page.locator(".files").getByRole("button", { name: /^Save .* to your files$/ }).first().click();
  const where = page.getByRole("dialog", { name: "Save to your files" });
  await where.getByRole("button", { name: "Save here" }).click();
  await toast(page, "Saved in your files.").waitFor();
  expect((await stored(page)) === files + 1, "one more file in the drive");
}

async function discards(stage, page, content) {
  const files = await stored(page);
  await write(page, { to: outsider, subject: "Not after all", text: "on second thoughts" });
  await attach(page, "second.pdf", content.subarray(0, 200_000));
  await chip(page, "second.pdf").getByText("Link").waitFor();
  expect((await stored(page)) === files + 1, "the file is in the drive while one writes");
  await button(page, "Discard").click();
  await page.locator(".compose").waitFor({ state: "detached" });
  // It may come back for a while; then it is gone.
  stage.atLast.push(() => until("the discarded draft's file gone", async () => (await stored(page)) === files));
}
