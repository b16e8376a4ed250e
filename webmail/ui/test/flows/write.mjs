// Alice writes to bob, end to end, and he answers; to gus, whose GnuPG opens it; what was
// sent can be taken back, also what leaves later; another key of gus stops her.
import { bobsOf, bodyOf, expect, goTo, isOpen, openGus, openMail, row, sealpost, sendAtOnce, until, write } from "./stage.mjs";

const sum = (page, words) => page.locator(".compose-sum", { hasText: words });
const press = (page, name) => page.locator(".compose").getByRole("button", { name, exact: true }).click();

export async function writing(stage) {
  const { page } = stage.desk;
  const subject = stage.plant("Rhubarb on Thursday"), text = stage.plant("bring the copper kettle");
  await write(page, { to: stage.bob.address, subject, text });
  await sum(page, "End-to-end encrypted").waitFor();
  await press(page, "Send");
  await page.locator(".compose").waitFor({ state: "detached" });

  // While it can be taken back, as another is, bob sits down; what they write next leaves at once.
  await undo(stage, page);
  await sendAtOnce(page);
  const d = await bobsOf(stage);
  await sendAtOnce(d.page);
  await row(d.page, subject).filter({ hasText: "End-to-end encrypted" }).waitFor();
  await openMail(d.page, subject);
  await bodyOf(d.page).getByText(text).waitFor();
  await goTo(page, "Sent");
  await row(page, subject).waitFor();

  const answer = stage.plant("the kettle sings already");
  await d.page.locator(".reader-answer").getByRole("button", { name: "Reply", exact: true }).click();
  await d.page.locator(".editor-text:focus blockquote", { hasText: text }).waitFor(); // below what is written
  await d.page.keyboard.type(answer);
  expect((await d.page.locator(".compose-subject").inputValue()) === `Re: ${subject}`, "Re: before the subject");
  await sum(d.page, "End-to-end encrypted").waitFor();
  await press(d.page, "Send"); // at once after the last key: no word is lost
  await goTo(page, "Inbox");
  await row(page, subject).waitFor();
  await openMail(page, subject);
  await page.frameLocator("iframe.mail-frame >> nth=-1").getByText(answer).waitFor();
  await later(stage, page);
  await toGus(stage, page);
}

async function undo(stage, page) {
  const subject = stage.plant("Turnip regrets"), text = stage.plant("never mind the turnip");
  await write(page, { to: stage.bob.address, subject, text });
  await sum(page, "End-to-end encrypted").waitFor();
  await press(page, "Send");
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  // It is a draft again, as it was written.
  await goTo(page, "Drafts");
  await page.locator(".plain-row, .compose").filter({ hasText: subject }).first().waitFor();
  if (await page.locator(".compose").count()) await press(page, "Save and close");
  // Looked at when the delay is long over.
  stage.atLast.push(async () => {
    await page.setViewportSize({ width: 1280, height: 800 }); // wherever other flows left it
    await page.evaluate(() => { location.hash = "#/inbox"; });
    await goTo(page, "Sent");
    await row(page, "Rhubarb on Thursday").first().waitFor();
    expect((await row(page, subject).count()) === 0, "what was taken back is not among what was sent");
    const bobs = stage.bobs.page;
    await goTo(bobs, "All mail");
    await row(bobs, "Rhubarb on Thursday").first().waitFor();
    expect((await row(bobs, subject).count()) === 0, "what was taken back does not arrive");
  });
}

// Tomorrow's mail waits at the server, and comes back when it is asked for.
async function later(stage, page) {
  const subject = stage.plant("Artichokes at eight"), text = stage.plant("the gate will be open");
  await write(page, { to: stage.bob.address, subject, text });
  await press(page, "Send later");
  await page.locator("dialog[open]").getByRole("button", { name: /^Tomorrow morning/ }).click();
  await sum(page, "End-to-end encrypted").waitFor();
  await page.locator(".compose-foot .button-primary, .compose-foot button").first().click();
  await page.locator(".compose").waitFor({ state: "detached" });
  await goTo(page, "Leaving later");
  const line = page.locator(".plain-row", { hasText: subject });
  await line.getByText(/^To 1 recipient/).waitFor();
  await line.getByRole("button", { name: "Take back" }).click();
  await line.waitFor({ state: "detached" });
  await goTo(page, "Drafts");
  await page.locator(".plain-row", { hasText: subject }).waitFor();
}

async function toGus(stage, page) {
  const gus = openGus(stage);
  const subject = stage.plant("Plums for the postman"), text = stage.plant("seven crates stand in the barn");
  await write(page, { to: gus.address, subject, text });
  await sum(page, "End-to-end encrypted").waitFor();
  await press(page, "Send");
  await page.locator(".compose").waitFor({ state: "detached" });
  // Looked at when it has left: GnuPG opens it; then he shows up with another key.
  stage.gusReads = () => until("GnuPG opens what alice wrote", () => gus.decrypts(text));
}

export async function keyChange(stage) {
  const { page } = stage.desk, { gus } = stage;
  await stage.gusReads();
  const other = gus.gpg.make("Gus Applewhite", gus.address);
  expect(other !== gus.fingerprint, "another key");
  sealpost(stage, "account", "key", gus.address, "--key", gus.gpg.file(other));
  await page.reload(); // what was asked a moment ago is not asked again
  await isOpen(page);
  await write(page, { to: gus.address, subject: stage.plant("Are you still you"), text: "?" });
  await sum(page, "A key changed: look at it first").waitFor();
  expect(await page.locator(".compose-foot button").first().isDisabled(), "nothing can be sent while a key is in doubt");
  await page.locator(".compose .note").getByRole("button", { name: "Compare keys" }).click();
  const dialog = page.locator("dialog[open]");
  const groups = (f) => (f.match(/.{4}/g) ?? []).join(" ");
  await dialog.getByText(groups(gus.fingerprint)).waitFor();
  await dialog.getByText(groups(other)).waitFor();
  await dialog.getByRole("button", { name: "It is theirs: use the new key" }).click();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await sum(page, "End-to-end encrypted").waitFor();
  expect(await page.locator(".compose-foot button").first().isEnabled(), "it can be sent once the key is accepted");
  gus.fingerprint = other;
  await press(page, "Discard");
  await page.locator(".compose").waitFor({ state: "detached" });
}
