// What people see, looked at as a whole: the rooms over the real server, with mail in them,
// in light and dark, on a desk and a phone: axe finds nothing, and pictures are kept.
import { look, lookForced, picture } from "./looks.mjs";
import { deliver, openMail, patience, place, row, secondOf, write } from "./stage.mjs";

const rooms = {
  settings: ["begin", "profile", "keys", "appearance", "reading", "writing", "privacy", "attachments", "organise", "filters", "letters", "keyboard", "security", "devices", "programs", "moving", "storage"],
  admin: ["overview", "accounts", "invitations", "domains", "queue", "reports"],
};
const kept = /^settings-keys$|^admin-overview$/;
const two = ["light", "phone-dark"];

export async function looking(stage) {
  const d = await secondOf(stage);
  await place(d.page, "#/inbox");
  await arrive(stage, d.page);
  await mails(stage, d);
  await through(stage, d);
  await fromTheRight(stage, d);
}

async function mails(stage, d) {
  const { page } = d;
  await look(d, "list");
  await lookForced(d, "list");
  await openMail(page, "Harvest supper");
  await page.frameLocator("iframe.mail-frame >> nth=-1").getByText("two benches").waitFor();
  await look(d, "reader");
  await lookForced(d, "reader");
  await openMail(page, "autumn letter");
  await page.frameLocator("iframe.mail-frame").getByText("Book an evening").waitFor();
  await look(d, "newsletter", { only: two });
  await place(page, "#/inbox");
  await page.locator(".search input").fill("supper");
  await page.keyboard.press("Enter");
  await page.locator(".row mark").first().waitFor();
  await look(d, "search", { only: two });
  await place(page, "#/inbox");
  await composer(stage, d);
}

async function through(stage, d) {
  for (const [door, parts] of Object.entries(rooms)) {
    for (const part of parts) {
      await place(d.page, `#/${door}/${part}`);
      await d.page.locator(`.settings-place[href="#/${door}/${part}"][aria-current=page]`).waitFor({ state: "attached" });
      await d.page.locator(".settings-page .room-head h1").waitFor();
      await d.page.waitForFunction(() => !document.querySelector(".settings-page :is(.room-wait, [aria-busy=true])"));
      const name = `${door}-${part}`;
      // What stands around the rooms was looked at with the mail.
      await look(d, name, { within: ".settings-page", back: false, ...(kept.test(name) ? { tall: true } : { keep: false, only: two }) });
    }
  }
  await place(d.page, "#/contacts");
  await d.page.getByRole("heading", { name: "Contacts", exact: true }).waitFor();
  await look(d, "contacts", { only: two });
}

async function composer(stage, d) {
  const { page } = d;
  await write(page, { to: stage.bob.address, subject: "Harvest supper: who brings what", text: "Dear both, the tables are ours from four." });
  const to = page.getByRole("combobox", { name: "To", exact: true });
  await to.fill("ivy@example.org");
  await to.press("Enter");
  await page.locator(".compose-sum", { hasText: "readable by its provider" }).waitFor();
  await look(d, "composer");
  await page.locator(".rcpt-name").last().click();
  await page.locator("dialog[open]").waitFor();
  await look(d, "composer-states", { only: two });
  await page.locator("dialog[open]").getByRole("button", { name: "Close" }).last().click();
  await page.locator(".compose").getByRole("button", { name: "Discard", exact: true }).click();
  await page.locator(".compose").waitFor({ state: "detached" });
  await page.locator(".toast", { hasText: "Draft discarded" }).waitFor();
}

// Arabic, as alice might choose it, and back: every device of hers follows.
async function fromTheRight(stage, d) {
  const { page } = d, language = page.locator("select:has(option[value=ar])");
  await place(page, "#/settings/appearance");
  await language.selectOption("ar");
  await page.waitForFunction(() => document.documentElement.dir === "rtl");
  await place(page, "#/inbox");
  await openMail(page, "Harvest supper");
  await d.axe();
  await picture(d, "list-rtl");
  await place(page, "#/settings/appearance");
  const turned = (dir) => stage.desk.page.waitForFunction((dir) => document.documentElement.dir === dir, dir, { timeout: patience });
  await turned("rtl");
  await language.selectOption("");
  await page.waitForFunction(() => document.documentElement.dir === "ltr");
  await turned("ltr"); // before this device is gone
}

// ---- Mail to look at -------------------------------------------------------------------

const mail = (to, { from, subject, id, more = "", body }) => `From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${id}@example.org>\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\nMIME-Version: 1.0\r\n${more}\r\n${body}\r\n`;

async function arrive(stage, page) {
  const { alice } = stage, html = "Content-Type: text/html; charset=utf-8\r\n";
  const bring = (m) => deliver(stage, { to: alice.address, mail: mail(alice.address, m) });
  await bring({ from: "Ines Okonkwo <ines@example.org>", subject: "Harvest supper", id: "supper1", body: "Dear Alice,\r\n\r\nshall we lay the long table outside, or trust the sky and stay in the barn?\r\n\r\nInes" });
  await bring({ from: "Tomasz Bielak <tomasz@example.org>", subject: "Re: Harvest supper", id: "supper2", more: "In-Reply-To: <supper1@example.org>\r\nReferences: <supper1@example.org>\r\n", body: "Outside, if it stays dry. I can bring the long table and two benches, and my brother's lamps: see https://example.org/lamps\r\n\r\n> Dear Alice,\r\n> shall we lay the long table outside?\r\n" });
  await bring({ from: "The Weaver & Thorn <news@weaver.example>", subject: "Our autumn letter: wool, walnuts and a workshop", id: "autumn", more: html + "List-Unsubscribe: <https://weaver.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    body: `<table width="100%" bgcolor="#f4efe6"><tr><td align="center"><table width="560" bgcolor="#ffffff" cellpadding="24"><tr><td style="font-family:Georgia,serif;color:#333"><h1 style="color:#8a3b12">Autumn at the mill</h1><p>The looms are running again, and the walnuts are in. Three evenings of weaving begin on Thursday.</p><img src="https://pictures.weaver.example/loom.jpg" width="512" height="220" alt="A loom by the window"><p><a href="https://weaver.example/book" style="background:#8a3b12;color:#fff;padding:10px 18px;text-decoration:none">Book an evening</a></p><p style="font-size:12px;color:#777">You get this as a friend of the mill.</p></td></tr></table></td></tr></table>` });
  await bring({ from: "Accounts <billing@hosting.example>", subject: "Invoice 2026-1107", id: "invoice", more: 'Content-Type: multipart/mixed; boundary="q"\r\n',
    body: '--q\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYour invoice for November is attached.\r\n--q\r\nContent-Type: application/pdf; name="invoice-2026-1107.pdf"\r\nContent-Disposition: attachment; filename="invoice-2026-1107.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQKJSBub3QgbXVjaCBvZiBhIGZpbGUK\r\n--q--' });
  await row(page, "Invoice 2026-1107").waitFor();
}
