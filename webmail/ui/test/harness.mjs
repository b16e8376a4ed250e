// What browser tests share: a demo of the real program, a browser with profiles that
// trust it, a sink for whatever tries to leave, and collectors for what must not happen.
//
//   const demo = await startDemo();
//   const browser = await openBrowser({ trust: demo.trust });
//   const phone = await browser.profile({ phone: true });
//   await phone.page.goto(demo.url);
//   await phone.check();        // no violation, no page error, no request elsewhere
//   await browser.close(); await demo.stop();

import { spawn } from "node:child_process";
import { X509Certificate, createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const { chromium } = await import("playwright-core");
const here = fileURLToPath(new URL(".", import.meta.url));
const repository = join(here, "../../..");

// ---- The server ------------------------------------------------------------------------

const doors = [25, 143, 443, 465, 587, 993];

function isFree(port) {
  return new Promise((done) => {
    const server = net.createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

async function freeBase() {
  for (let base = 31000 + (process.pid % 150) * 61; base < 64000; base += 61) {
    if ((await Promise.all(doors.map((d) => isFree(base + d)))).every(Boolean)) return base;
  }
  throw new Error("no free ports");
}

// Starts a demo in a folder of its own. binary: bin/sealpost, or what SEALPOST_BINARY names;
// set: more of its settings; so are the lines KEY=VALUE of SEALPOST_SET. It believes the certificates of its own authority.
export async function startDemo({ binary, dir, base, set = {} } = {}) {
  const program = binary ?? process.env.SEALPOST_BINARY ?? join(repository, "bin/sealpost");
  if (!existsSync(program)) throw new Error(`${program} is not there: make build`);
  const folder = dir ?? mkdtempSync(join(tmpdir(), "sealpost-web-"));
  const port = base ?? (await freeBase());
  const more = (process.env.SEALPOST_SET ?? "").split("\n").filter(Boolean);
  const child = spawn(program, ["demo", "--dir", folder, "--port-base", String(port), ...more.map((s) => `--set=${s}`), ...Object.entries(set).map(([k, v]) => `--set=${k}=${JSON.stringify(v)}`)], {
    stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1", SSL_CERT_FILE: join(folder, "clients/ca.pem") },
  });
  // What it tells the person at the terminal, secrets of the demo among it, and what it logs.
  let told = "";
  let logged = "";
  let ended = false;
  child.stdout.on("data", (d) => (told += d));
  child.stderr.on("data", (d) => (logged += d));
  const gone = new Promise((done) => child.once("exit", () => done((ended = true))));
  const file = join(folder, "demo.json");
  for (const began = Date.now(); !existsSync(file); await new Promise((go) => setTimeout(go, 20))) {
    if (ended || Date.now() - began > 60_000) {
      child.kill("SIGKILL");
      throw new Error(`the demo did not get ready:\n${(told + logged).slice(-20_000)}`);
    }
  }
  return {
    facts: JSON.parse(readFileSync(file, "utf8")),
    folder,
    base: port,
    trust: [join(folder, "clients/ca.pem"), join(folder, "server/tls.pem")],
    url: `https://localhost:${port + 443}/`,
    log: () => logged, // all of it, and nothing else
    kill: async () => { child.kill("SIGKILL"); await gone; }, // as a power cut would
    stop: async ({ keep = false } = {}) => {
      child.kill("SIGTERM");
      await Promise.race([gone, new Promise((go) => setTimeout(go, 20_000))]);
      if (!ended) child.kill("SIGKILL");
      if (!keep && !dir) rmSync(folder, { recursive: true, force: true });
    },
  };
}

// ---- The sink --------------------------------------------------------------------------

// Counts connections, and keeps the host that each asked for (SNI or Host).
export async function openSink() {
  const asked = [];
  const server = net.createServer((socket) => {
    const entry = { host: "" };
    asked.push(entry);
    socket.on("error", () => undefined);
    socket.once("data", (data) => {
      entry.host = /(?:[a-z0-9-]+\.)+(?:test|example)/i.exec(data.toString("latin1"))?.[0] ?? "";
      socket.destroy();
    });
    setTimeout(() => socket.destroy(), 3000).unref();
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  return { port: server.address().port, asked, close: () => new Promise((go) => server.close(go)) };
}

// ---- The browser -----------------------------------------------------------------------

// The browser looks for these among the certificates that a server shows: its own is
// enough, the authority's may not be shown.
function spki(file) {
  const key = new X509Certificate(readFileSync(file)).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

// One Chromium. trust: PEM files of the certificates it believes (demo.trust); sink: where the hosts
// of .test and .example lead; others, such as those the browser asks for itself, are not there.
export async function openBrowser({ trust, sink, args, headless = true } = {}) {
  const chrome = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless, args: flagsFor({ trust, sink, args }) });
  return { chrome, profile: (o) => openProfile(chrome, o), close: () => chrome.close() };
}

export function flagsFor({ trust = [], sink, args = [] } = {}) {
  const flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run", ...args];
  if (trust.length > 0) flags.push(`--ignore-certificate-errors-spki-list=${trust.map(spki).join(",")}`);
  if (sink) flags.push(`--host-resolver-rules=MAP *.test 127.0.0.1:${sink.port}, MAP *.example 127.0.0.1:${sink.port}, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1`);
  return flags;
}

// A new person at a new device. page has collectors; check() fails if they hold anything.
async function openProfile(chrome, { phone = false, dark = false, locale = "en-US", reduced = true, serviceWorkers = "allow", size } = {}) {
  const context = await chrome.newContext({
    viewport: size ?? (phone ? { width: 320, height: 640 } : { width: 1280, height: 800 }),
    deviceScaleFactor: phone ? 2 : 1,
    hasTouch: phone,
    isMobile: phone,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: reduced ? "reduce" : "no-preference",
    locale,
    serviceWorkers,
    ignoreHTTPSErrors: true,
  });
  const seen = { violations: [], errors: [], requests: [], foreign: [] };
  await context.exposeBinding("__violation", (_, text) => void seen.violations.push(text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => globalThis.__violation(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
  });
  context.on("request", (request) => {
    const url = request.url();
    seen.requests.push({ method: request.method(), url, type: request.resourceType() });
    if (!/^(?:https?:\/\/(?:localhost|127\.0\.0\.1)[:/]|data:|blob:|about:)/.test(url)) seen.foreign.push(url);
  });
  const page = await context.newPage();
  watch(page, seen);
  context.on("page", (p) => watch(p, seen));
  return {
    context, page, seen,
    check({ ignore = [] } = {}) {
      const bad = [...seen.violations.map((v) => "policy violation: " + v), ...seen.errors, ...seen.foreign.map((u) => "request elsewhere: " + u)].filter((text) => !ignore.some((i) => i.test(text)));
      if (bad.length > 0) throw new Error(bad.join("\n"));
    },
    screenshot: (name, o) => screenshots(page, name, o),
    axe: (o) => axe(page, o),
    close: () => context.close(),
  };
}

function watch(page, seen) {
  page.on("pageerror", (e) => seen.errors.push("page error: " + (e.stack ?? e.message)));
  page.on("console", (m) => {
    if (m.type() !== "error") return;
    if (/Content.Security.Policy|TrustedScript|TrustedHTML|Integrity-Policy/i.test(m.text())) seen.violations.push(m.text());
    else if (!/Failed to load resource/.test(m.text())) seen.errors.push("console: " + m.text());
  });
}

// Pictures of what a page shows now, in SEALPOST_SCREENSHOTS: in light, and if asked for in
// dark and on a phone, one after the other.
async function screenshots(page, name, { light = true, dark = false, phone = false, full = false } = {}) {
  const folder = process.env.SEALPOST_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const size = page.viewportSize();
  const shoot = async (kind) => {
    await page.screenshot({ path: join(folder, `${name}-${kind}.png`), fullPage: full });
  };
  await page.emulateMedia({ colorScheme: "light" });
  if (light) await shoot("light");
  if (dark) {
    await page.emulateMedia({ colorScheme: "dark" });
    await shoot("dark");
    await page.emulateMedia({ colorScheme: "light" });
  }
  if (phone && size && size.width > 400) {
    await page.setViewportSize({ width: 320, height: 640 });
    await shoot("phone");
    await page.setViewportSize(size);
  }
}

const axeSource = () => readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// WCAG 2.2 A and AA rules; fails with what they found. The script goes in by the
// debugger, past the page's policy.
async function axe(page, { exclude = [], disable = [], only, within } = {}) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axeSource());
  const found = await page.evaluate(async ({ exclude, disable, only, within }) => {
    const result = await globalThis.axe.run({ ...(within && { include: [[within]] }), exclude: [["iframe.mail-frame"], ...exclude.map((e) => [e])] }, {
      runOnly: only ? { type: "rule", values: only } : ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
      rules: Object.fromEntries(disable.map((id) => [id, { enabled: false }])),
      iframes: false, preload: false, resultTypes: ["violations"],
    });
    return result.violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n  ${v.nodes.slice(0, 5).map((n) => n.target.join(" ") + " " + (n.failureSummary ?? "").split("\n").slice(1).join("; ")).join("\n  ")}`);
  }, { exclude, disable, only, within });
  if (found.length > 0) throw new Error("axe:\n" + found.join("\n"));
}
