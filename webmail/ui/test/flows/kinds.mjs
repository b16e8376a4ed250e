// Kinds of mail by SMTP: an invitation, a list that may be left with a click because its
// domain is proven, files to look at, a large mail with a picture, its source, and print.
import { arrives, bodyOf, deliver, expect, goTo, openMail, row, until } from "./stage.mjs";
import { openDomain } from "./world.mjs";

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
const pdf = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n").toString("base64");
const script = Buffer.from("<script>alert(1)</script>").toString("base64");

const head = (stage, from, subject, more = "") => `From: ${from}\r\nTo: ${stage.alice.address}, Carol <carol@example.com>\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/\W/g, "")}@quay.example>\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\nMIME-Version: 1.0\r\n${more}`;
const file = (name, type, base64) => `Content-Type: ${type}; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`;

export async function kinds(stage) {
  const { page } = stage.desk;
  await goTo(page, "Inbox");
  await invitation(stage, page);
  await list(stage, page);
  await files(stage, page);
  await large(stage, page);
  await goTo(page, "Inbox");
}

async function arrive(stage, page, subject, mail) {
  await deliver(stage, { from: /^From: .*?<(.*)>/m.exec(mail)[1], to: stage.alice.address, mail });
  await arrives(page, subject);
  await openMail(page, subject);
  await page.locator("#subject", { hasText: subject }).waitFor();
}

async function invitation(stage, page) {
  const subject = stage.plant("Lantern meeting at the sluice"), place = stage.plant("Pier Four by the crane");
  const ics = ["BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:1@example.org", "DTSTAMP:20300101T000000Z", "DTSTART:20300615T090000Z", "DTEND:20300615T100000Z", `SUMMARY:${subject}`, `LOCATION:${place}`, "ORGANIZER;CN=Eve:mailto:eve@example.org", `ATTENDEE;CN=Alice:mailto:${stage.alice.address}`, "END:VEVENT", "END:VCALENDAR"].join("\r\n");
  await arrive(stage, page, subject, head(stage, "Eve <eve@example.org>", subject, "Content-Type: multipart/alternative; boundary=a\r\n\r\n") +
    `--a\r\nContent-Type: text/plain\r\n\r\nplease come\r\n--a\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n${ics}\r\n--a--\r\n`);
  const card = page.locator(".invitation");
  await card.getByText(subject).waitFor();
  const words = await card.innerText();
  expect(/15/.test(words) && /2030/.test(words) && words.includes(place), `when and where, not ${JSON.stringify(words)}`);
}

// Nothing is clicked for who could be anybody: then a mail is prepared. A proven one may be told.
async function list(stage, page) {
  const sent = openDomain(stage.dns, "quay.example");
  const more = "List-Id: <news.quay.example>\r\nList-Unsubscribe: <https://quay.example/u>, <mailto:leave@quay.example?subject=leave>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/plain\r\n\r\n";
  for (const [subject, sign, way] of [["Gazette of the quay", (m) => m, "leave@quay.example"], ["Gazette that is proven", sent, "The server tells"]]) {
    stage.plant(subject);
    await arrive(stage, page, subject, sign(head(stage, "Quay <news@quay.example>", subject, more) + "all the news\r\n"));
    await page.locator(".mail-list").getByRole("button", { name: "Unsubscribe" }).click();
    await page.getByRole("dialog").getByText(way).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
}

async function files(stage, page) {
  const subject = stage.plant("Papers for the lock keeper"), text = stage.plant("the lower gate sticks in winter");
  const all = [["gate.png", "image/png", png], ["notes.txt", "text/plain", Buffer.from(text).toString("base64")], ["plan.pdf", "application/pdf", pdf], ["evil.pdf", "application/pdf", script], ["page.html", "text/html", script]];
  await arrive(stage, page, subject, head(stage, "Eve <eve@example.org>", subject, "Content-Type: multipart/mixed; boundary=m\r\n\r\n") +
    `--m\r\nContent-Type: text/plain\r\n\r\nsee the papers\r\n${all.map((f) => `--m\r\n${file(...f)}`).join("")}--m--\r\n`);
  let saved = 0;
  const count = () => void saved++;
  page.on("download", count);
  const dialog = page.locator("dialog[open]");
  const look = async (name, shows) => {
    await page.locator(".file", { hasText: name }).locator(".file-main").click();
    await shows(dialog);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };
  await look("gate.png", async (d) => {
    await until("the picture is drawn", () => d.locator(".preview img").evaluate((i) => i.src.startsWith("blob:") && i.naturalWidth === 1).catch(() => false));
  });
  await look("notes.txt", (d) => d.locator("pre", { hasText: text }).waitFor());
  await look("plan.pdf", (d) => d.locator('a[target="_blank"][rel~="noopener"][href^="blob:"]').waitFor());
  // It is called a PDF and is none: it is not opened.
  await look("evil.pdf", async (d) => {
    await d.locator(".preview .unseen, .preview h2, .preview h3, .preview p").first().waitFor();
    expect((await d.locator('a[href^="blob:"], iframe, object, embed').count()) === 0, "nothing that could run is shown");
  });
  expect(saved === 0, `nothing saved by looking, not ${saved}`);
  // What a browser would run is only ever saved.
  await Promise.all([page.waitForEvent("download"), (async () => {
    await page.locator(".file", { hasText: "page.html" }).locator(".file-main").click();
    await dialog.getByRole("button", { name: "Save" }).click({ timeout: 2000 }).catch(() => undefined);
  })()]);
  expect(saved === 1 && (await dialog.count()) === 0, "a page is saved, and not shown");
  page.off("download", count);
  await source(page, subject);
}

async function source(page, subject) {
  await page.locator(".mail-details").click();
  await page.locator(".mail-table").getByText("carol@example.com").waitFor();
  await page.getByRole("button", { name: "More for this mail" }).click();
  await page.getByRole("menuitem", { name: "Show source" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.locator("pre", { hasText: `Subject: ${subject}` }).waitFor();
  expect(!/papers/.test(await dialog.locator("pre").innerText()), "the header alone");
  await dialog.getByText("Whole mail", { exact: true }).click();
  await dialog.locator("pre", { hasText: "see the papers" }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  // What leaves the printer is the mail alone.
  await page.emulateMedia({ media: "print" });
  for (const gone of [".top", ".shell-side", ".shell-list", ".reader-bar", ".reader-answer"]) expect((await page.locator(`${gone}:visible`).count()) === 0, `${gone} is not printed`);
  expect(await page.locator(".mail-open iframe").first().isVisible(), "the mail is printed");
  await page.emulateMedia({ media: "screen" });
}

// Over 256 KiB: its text at once, then its picture, and whom else it went to.
async function large(stage, page) {
  const subject = stage.plant("Panorama of the basin");
  const noise = Buffer.alloc(400_000, 7).toString("base64").replace(/.{76}/g, "$&\r\n");
  await arrive(stage, page, subject, head(stage, "Eve <eve@example.org>", subject, "Reply-To: answers@elsewhere.example\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n") +
    `--m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<p>see <img src="cid:pic@x" width="40" height="40"></p>\r\n--r\r\nContent-Type: image/png\r\nContent-ID: <pic@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n${png}\r\n--r--\r\n--m\r\n${file("noise.bin", "application/octet-stream", noise)}--m--\r\n`);
  await bodyOf(page).locator('img[src^="blob:"]').waitFor();
  await page.locator(".mail-to").getByText("Carol").waitFor();
  await page.getByRole("group", { name: "Warnings" }).getByText("Answers go elsewhere").waitFor();
}
