// The drive: a file that is brought while the network goes away, folders, names, versions,
// the trash, and another device that sees all of it. The server has no name and no content.
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lookAround } from "./drivelook.mjs";
import { expect, goneOn, place, secondOf, toast, until } from "./stage.mjs";

const size = 9 << 20; // two parts
const sha = (data) => createHash("sha256").update(data).digest("hex");
const line = (page, name) => page.locator(".drive-list tbody tr", { hasText: name });
const open = (page) => page.evaluate(() => { location.hash = "#/drive"; });

async function act(page, name, what) {
  await line(page, name).getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: what }).click();
}
const bring = (page, ...files) => page.locator(".drive-bring input").first().setInputFiles(files);

/** Lets files go over the room, as from the desktop. */
const drop = (page, files) => page.locator(".drive-main").evaluate((el, files) => {
  const data = new DataTransfer();
  for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name, { type: "text/plain" }));
  for (const kind of ["dragenter", "dragover", "drop"]) el.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}, files);

export async function drive(stage) {
  const other = stage.desk.page;
  const name = stage.plant("harvest-of-quinces.bin"), folder = stage.plant("Ledgers of the orchard");
  const word = stage.plant("forty crates by the weir");
  const content = Buffer.concat([Buffer.from(word), randomBytes(size - word.length)]);
  const disk = mkdtempSync(join(tmpdir(), "sp-drive-"));
  writeFileSync(join(disk, name), content);
  const d = await secondOf(stage), { page } = d, door = stage.way;
  try {
    await place(page, "#/inbox");
    await page.locator("nav.side").getByRole("link", { name: "Drive" }).click();
    await page.getByRole("heading", { name: "Nothing is in your drive yet" }).waitFor();
    await d.axe();
    await page.getByRole("button", { name: "New folder" }).last().click();
    await page.getByRole("textbox", { name: "Name" }).fill(folder);
    await page.keyboard.press("Enter");
    await line(page, folder).getByRole("button", { name: folder }).first().click();
    await page.getByRole("heading", { name: "This folder is empty" }).waitFor();

    // Cut in the middle; what is there already is not sent again.
    const before = door.up;
    door.cutAfter = door.up + size / 2;
    await bring(page, join(disk, name));
    await page.getByText("The connection is gone").waitFor();
    door.mend();
    await goneOn(page.locator(".drive-way").getByRole("button", { name: "Try again" }), line(page, name));
    expect(door.up - before < size * 1.9, `a part at most was sent twice: ${door.up - before} octets for ${size}`);

    // Another device sees it, and has the same octets.
    await open(other);
    await line(other, folder).getByRole("button", { name: folder }).first().click();
    await line(other, name).waitFor();
    const [download] = await Promise.all([other.waitForEvent("download"), act(other, name, "Download")]);
    expect(sha(readFileSync(await download.path())) === sha(content), "the file as it was brought");

    // All of the folder as one archive, as it is there: without compression.
    const [archive] = await Promise.all([other.waitForEvent("download"), other.getByRole("button", { name: "More", exact: true }).click().then(() => other.getByRole("menuitem", { name: "Download as ZIP" }).click())]);
    const zip = readFileSync(await archive.path());
    expect(zip.readUInt32LE(0) === 0x04034b50 && zip.includes(content) && zip.includes(name), "an archive with the file");

    // A name by F2; a second one of the name is a version, and the first comes back.
    const named = stage.plant("quinces-of-2026.bin");
    await line(page, name).focus();
    await page.keyboard.press("F2");
    await page.getByRole("textbox", { name: "Name" }).fill(named);
    await page.keyboard.press("Enter");
    await line(other, named).waitFor();
    await bring(page, { name: named, mimeType: "application/octet-stream", buffer: Buffer.from("a second harvest") });
    await page.getByRole("button", { name: "New version" }).click();
    await line(page, "16 bytes").waitFor();
    await act(page, named, "Versions");
    await page.getByRole("button", { name: "Restore" }).click();
    await toast(page, "The older version is the newest now").waitFor();
    await page.locator("dialog[open] footer").getByRole("button", { name: "Close" }).click();
    await line(other, "9.4 MB").waitFor();

    // Moved up, thrown away, brought back.
    await drop(page, { "note.txt": word, "b.txt": "b" });
    await line(page, "note.txt").getByRole("button", { name: "note.txt" }).first().click();
    await page.locator("dialog pre").getByText(word).waitFor();
    await page.keyboard.press("Escape");
    await act(page, "note.txt", "Move to …");
    await page.getByRole("button", { name: "One folder up" }).click();
    await d.screenshot("drive-move");
    await page.getByRole("button", { name: "Move here" }).click();
    await toast(page, "Moved").waitFor();
    await line(page, "b.txt").focus();
    await page.keyboard.press("Delete");
    await toast(page, "Moved to trash").waitFor();
    await d.axe();
    await d.screenshot("drive");
    await page.evaluate(() => { location.hash = "#/drive/trash"; });
    await page.locator(".drive-found").getByText("b.txt").waitFor();
    await d.screenshot("drive-trash");
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByRole("heading", { name: "The trash is empty" }).waitFor();
    await line(other, "b.txt").waitFor();
    await open(other);
    await line(other, "note.txt").waitFor();
    await other.locator("#drive-search").fill("quinces");
    await other.locator(".drive-found").getByText(named).waitFor();

    await lookAround(stage, d, disk);

    // Deleted for good, the room is free.
    const used = () => page.evaluate(() => fetch("/api/v1/usage").then((r) => r.json()).then((u) => u.files));
    expect((await used()) > size, "the room is counted");
    await open(page);
    await act(page, folder, "Move to trash");
    await page.evaluate(() => { location.hash = "#/drive/trash"; });
    await page.locator(".drive-found").getByText(folder).waitFor();
    await page.getByRole("button", { name: "Empty the trash" }).click();
    await page.locator("dialog[open]").getByRole("button", { name: "Delete for ever" }).click();
    await page.getByRole("heading", { name: "The trash is empty" }).waitFor();
    await until("the room is free", async () => (await used()) < 10_000);
    expect(!Buffer.concat(stage.requests).includes("quinces"), "no name in any request");
  } finally {
    door.mend();
    rmSync(disk, { recursive: true, force: true });
  }
}
