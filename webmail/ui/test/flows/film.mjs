// A film goes from one person to another who has no account: brought, a link with a
// password for three downloads, fetched on a phone while the network goes away. Two
// gigabytes of it with SEALPOST_FILM_BYTES=2147483648; in every run a small one.
import { spawnSync } from "node:child_process";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchMemory } from "./memory.mjs";
import { expect, signInByKit, until, wait } from "./stage.mjs";
import { forms, openWire } from "./wire.mjs";

const size = Number(process.env.SEALPOST_FILM_BYTES ?? 12 << 20);
const patience = 60_000 + size / 4000; // ms: 4 MB/s are enough
const flat = 512 << 20; // what a process may grow by, whatever the size: the true film is four times that
const password = "a brass telescope at dusk";
const name = "the-harbour-in-november.mkv";

/** Octets that nothing makes smaller. */
export function makeFilm(file, size) {
  const stream = createCipheriv("aes-128-ctr", randomBytes(16), randomBytes(16)), zeros = Buffer.alloc(1 << 20), hash = createHash("sha256"), out = openSync(file, "w");
  for (let left = size; left > 0; left -= zeros.length) {
    const piece = stream.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
    hash.update(piece);
    writeSync(out, piece);
  }
  closeSync(out);
  return hash.digest("hex");
}

export async function sha(file) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest("hex");
}

/** The command line's side, with a profile of its own. */
export function openTool(stage, folder, password) {
  const profile = join(folder, "file.json"), run = (...args) => {
    const r = spawnSync(stage.binary, ["file", ...args, "--profile", profile], { encoding: "utf8", maxBuffer: 1 << 20 });
    expect(r.status === 0, `sealpost file ${args[0]}: ${r.stderr}`);
    return r.stdout.trim();
  };
  const words = join(folder, "kit"), word = join(folder, "password");
  writeFileSync(words, stage.alice.kit, { mode: 0o600 });
  writeFileSync(word, password, { mode: 0o600 });
  run("login", stage.alice.address, "--server", stage.demo.url, "--ca", stage.demo.trust[0], "--kit-file", words, "--device", "film");
  return {
    link: (path, downloads) => run("link", "make", path, "--downloads", String(downloads), "--password-file", word),
    list: () => run("link", "list"),
    remove: (path) => run("rm", "--now", path),
  };
}

const rate = (ms) => `${(size / 2 ** 20 / (ms / 1000)).toFixed(0)} MiB/s`;
const mib = (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** Runs a step and tells how long it took and what memory it had; fails where that grew with the file. */
async function measured(what, step) {
  const end = watchMemory(), began = Date.now();
  await step();
  const ms = Date.now() - began, m = end();
  console.log(`film: ${what} ${mib(size)} in ${(ms / 1000).toFixed(1)} s (${rate(ms)}); at most: page and workers ${mib(m.most("renderer"))} (+${mib(m.grown("renderer"))}), browser ${mib(m.most("browser"))} (+${mib(m.grown("browser"))})`);
  expect(m.most("renderer") > 0, "a renderer was looked at");
  for (const kind of ["renderer", "browser", "utility"]) expect(m.grown(kind) < flat, `memory of ${kind} flat while ${what}: it grew by ${mib(m.grown(kind))}`);
}

async function openLink(page, wire, link) {
  const at = new URL(link);
  await page.goto("about:blank");
  await page.goto(`https://localhost:${wire.port}${at.pathname}${at.hash}`);
}

/** At a desk, in the drive's room: the network goes away in the middle of it. */
async function bringIt(stage, wire, file) {
  const d = await stage.browser.profile(), { page } = d; // stage.device() keeps what is sent, which is too much here
  page.setDefaultTimeout(patience);
  await signInByKit(page, { ...stage.alice, web: `https://localhost:${wire.port}/` });
  await page.locator("nav.side").getByRole("link", { name: "Drive" }).click();
  await page.locator(".drive-bring input").first().waitFor({ state: "attached" });
  const began = wire.up;
  await measured("brought, with a break,", async () => {
    wire.cutAt.up = began + size / 2;
    await page.locator(".drive-bring input").first().setInputFiles(file);
    await page.getByText("The connection is gone").waitFor({ timeout: patience });
    await wait(500);
    wire.mend();
    void page.locator(".drive-way").getByRole("button", { name: "Try again" }).click({ timeout: 2000 }).catch(() => undefined); // or it goes on by itself
    await page.locator(".drive-list tbody tr", { hasText: name }).waitFor({ timeout: patience });
  });
  expect(wire.up - began < size * 1.25 + (64 << 20), `little was sent twice: ${wire.up - began} octets for ${size}`);
  d.check({ ignore: [/ERR_|status of 4/] });
  await d.close();
}

async function fetchIt(page, wire, { breaks, sum }) {
  const before = wire.down;
  if (breaks) wire.cutAt.down = before + size / 2;
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
  if (breaks) {
    await page.getByText("The connection is gone").waitFor({ timeout: patience });
    await wait(500);
    wire.mend();
    void page.getByRole("button", { name: "Try again" }).click({ timeout: 2000 }).catch(() => undefined); // or it goes on by itself
  }
  if (!breaks) { // once is enough: the others are begun, and count when octets come
    await until("the film comes", () => wire.down - before > size / 8);
    return void await download.cancel();
  }
  await page.getByText("It is here, and whole").waitFor({ timeout: patience });
  const file = await download.path();
  expect(statSync(file).size === size && await sha(file) === sum, "the film as it was");
  rmSync(file);
}

export async function film(stage) {
  const folder = mkdtempSync(join(tmpdir(), "sp-film-")), file = join(folder, name);
  const wire = await openWire(stage.demo);
  try {
    const sum = makeFilm(file, size), tool = openTool(stage, folder, password);
    stage.plant(name);
    stage.plant(password);
    wire.seek("the name", [Buffer.from(name)]);
    await bringIt(stage, wire, file);
    rmSync(file);
    const link = tool.link("/" + name, 3), fragment = new URL(link).hash.slice(1);
    wire.seek("the fragment", forms(Buffer.from(fragment, "base64url"), fragment));
    wire.seek("the password", [Buffer.from(password), Buffer.from(Buffer.from(password).toString("base64")), Buffer.from(encodeURIComponent(password))]);
    wire.seek("a ticket", [Buffer.from("link-ticket: "), Buffer.from("Link-Ticket: ")]); // which does go by: so much is seen here

    const d = await stage.browser.profile({ phone: true, size: { width: 390, height: 844 } }), { page } = d;
    page.setDefaultTimeout(patience);
    const enter = async (left) => {
      await openLink(page, wire, link);
      await page.getByLabel("Password", { exact: true }).fill(password);
      await page.getByRole("button", { name: "Open", exact: true }).click();
      await page.getByText(left).waitFor();
      await page.getByRole("heading", { name }).waitFor();
    };
    await enter("3 downloads are left");
    const began = wire.down;
    await measured("fetched by a link, with a break,", () => fetchIt(page, wire, { breaks: true, sum }));
    expect(wire.down - began < size * 1.25, `nothing fetched twice: ${wire.down - began} octets for ${size}`);
    await page.getByText("2 downloads are left").waitFor();
    await d.screenshot("film-done");
    for (const left of ["2 downloads are left", "1 download is left"]) {
      await enter(left);
      await fetchIt(page, wire, { breaks: false, sum });
    }
    await openLink(page, wire, link);
    await page.getByRole("heading", { name: "There is no file here" }).waitFor();
    expect(/used-up\s+3 of 3/.test(tool.list()), `three downloads: ${tool.list()}`);

    expect(wire.up > 1000 && wire.down > size, `all of it went by here: ${wire.up} up, ${wire.down} down`);
    expect(wire.found.delete("a ticket (up)"), "what goes by is looked at");
    expect(wire.found.size === 0, `on the wire: ${[...wire.found].join(", ")}`);
    expect(!stage.demo.log().includes(fragment), "the secret in no log");
    tool.remove("/" + name);
    d.check({ ignore: [/ERR_|status of 4/] });
    await d.close();
  } finally {
    await wire.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
