// A new passphrase: this device goes on, the other one's session ends, and it opens again
// by the new one alone.
import { expect, goTo, isOpen, row, secondOf } from "./stage.mjs";

export async function newPassphrase(stage) {
  const { page } = stage.desk, { page: other } = await secondOf(stage);
  const fresh = stage.plant("bramble teapot seventeen lighthouse");
  await page.goto(stage.demo.url + "#/settings/security");
  await page.getByRole("button", { name: "Change passphrase" }).click();
  await page.getByLabel("Passphrase now").fill(stage.alice.passphrase);
  await page.getByLabel("New passphrase").fill(fresh);
  await page.getByLabel("Passphrase, once more").fill(fresh);
  await page.locator("form").getByRole("button", { name: "Change passphrase" }).click();
  await page.locator(".toast", { hasText: "Your passphrase is changed." }).waitFor();
  await page.goto(stage.demo.url + "#/inbox");
  await isOpen(page);

  await other.getByText("Your session has ended").waitFor();
  expect((await other.locator(".row").count()) === 0, "no mail in sight where the session ended");
  const tries = async (passphrase) => {
    await other.getByLabel("Address").fill(stage.alice.address);
    await other.getByLabel("Passphrase", { exact: true }).fill(passphrase);
    await other.getByRole("button", { name: "Sign in", exact: true }).click();
  };
  await tries(stage.alice.passphrase);
  await other.locator(".note-bad, [role=alert]").first().waitFor();
  await tries(fresh);
  await isOpen(other);
  await goTo(other, "Inbox");
  await row(other, "Aubergine Seventeen").waitFor();
  stage.alice.passphrase = fresh;
}
