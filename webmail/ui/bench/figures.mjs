// What the webmail takes, at the real program and in Chromium: an account with many mails
// is filled by `sealpost import`, opened on one device and then on another.
//
//   make build && cd webmail/ui && node bench/figures.mjs [MAILS]
//
// Prints a line for each figure. Times are of the page's own clock where they can be; a
// stall is a task of the main thread over 50 ms (PerformanceObserver, "longtask"), and beside
// the longest stands what ran in it (a sampling profiler that runs along), by self time.
import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openStage, signInByKit, wait } from "../test/flows/stage.mjs";

const MAILS = Number(process.argv[2] ?? 100_000);
const FIRST_WORD = "papageno", RARE = "zinnober";
const say = (what, figure, unit = "ms") => console.log(`${what.padEnd(64)} ${String(typeof figure === "number" ? Math.round(figure) : figure).padStart(8)} ${unit}`);
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1);

// ---- The mails -------------------------------------------------------------------------

// Words as people use them: few often, many seldom (Zipf), from a vocabulary of 40,000.
let seed = 7;
const random = () => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 4294967296);
const syllables = ["ba", "re", "mo", "ti", "ku", "sa", "len", "dor", "wi", "na", "pel", "shi", "ga", "ro", "fen", "hu"];
const word = (n) => { let w = ""; for (let i = n + 16; i > 0; i = Math.floor(i / 16)) w += syllables[i % 16]; return w; };
const zipf = () => Math.floor(Math.pow(40_000, random())) - 1;
const words = (n) => Array.from({ length: n }, () => word(zipf())).join(" ");

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
function mail({ at, subject, body, type = "text/plain; charset=utf-8", n }) {
  const d = new Date(at), two = (x) => String(x).padStart(2, "0");
  const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  return `From w@example.org ${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${clock} ${d.getUTCFullYear()}\n` +
    `From: ${word(n % 300)} <w${n % 300}@example.org>\nTo: alice@demo.test\nSubject: ${subject}\nDate: ${DAYS[d.getUTCDay()]}, ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${clock} +0000\n` +
    `Message-ID: <figure${n}@example.org>\nMIME-Version: 1.0\nContent-Type: ${type}\n\n${body}\n\n`;
}

function writeBox(path) {
  const file = openSync(path, "w"), start = Date.now() - MAILS * 300_000;
  for (let i = 0; i < MAILS; i++) {
    const old = i === 17 ? ` ${RARE}` : "", first = i % 200 === 5 ? ` ${FIRST_WORD}` : "";
    const text = words(120).replace(/(.{60,70}) /g, "$1\n");
    writeSync(file, mail({ at: start + i * 300_000, subject: words(5), body: text + old + first, n: i }));
  }
  const html = (size) => { let out = "<html><body>"; while (out.length < size) out += `<table><tr><td style="padding:4px">${words(20)}</td></tr></table>\n`; return out + "<p>lastnews</p></body></html>"; };
  const big = Buffer.alloc(18_500_000, 0x5a).toString("base64").replace(/.{76}/g, "$&\n"); // 25 MB of mail
  const b = "part", mixed = `--${b}\nContent-Type: text/plain\n\nthe text of the large one\n--${b}\nContent-Type: application/octet-stream; name="big.bin"\nContent-Transfer-Encoding: base64\n\n${big}\n--${b}--`;
  const now = Date.now() - 60_000;
  writeSync(file, mail({ at: now, subject: "Figure large", body: mixed, type: `multipart/mixed; boundary="${b}"`, n: MAILS }));
  writeSync(file, mail({ at: now + 1_000, subject: "Figure newsletter", body: html(100_000), type: "text/html; charset=utf-8", n: MAILS + 1 }));
  for (let i = 0; i < 5; i++) writeSync(file, mail({ at: now + 2_000 + i * 1_000, subject: `Figure small ${i}`, body: words(600).slice(0, 4_000).replace(/(.{60,70}) /g, "$1\n") + `\nlastword${i}`, n: MAILS + 2 + i }));
  closeSync(file);
}

// ---- At the page -----------------------------------------------------------------------

// Before anything of the page runs: a watch for stalls, and for what is painted when.
async function watch(device) {
  await device.context.addInitScript(() => {
    if (globalThis !== globalThis.top) return;
    globalThis.__stalls = [];
    new PerformanceObserver((list) => globalThis.__stalls.push(...list.getEntries().map((e) => [performance.timeOrigin + e.startTime, Math.round(e.duration)]))).observe({ type: "longtask", buffered: true });
    // Resolves with the time at which a frame was painted after `holds` became true.
    globalThis.__painted = (holds) => new Promise((done) => {
      const look = () => (holds() ? requestAnimationFrame(() => setTimeout(() => done(performance.now()))) : requestAnimationFrame(look));
      look();
    });
    // Rows whose words are there: a row that is still closed counts for nothing.
    globalThis.__rows = globalThis.__painted(() => {
      const rows = [...document.querySelectorAll(".row .row-main")].slice(0, 8);
      return rows.length > 5 && rows.every((r) => r.querySelector(".row-what:not(.row-grey)"));
    });
  });
  const debug = (device.debug = await device.context.newCDPSession(device.page));
  await debug.send("Profiler.enable");
  await debug.send("Profiler.setSamplingInterval", { interval: 2_000 });
}
/** From now on it is known what runs. */
async function attend(device) {
  await device.debug.send("Profiler.start");
  device.clock = await device.page.evaluate(() => performance.timeOrigin + performance.now());
}
async function stalls(device) {
  const all = await device.page.evaluate(() => globalThis.__stalls.splice(0));
  const profile = device.clock === undefined ? undefined : (await device.debug.send("Profiler.stop")).profile;
  const began = device.clock;
  device.clock = undefined;
  const longest = all.reduce((a, b) => (b[1] > a[1] ? b : a), [0, 0]);
  const words = `${longest[1]} ms longest, ${all.filter((x) => x[1] > 100).length} over 100`;
  return [words, profile && longest[0] > began && within(profile, longest[0] - began, longest[1])].filter(Boolean).join("; ");
}
/** What ran from a time of the profile on: the three functions with most samples. */
function within(profile, from, ms) {
  const nodes = new Map(profile.nodes.map((n) => [n.id, n.callFrame]));
  const spent = new Map();
  let at = 0;
  profile.samples.forEach((id, i) => {
    at += profile.timeDeltas[i] / 1000;
    if (at < from || at > from + ms) return;
    const { functionName, url, lineNumber, columnNumber } = nodes.get(id);
    const name = functionName.startsWith("(") ? functionName : `${functionName || "unnamed"} ${url.split("/").pop()}:${lineNumber + 1}:${columnNumber + 1}`;
    spent.set(name, (spent.get(name) ?? 0) + profile.timeDeltas[i] / 1000);
  });
  return [...spent].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([name, t]) => `${name} ${Math.round(t)} ms`).join(", ");
}

const statusOf = (page) => page.locator("button.status").first().getAttribute("aria-label");
async function settled(page, pattern, limit = 900_000) {
  let last = "";
  for (const began = Date.now(); Date.now() - began < limit; await wait(500)) {
    const now = (await statusOf(page)) ?? "";
    if (now !== last && process.env.VERBOSE) console.error(`  ${seconds(0)} ${now}`);
    last = now;
    if (pattern.test(now)) return;
  }
  throw new Error(`the page says ${last}`);
}

/** What was indexed and folded is at the server: nothing was sent for a while. */
async function shared(page, quiet = 8_000, limit = 600_000) {
  let last = Date.now();
  const sent = (r) => { if (r.method() !== "GET") last = Date.now(); };
  page.on("request", sent);
  for (const began = Date.now(); Date.now() - last < quiet && Date.now() - began < limit; ) await wait(500);
  page.off("request", sent);
}

/** From the click on a row to the mail's words in its frame. */
async function openingOf(page, subject, words) {
  await page.locator(".row", { hasText: subject }).first().waitFor();
  return page.evaluate(async ([subject, words]) => {
    const row = [...document.querySelectorAll(".row")].find((r) => r.textContent.includes(subject));
    const shown = () => [...document.querySelectorAll("iframe")].some((f) => f.contentDocument?.body?.textContent?.includes(words));
    const began = performance.now();
    row.querySelector(".row-main").click();
    return (await globalThis.__painted(shown)) - began;
  }, [subject, words]);
}

/** From Enter to the rows of what was found, the debounce of typing left out. */
async function finding(page, query, rows) {
  const field = page.getByRole("combobox", { name: /Search/ });
  await field.fill("");
  await field.fill(query);
  await page.evaluate(() => { globalThis.__before = document.querySelectorAll(".search-chips").length; });
  const [took] = await Promise.all([
    page.evaluate(async (rows) => {
      const began = await new Promise((go) => document.addEventListener("keydown", (e) => e.key === "Enter" && go(performance.now()), { once: true, capture: true }));
      const found = () => document.querySelector(".search-chips") && document.querySelectorAll(".row").length >= rows;
      return (await globalThis.__painted(found)) - began;
    }, rows),
    wait(50).then(() => field.press("Enter")),
  ]);
  return took;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// ---- The run ---------------------------------------------------------------------------

const stage = await openStage();
const box = join(stage.demo.folder, "figures.mbox");
try {
  writeBox(box);
  let began = performance.now();
  execFileSync(stage.binary, ["import", stage.alice.address, "--config", join(stage.demo.folder, "server", "sealpost.toml"), "--mbox", box, "--mailbox", "INBOX", "--journal", box + ".journal"], { stdio: ["ignore", "ignore", "inherit"] });
  say(`${MAILS} mails brought in and sealed by sealpost import`, seconds(began), "s");
  rmSync(box);

  const first = await stage.device({ size: { width: 1280, height: 800 } });
  await watch(first);
  const { page } = first;
  began = performance.now();
  await signInByKit(page, stage.alice);
  await page.locator(".row .row-main").nth(5).waitFor();
  say("first device, by its kit: rows in sight after", seconds(began), "s");
  await attend(first);
  await settled(page, /^Up to date/i);
  say("  all indexed after", seconds(began), "s");
  say("  main thread meanwhile", await stalls(first), "");
  await attend(first);
  await shared(page);
  say("  shared with the owner's other devices; main thread", await stalls(first), "");

  for (const turn of [1, 2, 3]) {
    await attend(first);
    await page.reload();
    say(`reload: navigation to painted list, ${MAILS} mails (${turn})`, await page.evaluate(() => globalThis.__rows));
    await settled(page, /^Up to date/i);
    say("  main thread", await stalls(first), "");
  }
  await attend(first);
  const jumps = await page.evaluate(async () => {
    const list = document.querySelector(".list-scroll"), took = [];
    for (let i = 0; i < 60; i++) {
      const began = performance.now();
      list.scrollTop = Math.floor((i * 7919 % 997) / 997 * list.scrollHeight);
      await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
      took.push(performance.now() - began);
      await new Promise((go) => setTimeout(go, 30));
    }
    list.scrollTop = 0;
    return took.sort((a, b) => a - b);
  });
  say("60 jumps through the list, each to its painted frame: median", jumps[30]);
  say("  three longest", jumps.slice(-3).map(Math.round).join(", "));
  say("  main thread", await stalls(first), "");

  const small = [];
  for (let i = 0; i < 5; i++) small.push(await openingOf(page, `Figure small ${i}`, `lastword${i}`));
  say("open a mail of 4 KB: click to painted text, median of 5", median(small));
  say("open a newsletter of 100 KB", await openingOf(page, "Figure newsletter", "lastnews"));
  say("text of a mail of 25 MB", await openingOf(page, "Figure large", "the text of the large one"));
  say("  main thread", await stalls(first), "");

  const timed = async (p, query, rows) => { const all = []; for (let i = 0; i < 5; i++) all.push(await finding(p, query, rows)); return median(all); };
  say(`search, a word in one of ${MAILS} mails: Enter to painted rows, median of 5`, await timed(page, RARE, 1));
  say("search, a word in every 200th", await timed(page, FIRST_WORD, 5));
  say("search, two common words", await timed(page, `${word(3)} ${word(5)}`, 5));
  say("  main thread", await stalls(first), "");
  await first.screenshot("figures-search");

  const second = await stage.device();
  await watch(second);
  began = performance.now();
  await signInByKit(second.page, stage.alice);
  await second.page.locator(".row .row-main").nth(5).waitFor();
  say("second device, by its kit: rows in sight after", seconds(began), "s");
  await attend(second);
  for (;;) {
    await finding(second.page, RARE, 0);
    await wait(300);
    if ((await second.page.locator(".row").count()) === 1) break;
    if (performance.now() - began > 600_000) throw new Error("the second device finds nothing");
  }
  say("  the oldest mail's word found after", seconds(began), "s");
  await second.page.getByRole("combobox", { name: /Search/ }).fill("");
  await settled(second.page, /^Up to date/i);
  say("  up to date after", seconds(began), "s");
  say("  main thread meanwhile", await stalls(second), "");

  const third = await stage.device();
  await watch(third);
  await signInByKit(third.page, stage.bob);
  for (const turn of [1, 2, 3]) {
    await third.page.getByRole("button", { name: /^Account / }).click();
    await third.page.getByRole("menuitem", { name: /^Sign out/ }).click();
    await third.page.getByLabel("Address").fill(stage.bob.address);
    await third.page.getByLabel("Passphrase").fill(stage.bob.passphrase);
    const took = third.page.evaluate(async () => {
      const began = await new Promise((go) => document.addEventListener("click", () => go(performance.now()), { once: true, capture: true }));
      return (await globalThis.__painted(() => document.querySelector(".row .row-main, .list-empty, .empty"))) - began;
    });
    await wait(50);
    await third.page.getByRole("button", { name: "Sign in", exact: true }).click();
    say(`sign in by passphrase: click to painted list (${turn})`, await took);
    await wait(2_000);
  }
} finally {
  await stage.leaveAll();
  await stage.close();
  await stage.demo.stop();
}
