// A link that is made in the page, opened on a phone without an account, and revoked; then
// files that a stranger was asked for, through a network that was cut, in the owner's drive.
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCut } from "./cut.mjs";
import { expect, goneOn, secondOf, until } from "./stage.mjs";

const sha = (data) => createHash("sha256").update(data).digest("hex");
const line = (page, name) => page.locator(".drive-list tbody tr", { hasText: name });
const room = (page, at) => page.evaluate((at) => { location.hash = `#/drive${at}`; }, at);
const url = (page) => page.getByRole("textbox", { name: "The link, whole" }).inputValue();
const at = (link, port) => link.replace(/^https:\/\/[^/]+/, `https://localhost:${port}`);

export async function asking(stage) {
  const door = await openCut(stage.demo.base + 443), disk = mkdtempSync(join(tmpdir(), "sp-asking-"));
  try {
    const d = await secondOf(stage), { page } = d;
    await room(page, "");
    const name = stage.plant("tally-of-lanterns.txt"), words = stage.plant("ninety lanterns on the weir");
    await page.locator(".drive-bring input").first().setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(words) });
    await line(page, name).getByRole("button", { name: /^More for/ }).click();
    await page.getByRole("menuitem", { name: /link|Share/i }).first().click();
    await page.getByLabel("It serves").selectOption("3");
    await page.getByText("Ask for a password").click();
    await page.getByRole("button", { name: "Make one of five words" }).click();
    let password = ""; // its words are fetched first
    await until("five words", async () => (password = await page.getByLabel("Password", { exact: true }).inputValue()) !== "");
    await d.screenshot("sharing-dialog");
    await d.axe();
    await page.getByRole("button", { name: "Make the link" }).click();
    const link = await url(page);
    await page.getByRole("button", { name: "Code for a camera" }).click();
    await d.screenshot("sharing-made");
    await page.locator("dialog[open] footer").getByRole("button", { name: "Close" }).click();

    const phone = await stage.device({ phone: true });
    await phone.page.goto(link.replace(/^https:\/\/[^/]+/, stage.demo.url.replace(/\/$/, "")));
    await phone.page.getByLabel("Password", { exact: true }).fill("another one");
    await phone.page.getByRole("button", { name: "Open", exact: true }).click();
    await phone.page.getByText("This is not the password").waitFor();
    await phone.page.getByLabel("Password", { exact: true }).fill(password);
    await phone.page.getByRole("button", { name: "Open", exact: true }).click();
    await phone.page.getByRole("button", { name: "Look at it here" }).click();
    await phone.page.getByText(words).waitFor();
    const loaded = await phone.page.evaluate(() => performance.getEntriesByType("resource").reduce((n, r) => n + r.encodedBodySize, 0));
    expect(loaded > 10_000 && loaded < 150_000, `neither vault nor mail for strangers: ${loaded} octets loaded`);

    await page.reload();
    await room(page, "/links");
    await page.getByText("1 download").waitFor();
    await page.getByRole("button", { name: "Show the link" }).first().click();
    expect((await url(page)) === link, "the same link after a reload");
    await page.getByRole("button", { name: "Close" }).last().click();
    await d.screenshot("sharing-links");
    await d.axe();
    await page.getByRole("button", { name: "Revoke" }).first().click();
    await page.locator("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("Revoked").waitFor();

    // Files from a stranger.
    await room(page, "/requests");
    await page.getByRole("button", { name: "Ask for files" }).first().click();
    await page.getByLabel("What for").fill(stage.plant("Pictures of the weir"));
    await page.getByRole("button", { name: "Make the link" }).click();
    const ask = await url(page);
    await page.getByRole("button", { name: "Close" }).last().click();
    const s = phone.page, big = randomBytes(3 << 20), small = "a small one";
    await s.goto("about:blank");
    await s.goto(at(ask, door.port));
    await s.getByRole("heading", { name: "Pictures of the weir" }).waitFor();
    expect(!s.url().includes("#"), "no secret in the address bar");
    await phone.axe();
    await phone.screenshot("asking-open");
    for (const [name, content] of [[stage.plant("weir-by-night.bin"), big], ["note.txt", small]]) writeFileSync(join(disk, name), content);
    door.cutAfter = door.up + (3 << 19);
    await s.locator("input[type=file]").setInputFiles([join(disk, "weir-by-night.bin"), join(disk, "note.txt")]);
    await s.getByText("The connection is gone").waitFor();
    door.mend();
    await goneOn(s.getByRole("button", { name: "Try again" }), s.getByText("2 files are there"));
    await room(page, "");
    await room(page, "/requests");
    await page.getByText("weir-by-night.bin").waitFor();
    await d.screenshot("asking-came");
    await d.axe();
    for (const n of [1, 0]) {
      await page.getByRole("button", { name: "Take over" }).first().click();
      await until("one less", async () => (await page.getByRole("button", { name: "Take over" }).count()) === n);
    }
    await room(page, "");
    await line(page, "weir-by-night.bin").getByRole("button", { name: /^More for/ }).click();
    const [got] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Download" }).click()]);
    expect(sha(readFileSync(await got.path())) === sha(big), "the file as the stranger had it");
    const sent = Buffer.concat(stage.requests).toString("latin1") + phone.seen.requests.map((r) => r.url).join("\n") + d.seen.requests.map((r) => r.url).join("\n");
    for (const l of [link, ask]) expect(!sent.includes(l.split("#")[1]), "the secret in no request");
    expect(!sent.includes(password) && !stage.demo.log().includes(link.split("#")[1]), "password and secret in no request and no log");
    phone.check({ ignore: [/ERR_|status of 4/] });
    await phone.close();
    stage.forget(phone);
    await room(page, "");
  } finally {
    await door.close();
    rmSync(disk, { recursive: true, force: true });
  }
}
