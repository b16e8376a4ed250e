// Signing up by an invitation: a passphrase, the kit shown and typed back, then mail.
import { spawnSync } from "node:child_process";
import { look } from "./looks.mjs";
import { bodyOf, deliver, expect, fromAccountMenu, goTo, isOpen, openMail, row } from "./stage.mjs";

export async function join(stage) {
  const made = spawnSync(stage.binary, ["invite", "carol@demo.test", "--config", stage.demo.facts.config], { encoding: "utf8" });
  expect(made.status === 0, `sealpost invite: ${made.stderr}`);
  const link = new URL(made.stdout.trim()), address = "carol@demo.test";
  const passphrase = stage.plant("walrus lantern upstairs mahogany"), name = "Carol Featherstonehaugh";
  const d = await stage.device();
  const { page } = d;
  await page.goto(stage.demo.url + link.hash);
  await page.getByRole("heading", { name: "Open your mailbox" }).waitFor();
  expect((await page.getByLabel("Address").inputValue()) === address, "the address that was invited");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Passphrase", { exact: true }).fill(passphrase);
  await page.getByLabel("Passphrase, once more").fill(passphrase);
  await look(d, "sign-up", { tall: true, only: ["light", "phone-dark"] });
  await page.getByRole("button", { name: "Make my keys" }).click();
  const words = page.locator(".kit-words code");
  await words.first().waitFor();
  const kit = await words.allInnerTexts();
  expect(kit.length === 24, `24 words of the kit, not ${kit.length}`);
  stage.plant(kit.join(" "));
  await look(d, "sign-up-kit", { tall: true });
  await page.getByRole("button", { name: "I have kept it" }).click();
  await page.getByRole("heading", { name: "Now try it" }).waitFor();
  await look(d, "sign-up-retype", { keep: false, only: ["light", "phone-dark"] });
  for (const [i, word] of kit.entries()) await page.locator(".words-one input").nth(i).fill(word); // typed, not pasted
  await page.getByRole("button", { name: "Open my mailbox" }).click();
  await page.getByRole("navigation", { name: "Settings" }).waitFor();

  await page.goto(stage.demo.url + "#/inbox");
  await isOpen(page);
  const subject = stage.plant("Welcome umbrella"), text = stage.plant("your umbrella is in the lighthouse");
  await deliver(stage, { to: address, mail: `From: eve@example.org\r\nTo: ${address}\r\nSubject: ${subject}\r\n\r\n${text}\r\n` });
  await openMail(page, subject);
  await bodyOf(page).getByText(text).waitFor();
  await goTo(page, "Inbox");
  // The invitation served once, and the passphrase opens what was made.
  await fromAccountMenu(page, /^Lock/);
  await page.getByRole("textbox", { name: "Passphrase" }).fill(passphrase);
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await row(page, subject).waitFor();
  const late = await stage.device({ serviceWorkers: "block" });
  await late.page.goto(stage.demo.url + link.hash);
  await late.page.getByRole("heading", { name: "This door is closed" }).waitFor();
  await late.close();
  await stage.leave(d);
}
