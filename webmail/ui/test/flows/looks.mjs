// Looking at what a page shows now: in light and in dark, on a desk and on a phone, axe finds
// nothing each time; what is worth keeping is kept as a picture.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "./stage.mjs";

const desk = { width: 1280, height: 800 }, phone = { width: 390, height: 844 };
// Every size and every colour is judged once; what is left is shown.
const kinds = {
  light: { size: desk, judge: "all" }, dark: { size: desk, dark: true },
  "phone-dark": { size: phone, touch: true, dark: true, judge: "colours" }, phone: { size: phone, touch: true },
};

// A phone is more than narrow: what points there is a finger, and controls are larger.
async function become(d, { size, dark = false, touch = false, forced = false }) {
  d.cdp ??= await d.context.newCDPSession(d.page);
  if (d.touch !== touch) await d.cdp.send("Emulation.setTouchEmulationEnabled", { enabled: touch, maxTouchPoints: touch ? 5 : 1 });
  d.touch = touch;
  const now = d.page.viewportSize();
  if (now.width !== size.width || now.height !== size.height) await d.page.setViewportSize(size);
  await d.page.emulateMedia({ colorScheme: dark ? "dark" : "light", forcedColors: forced ? "active" : "none", reducedMotion: "reduce" });
  await settled(d.page);
}

// What follows a change of size or colour is drawn, and nothing moves any more.
const settled = (page) => page.evaluate(async () => {
  const frame = () => new Promise((go) => requestAnimationFrame(go));
  for (let still = 0; still < 2; still = document.getAnimations().length > 0 ? 0 : still + 1) await frame();
});

/**
 * Looks at a page in each kind, and leaves it on a desk, in light, unless there is no way back.
 * keep: pictures of it; tall: of all that scrolls; only: in these kinds; within: axe looks there.
 */
export async function look(d, name, { keep = true, tall = false, only = Object.keys(kinds), within, back = true } = {}) {
  const wrong = [];
  for (const kind of only) {
    const how = kinds[kind];
    await become(d, how);
    // Colours alone differ between light and dark: what other rules see they have seen in light.
    if (how.judge) await d.axe({ within, only: how.judge === "colours" ? ["color-contrast", "link-in-text-block", "target-size"] : undefined }).catch((e) => wrong.push(`${name}, ${kind}: ${e.message}`));
    const over = await d.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) wrong.push(`${name}, ${kind}: the page is ${over} px too wide`);
    const blank = await d.page.evaluate(() => [...document.querySelectorAll("select")].filter((s) => s.offsetParent && s.selectedIndex < 0).length);
    if (blank > 0) wrong.push(`${name}, ${kind}: ${blank} choices show nothing chosen`);
    if (keep) await picture(d, `${name}-${kind}`, tall ? how.size : null);
  }
  if (back) await become(d, kinds.light);
  expect(wrong.length === 0, wrong.join("\n"));
}

/** A picture where the system gives the colours: axe has no say over those. */
export async function lookForced(d, name) {
  await become(d, { size: desk, forced: true });
  await picture(d, `${name}-forced`);
  await become(d, kinds.light);
}

/** A picture, if anybody keeps them; tall: the size to grow from until nothing scrolls. */
export async function picture(d, name, tall = null) {
  const folder = process.env.SEALPOST_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  if (tall) {
    const more = await d.page.evaluate(() => Math.max(...[...document.querySelectorAll("html, .settings-page, .contacts-page, .welcome, .letter")].map((e) => e.scrollHeight - e.clientHeight)));
    if (more > 0) await d.page.setViewportSize({ width: tall.width, height: Math.min(tall.height + more, 3000) });
  }
  await d.page.screenshot({ path: join(folder, `${name}.png`) });
}
