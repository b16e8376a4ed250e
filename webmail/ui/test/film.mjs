// The true film, once and measured: two gigabytes brought in the drive's room, cut off and
// taken up, and fetched on a phone by a link with a password, cut off and taken up.
//
//   SEALPOST_BINARY=bin/sealpost node test/film.mjs [bytes]
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDemo } from "./harness.mjs";
import { makeFilm, openTool, sha } from "./flows/film.mjs";
import { watchMemory } from "./flows/memory.mjs";
import { openRaw } from "./flows/raw.mjs";
import { expect } from "./flows/stage.mjs";
import { forms, openWire } from "./flows/wire.mjs";

const size = Number(process.argv[2] ?? 2 ** 31), flat = 256 << 20, slow = 60_000 + size / 2000;
const password = "a brass telescope at dusk", name = "the-harbour-in-november.mkv";
const mib = (n) => `${Math.round(n / 2 ** 20)} MiB`;
const button = (name) => `[...document.querySelectorAll("button")].find((b) => b.offsetParent && (b.textContent.trim() === ${JSON.stringify(name)} || b.getAttribute("aria-label") === ${JSON.stringify(name)}))`;
const says = (text) => `document.body.innerText.includes(${JSON.stringify(text)})`;
const into = async (d, selector, text) => {
  await d.until(`!!document.querySelector(${JSON.stringify(selector)})`);
  await d.run(`(() => { const i = document.querySelector(${JSON.stringify(selector)}); i.focus(); i.value = ${JSON.stringify(text)}; i.dispatchEvent(new InputEvent("input", { bubbles: true })); })()`);
};
const click = async (d, name) => { await d.until(`!!${button(name)}`); await d.run(`${button(name)}.click()`); };

// Whatever the size: what a page sends must not be kept by anybody until it is whole (docs/files.md).
async function measured(what, step) {
  const end = watchMemory(), began = Date.now();
  await step();
  const s = (Date.now() - began) / 1000, m = end();
  console.log(`${what}: ${mib(size)} in ${s.toFixed(1)} s, ${(size / 2 ** 20 / s).toFixed(0)} MiB/s; at most: renderer ${mib(m.most("renderer"))} (+${mib(m.grown("renderer"))}), browser ${mib(m.most("browser"))} (+${mib(m.grown("browser"))}), network ${mib(m.most("utility"))} (+${mib(m.grown("utility"))})`);
  for (const kind of ["renderer", "browser", "utility"]) expect(m.grown(kind) < flat, `memory of ${kind} flat: it grew by ${mib(m.grown(kind))}`);
}

const folder = mkdtempSync(join(tmpdir(), "sp-film-")), downloads = join(folder, "saved"), file = join(folder, name);
mkdirSync(downloads);
const demo = await startDemo(), alice = demo.facts.accounts[0];
const wire = await openWire(demo), chrome = await openRaw({ trust: demo.trust });
const again = async (d) => {
  await d.until(says("The connection is gone"), slow);
  await new Promise((go) => setTimeout(go, 500));
  wire.mend();
};
let failed = false;
try {
  const sum = makeFilm(file, size), tool = openTool({ binary: process.env.SEALPOST_BINARY, demo, alice }, folder, password);
  wire.seek("the name", [Buffer.from(name)]);
  const desk = await chrome.device(downloads);
  await desk.go(`https://localhost:${wire.port}/`);
  await into(desk, "input[autocomplete~=username], input[type=email], form input", alice.address);
  await desk.until(`[...document.querySelectorAll("button")].some((b) => /Use the recovery kit/.test(b.textContent))`);
  await desk.run(`[...document.querySelectorAll("button")].find((b) => /Use the recovery kit/.test(b.textContent)).click()`);
  await desk.until(`!!document.querySelector(".words-one input")`);
  await new Promise((go) => setTimeout(go, 500));
  await desk.run(`(() => { const i = document.querySelector(".words-one input"); i.focus(); const data = new DataTransfer(); data.setData("text/plain", ${JSON.stringify(alice.kit)}); i.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); })()`);
  await click(desk, "Sign in");
  await desk.until(`!!document.querySelector("nav.side, .shell, .row")`, 60_000);
  await desk.run(`location.hash = "#/drive"`);
  await desk.until(`!!document.querySelector(".drive-bring input")`);
  await new Promise((go) => setTimeout(go, 3000)); // what signing in sets going
  await measured("brought, with a break", async () => {
    wire.cutAt.up = wire.up + size / 2;
    await desk.files(".drive-bring input", [file]);
    await again(desk);
    await desk.until(`[...document.querySelectorAll(".drive-list tbody tr")].some((r) => r.textContent.includes(${JSON.stringify(name)}))`, slow);
  });
  rmSync(file);
  const link = tool.link("/" + name, 3), at = new URL(link), fragment = at.hash.slice(1);
  wire.seek("the fragment", forms(Buffer.from(fragment, "base64url"), fragment));
  wire.seek("the password", [Buffer.from(password)]);
  await desk.go("about:blank");
  const phone = await chrome.device(downloads, { phone: true });
  await phone.go(`https://localhost:${wire.port}${at.pathname}${at.hash}`);
  await into(phone, "input[type=password]", password);
  await click(phone, "Open");
  await phone.until(says("3 downloads are left"), 60_000);
  await measured("fetched by a link on a phone, with a break", async () => {
    wire.cutAt.down = wire.down + size / 2;
    await click(phone, "Download");
    await again(phone);
    await phone.until(says("It is here, and whole"), slow);
  });
  const saved = await phone.saved;
  expect(statSync(saved).size === size && await sha(saved) === sum, "the film as it was");
  expect(wire.found.size === 0, `on the wire: ${[...wire.found].join(", ")}`);
  console.log(`the same film (SHA-256 ${sum.slice(0, 16)}…); ${mib(wire.up)} up, ${mib(wire.down)} down, and of secret, password and name nothing in them`);
} catch (e) {
  failed = true;
  console.log(`FAILED: ${e.stack}`);
} finally {
  await chrome.close();
  await wire.close();
  await demo.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
