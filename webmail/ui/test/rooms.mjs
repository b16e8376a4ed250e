// Draws signing in, joining, the kit on paper, settings, contacts and the operators' pages
// in Chromium, keeps pictures, and runs axe on each.
//
//   node test/rooms.mjs [folder for the pictures] [pattern of the names of screens]
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { createServer } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [out = join(root, "test", "shots"), only = ""] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// In which language: SPEAK=ar. What acts by English names is drawn as it opens then.
const speak = process.env.SPEAK ?? "en";
const wide = { width: 1280, height: 860 }, phone = { width: 390, height: 844 }, small = { width: 320, height: 640 };
const click = (name, role = "button") => async (p) => { await p.getByRole(role, { name }).first().click(); await p.waitForTimeout(250); };
const fill = (n) => async (p) => { for (let i = 0; i < n; i++) { const f = p.locator(".words-one input").nth(i); await f.fill(["abandon", "abilty", "art"][i % 3]); } await p.locator(".words-one input").nth(n).fill("zeb"); };

const screens = [
  ["signin", {}],
  ["signin-fault", { q: "fault=wrong-sign-in" }],
  ["signin-device", { q: "need=device" }],
  ["signin-factor", { q: "need=factor" }],
  ["signin-kit", { act: async (p) => { await click(/recovery kit/)(p); await fill(4)(p); } }],
  ["signin-approval", { act: async (p) => { await click(/Ask another/)(p); await p.getByLabel("Address").fill("o@hollow.example"); await click("Ask to be let in")(p); } }],
  ["sees", { act: click("What this server can see") }],
  ["locked", { q: "phase=locked" }],
  ["join-choose", { at: "#/join/x", q: "step=choose", act: async (p) => { await p.getByLabel("Passphrase", { exact: true }).fill("velvet otter nine"); await p.getByText("I have an OpenPGP key").click(); } }],
  ["join-words", { at: "#/join/x", q: "step=words" }],
  ["join-retype", { at: "#/join/x", q: "step=retype", act: fill(7) }],
  ["join-closed", { at: "#/join/x", q: "fault=no-invitation" }],
  ...["begin", "profile", "keys", "appearance", "reading", "writing", "filters", "keyboard", "security", "devices", "programs", "storage"].map((s) => [`settings-${s}`, { at: `#/settings/${s}` }]),
  ["settings-rule", { at: "#/settings/filters", act: click("Edit Rule 2") }],
  ["settings-totp", { at: "#/settings/security", act: click("Set up codes") }],
  ["settings-kit", { at: "#/settings/security", act: async (p) => { await click("New recovery kit")(p); await p.getByLabel("Passphrase now").fill("x"); await click("Make a new kit")(p); } }],
  ["settings-approve", { at: "#/settings/devices", act: click("Let it in") }],
  ["settings-password", { at: "#/settings/programs", act: async (p) => { await click("New app password")(p); await p.getByLabel("What it is for").fill("mutt"); await click("Make it")(p); } }],
  ["settings-compare", { at: "#/settings/keys", act: async (p) => { await click("Compare")(p); await p.getByLabel("Their fingerprint").fill("04F3 D1E8 A7C2 5B99 6013 7DE2 FF41 B8C3 A95E 6D71"); await p.locator("dialog").getByRole("button", { name: "Compare" }).click(); } }],
  ["settings-bring", { at: "#/settings/keys", q: "bring" }],
  ["contacts", { at: "#/contacts/1" }],
  ["contacts-edit", { at: "#/contacts/1", act: click("Edit") }],
  ["contacts-list", { at: "#/contacts" }],
  ...["overview", "accounts", "invitations", "domains", "queue", "reports"].map((s) => [`admin-${s}`, { at: `#/admin/${s}` }]),
  ["admin-invited", { at: "#/admin/invitations", act: async (p) => { await click("New invitation")(p); await click("Make the link")(p); } }],
  ["admin-reset", { at: "#/admin/accounts", act: async (p) => { await click(/What to do with otto/)(p); await p.getByText("Reset the sign-in").click(); await p.waitForTimeout(200); } }],
];
const looks = [["light", wide, ""], ["dark", wide, "theme=dark"], ["phone", phone, ""], ["small", small, "theme=dark"]];

const server = await createServer({ root, configFile: join(root, "vite.config.ts"), server: { port: 0, strictPort: false, hmr: false }, logLevel: "error" });
await server.listen();
const base = server.resolvedUrls.local[0];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
let faults = 0;
try {
  for (const [name, s] of screens) for (const [look, size, theme] of looks) {
    if (new RegExp(only).test(`${name}-${look}`)) faults += await shoot(`${name}-${look}`, s, size, theme);
  }
  if (new RegExp(only).test("kit-paper")) await paper();
} finally {
  await browser.close();
  await server.close();
}
process.exitCode = faults ? 1 : 0;

async function open(s, size, theme) {
  const touch = size.width < 600;
  const context = await browser.newContext({ viewport: size, hasTouch: touch, isMobile: touch, reducedMotion: "reduce", locale: speak === "en" ? "en-GB" : speak });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  const said = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type()) && !m.location().url.endsWith("/favicon.ico")) said.push(m.text()); });
  page.on("pageerror", (e) => said.push(String(e)));
  await page.goto(`${base}test/rooms/index.html?${[`lang=${speak}`, s.q, theme].filter(Boolean).join("&")}${s.at ?? ""}`);
  await page.locator("h1:visible").first().waitFor({ timeout: 60_000 }); // the first page is built while it waits
  await page.waitForTimeout(150);
  return { page, context, said };
}

async function shoot(name, s, size, theme) {
  const { page, context, said } = await open(s, size, theme);
  const wrong = [];
  try {
    if (speak === "en") await s.act?.(page);
    await page.waitForTimeout(250);
    // What scrolls inside the page is drawn whole.
    const high = await page.evaluate(() => Math.max(document.documentElement.scrollHeight, ...[...document.querySelectorAll(".settings-page, .contacts-page, .welcome")].map((e) => e.scrollHeight)));
    await page.setViewportSize({ width: size.width, height: Math.max(size.height, Math.min(high, 3000)) });
    await page.screenshot({ path: join(out, `${name}.png`) });
    await page.evaluate(axe);
    const r = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
    wrong.push(...r.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any[0]?.message ?? ""}`).join(" | ")}`));
    const over = await page.evaluate(() => Math.max(0, ...[document.documentElement, ...document.querySelectorAll(".settings-page, .contacts-page, .settings-nav, dialog")].map((e) => e.scrollWidth - e.clientWidth)));
    if (over > 0) wrong.push(`the page is ${over} px too wide`);
  } catch (e) {
    wrong.push(String(e).split("\n").slice(0, 3).join(" "));
    await page.screenshot({ path: join(out, `${name}.png`) });
  }
  console.log(`${wrong.length + said.length ? "✗" : "✓"} ${name}`);
  for (const w of [...wrong, ...said]) console.log(`    ${w.slice(0, 400)}`);
  await context.close();
  return wrong.length + said.length;
}

// The kit as it leaves the printer: one page, and the words on it.
async function paper() {
  for (const [name, s] of [["join", { at: "#/join/x", q: "step=words&theme=dark" }], ["settings", { at: "#/settings/security", act: screens.find(([n]) => n === "settings-kit")[1].act }]]) {
    const { page, context } = await open(s, wide, "");
    await s.act?.(page);
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize({ width: 794, height: 1123 });
    await page.screenshot({ path: join(out, `kit-paper-${name}.png`) });
    const pdf = await page.pdf({ format: "A4", preferCSSPageSize: true });
    const pages = (pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g) ?? []).length;
    console.log(`${pages === 1 ? "✓" : "✗"} kit-paper-${name}: ${pages} page(s)`);
    if (pages !== 1) faults++;
    await context.close();
  }
}
