// A folder of many kinds comes into the drive at once: each file is looked at where it is,
// and rows are drawn onto folders, one and several.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { look } from "./looks.mjs";
import { expect, place, toast, until } from "./stage.mjs";
import { silence } from "./sound.mjs";

const line = (page, name) => page.locator(".drive-list tbody tr", { hasText: name });
const pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/** A picture, and half a second of moving ones, as this browser makes them. */
const pictures = (page) => page.evaluate(async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 200 }), pen = canvas.getContext("2d");
  const draw = (n) => { pen.fillStyle = "#e8dcc4"; pen.fillRect(0, 0, 320, 200); pen.fillStyle = "#8a3b12"; pen.fillRect(20 + n, 60, 120, 90); };
  const text = async (blob) => btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
  draw(0);
  const still = await new Promise((go) => canvas.toBlob(go, "image/png"));
  const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm;codecs=vp8" }), pieces = [];
  recorder.ondataavailable = (e) => pieces.push(e.data);
  const ended = new Promise((go) => (recorder.onstop = go));
  recorder.start();
  for (let n = 0; n < 10; n++) {
    draw(n * 8);
    await new Promise((go) => setTimeout(go, 50));
  }
  recorder.stop();
  await ended;
  return { png: await text(still), webm: await text(new Blob(pieces)) };
});

export async function lookAround(stage, d, disk) {
  const { page } = d, top = stage.plant("Weir house"), words = stage.plant("the sluice is oiled in March");
  const made = await pictures(page), at = join(disk, top);
  mkdirSync(join(at, "plates"), { recursive: true });
  for (const [name, content] of [["gate.png", Buffer.from(made.png, "base64")], ["wheel.webm", Buffer.from(made.webm, "base64")], ["water.wav", silence(20)], ["notes.txt", words], ["plan.pdf", pdf], ["plates/one.txt", "one"]]) writeFileSync(join(at, name), content);
  await place(page, "#/drive");
  await page.locator(".drive-bring input").nth(1).setInputFiles(at);
  await line(page, top).getByRole("button", { name: top }).first().click();
  for (const name of ["plates", "gate.png", "wheel.webm", "water.wav", "notes.txt", "plan.pdf"]) await line(page, name).waitFor();
  await look(d, "drive-folder");
  await files(page, d, words);

  // One row, then two, onto a folder; and back up along the way that leads here.
  await line(page, "water.wav").dragTo(line(page, "plates"));
  await line(page, "water.wav").waitFor({ state: "detached" });
  for (const name of ["notes.txt", "plan.pdf"]) await line(page, name).getByRole("checkbox").check();
  await line(page, "plan.pdf").dragTo(line(page, "plates"));
  for (const name of ["notes.txt", "plan.pdf"]) await line(page, name).waitFor({ state: "detached" });
  await line(page, "plates").getByRole("button", { name: "plates" }).first().click();
  for (const name of ["one.txt", "water.wav", "notes.txt", "plan.pdf"]) await line(page, name).waitFor();
  await line(page, "one.txt").dragTo(page.locator(".drive-crumbs").getByRole("link", { name: top }));
  await line(page, "one.txt").waitFor({ state: "detached" });
  await toast(page, "Moved").first().waitFor();
  await place(page, "#/drive");
  await line(page, top).getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: "Move to trash" }).click();
  await line(page, top).waitFor({ state: "detached" });
}

async function files(page, d, words) {
  const dialog = page.locator("dialog[open]");
  const open = async (name, shows) => {
    await line(page, name).getByRole("button", { name }).first().click();
    await shows();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };
  await open("gate.png", async () => {
    await until("the picture is drawn", () => dialog.locator("img").evaluate((i) => i.naturalWidth === 320).catch(() => false));
    await look(d, "drive-look", { only: ["light", "phone-dark"] });
  });
  await open("notes.txt", () => dialog.locator("pre").getByText(words).waitFor());
  await open("plan.pdf", () => dialog.locator('a[target="_blank"][rel~="noopener"][href^="blob:"]').waitFor());
  await open("water.wav", () => until("twenty seconds of sound", () => dialog.locator("audio").evaluate((a) => Math.round(a.duration) === 20).catch(() => false)));
  await open("wheel.webm", async () => {
    await until("moving pictures", () => dialog.locator("video").evaluate((v) => v.videoWidth === 320 && v.readyState >= 2).catch(() => false));
    await look(d, "drive-film", { only: ["phone-dark"] });
  });
  expect((await dialog.count()) === 0, "nothing is left open");
}
