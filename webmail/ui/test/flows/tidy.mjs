// Putting mail in order: conversations, many at once, labels, folders, snooze, by pointer
// and drag; each of it undone.
import { deliver, expect, goTo, openMail, row, toast, until } from "./stage.mjs";

const mail = (subject, text, more = "") => `From: Ivy Larkspur <ivy@example.org>\r\nTo: alice@demo.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/\W/g, "")}@example.org>\r\n${more}\r\n${text}\r\n`;
const gone = (page, words) => row(page, words).first().waitFor({ state: "detached" });
const undo = (page) => page.locator(".toast").last().getByRole("button", { name: "Undo" }).click();

export async function tidy(stage) {
  const { page } = stage.desk;
  const subjects = ["Marrow contest", "Beetroot ledger", "Lettuce rota", "Parsley minutes"].map(stage.plant);
  const [thread, beet, lettuce, parsley] = subjects;
  for (const s of subjects) await deliver(stage, { to: stage.alice.address, mail: mail(s, stage.plant(`about the ${s}`)) });
  await deliver(stage, { to: stage.alice.address, mail: mail(`Re: ${thread}`, stage.plant("the judges are bribed"), `In-Reply-To: <${thread.replace(/\W/g, "")}@example.org>\r\nReferences: <${thread.replace(/\W/g, "")}@example.org>\r\n`) });
  await goTo(page, "Inbox");
  for (const s of subjects) await row(page, s).waitFor();

  // Two mails, one row; both in the reader, the older one folded or open.
  await row(page, thread).filter({ hasText: "2 mails" }).waitFor();
  await openMail(page, thread);
  await page.locator(".reader .mail").nth(1).waitFor();

  // Many at once, and back.
  const pick = (s) => row(page, s).locator(".row-pick input").click();
  await pick(beet);
  await pick(lettuce);
  const bar = page.getByRole("toolbar", { name: "Selected mail" }).or(page.locator(".list-bulk"));
  await page.locator(".list-picked", { hasText: "2" }).waitFor();
  await bar.first().getByRole("button", { name: "Archive" }).click();
  await gone(page, beet);
  await gone(page, lettuce);
  await toast(page, "2 archived").waitFor();
  await undo(page);
  await row(page, beet).waitFor();
  await row(page, lettuce).waitFor();
  await labels(stage, page, beet);
  await drag(stage, page, lettuce);
  await snooze(page, parsley);
  // What is done here is done at the server: another device has it.
  const other = stage.second?.page;
  if (!other) return;
  await goTo(other, "Archive");
  await row(other, lettuce).waitFor();
  await goTo(other, stage.label);
  await row(other, beet).waitFor();
}

async function labels(stage, page, subject) {
  stage.label = stage.plant("Kitchen garden");
  // What came back may still be on its way to its place: the row that is meant is picked.
  await until(`${subject} is picked`, async () => {
    await row(page, subject).locator(".row-pick input").click();
    if ((await row(page, subject).and(page.locator(".row-picked")).count()) === 1) return true;
    await page.keyboard.press("Escape");
    return false;
  });
  await page.keyboard.press("l");
  await page.getByPlaceholder("Which label?").fill(stage.label);
  await page.getByRole("option", { name: new RegExp(stage.label) }).click();
  await page.keyboard.press("Escape");
  await row(page, subject).locator(".chip", { hasText: stage.label }).waitFor();
  await goTo(page, stage.label);
  await row(page, subject).waitFor();
  expect((await page.locator(".row").count()) === 1, "one mail has the label");
  await goTo(page, "Inbox");
}

async function drag(stage, page, subject) {
  const side = page.locator("nav.side");
  await side.getByRole("link", { name: /^Scheduled/ }).waitFor({ state: "detached" }); // else it goes while we aim
  await row(page, subject).locator(".row-main").dragTo(side.getByRole("link", { name: /^Archive/ }));
  await gone(page, subject);
  await goTo(page, "Archive");
  await row(page, subject).waitFor();
  await goTo(page, "Inbox");
  await row(page, subject).waitFor({ state: "detached" });
  // Onto a star, and onto a label.
  const marrow = row(page, "Marrow contest");
  await marrow.locator(".row-main").dragTo(side.getByRole("link", { name: /^Starred/ }));
  await marrow.locator(".row-starred").waitFor();
}

async function snooze(page, subject) {
  await openMail(page, subject);
  await page.getByRole("toolbar", { name: "Actions for this mail" }).getByRole("button", { name: "Snooze …" }).click();
  await page.getByRole("option", { name: /^Tomorrow morning/ }).click();
  await gone(page, subject);
  await goTo(page, "Snoozed");
  await row(page, subject).waitFor();
  await openMail(page, subject);
  await page.getByRole("toolbar", { name: "Actions for this mail" }).getByRole("button", { name: "Snooze …" }).click();
  await page.getByRole("option", { name: /^Wake it now/ }).click();
  await gone(page, subject);
  await goTo(page, "Inbox");
  await row(page, subject).waitFor();
}
