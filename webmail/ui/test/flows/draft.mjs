// A browser that dies loses no draft: a profile on disk, kill -9, a new start. And two
// tabs that write at once each keep what they have.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOpen, patience, record, signInByKit, until, write } from "./stage.mjs";
import { flagsFor } from "../harness.mjs";

const { chromium } = createRequire(import.meta.url)("playwright-core");

// The browser's own process: the one of this profile that is nobody's child of it.
function browserOf(folder) {
  return readdirSync("/proc").filter((n) => /^\d+$/.test(n)).find((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return line.includes(`--user-data-dir=${folder}`) && !line.some((a) => a.startsWith("--type="));
    } catch {
      return false;
    }
  });
}

const lineOf = (page, subject) => page.locator(".plain-row", { hasText: subject });

export async function draft(stage) {
  const folder = mkdtempSync(join(tmpdir(), "sealpost-profile-"));
  let context;
  const start = async () => {
    context = await chromium.launchPersistentContext(folder, { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flagsFor({ trust: stage.demo.trust, sink: stage.sink }), viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true, reducedMotion: "reduce", locale: "en-US" });
    context.setDefaultTimeout(patience);
    record(stage, context);
    return context.pages()[0] ?? (await context.newPage());
  };
  const subject = stage.plant("Half a thought about figs"), text = stage.plant("the fig tree remembers everything");
  try {
    const first = await start();
    await signInByKit(first, stage.alice);
    await write(first, { to: stage.bob.address, subject, text: "" }); // what writing takes is fetched
    // Without a network: what the next start shows, this device alone kept.
    await context.setOffline(true);
    await first.locator(".editor-text").click();
    await first.keyboard.type(text);
    await first.locator(".compose-saved", { hasText: "Saved on this device" }).waitFor();
    process.kill(Number(browserOf(folder)), "SIGKILL");
    await until("the browser ends", () => !browserOf(folder));
    await context.close().catch(() => undefined);

    const second = await start();
    await again(second, stage.alice);
    await second.goto(stage.alice.web + "#/drafts");
    const line = lineOf(second, subject);
    await line.waitFor();
    await line.locator(".plain-main").click();
    await second.locator(".editor-text", { hasText: text }).waitFor();
    await twoTabs(stage, second, context, subject, text);
  } finally {
    await context?.close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

// Browsers write cookies down late: one that died young asks for the passphrase again.
async function again(page, account) {
  await page.goto(account.web);
  const passphrase = page.getByLabel("Passphrase", { exact: true });
  await page.getByRole("button", { name: "Compose" }).first().or(passphrase).first().waitFor();
  if ((await passphrase.count()) === 0) return;
  const address = page.getByLabel("Address");
  if ((await address.count()) > 0) await address.fill(account.address);
  await passphrase.fill(account.passphrase);
  await page.getByRole("button", { name: /^(Unlock|Sign in)$/ }).click();
  await isOpen(page);
}

async function twoTabs(stage, one, context, subject, text) {
  const two = await context.newPage();
  await two.goto(stage.alice.web + "#/drafts");
  await lineOf(two, subject).locator(".plain-main").click();
  await two.locator(".editor-text", { hasText: text }).waitFor();
  const ours = stage.plant("one tab says apricots"), theirs = stage.plant("the other says medlars");
  for (const [page, words] of [[one, ours], [two, theirs]]) {
    await page.bringToFront();
    await page.locator(".editor-text").click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(" " + words);
  }
  // In one draft, or in two of which one says so: nothing is lost.
  const drafts = two.locator(".plain-row", { hasText: subject });
  await until("both texts among the drafts", async () => {
    const all = (await drafts.allInnerTexts()).join("\n");
    return all.includes(ours) && all.includes(theirs);
  });
  await one.close();
}
