// What an owner does about the account: an alias that mail comes to and leaves from, a key
// that names it, an app password after a proof, labels and folders.
import { deliver, expect, place, secondOf, until } from "./stage.mjs";

const shot = async (page, name) => {
  if (process.env.SEALPOST_SCREENSHOTS) await page.screenshot({ path: `${process.env.SEALPOST_SCREENSHOTS}/owner-${name}.png` });
};

export async function owner(stage) {
  const { page } = await secondOf(stage);
  const to = (part) => place(page, "#/settings/" + part);

  await to("profile");
  const alias = `shop@${stage.alice.address.split("@")[1]}`;
  await page.getByLabel("New alias").fill("postmaster");
  await page.getByRole("button", { name: "Add it" }).click();
  await page.getByText("This address is kept for the server").waitFor();
  await page.getByLabel("New alias").fill("shop");
  await page.getByRole("button", { name: "Add it" }).click();
  await page.locator(".sheet-row", { hasText: alias }).getByText("Not in your key yet").waitFor();
  await page.getByRole("button", { name: "Add them to the key" }).click();
  const ask = page.locator("dialog", { hasText: "Is it you?" });
  await ask.getByLabel("Passphrase now").fill("not this one");
  await ask.getByRole("button", { name: "Go on" }).click();
  await ask.getByText("That did not open it").waitFor();
  await shot(page, "prove");
  await ask.getByLabel("Passphrase now").fill(stage.alice.passphrase);
  await ask.getByRole("button", { name: "Go on" }).click();
  await page.locator(".sheet-row", { hasText: alias }).getByText("Others find your key for it").waitFor();
  await shot(page, "profile");
  // It counts for a while: the next thing asks nothing.
  await to("programs");
  await page.getByRole("button", { name: "New app password" }).click();
  await page.locator("dialog").getByLabel("What it is for").fill("Phone of the flow");
  await page.locator("dialog").getByRole("button", { name: "Make it" }).click();
  await page.getByText("Phone of the flow").first().waitFor();

  const subject = stage.plant("Parsnips by the alias");
  await deliver(stage, { to: alias, mail: `From: eve@example.org\r\nTo: ${alias}\r\nSubject: ${subject}\r\n\r\n.\r\n` });
  await place(page, "#/inbox");
  await page.locator(".row", { hasText: subject }).waitFor();

  await to("organise");
  const label = stage.plant("Harvest festival");
  await page.getByRole("button", { name: "New label" }).first().click();
  await page.locator("dialog").getByLabel("Name").fill(label);
  await page.locator("dialog").getByRole("button", { name: "Create" }).click();
  await page.locator(".settings-page .sheet-row", { hasText: label }).waitFor();
  await page.locator(".settings-page").getByRole("button", { name: "New folder" }).click();
  await page.locator("dialog").getByLabel("Name").fill("Parish");
  await page.locator("dialog").getByRole("button", { name: "Create" }).click();
  const row = page.locator(".settings-page .sheet-row", { hasText: "Parish" });
  await row.getByRole("button", { name: "More for Parish" }).click();
  await page.getByRole("menuitem", { name: "Delete the folder" }).click();
  await page.getByText("Parish is in the trash.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await until("the folder is back", async () => (await page.getByText("Parish").count()) > 0);
  await shot(page, "organise");

  await to("privacy");
  await page.getByText("Without names").click();
  await until("the sender's name is sealed", async () => (await page.locator(".data tr", { hasText: "Sender" }).textContent())?.includes("In part"));
  await shot(page, "privacy");
  await page.locator("label", { hasText: "Sender, recipients and date stay readable" }).click();
  await until("the usual level", async () => (await page.locator(".data tr", { hasText: "Sender" }).textContent())?.includes("Readable"));
  expect(!(await page.content()).includes("Not in your key yet"), "the page of privacy alone");
}
