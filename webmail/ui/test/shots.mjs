// Draws the main screens over fake mail in Chromium, keeps pictures of them, runs axe on
// each, and measures how long scrolling a list of 100,000 rows holds the page up.
//
//   node test/shots.mjs [folder for the pictures] [names of screens, or scroll]
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { createServer } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [out = join(root, "test", "shots"), ...only] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// In which language: SPEAK=ar. What acts by English names is drawn as it opens then.
const speak = process.env.SPEAK ?? "en";
const desk = { width: 1440, height: 900 }, phone = { width: 390, height: 844 }, small = { width: 320, height: 640 };
const row = (n) => async (page) => { await page.locator(".row-main").nth(n).click(); await page.waitForSelector(".mail-open .mail-sheet iframe, .mail-open .mail-plain"); await page.waitForTimeout(500); };
const screens = [
  { name: "list-light", at: "#/inbox", size: desk },
  { name: "reader-light", at: "#/inbox", size: desk, act: row(0) },
  { name: "reader-dark", at: "#/inbox", size: desk, query: "theme=dark", act: row(0) },
  { name: "newsletter-light", at: "#/inbox", size: desk, act: row(3) },
  { name: "newsletter-dark", at: "#/inbox", size: desk, query: "theme=dark", act: row(3) },
  { name: "phish", at: "#/inbox", size: desk, act: row(4) },
  { name: "invitation", at: "#/inbox", size: desk, act: row(2) },
  { name: "trust-open", at: "#/inbox", size: desk, act: async (p) => { await row(0)(p); await p.locator(".trust-line").last().click(); await p.locator(".mail-details").last().click(); } },
  { name: "two-panes", at: "#/inbox", size: desk, query: "panes=2" },
  { name: "compact", at: "#/inbox", size: desk, query: "density=compact" },
  { name: "selection", at: "#/inbox", size: desk, act: async (p) => { for (const n of [1, 2, 4]) await p.locator(".row-pick").nth(n).click(); } },
  { name: "palette", at: "#/inbox", size: desk, act: async (p) => { await p.keyboard.press("Control+k"); await p.waitForSelector(".picker"); } },
  { name: "help", at: "#/inbox", size: desk, act: async (p) => { await p.keyboard.press("?"); await p.waitForSelector(".help"); } },
  { name: "menu", at: "#/inbox", size: desk, act: async (p) => { await p.locator(".account").click(); await p.waitForTimeout(200); } },
  { name: "search-help", at: "#/inbox", size: desk, act: async (p) => { await p.keyboard.press("/"); await p.waitForTimeout(200); } },
  { name: "search", at: "#/search/roof%20from%3Aines", size: desk },
  { name: "empty", at: "#/snoozed", size: desk },
  { name: "toast", at: "#/inbox", size: desk, act: async (p) => { await p.locator(".row").nth(2).hover(); await p.locator(".row-acts .icon-button").first().click(); await p.waitForSelector(".toast"); } },
  { name: "phone-list", at: "#/inbox", size: phone, touch: true },
  { name: "phone-list-dark", at: "#/inbox", size: phone, touch: true, query: "theme=dark" },
  { name: "phone-small", at: "#/inbox", size: small, touch: true },
  { name: "phone-reader", at: "#/inbox", size: phone, touch: true, act: row(0) },
  { name: "phone-reader-small", at: "#/inbox", size: small, touch: true, act: row(2) },
  { name: "phone-drawer", at: "#/inbox", size: phone, touch: true, act: async (p) => { await p.locator(".bottom button").first().click(); await p.waitForTimeout(300); } },
  { name: "phone-selection", at: "#/inbox", size: phone, touch: true, act: async (p) => { for (const n of [1, 2]) await p.locator(".row-pick").nth(n).click(); } },
  { name: "rtl", at: "#/inbox", size: desk, act: async (p) => { await p.evaluate(() => { document.documentElement.dir = "rtl"; }); await row(8)(p); } },
  { name: "zoom-200", at: "#/inbox", size: { width: 720, height: 450 }, act: row(0) },
  { name: "forced-colors", at: "#/inbox", size: desk, forced: true, act: row(0) },
];

const server = await createServer({ root, configFile: join(root, "vite.config.ts"), server: { port: 0, strictPort: false }, logLevel: "error", plugins: [mailframe()] });
await server.listen();
const base = server.resolvedUrls.local[0];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
let faults = 0;
try {
  for (const s of screens) if (!only.length || only.includes(s.name)) faults += await shoot(s);
  if (!only.length || only.includes("scroll")) await scroll();
} finally {
  await browser.close();
  await server.close();
}
process.exitCode = faults ? 1 : 0;

// The frame document that the server has at /mailframe.
function mailframe() {
  const csp = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
  return { name: "mailframe", configureServer(s) { s.middlewares.use((q, r, next) => (q.url === "/mailframe" ? (r.setHeader("Content-Type", "text/html"), r.setHeader("Content-Security-Policy", csp), r.end("<!doctype html><title>Mail</title>")) : next())); } };
}

async function open(s) {
  const context = await browser.newContext({ viewport: s.size, hasTouch: s.touch ?? false, isMobile: s.touch ?? false, forcedColors: s.forced ? "active" : "none", reducedMotion: "reduce", locale: speak === "en" ? "en-GB" : speak });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const said = [];
  page.on("console", (m) => { if ((m.type() === "error" || m.type() === "warning") && !/404/.test(m.text())) said.push(m.text()); });
  page.on("pageerror", (e) => said.push(String(e)));
  await page.goto(`${base}preview.html?lang=${speak}&${s.query ?? ""}${s.at}`);
  await page.waitForSelector(".row, .empty");
  return { page, context, said };
}

async function shoot(s) {
  const { page, context, said } = await open(s);
  let wrong = [];
  try {
    await s.act?.(page);
    await page.waitForTimeout(350);
    await page.screenshot({ path: join(out, `${s.name}.png`) });
    await page.evaluate(axe);
    const r = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], iframes: false }));
    wrong = r.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) wrong.push(`the page is ${wide} px too wide`);
  } catch (e) {
    wrong.push(String(e).split("\n")[0]);
    await page.screenshot({ path: join(out, `${s.name}.png`) });
  }
  console.log(`${wrong.length + said.length ? "✗" : "✓"} ${s.name}`);
  for (const w of [...wrong, ...said]) console.log(`    ${w.slice(0, 400)}`);
  await context.close();
  return wrong.length + said.length;
}

// What a jump to anywhere in a list of 100,000 conversations costs the page, in time of its
// own thread: other work of the machine does not count.
async function scroll() {
  const { page, context } = await open({ at: "#/inbox", size: desk, query: "count=170000&panes=3" });
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value * 1000]));
  const jump = (near) => page.evaluate(async (n) => {
    const el = document.querySelector(".list-scroll");
    el.scrollTop = n ? el.scrollTop + 700 : Math.random() * (el.scrollHeight - 900);
    for (let i = 0; i < 3; i++) await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  }, near);
  const costs = [];
  for (let i = 0; i < 50; i++) {
    const before = await spent();
    await jump(i % 2 === 0);
    const after = await spent();
    if (i >= 10) costs.push([after.TaskDuration - before.TaskDuration, after.ScriptDuration - before.ScriptDuration]);
  }
  costs.sort((a, b) => a[0] - b[0]);
  const say = (c) => `${c[0].toFixed(0)} ms (${c[1].toFixed(0)} of it script)`;
  const rows = await page.evaluate(() => [document.querySelector(".row").getAttribute("aria-setsize"), document.querySelectorAll(".row").length]);
  console.log(`scroll: ${rows[0]} rows, ${rows[1]} drawn; a jump costs ${say(costs[20])}, at worst ${say(costs[39])}`);
  await context.close();
}
