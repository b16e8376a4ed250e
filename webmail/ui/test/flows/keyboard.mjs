// Without a pointer: from the list into a mail, an answer, away and back; and every
// command is in the palette and in the help.
import { expect, row, toast, until } from "./stage.mjs";

export async function keyboard(stage) {
  const { page } = stage.desk, keys = (...all) => all.reduce((done, k) => done.then(() => page.keyboard.press(k)), Promise.resolve());
  await page.evaluate(() => document.activeElement?.blur());
  await keys("g", "i");
  await page.locator(".list-head h1", { hasText: "Inbox" }).waitFor();
  await row(page, "Parsley minutes").waitFor();
  const at = () => page.locator(".row-cursor").getAttribute("aria-posinset");
  await keys("j");
  await page.locator(".row-cursor").waitFor();
  const first = await at();
  await keys("j");
  await until("the next row", async () => Number(await at()) === Number(first) + 1);
  await keys("k");
  await until("the row before", async () => (await at()) === first);

  // Open, answer, send; the focus comes back to where commands work.
  await to(page, keys, "Rhubarb on Thursday");
  await keys("Enter");
  await page.locator(".reader #subject", { hasText: "Rhubarb on Thursday" }).waitFor();
  await page.locator(".reader-answer button:enabled").first().waitFor();
  await keys("r");
  await page.locator(".editor-text:focus").waitFor();
  const words = stage.plant("no hand left the keys");
  await page.keyboard.type(words);
  await page.locator(".compose-sum", { hasText: "End-to-end encrypted" }).waitFor();
  await keys("Control+Enter");
  await page.locator(".compose").waitFor({ state: "detached" });
  await page.evaluate(() => document.activeElement);
  await keys("u");
  await page.locator(".reader #subject").waitFor({ state: "detached" });

  // Away and back, one and many.
  await to(page, keys, "Beetroot ledger");
  await keys("e");
  await row(page, "Beetroot ledger").waitFor({ state: "detached" });
  await toast(page, "Archived").waitFor();
  await keys("z");
  await row(page, "Beetroot ledger").waitFor();
  await keys("*", "a");
  await page.locator(".list-picked").waitFor();
  await keys("*", "n");
  await page.locator(".list-picked").waitFor({ state: "detached" });
  await to(page, keys, "Beetroot ledger");
  await keys("x");
  await page.locator(".list-picked", { hasText: "1" }).waitFor();
  await keys("Escape");
  await page.locator(".list-picked").waitFor({ state: "detached" });
  await keys("s");
  await row(page, "Beetroot ledger").locator(".row-starred").waitFor();

  // The palette does by typing; the help names them all.
  await keys("Control+k");
  await page.getByRole("combobox", { name: "Command palette" }).waitFor();
  await page.keyboard.type("starred");
  await keys("Enter");
  await page.locator(".list-head h1", { hasText: "Starred" }).waitFor();
  await row(page, "Beetroot ledger").waitFor();
  await keys("?");
  const help = page.locator("dialog[open] .help");
  await help.waitFor();
  const named = await help.locator("dt").count(), bound = await help.locator("dd:has(kbd), dd:has(*)").count();
  expect(named > 30 && named === bound, `every command has a key, not ${bound} of ${named}`);
  await keys("Escape");
  await help.waitFor({ state: "detached" });
  await keys("/");
  await page.locator("#search:focus").waitFor();
  await page.keyboard.type("subject:beetroot");
  await keys("Enter");
  await row(page, "Beetroot ledger").waitFor();
  await keys("Escape");
  await page.evaluate(() => document.activeElement?.blur());
  await keys("g", "i");
  await row(page, "Parsley minutes").waitFor();
}

// Moves down until the row of these words is the keyboard's.
async function to(page, keys, words) {
  const here = page.locator(".row-cursor", { hasText: words });
  await page.locator(".row").first().waitFor();
  for (let n = 0; n < 12 && (await here.count()) === 0; n++) await keys("k");
  for (let n = 0; n < 40 && (await here.count()) === 0; n++) {
    const was = await page.locator(".row-cursor").getAttribute("id").catch(() => "");
    await keys("j");
    await page.waitForTimeout(60);
    void was;
  }
  await here.waitFor();
}
