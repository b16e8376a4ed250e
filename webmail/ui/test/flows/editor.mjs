// The editor: hostile HTML is pasted, a picture stands in the text, a file comes along, a
// forgotten one is asked about, and formatting can be taken away.
import { bodyOf, expect, openMail, paste, row, write } from "./stage.mjs";

const dot = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR4nGNgYPhPIhrVMKphVAPVNAAAcSD+AGzjZhEAAAAASUVORK5CYII=";

export async function editor(stage) {
  const { page } = stage.desk, bobs = stage.bobs.page;
  const subject = stage.plant("Pumpkin blueprint"), bold = stage.plant("eleven bold pumpkins");
  await write(page, { to: stage.bob.address, subject, text: "See: " });
  const before = stage.sink.asked.length;
  await paste(page, { text: bold, html: `<b>${bold}</b><script>document.title="ran"</script><img src="https://pictures.letters.test/paste.png" onerror="document.title='ran'"><a href="javascript:document.title='ran'">a link</a><iframe src="https://frames.letters.test/"></iframe><style>body{display:none}</style><svg onload="document.title='ran'"></svg>` });
  const text = page.locator(".editor-text");
  await text.locator("strong, b", { hasText: bold }).waitFor();
  expect((await text.locator("script, iframe, svg, style, [onerror], a[href^=javascript], img[src^=http]").count()) === 0, "nothing hostile in the text");
  expect((await page.title()) !== "ran" && stage.sink.asked.length === before, "nothing ran, and nobody was asked");
  await paste(page, { text: "styled", html: '<meta charset="utf-8"><b style="font-weight:normal"><p>plain <span style="color:red; font-weight:700">heavy</span> <span style="font-style:italic">leaning</span></p></b>' });
  await text.locator("strong", { hasText: /^heavy$/ }).waitFor(); // and no style was tried: a violation fails the flow
  await text.locator("em", { hasText: /^leaning$/ }).waitFor();
  await paste(page, { file: { name: "plan.png", type: "image/png", base64: dot } });
  await text.locator("img[data-cid][src^=blob]").waitFor();

  // It speaks of a file and has none.
  await page.keyboard.press("End");
  await page.keyboard.type(" The recipe is attached.");
  await page.locator(".compose-sum", { hasText: "End-to-end encrypted" }).waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  const asked = page.locator("dialog[open]", { hasText: "Did you forget the file?" });
  await asked.getByRole("button", { name: "Cancel" }).click();
  await page.locator(".compose input[type=file]").last().setInputFiles({ name: stage.plant("pumpkin-recipe.txt"), mimeType: "text/plain", buffer: Buffer.from(stage.plant("boil the pumpkin gently")) });
  await page.locator(".compose-files", { hasText: "pumpkin-recipe.txt" }).waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator(".compose").waitFor({ state: "detached" });
  await plain(stage, page);

  await bobs.goto(stage.demo.url + "#/inbox");
  await row(bobs, subject).waitFor();
  await openMail(bobs, subject);
  await bodyOf(bobs).locator("b, strong", { hasText: bold }).waitFor();
  await bodyOf(bobs).locator("img[src^=blob], img[src^=data]").waitFor();
  await bobs.locator(".mail-open", { hasText: "pumpkin-recipe.txt" }).waitFor();
}

async function plain(stage, page) {
  const text = stage.plant("bold no more");
  await write(page, { to: stage.bob.address, subject: stage.plant("Plain parsnip"), text: "" });
  await page.keyboard.press("Control+b");
  await page.keyboard.type(text);
  await page.locator(".editor-text strong, .editor-text b", { hasText: text }).waitFor();
  await page.locator(".compose").getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitemcheckbox", { name: /^Plain text/ }).or(page.getByRole("menuitem", { name: /^Plain text/ })).first().click();
  await page.locator("dialog[open]").getByRole("button", { name: "Make it plain" }).click();
  await page.locator(".plain-text").waitFor();
  expect((await page.locator(".plain-text").inputValue()).includes(text), "the words are kept, the formatting is not");
  await page.locator(".compose").getByRole("button", { name: "Discard", exact: true }).click();
  await page.locator(".compose").waitFor({ state: "detached" });
}
