// A phone: the list, a mail, back; then a train into a tunnel.
import { bodyOf, deliver, expect, pocketOf, row, until } from "./stage.mjs";

export async function phone(stage) {
  const subject = stage.plant("Tunnel vision"), text = stage.plant("the lamp is under the third seat");
  await deliver(stage, { to: stage.alice.address, mail: `From: eve@example.org\r\nTo: ${stage.alice.address}\r\nSubject: ${subject}\r\n\r\n${text}\r\n` });
  const d = await pocketOf(stage), { page } = d;
  const open = async () => {
    await row(page, subject).first().locator(".row-main").tap();
    await bodyOf(page).getByText(text).waitFor();
  };
  const back = async () => {
    await page.getByRole("button", { name: "Back to the list" }).tap();
    await row(page, subject).waitFor();
  };
  await row(page, subject).waitFor();
  await open();
  expect((await page.locator(".shell-list").count()) === 0, "the mail alone on the screen");
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing wider than the screen");
  await back();

  await d.context.setOffline(true);
  await page.getByRole("button", { name: /^Offline/ }).waitFor();
  await open();
  await page.getByRole("toolbar", { name: "Actions for this mail" }).getByRole("button", { name: "Archive" }).tap();
  await row(page, subject).waitFor({ state: "detached" });
  expect((await row(stage.desk.page, subject).count()) === 1, "the other device still has it in the inbox");
  await d.context.setOffline(false);
  await until("the other device sees it archived", async () => (await row(stage.desk.page, subject).count()) === 0);
  await stage.desk.page.locator("nav.side").getByRole("link", { name: /^Archive/ }).click();
  await row(stage.desk.page, subject).waitFor();
  await stage.desk.page.locator("nav.side").getByRole("link", { name: /^Inbox/ }).click();
}
