// A script with one byte changed: does the browser run it? Prints what it saw.
//
//   node altered.mjs BASE   BASE/ as built, BASE/altered/ with other bytes at its scripts

import { openBrowser } from "./harness.mjs";

const browser = await openBrowser();
const seen = {};
for (const [name, place] of [["honest", "/"], ["altered", "/?altered"], ["unhashed", "/?unhashed"]]) {
  const { page, close } = await browser.profile({ serviceWorkers: "block" });
  await page.context().addCookies([{ name: "kind", value: name, url: process.argv[2] }]);
  await page.goto(process.argv[2] + place);
  await page.waitForTimeout(1500);
  seen[name] = await page.evaluate(() => typeof globalThis.bench === "object");
  await close();
}
await browser.close();
console.log(JSON.stringify(seen));
process.exit(0);
