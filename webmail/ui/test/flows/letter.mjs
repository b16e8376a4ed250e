// A letter behind a password, to somebody who has never heard of us: the link leaves by mail
// and says nothing, a wrong password opens nothing, and the answer comes back sealed.
import { look } from "./looks.mjs";
import { expect, goTo, openMail, row, until, write } from "./stage.mjs";

const outsider = "outsider@elsewhere.example";
const letterOf = (page) => page.frameLocator(".letter-frame iframe").locator("body");

/** Keeps what the page gives the server to send: a body that no recorder of requests sees. */
const keepSent = (page) => page.evaluate(() => {
  const ask = globalThis.fetch;
  globalThis.fetch = async (...a) => {
    if (String(a[0]).endsWith("/api/v1/outbox") && a[1]?.body instanceof Blob) globalThis.__sent = (globalThis.__sent ?? "") + (await a[1].body.text());
    return ask(...a);
  };
});

/** The link, and all that the mail with it says. */
async function sentLink(page) {
  let mail = "";
  await until("the mail with the link", async () => (mail = (await page.evaluate(() => globalThis.__sent ?? "")).replace(/=\r\n/g, "").replace(/=3D/g, "=")).includes("#/letter/"));
  return { mail, link: /https:\S+#\/letter\/([0-9a-f]{16})\.([\w-]+)\.([\w-]{43})/.exec(mail) };
}

export async function letter(stage) {
  const { page } = stage.desk;
  const subject = stage.plant("Rhubarb rendezvous"), text = stage.plant("the ledger is behind the samovar");
  const hint = stage.plant("which street had the bakery"), file = stage.plant("seven jars of damson cheese"), answer = stage.plant("bring the brass sextant along");
  await write(page, { to: outsider, subject, text });
  await page.locator(".compose-foot input[type=file]").setInputFiles({ name: "jars.txt", mimeType: "text/plain", buffer: Buffer.from(file) });
  await page.locator(".compose-sum", { hasText: "Readable by their provider" }).waitFor();
  await page.locator(".compose-sum").getByRole("button", { name: "Protect with a password" }).click();
  const dialog = page.getByRole("dialog", { name: "Protect with a password" });
  await dialog.getByRole("button", { name: /Make one/ }).click();
  await until("five words", async () => (await dialog.getByLabel("Password", { exact: true }).inputValue()).split(" ").length === 5);
  const password = stage.plant(await dialog.getByLabel("Password", { exact: true }).inputValue());
  await dialog.getByLabel(/^Hint/).fill(hint);
  await stage.desk.screenshot("protect");
  await dialog.getByRole("button", { name: "Protect it" }).click();
  await page.locator(".compose-sum", { hasText: "One by password link" }).waitFor();
  await keepSent(page);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator(".compose").waitFor({ state: "detached" });
  const { mail, link } = await sentLink(page);
  expect(link !== null, `a link in the mail, not ${mail.slice(0, 2000)}`);
  for (const word of [subject, text, hint, password]) expect(!mail.includes(word), `nothing of the letter in the mail with its link: ${word}`);

  const d = await stage.device(); // knows nobody
  const { page: there } = d;
  await there.goto(stage.demo.url + `#/letter/${link[1]}.${link[2]}.${link[3]}`);
  await there.getByText(hint).waitFor();
  expect(!there.url().includes(link[3]), `the secret gone from the address bar, not ${there.url()}`);
  expect(!d.seen.requests.some((r) => r.url.includes(link[3])), "the secret in no request");
  expect(!d.seen.requests.some((r) => /\/api\/v1\/(session|server)/.test(r.url)), "no sign-in asked for");
  await there.getByLabel("Password", { exact: true }).fill("abandon ability able about above");
  await there.getByRole("button", { name: "Open the letter" }).click();
  await there.getByText("This is not the password").waitFor();
  await look(d, "letter-closed", { tall: true, only: ["light", "phone-dark"] });
  await there.getByLabel("Password", { exact: true }).fill(password);
  await there.getByRole("button", { name: "Open the letter" }).click();
  await there.getByRole("heading", { name: subject }).waitFor();
  await letterOf(there).getByText(text).waitFor();
  const [saved] = await Promise.all([there.waitForEvent("download"), there.getByRole("button", { name: /jars\.txt/ }).click()]);
  expect((await (await saved.createReadStream()).toArray()).join("") === file, "the file as it was sent");

  await there.getByRole("button", { name: "Answer", exact: true }).click();
  await there.getByLabel(/Your name/).fill("Olga Outside");
  await there.getByLabel("Your answer").fill(answer);
  await look(d, "letter-answer", { keep: false, only: ["light", "phone-dark"] });
  await there.getByRole("button", { name: "Encrypt and send" }).click();
  await there.getByText("Your answer has arrived").waitFor();
  await look(d, "letter-open", { tall: true });
  await there.reload();
  await there.getByRole("heading", { name: "Open the link once more" }).waitFor();
  await stage.leave(d);

  // It is in the inbox, end-to-end, and says what it proves.
  await goTo(page, "Inbox");
  await row(page, "Olga").first().waitFor();
  await openMail(page, "Olga");
  // Meanwhile a notice may have come that nobody is at that address: one conversation.
  const folded = page.locator(".mail-folded", { hasText: "Olga" });
  if (await folded.count()) await folded.click();
  const mine = page.locator(".mail-open", { hasText: "Olga Outside" });
  await mine.frameLocator("iframe").locator("body").getByText(answer).waitFor();
  await mine.locator(".trust-line", { hasText: "End-to-end" }).waitFor();
  await page.locator("#subject", { hasText: subject }).or(page.locator("#subject", { hasText: "could not be delivered" })).waitFor();
  await mine.getByText(`knew the password of your letter to \u2068${outsider}\u2069`).waitFor();
  await stage.desk.screenshot("letter-answered");

  // Taken back, it opens for nobody.
  await page.goto(stage.demo.url + "#/settings/letters");
  await page.getByRole("button", { name: "Take back" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
  await page.getByText("None is open").waitFor();
  const late = await stage.device({ phone: true, serviceWorkers: "block" });
  await late.page.goto(stage.demo.url + `#/letter/${link[1]}.${link[2]}.${link[3]}`);
  await late.page.getByRole("heading", { name: "There is no letter here" }).waitFor();
  await late.screenshot("letter-gone");
  await stage.leave(late);
  await page.goto(stage.demo.url + "#/inbox");
}
