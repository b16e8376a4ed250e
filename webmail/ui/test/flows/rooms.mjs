// Every page of the settings without a pointer: what can be used is reached by Tab, in each,
// and says where it is; and one thing is done from beginning to end.
import { expect, until } from "./stage.mjs";

const rooms = ["begin", "profile", "keys", "appearance", "reading", "writing", "privacy", "attachments", "organise", "filters", "letters", "keyboard", "security", "devices", "programs", "moving", "storage"];

export async function roomsByKeys(stage) {
  const { page } = stage.desk, press = (key) => page.keyboard.press(key);
  await page.evaluate(() => document.activeElement?.blur());
  await press("g");
  await press(",");
  await page.locator(".settings-nav").waitFor();
  const wrong = [];
  for (const room of rooms) {
    await walk(page, `.settings-place[href="#/settings/${room}"]`, "Tab", 80);
    await press("Enter");
    await page.locator(`.settings-place[href="#/settings/${room}"][aria-current=page]`).waitFor();
    await page.locator(".settings-page h1").waitFor();
    await page.locator(".settings-page [aria-busy=true], .settings-page .spinner").first().waitFor({ state: "detached" });
    let missed = await reach(page);
    for (let more = 0; missed.length > 0 && more < 3; more++) { // what came or went meanwhile, as a room learned more, is in its place then
      await page.waitForTimeout(300);
      missed = await reach(page);
    }
    wrong.push(...missed.map((what) => `${room}: ${what}`));
    await back(page, room);
  }
  expect(wrong.length === 0, `everything in the settings to be reached by Tab:\n${wrong.join("\n")}`);

  // A label, from nothing to the list of them, and gone again.
  const name = stage.plant("Winter pears");
  await walk(page, '.settings-place[href="#/settings/organise"]', "Tab", 80);
  await press("Enter");
  await page.locator(".settings-page").getByRole("button", { name: "New label" }).waitFor();
  await until("the button for a new label", () => step(page, (el) => el.matches(".settings-page button") && el.textContent.trim() === "New label"));
  await press("Enter");
  await page.locator("dialog[open] input").waitFor();
  await page.keyboard.type(name);
  await press("Enter");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.locator("nav.side").getByRole("link", { name }).waitFor();
}

const step = async (page, is) => {
  await page.keyboard.press("Tab");
  return page.evaluate(`(${is})(document.activeElement)`);
};

// Comes to a place by a key. It is pressed some times in a row: once there, no more is heard of it.
async function walk(page, to, key, most) {
  await page.evaluate((to) => {
    globalThis.__walk = (e) => { if (e.key === "Tab" && document.activeElement?.matches(to)) e.preventDefault(); };
    addEventListener("keydown", globalThis.__walk, true);
  }, to);
  const there = () => page.evaluate((to) => document.activeElement?.matches(to) ?? false, to);
  let found = await there();
  for (let n = 0; n < most && !found; found = await there()) for (const end = n + 8; n < end; n++) await page.keyboard.press(key);
  await page.evaluate(() => removeEventListener("keydown", globalThis.__walk, true));
  if (!found) throw new Error(`expected to come to ${to} by ${most} times ${key}`);
}

// What is on the page and cannot be come to, or does not show that it was.
async function reach(page) {
  const all = await page.evaluate(() => {
    const seen = (el) => el.checkVisibility({ visibilityProperty: true }) && !el.closest("[inert], [aria-hidden=true]") && !el.disabled && el.tabIndex >= 0;
    const among = [...document.querySelectorAll(".settings-page :is(a[href], button, input, select, textarea, summary, [tabindex])")].filter(seen);
    const one = among.filter((el) => el.type !== "radio" || el.checked || (el === among.find((e) => e.type === "radio" && e.name === el.name) && !among.some((e) => e.type === "radio" && e.name === el.name && e.checked)));
    one.forEach((el, n) => { el.dataset.stop = n; });
    return one.map((el) => `${el.tagName.toLowerCase()} ${(el.getAttribute("aria-label") ?? el.labels?.[0]?.textContent ?? el.textContent ?? "").trim().slice(0, 40)}`);
  });
  await page.evaluate(() => {
    globalThis.__stops = [];
    globalThis.__at = ({ target: el }) => {
      const look = getComputedStyle(el), around = el.closest("label, .switch, .choice, .select")?.matches(":focus-within") ?? false;
      globalThis.__stops.push({ stop: el.dataset?.stop, shown: el.matches(":focus-visible") && (look.outlineStyle !== "none" || look.boxShadow !== "none" || around) });
    };
    addEventListener("focusin", globalThis.__at, true);
  });
  const missed = new Set(all.keys()), unseen = new Set();
  for (let n = 0; n < all.length * 3 + 20 && missed.size > 0;) {
    for (const end = n + Math.min(12, missed.size); n < end; n++) await page.keyboard.press("Tab");
    for (const at of await page.evaluate(() => globalThis.__stops.splice(0))) {
      if (at.stop === undefined) continue;
      missed.delete(Number(at.stop));
      if (!at.shown) unseen.add(`focus is not seen on ${all[at.stop]}`);
    }
  }
  await page.evaluate(() => removeEventListener("focusin", globalThis.__at, true));
  await page.evaluate(() => document.querySelectorAll("[data-stop]").forEach((el) => delete el.dataset.stop));
  return [...[...missed].map((n) => `Tab never comes to ${all[n]}`), ...unseen];
}

// Back to the list of pages, as a person goes: there is no trap on the way. Where nobody writes
// at length it begins at the first stop: the others were come by.
async function back(page, room) {
  await page.evaluate(() => {
    if (!document.querySelector(".settings-page :is(textarea, [contenteditable])")) [...document.querySelectorAll(".settings-page :is(a[href], button, input, select, summary)")].find((el) => el.checkVisibility() && !el.disabled && el.tabIndex >= 0)?.focus();
  });
  await walk(page, `.settings-place[href="#/settings/${room}"]`, "Shift+Tab", 120);
}
