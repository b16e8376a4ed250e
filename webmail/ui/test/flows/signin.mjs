// A kit opens the account on a device that knows nothing; then the device keeps it.
import { look } from "./looks.mjs";
import { expect, fromAccountMenu, isOpen, signInByKit } from "./stage.mjs";

export async function signIn(stage) {
  const d = await stage.device();
  const { page } = d, { alice } = stage;
  await signInByKit(page, alice);
  await page.reload();
  await isOpen(page);
  expect((await page.getByRole("textbox", { name: "Passphrase" }).count()) === 0, "no passphrase asked for after a reload");

  await fromAccountMenu(page, /^Lock/);
  await page.getByRole("heading", { name: "Locked" }).waitFor();
  expect((await page.locator(".row").count()) === 0, "no mail in sight when locked");
  await page.reload();
  await page.getByRole("heading", { name: "Locked" }).waitFor();
  await page.getByRole("textbox", { name: "Passphrase" }).fill(alice.passphrase + "x");
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await page.locator(".note-bad, [role=alert]").first().waitFor();
  expect((await page.getByRole("button", { name: "Compose" }).count()) === 0, "a wrong passphrase opens nothing");
  await page.getByRole("textbox", { name: "Passphrase" }).fill(alice.passphrase);
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await isOpen(page);

  await fromAccountMenu(page, /^Sign out/);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await look(d, "sign-in", { tall: true, only: ["light", "phone-dark"] });
  await page.getByLabel("Address").fill(alice.address);
  await page.getByRole("textbox", { name: "Passphrase" }).fill(alice.passphrase);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await isOpen(page);
  stage.desk = d; // alice's first device, for the flows that follow
}
