// Every page of the settings without a pointer: what can be used is reached by Tab, in each,
// and says where it is; and one thing is done from beginning to end.
import { expect, until } from "./stage.mjs";

const rooms = ["begin", "profile", "keys", "appearance", "reading", "writing", "privacy", "organise", "filters", "letters", "keyboard", "security", "devices", "programs", "moving", "storage"];

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
    wrong.push(...(await reach(page)).map((what) => `${room}: ${what}`));
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

async function walk(page, to, key, most) {
  for (let n = 0; n < most; n++) {
    if (await page.evaluate((to) => document.activeElement?.matches(to) ?? false, to)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`expected to come to ${to} by ${most} times ${key}`);
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
  const missed = new Set(all.keys()), unseen = [];
  for (let n = 0; n < all.length * 3 + 20 && missed.size > 0; n++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const el = document.activeElement, look = getComputedStyle(el);
      const around = el.closest("label, .switch, .choice, .select")?.matches(":focus-within") ?? false;
      return { stop: el.dataset?.stop, shown: el.matches(":focus-visible") && (look.outlineStyle !== "none" || look.boxShadow !== "none" || around) };
    });
    if (at.stop === undefined) continue;
    missed.delete(Number(at.stop));
    if (!at.shown) unseen.push(`focus is not seen on ${all[at.stop]}`);
  }
  await page.evaluate(() => document.querySelectorAll("[data-stop]").forEach((el) => delete el.dataset.stop));
  return [...[...missed].map((n) => `Tab never comes to ${all[n]}`), ...unseen];
}

// Back to the list of pages, as a person goes: there is no trap on the way.
const back = (page, room) => walk(page, `.settings-place[href="#/settings/${room}"]`, "Shift+Tab", 120);
