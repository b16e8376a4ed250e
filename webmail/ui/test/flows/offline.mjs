// A device of one's own: loaded without a network, opened by the passphrase, and taken away.
import { bodyOf, deliver, expect, isOpen, pasteKit, row, until } from "./stage.mjs";

export async function offline(stage) {
  const { alice } = stage;
  const subject = stage.plant("Blackout drill"), text = stage.plant("candles are in the blue drawer");
  await deliver(stage, { to: alice.address, mail: `From: eve@example.org\r\nTo: ${alice.address}\r\nSubject: ${subject}\r\n\r\n${text}\r\n` });
  const d = await stage.device();
  const { page } = d;
  await page.goto(alice.web);
  await page.getByLabel("Address").fill(alice.address);
  await page.getByRole("button", { name: /Use the recovery kit/ }).click();
  await pasteKit(page, alice.kit);
  await page.getByLabel("This is my own device").check();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await isOpen(page);
  await row(page, subject).first().locator(".row-main").click();
  await bodyOf(page).getByText(text).waitFor(); // it stays on this device
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.reload();
  await isOpen(page);
  expect(await page.evaluate(() => navigator.serviceWorker.controller !== null), "the service worker serves the page");
  await page.waitForTimeout(2_500); // entries are written down two seconds after they changed

  await d.context.setOffline(true);
  await page.reload();
  await page.getByRole("heading", { name: "Locked" }).waitFor();
  await page.getByText("What is kept on this device opens all the same").waitFor();
  await page.getByLabel("Passphrase").fill(alice.passphrase + "x");
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await page.locator(".note-bad, [role=alert]").first().waitFor();
  await page.getByLabel("Passphrase").fill(alice.passphrase);
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await isOpen(page);
  await row(page, subject).first().locator(".row-main").click();
  await bodyOf(page).getByText(text).waitFor();
  await page.getByRole("searchbox").or(page.getByRole("combobox", { name: /Search/ })).first().fill("blackout");
  await page.keyboard.press("Enter");
  await row(page, subject).waitFor();
  await page.goBack();
  await row(page, subject).first().locator(".row-main").click();
  await page.getByRole("toolbar", { name: "Actions for this mail" }).getByRole("button", { name: "Archive" }).click();
  await row(page, subject).waitFor({ state: "detached" });
  expect((await row(stage.desk.page, subject).count()) === 1, "the other device still has it in the inbox");

  await d.context.setOffline(false);
  await until("the other device sees it archived", async () => (await row(stage.desk.page, subject).count()) === 0);

  // Revoked from elsewhere while it has no network: at the first contact it locks, and
  // without a network it does not open again.
  await d.context.setOffline(true);
  await page.reload();
  await page.getByLabel("Passphrase").fill(alice.passphrase);
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await isOpen(page);
  const other = stage.desk.page;
  const ended = await other.evaluate(async () => {
    const { sessions } = await (await fetch("/api/v1/sessions")).json();
    const newest = sessions.filter((s) => !s.current).sort((a, b) => (a.created < b.created ? 1 : -1))[0];
    return (await fetch(`/api/v1/sessions/${newest.id}`, { method: "DELETE", headers: { "Idempotency-Key": crypto.randomUUID() } })).status;
  });
  expect(ended < 300, `the session was ended (${ended})`);
  await d.context.setOffline(false);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await d.context.setOffline(true);
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await d.context.setOffline(false);
  d.check({ ignore: [/status of 401|ERR_INTERNET_DISCONNECTED|Failed to fetch/] });
  await d.close();
  stage.forget(d);
}
