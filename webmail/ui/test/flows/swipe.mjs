// Mail drawn aside by a finger, on two sizes of phone: far enough, not far enough, back
// again, and the ways of a finger that mean something else.
import { arrives, deliver, expect, goTo, place, pocketOf, row, toast, until, wait } from "./stage.mjs";

const mail = (to, subject, text) => `From: Ivy Larkspur <ivy@example.org>\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${text}\r\n`;

/** A finger: down at a place, along points, and up (or not yet). */
async function finger(page) {
  const line = await page.context().newCDPSession(page);
  const send = (type, at) => line.send("Input.dispatchTouchEvent", { type, touchPoints: at ? [{ x: at[0], y: at[1], id: 1 }] : [] });
  return {
    down: (x, y) => send("touchStart", [x, y]),
    move: (x, y) => send("touchMove", [x, y]),
    up: () => send("touchEnd"),
    async draw([x, y], by, down = 0, steps = 8) {
      await this.down(x, y);
      for (let i = 1; i <= steps; i++) await this.move(x + (by * i) / steps, y + (down * i) / steps);
    },
  };
}

async function middle(page, subject) {
  await row(page, subject).first().scrollIntoViewIfNeeded();
  const b = await row(page, subject).first().boundingBox();
  return [b.x + b.width / 2, b.y + b.height / 2];
}

const faceAt = (page, subject) => row(page, subject).first().locator(".row-face").evaluate((el) => Math.round(new DOMMatrix(getComputedStyle(el).transform).m41));
const rests = (page, subject) => until(`${subject} lies in its place`, async () => (await faceAt(page, subject)) === 0 && (await row(page, subject).locator(".row-behind").count()) === 0);
const gone = (page, subject) => row(page, subject).first().waitFor({ state: "detached" });

export async function swipe(stage) {
  const subjects = ["Windfall apples", "Gravel for the path", "Heron at the pond", "Bees in the wall", "Soup on Friday"].map(stage.plant);
  for (const s of subjects) await deliver(stage, { to: stage.alice.address, mail: mail(stage.alice.address, s, stage.plant(`more on ${s}`)) });
  const d = await pocketOf(stage), { page } = d;
  await place(page, "#/inbox"); // from wherever the last one left it
  for (const s of subjects) await arrives(page, s);
  await until("what others did is said no more", async () => (await page.locator(".toast").count()) === 0);
  const f = await finger(page);
  await aside(stage, page, f, subjects[0], stage.desk.page);
  await otherwise(stage, page, f, subjects[1]);
  await page.setViewportSize({ width: 320, height: 460 });
  await small(stage, page, f, subjects[4], subjects[1]);
  await d.close();
  stage.forget(d);
  stage.pocket = undefined;
}

// Forwards archives, backwards goes to the bin; each is taken back.
async function aside(stage, page, f, subject, other) {
  await f.draw(await middle(page, subject), 180);
  await page.locator(".row-armed", { hasText: "Archive" }).waitFor();
  await until("the mail is where the finger is", async () => (await faceAt(page, subject)) === 180);
  expect((await page.locator(".row-behind").count()) === 1, "one mail goes, and no other");
  expect((await page.locator(".list-pull").boundingBox()).height === 0, "nothing is asked of the server by the way");
  await stage.picture("swipe-archive");
  await f.up();
  await gone(page, subject);
  expect((await page.locator(".mail-open").count()) === 0, "what is drawn aside does not open");
  await toast(page, "Archived").waitFor();
  const [said, bar] = await Promise.all([toast(page, "Archived").boundingBox(), page.locator("nav.bottom").boundingBox()]);
  expect(said.y + said.height <= bar.y, "the way back does not lie on the bar");
  await until("the other device sees it go", async () => (await row(other, subject).count()) === 0);
  await takeBack(page, "Archived");
  await arrives(page, subject);
  await rests(page, subject);
  await row(other, subject).waitFor();

  await f.draw(await middle(page, subject), -180);
  await page.locator(".row-armed.row-behind-start").waitFor();
  await stage.picture("swipe-trash");
  await f.up();
  await gone(page, subject);
  await until("the other device finds it in the bin", async () => {
    await goTo(other, "Trash");
    return (await row(other, subject).count()) === 1;
  });
  await goTo(other, "Inbox");
}

// A browser that is kept waiting takes a tap for a long press: it is the first that counts.
async function takeBack(page, words) {
  const said = toast(page, words), began = Date.now();
  while ((await said.count()) > 0) {
    expect(Date.now() - began < 6000, `${words} is taken back by its button, not by time`);
    await said.getByRole("button", { name: "Undo" }).tap({ timeout: 1000 }).catch(() => undefined);
  }
}

// What is no swipe: too short, back again, down, slanting and back.
async function otherwise(stage, page, f, subject) {
  const at = await middle(page, subject);
  await f.draw(at, 90);
  await page.locator(".row-behind", { hasText: "Archive" }).waitFor();
  expect((await page.locator(".row-armed").count()) === 0, "half of the way is not far enough");
  await stage.picture("swipe-half");
  await f.up();
  await rests(page, subject);

  await f.draw(at, 200);
  await page.locator(".row-armed").waitFor();
  await f.move(at[0] + 20, at[1]);
  await f.up();
  await rests(page, subject);

  await f.draw([at[0], at[1]], 30, 220);
  expect((await page.locator(".row-behind").count()) === 0, "down is not aside");
  await f.up();
  await rests(page, subject);
  await f.draw([at[0], at[1] + 40], 160, 60); // slanting: aside, and the list is not drawn down with it
  await page.locator(".row-armed").waitFor();
  expect((await page.locator(".list-pull").boundingBox()).height === 0, "a slanting swipe asks for no news");
  await f.move(at[0], at[1] + 40);
  await f.up();
  await until("nothing is drawn", async () => (await page.locator(".row-behind").count()) === 0);
  await row(page, subject).waitFor();
}

// A small phone: the list scrolls under a finger, and mail that comes meanwhile is not taken for another.
async function small(stage, page, f, subject, below) {
  const list = page.locator(".list-scroll");
  // Where the cursor is then: further down than this phone shows.
  await until("it opens", async () => {
    await row(page, below).first().locator(".row-main").tap({ timeout: 1000 }).catch(() => undefined);
    return (await page.locator(".mail-open").count()) > 0;
  });
  await page.goBack();
  await row(page, subject).first().waitFor();
  const top = () => list.evaluate((el) => el.scrollTop);
  await f.draw([160, 290], 12, -150, 12);
  expect((await page.locator(".row-behind").count()) === 0, "up is not aside");
  await f.up();
  await until("the list scrolled", async () => (await top()) > 30);
  // What the finger set going may go on a little.
  await until("the list rests at its top", async () => {
    await list.evaluate((el) => { el.scrollTop = 0; });
    await wait(300);
    return (await top()) === 0;
  });

  await f.draw(await middle(page, subject), 150);
  await page.locator(".row-armed").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing wider than the screen");
  await stage.picture("swipe-small");
  const late = stage.plant("Late to the party");
  await deliver(stage, { to: stage.alice.address, mail: mail(stage.alice.address, late, stage.plant("and it pushes the others down")) });
  await row(page, late).first().waitFor();
  expect((await top()) === 0, "mail that comes leaves the list where it is");
  await f.up();
  await wait(300);
  await row(page, late).first().waitFor();
  expect((await row(page, subject).count()) === 1, "mail that moved from under the finger stays");
  await until("nothing is drawn", async () => (await page.locator(".row-behind").count()) === 0);
  await f.draw(await middle(page, subject), 150);
  await page.locator(".row-armed").waitFor();
  await f.up();
  await gone(page, subject);
  await row(page, late).first().waitFor();
}
