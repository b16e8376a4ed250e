import { expect, test } from "vitest";
import { createMemoryStore, SealedCache } from "./cache.ts";
import { Cards } from "./cards.ts";
import { Sync } from "./sync.ts";
import { FakeClock, FakeServer, calm, newBrowser, openedPage, openPage, settle } from "./testing/fake.ts";

const old = async () => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  const browser = newBrowser({ store: createMemoryStore() });
  return { clock, server, browser };
};

test("what was seen first stands there again before any card is open, and is kept sealed", async () => {
  const { clock, server, browser } = await old();
  server.fill(30, (i) => ({ received: i, card: { subject: `CANARY ${i}` } }));
  const first = await openedPage(server, browser);
  await clock.advance(5_000);
  await calm(first);
  await first.desk.save();
  const account = first.app.session.account.peek()!.id;
  first.app.stop();
  await settle();

  const cache = await browser.store.open(account);
  const kept = await cache.get("state", "first");
  expect(kept!.byteLength).toBeGreaterThan(1_000);
  expect(new TextDecoder("latin1").decode(kept)).not.toContain("CANARY");
  await cache.remove("cards", await cache.keys("cards"));

  const again = openPage(server, browser);
  again.net.lose = (_, path) => (path === "/session" ? null : "before");
  await again.app.start();
  await settle(30);
  await again.desk.list.settled();
  expect(again.desk.list.row(0)?.subject).toBe("CANARY 29");
  again.net.lose = () => null;
  again.app.stop();
});

test("cards of the last time give way to those of pages", async () => {
  const { clock, server, browser } = await old();
  server.fill(250, (i) => ({ received: 1_000 + i, card: { subject: `number ${i}` } }));
  const first = await openedPage(server, browser);
  await first.desk.sync.idle();
  await clock.advance(5_000);
  await calm(first);
  await first.desk.save();
  const id = first.desk.list.row(0)!.ref.id;
  expect(first.desk.cards.paged(id)).toBe(true);
  first.app.stop();
  const again = await openedPage(server, browser);
  await calm(again);
  expect(again.desk.cards.paged(id)).toBe(true);
  expect(again.desk.list.row(0)?.subject).toBe("number 249");
  again.app.stop();
});

test("the newest entries come first, and are never taken for all of them", async () => {
  const { clock, server, browser } = await old();
  const box = server.box("INBOX");
  for (let i = 5_000; i < 15_000; i++)
    box.mails.set(i, { uid: i, id: i.toString(16).padStart(32, "0"), modseq: i, born: i, received: 1e9 + i, size: 1_000, flags: ["\\Seen"], class: 1, letters: { message: new ArrayBuffer(0) } });
  box.uid_next = 15_000;
  box.modseq = server.modseq = 15_000;
  const first = await openedPage(server, browser);
  await first.desk.save();
  const { api, vault, alarms } = first.app;
  const cache = new SealedCache(await browser.store.open(first.app.session.account.peek()!.id), vault);
  const { cabinet } = first.desk;
  const open = () => new Sync({ api, cache, clock, alarms, cards: new Cards({ api, vault, cache, cabinet, clock }) });

  const sync = open();
  await sync.loadNewest();
  const inbox = sync.role("inbox")!;
  expect(sync.columns(inbox.id)!.length).toBe(15_000 - 8_192);
  expect(sync.columns(inbox.id)!.uids[0]).toBe(8_192);
  expect(inbox.messages).toBe(10_000);
  expect(sync.whole).toBe(false);
  await sync.save(); // somebody leaves now
  const next = open();
  await next.load();
  expect(next.columns(inbox.id)!.length).toBe(10_000);
  expect(next.find((5_000).toString(16).padStart(32, "0"))?.uid).toBe(5_000);
  const asked = server.seen.filter((s) => JSON.stringify(s).includes("entries")).length;
  await next.refresh();
  expect(next.whole).toBe(true);
  expect(server.seen.filter((s) => JSON.stringify(s).includes("entries")).length).toBe(asked); // nothing is asked for twice
  first.app.stop();
});
