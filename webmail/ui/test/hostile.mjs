// Runs the hostile corpus through the frame as the product shows it, and, for control,
// without any of its layers. Prints one JSON line; the caller judges.
//
//   node hostile.mjs BASE   BASE/ is the page of the tests, BASE/control/N a bare payload

import { readFileSync } from "node:fs";
import { openBrowser, openSink } from "./harness.mjs";

const base = process.argv[2];
const corpus = JSON.parse(readFileSync(new URL("hostile.json", import.meta.url), "utf8"));

export function payload(text, n) {
  return text.replaceAll("{{hit}}", `top.__hit(${n})`).replaceAll("{{host}}", `https://c${n}.evil.test`).replaceAll("{{h}}", `//c${n}.evil.test`).replaceAll("cN.evil.test", `c${n}.evil.test`);
}

const sink = await openSink();
const browser = await openBrowser({ sink });
const hits = [];

async function newPage() {
  const profile = await browser.profile({ serviceWorkers: "block" });
  await profile.page.exposeFunction("__hit", (n) => void hits.push(n));
  profile.page.on("dialog", (d) => { hits.push(-1); void d.dismiss(); });
  return profile;
}

const report = { cases: corpus.length, scripts: [], connections: [], outside: [], overlay: [], failed: [], violations: [], popups: 0, slow: [], control: { scripts: 0, connections: 0 } };
const hosts = () => sink.asked.map((a) => a.host);

{
  const { page, seen, context } = await newPage();
  context.on("page", () => report.popups++);
  await page.goto(base + "/");
  await page.waitForFunction(() => globalThis.bench);
  const count = () => page.evaluate(() => [document.querySelectorAll("*:not(iframe)").length, document.title, location.href, document.body.style.cssText, Object.keys(globalThis).length].join("|"));
  await page.evaluate(() => globalThis.bench.show("<p>the first</p>"));
  const before = await count();
  const foreign = seen.foreign.length;
  for (const [n, { name, html }] of corpus.entries()) {
    const ran = hits.length;
    const text = payload(html, n);
    const shown = await page.evaluate((h) => globalThis.bench.show(h), text);
    // A person's mouse and keys over all of it; links would open beside the page.
    const frame = page.frames().find((f) => f.url().endsWith("/mailframe"));
    await page.mouse.move(200, 120, { steps: 2 });
    await page.evaluate(() => {
      const doc = document.querySelector("iframe")?.contentDocument;
      for (const a of doc?.querySelectorAll("a[href^='#'], summary, [autofocus], [id]") ?? []) a.click?.();
    });
    await page.waitForTimeout(15);
    if (shown.state === "failed" || !frame) report.failed.push(name);
    if (hits.length > ran) report.scripts.push(name);
    if ((await count()) !== before) report.outside.push(name);
    const cover = await page.evaluate(() => {
      const box = document.querySelector("iframe").getBoundingClientRect();
      const hold = document.getElementById("mail").getBoundingClientRect();
      const [a] = [document.getElementById("before").getBoundingClientRect()];
      const at = document.elementFromPoint(a.left + 5, a.top + 5);
      return box.left < hold.left - 1 || box.right > hold.right + 1 || box.top < hold.top - 1 || at?.id !== "before" || box.height > 60_010;
    });
    if (cover) report.overlay.push(name);
  }
  await page.waitForTimeout(500);
  for (const host of hosts()) {
    const n = Number(/^c(\d+)\./.exec(host)?.[1] ?? -1);
    const name = corpus[n]?.name ?? host;
    if (!report.connections.includes(name)) report.connections.push(name);
  }
  // Requests that a policy stopped before they left count as well: nothing may try.
  for (const url of seen.foreign.slice(foreign)) report.violations.push(url);
  // The parser itself looks at <base> and <track> of a document that nobody shows.
  report.violations.push(...seen.violations.filter((v) => !/^(?:Setting the document's base URI|Loading media from)/.test(v)).slice(0, 20));
  await page.close();
}

// What if the sanitizer were broken? The payloads go straight into the frame: its
// sandbox and its policy alone must keep scripts and the page apart.
{
  hits.length = 0;
  const at = hosts().length;
  const { page } = await newPage();
  await page.goto(base + "/");
  await page.waitForFunction(() => globalThis.bench);
  await page.evaluate(() => globalThis.bench.show("<p>the first</p>"));
  const before = page.url();
  for (const [n, { html }] of corpus.entries()) {
    await page.evaluate((h) => {
      const doc = document.querySelector("iframe")?.contentDocument;
      if (doc?.body) doc.body.innerHTML = h; // the frame's own realm has no policy for this
    }, payload(html, n));
    await page.waitForTimeout(10);
    if (!page.frames().some((f) => f.url().endsWith("/mailframe"))) await page.evaluate(() => globalThis.bench.show("<p>again</p>"));
  }
  await page.waitForTimeout(300);
  report.bare = {
    scripts: hits.map((n) => corpus[n]?.name ?? "?"),
    connections: [...new Set(hosts().slice(at))].map((h) => corpus[Number(/^c(\d+)\./.exec(h)?.[1] ?? -1)]?.name ?? h),
    moved: page.url() !== before,
  };
  hits.length = 0;
  await page.close();
}

// The control: the same payloads with no layer at all must be seen to run and to ask.
const seenBefore = hosts().length;
const bare = await newPage();
for (const n of corpus.keys()) {
  await bare.page.goto(`${base}/control/${n}`, { waitUntil: "domcontentloaded", timeout: 5000 }).catch(() => undefined);
  await bare.page.waitForTimeout(25);
}
await bare.page.waitForTimeout(500);
report.control.scripts = new Set(hits.filter((h) => h >= 0)).size;
report.control.connections = new Set(hosts().slice(seenBefore).filter((h) => h.includes("evil"))).size;
await browser.close();
await sink.close();
console.log(JSON.stringify(report));
if (process.env.VERBOSE) console.error(corpus.filter((_, n) => !hits.includes(n) && !hosts().some((h) => h.startsWith(`c${n}.`))).map((c) => c.name).join("\n"));
process.exit(0);
