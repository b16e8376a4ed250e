// A new device of alice finds what another one indexed, by words and by operators.
import { expect, row, secondOf } from "./stage.mjs";

const ask = async (page, query) => {
  await page.getByRole("combobox", { name: /Search/ }).fill(query);
  await page.getByRole("combobox", { name: /Search/ }).press("Enter");
  await page.locator(".search-chips").waitFor();
};

export async function search(stage) {
  const { page } = await secondOf(stage);
  const finds = async (query, wanted, unwanted) => {
    await ask(page, query);
    await row(page, wanted).first().waitFor();
    await row(page, unwanted).first().waitFor({ state: "detached" });
    expect((await row(page, unwanted).count()) === 0, `${query} does not find ${unwanted}`);
  };
  await finds("marzipan", "Aubergine Seventeen", "Quince weekly"); // a word of the text
  await finds("subject:quince", "Quince weekly", "Aubergine Seventeen");
  await finds("from:eve@example.org hedgehog", "Aubergine Seventeen", "Quince weekly");
  await finds("from:eve -hedgehog", "Quince weekly", "Aubergine Seventeen");
  await finds('"jars of quince"', "Quince weekly", "Aubergine Seventeen");
  // What was looked for is marked where it was found; the question is kept, here and elsewhere.
  await ask(page, "hedgehog");
  await row(page, "Aubergine Seventeen").locator("mark", { hasText: "hedgehog" }).waitFor();
  await page.getByRole("button", { name: "Save this search" }).click();
  await page.locator("dialog[open] input").fill("Prickly");
  await page.locator("dialog[open]").getByRole("button", { name: "Save this search" }).click();
  for (const where of [page, stage.desk.page]) {
    await where.locator("nav.side").getByRole("link", { name: "Prickly" }).click();
    await row(where, "Aubergine Seventeen").first().waitFor();
    await row(where, "Quince weekly").first().waitFor({ state: "detached" });
  }
  await ask(page, "from:nobody@example.net marzipan");
  await page.locator(".row").first().waitFor({ state: "detached" });
}
