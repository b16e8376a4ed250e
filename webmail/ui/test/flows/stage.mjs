// What the flows share: one demo, one browser, people with devices, a record of every
// request body, and the words that nothing of the server may ever hold readable.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBrowser, openSink, startDemo } from "../harness.mjs";
import { openCut } from "./cut.mjs";
import { openDNS, openDoor } from "./world.mjs";

export const wait = (ms) => new Promise((go) => setTimeout(go, ms));

/** Fails with what was expected. */
export function expect(ok, words) {
  if (!ok) throw new Error(words);
}

/** As long as anything may take: on a disk that others write to, one mail can cost many seconds. */
export const patience = 60_000;

/** Asks until it holds; for what no page shows. */
export async function until(what, holds, ms = patience) {
  for (const began = Date.now(); Date.now() - began < ms; await wait(100)) if (await holds()) return;
  throw new Error(`expected within ${ms} ms: ${what}`);
}

export async function openStage() {
  const dns = await openDNS(), door = await openDoor();
  dns.set("A", "mail.demo.test", "127.0.0.1");
  const demo = await startDemo({ set: { "screen.on": true, "dns.servers": [dns.address], "import.allow": [`127.0.0.1:${door.port}`] } });
  const sink = await openSink();
  const browser = await openBrowser({ trust: demo.trust, sink });
  const [alice, bob] = demo.facts.accounts;
  const open = [];
  const stage = {
    demo, sink, browser, alice, bob, dns, door,
    binary: process.env.SEALPOST_BINARY ?? join(import.meta.dirname, "../../../../bin/sealpost"),
    planted: new Set([alice.passphrase, bob.passphrase, alice.kit, bob.kit]),
    requests: [],
    atLast: [], // what later flows are given time for
    plant: (word) => (stage.planted.add(word), word),
    device: async (options = {}) => {
      const d = await browser.profile(options);
      record(stage, d.context);
      d.page.setDefaultTimeout(patience);
      open.push(d);
      return d;
    },
    leave: async (d) => {
      d.check();
      await d.close();
      open.splice(open.indexOf(d), 1);
    },
    forget: (d) => void open.splice(open.indexOf(d), 1),
    // What nothing may end with: errors of a page, violations, requests elsewhere.
    check: () => { for (const d of open) d.check({ ignore: [/status of 4|net::ERR_|Failed to fetch/] }); },
    picture: async (name) => {
      const folder = process.env.SEALPOST_SCREENSHOTS;
      for (const d of folder ? open : []) await d.page.screenshot({ path: join(folder, `${name}-${open.indexOf(d)}.png`), timeout: 10_000 }).catch(() => undefined);
    },
    leaveAll: async () => { while (open.length) await open.pop().close(); },
    close: async () => { await browser.close(); await sink.close(); await dns.close(); await door.close(); await stage.way?.close(); stage.gus?.gpg.end(); },
  };
  return stage;
}

/** Keeps what a device sends: for the canary. */
export function record(stage, context) {
  context.on("request", (r) => stage.requests.push(Buffer.concat([Buffer.from(`${r.method()} ${r.url()}\n`), r.postDataBuffer() ?? Buffer.alloc(0)])));
}

// ---- At the page -----------------------------------------------------------------------

export const isOpen = (page) => page.getByRole("button", { name: "Compose" }).first().waitFor();

/** Pastes the 24 words into the first of their fields, as a person would from a file. */
export async function pasteKit(page, words) {
  await page.locator(".words-one input").first().click();
  await paste(page, { text: words });
}

export async function signInByKit(page, account) {
  await page.goto(account.web);
  await page.getByLabel("Address").fill(account.address);
  await page.getByRole("button", { name: /Use the recovery kit/ }).click();
  await pasteKit(page, account.kit);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await isOpen(page);
}

// ---- Devices that flows share: a sign-in takes seconds ------------------------------------

/** Alice's second device, on a way of its own to the server, which can be cut: a page there is named by hash alone. */
export async function secondOf(stage) {
  if (stage.second) return stage.second;
  stage.way = await openCut(stage.demo.base + 443);
  const d = await stage.device();
  await signInByKit(d.page, { ...stage.alice, web: `https://localhost:${stage.way.port}/` });
  return (stage.second = d);
}

/** Alice's phone. */
export async function pocketOf(stage) {
  if (stage.pocket) return stage.pocket;
  const d = await stage.device({ phone: true, size: { width: 390, height: 844 } });
  await signInByKit(d.page, stage.alice);
  return (stage.pocket = d);
}

/** Bob's device. */
export async function bobsOf(stage) {
  if (stage.bobs) return stage.bobs;
  const d = await stage.device();
  await signInByKit(d.page, stage.bob);
  return (stage.bobs = d);
}

/** Goes to a place of this page, without loading it. */
export const place = (page, at) => page.evaluate((at) => { location.hash = at; }, at);

/** What a person sends leaves at once from now on: most flows do not wait for a change of mind. */
export async function sendAtOnce(page) {
  await place(page, "#/settings/writing");
  await page.getByRole("combobox", { name: "Take back after sending" }).selectOption({ label: "Send at once" });
  await place(page, "#/inbox");
}

/** Waits until something went on, by itself or because a button was pressed. */
export async function goneOn(button, done) {
  void button.click({ timeout: 3000 }).catch(() => undefined);
  await done.waitFor();
}

export async function fromAccountMenu(page, name) {
  await page.getByRole("button", { name: /^Account / }).click();
  await page.getByRole("menuitem", { name }).click();
}

/** Waits for a row at the top of the list: one that was scrolled stays where it is when mail comes above. */
export const arrives = (page, words) => until(`${words} is in the list`, async () => {
  await page.locator(".list-scroll").evaluate((el) => { el.scrollTop = 0; });
  return (await row(page, words).count()) > 0;
});

export const row = (page, words) => page.locator(".row", { hasText: words });

/** The text of the mail that is open, as its frame shows it. */
export const bodyOf = (page) => page.frameLocator("iframe.mail-frame").locator("body");

export async function openMail(page, words) {
  await row(page, words).first().locator(".row-main").click();
  await page.locator(".mail-open").first().waitFor();
}

export async function goTo(page, box) {
  await page.locator("nav.side").getByRole("link", { name: new RegExp(`^${box}`) }).click();
}

/** Pastes into what has the focus: text, HTML, or files by name and octets in base64. */
export async function paste(page, { text, html, file }) {
  await page.evaluate(({ text, html, file }) => {
    const data = new DataTransfer();
    if (text !== undefined) data.setData("text/plain", text);
    if (html !== undefined) data.setData("text/html", html);
    if (file) data.items.add(new File([Uint8Array.from(atob(file.base64), (c) => c.charCodeAt(0))], file.name, { type: file.type }));
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, { text, html, file });
}

export const toast = (page, words) => page.locator(".toast", { hasText: words });

/** Writes a mail, and leaves the composer open. */
export async function write(page, { to, subject, text }) {
  await page.getByRole("button", { name: "Compose" }).first().click();
  const field = page.getByRole("combobox", { name: "To", exact: true });
  await field.fill(to);
  await field.press("Enter");
  await page.locator(".compose-subject").fill(subject);
  await page.locator(".editor-text").click();
  await page.keyboard.insertText(text); // at once: what is typed by keys is typed where that matters
}

// ---- From outside ----------------------------------------------------------------------

/** Brings a mail to the server's door, as any server would; with auth to the other door, as a mail program. */
export function deliver(stage, { from = "eve@example.org", to, mail, auth }) {
  const [host, port] = (auth ? stage.demo.facts.submissions : stage.demo.facts.smtp).split(":");
  const plain = auth && "AUTH PLAIN " + Buffer.from(`\0${auth.address}\0${auth.password}`).toString("base64");
  const says = [null, "EHLO mail.example.org", ...(plain ? [plain] : []), `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA", mail.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..") + "\r\n.", "QUIT"];
  return new Promise((done, fail) => {
    const socket = auth ? tls.connect({ host, port: Number(port), rejectUnauthorized: false }) : net.connect(Number(port), host);
    let said = "";
    let at = 0;
    socket.on("error", fail);
    socket.on("data", (d) => {
      said += d;
      if (!/^\d{3} .*\r\n$/m.test(said)) return;
      if (!/^[23]/.test(said)) return fail(new Error(`the server said ${said.trim()} to ${String(says[at]).slice(0, 40)}`));
      said = "";
      at++;
      if (at < says.length) socket.write(says[at] + "\r\n");
      if (at === says.length - 1) done();
    });
  });
}

/** The program of the server on its command line. */
export function sealpost(stage, ...args) {
  const r = spawnSync(stage.binary, [...args, "--config", stage.demo.facts.config], { encoding: "utf8" });
  expect(r.status === 0, `sealpost ${args.join(" ")}: ${r.stderr}`);
  return r.stdout.trim();
}

/** Gus has an account here, a mail program and GnuPG. */
export function openGus(stage) {
  const gpg = openGnuPG();
  const address = "gus@demo.test";
  const fingerprint = gpg.make("Gus Applewhite", address);
  sealpost(stage, "account", "add", address, "--key", gpg.file(fingerprint));
  const password = sealpost(stage, "password", "add", address, "--name", "mutt").split(/\s+/).findLast((w) => w.length > 12);
  const gus = {
    gpg, address, fingerprint, password,
    // The newest mail of his inbox whose octets hold these words, as GnuPG opens it.
    decrypts: (words) => {
      const mail = spawnSync("curl", ["-ksS", "-u", `${address}:${password}`, `imaps://${stage.demo.facts.imaps}/INBOX;MAILINDEX=*`]).stdout;
      return mail.length > 0 && gpg(["--skip-verify", "--decrypt"], mail).toString().includes(words);
    },
  };
  stage.gus = gus;
  return gus;
}

/** A GnuPG home of its own. */
function openGnuPG() {
  const home = mkdtempSync(join(tmpdir(), "sp-gpg-"));
  const env = { ...process.env, GNUPGHOME: home };
  const gpg = (args, input = "") => {
    const r = spawnSync("gpg", ["--batch", "--quiet", "--no-tty", "--trust-model", "always", ...args], { env, input });
    expect(r.status === 0, `gpg ${args.join(" ")}: ${r.stderr}`);
    return r.stdout;
  };
  gpg.make = (name, address, kind = "default") => {
    gpg(["--yes", "--passphrase", "", "--pinentry-mode", "loopback", "--quick-generate-key", `${name} <${address}>`, kind, "default", "1d"]);
    return gpg(["--with-colons", "--list-keys", address]).toString().split("\n").filter((l, i, all) => l.startsWith("fpr:") && all[i - 1]?.startsWith("pub:")).map((l) => l.split(":")[9]).at(-1);
  };
  gpg.file = (fingerprint) => {
    const path = join(home, `${fingerprint}.asc`);
    writeFileSync(path, gpg(["--armor", "--export", fingerprint]));
    return path;
  };
  gpg.end = () => {
    spawnSync("gpgconf", ["--kill", "all"], { env });
    rmSync(home, { recursive: true, force: true });
  };
  return gpg;
}

/** A GnuPG of its own, gone when the work is done. */
export async function withGnuPG(work) {
  const gpg = openGnuPG();
  try {
    return await work(gpg);
  } finally {
    gpg.end();
  }
}
