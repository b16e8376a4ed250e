// Alice writes to bob, end to end; he answers; and what was sent can be taken back.
import { bodyOf, expect, goTo, openMail, row, signInByKit, write } from "./stage.mjs";

export async function writing(stage) {
  const { page } = stage.desk;
  const subject = stage.plant("Rhubarb on Thursday"), text = stage.plant("bring the copper kettle");
  await write(page, { to: stage.bob.address, subject, text });
  await page.locator(".compose-sum", { hasText: "End-to-end encrypted" }).waitFor();
  await stage.desk.screenshot("composer");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator(".compose").waitFor({ state: "detached" });

  const d = (stage.bobs = await stage.device());
  await signInByKit(d.page, stage.bob);
  await row(d.page, subject).filter({ hasText: "End-to-end encrypted" }).waitFor({ timeout: 30_000 });
  await openMail(d.page, subject);
  await bodyOf(d.page).getByText(text).waitFor();
  await goTo(page, "Sent");
  await row(page, subject).waitFor();

  const answer = stage.plant("the kettle sings already");
  await d.page.locator(".reader-answer").getByRole("button", { name: "Reply", exact: true }).click();
  await d.page.locator(".editor-text:focus blockquote", { hasText: text }).waitFor(); // below what is written
  await d.page.keyboard.type(answer);
  expect((await d.page.locator(".compose-subject").inputValue()) === `Re: ${subject}`, "Re: before the subject");
  await d.page.locator(".compose-sum", { hasText: "End-to-end encrypted" }).waitFor();
  await d.page.getByRole("button", { name: "Send", exact: true }).click();
  await goTo(page, "Inbox");
  await row(page, subject).waitFor({ timeout: 30_000 });
  await openMail(page, subject);
  await page.frameLocator("iframe >> nth=-1").getByText(answer).waitFor();
  await undo(stage, page, d.page);
}

async function undo(stage, page, bobs) {
  const subject = stage.plant("Turnip regrets"), text = stage.plant("never mind the turnip");
  await write(page, { to: stage.bob.address, subject, text });
  await page.locator(".compose-sum", { hasText: "End-to-end encrypted" }).waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  // It is a draft again, as it was written.
  await goTo(page, "Drafts");
  await page.locator(".plain-row, .compose").filter({ hasText: subject }).first().waitFor();
  // Looked at when the delay is long over.
  stage.atLast.push(async () => {
    await goTo(page, "Sent");
    await row(page, "Rhubarb on Thursday").first().waitFor();
    expect((await row(page, subject).count()) === 0, "what was taken back is not among what was sent");
    await goTo(bobs, "All mail");
    await row(bobs, "Rhubarb on Thursday").first().waitFor();
    expect((await row(bobs, subject).count()) === 0, "what was taken back does not arrive");
  });
}
