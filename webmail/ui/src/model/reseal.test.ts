// Old mail sealed to a newer subkey, by one device at a time, over reloads; cards and pages
// follow; and a server that shows the key of before.

import { afterEach, describe, expect, test, vi } from "vitest";
import { FakeClock, FakeServer, calm, newBrowser, openPage, openedPage, settle, type FakePage } from "./testing/fake.ts";
import { fakeCertificate } from "./testing/vault.ts";

const world = (mails = 0, age = 0) => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  server.account.list_key = btoa("l".repeat(32));
  if (mails > 0) server.fill(mails, (i) => ({ received: Math.floor(clock.now() / 1000) - age - i, flags: i % 2 ? ["\\Seen"] : ["\\Flagged"], card: { subject: `mail ${i}` }, mail: { subject: `mail ${i}`, text: `text ${i}` } }));
  return { clock, server };
};
const alarms = (p: FakePage) => p.app.alarms.all.peek().map((a) => a.word);
async function run(clock: FakeClock, ...pages: FakePage[]): Promise<void> {
  for (let i = 0; i < 30; i++) {
    await clock.advance(40);
    await settle();
  }
  await calm(...pages);
}
const rotated = (server: FakeServer, ...pages: FakePage[]) => {
  Object.assign(server.account, fakeCertificate("me@example.org", 1, 2));
  for (const p of pages) p.vault.subkey = 2;
};
// As good as random, and the same each time.
const numbers = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};
// The locks of one browser.
function fakeLocks(): Pick<LockManager, "request"> {
  const last = new Map<string, Promise<unknown>>();
  const request = async (name: string, o: LockOptions, f: (lock: object | null) => unknown) => {
    const before = last.get(name);
    if (before && o.ifAvailable) return f(null);
    const mine = (before ?? Promise.resolve()).then(() => f({}));
    const end = mine.catch(() => {}).then(() => void (last.get(name) === end && last.delete(name)));
    last.set(name, end);
    return mine;
  };
  return { request: request as unknown as LockManager["request"] };
}
const ids = (server: FakeServer) => [...server.boxes.values()].flatMap((b) => [...b.mails.values()].map((m) => `${m.id} ${m.received} ${m.flags}`)).sort();

describe("sealing old mail anew", () => {
  afterEach(() => void vi.unstubAllGlobals());

  test("does each mail once; its id, flags, date and content stay, and nothing of it is news", async () => {
    const { server, clock } = world(120);
    const p = await openedPage(server);
    const before = ids(server);
    rotated(server, p);
    await p.desk.reseal.start();
    await run(clock, p);
    await p.desk.reseal.idle();
    await calm(p);
    expect(p.desk.reseal.view.peek()).toMatchObject({ state: "done", failed: 0, of: 120, here: true });
    expect(server.resealed).toBe(120);
    expect(ids(server)).toEqual(before);
    expect(p.desk.sync.arrived.peek()).toEqual([]);
    p.vault.oldest = 2; // the old secret is forgotten
    await p.desk.mail.show(p.desk.list.row(3)!);
    await calm(p);
    expect(p.desk.mail.mails.peek()[0]).toMatchObject({ state: "open", opened: { card_matches: true } });
    expect(alarms(p)).toEqual([]);
    await p.desk.reseal.start(); // again: there is nothing to do
    await run(clock, p);
    expect(server.resealed).toBe(120);
    p.app.stop();
  });

  test("goes on after a reload, and another device neither repeats it nor is alarmed", async () => {
    const { server, clock } = world(300);
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    const other = await openedPage(server, newBrowser());
    rotated(server, p, other);
    await p.desk.reseal.start();
    while (server.resealed < 60) await clock.advance(40);
    p.app.stop();
    await clock.advance(100);
    const part = server.resealed;
    expect(part).toBeLessThan(300);
    await other.desk.cabinet.refresh();
    await other.desk.reseal.look();
    await run(clock, other);
    expect(server.resealed).toBe(part); // the first one may come back
    const again = await openedPage(server, browser);
    again.vault.subkey = 2;
    await again.desk.reseal.look();
    await run(clock, again);
    expect(server.resealed).toBe(300);
    expect(again.desk.reseal.view.peek()).toMatchObject({ state: "done", failed: 0 });
    await other.desk.sync.refresh();
    await calm(other);
    other.vault.oldest = 2;
    await other.desk.mail.show(other.desk.list.row(1)!);
    await calm(other);
    expect(other.desk.mail.mails.peek()[0]).toMatchObject({ state: "open", opened: { card_matches: true } });
    for (const q of [again, other]) {
      expect(alarms(q)).toEqual([]);
      q.app.stop();
    }
  });

  test("goes on by itself at whatever moment the page went, however slow the network is", async () => {
    for (let moment = 0; moment < 12; moment++) {
      const { server, clock } = world(6);
      const browser = newBrowser();
      const random = numbers(moment);
      const slowly = () => Math.floor(random() * 120);
      const p = openPage(server, browser, { live: true });
      await p.app.start();
      await calm(p);
      rotated(server, p);
      p.net.slow = slowly;
      void p.desk.reseal.start().catch(() => {});
      await clock.advance(moment * 90);
      p.app.stop();
      p.net.offline = true;
      const again = openPage(server, browser, { live: true });
      again.vault.subkey = 2;
      again.net.slow = slowly;
      void again.app.start();
      for (let i = 0; i < 100 && again.app.desk.peek()?.reseal.view.peek().state !== "done"; i++) await clock.advance(200);
      expect(again.desk.reseal.view.peek(), `gone after ${moment * 90} ms`).toMatchObject({ state: "done", failed: 0, of: 6 });
      expect(server.resealed).toBe(6);
      again.app.stop();
    }
  });

  test("of two tabs of one browser one works, and the other goes on when that one is closed", async () => {
    vi.stubGlobal("navigator", { locks: fakeLocks() });
    const { server, clock } = world(300);
    const browser = newBrowser();
    const [p, tab] = [await openedPage(server, browser, { live: true }), await openedPage(server, browser, { live: true })];
    rotated(server, p, tab);
    await p.desk.reseal.start();
    while (server.resealed < 60) await clock.advance(40);
    const writes = () => server.seen.filter((r) => r.startsWith("PUT /cabinet/settings/reseal")).length;
    expect(writes(), "nobody takes it from the other").toBe(1);
    expect(tab.desk.reseal.view.peek()).toMatchObject({ state: "running", here: true });
    p.app.stop();
    await clock.advance(2_000);
    await run(clock, tab);
    expect(tab.desk.reseal.view.peek()).toMatchObject({ state: "done", failed: 0 });
    expect(server.resealed).toBe(300);
    tab.app.stop();
  });

  test("a key that is replaced once more in the midst of it is what all of it is sealed to", async () => {
    const { server, clock } = world(300);
    const p = await openedPage(server, newBrowser(), { live: true });
    rotated(server, p);
    await p.desk.reseal.start();
    while (server.resealed < 60) await clock.advance(40);
    p.vault.subkey = 3;
    const again = p.desk.reseal.start();
    await clock.advance(100);
    await again;
    await run(clock, p);
    await p.desk.reseal.idle();
    expect(p.desk.reseal.view.peek()).toMatchObject({ state: "done", failed: 0, of: 300 });
    const before = server.resealed;
    expect(before).toBeGreaterThanOrEqual(300 + 60);
    await p.desk.reseal.start();
    await run(clock, p);
    expect(server.resealed, "nothing is left under the second").toBe(before);
    p.app.stop();
  });

  test("is paused and stopped by any device, and taken over when its device is gone", async () => {
    const { server, clock } = world(300);
    const [p, other] = [await openedPage(server, newBrowser()), await openedPage(server, newBrowser())];
    rotated(server, p, other);
    await p.desk.reseal.start();
    while (server.resealed === 0) await clock.advance(40);
    const pausing = p.desk.reseal.pause();
    await clock.advance(100);
    await pausing;
    const part = server.resealed;
    await run(clock, p);
    expect(server.resealed).toBe(part);
    expect(p.desk.reseal.view.peek().state).toBe("paused");
    await p.desk.reseal.resume();
    await clock.advance(10);
    p.app.stop(); // for ever
    await other.desk.cabinet.refresh();
    await other.desk.reseal.look();
    await clock.advance(200_000);
    await run(clock, other);
    await calm(other);
    expect(other.desk.reseal.view.peek()).toMatchObject({ state: "done", here: true });
    expect(server.resealed).toBe(300);
    other.app.stop();
  });

  test("a letter that is kept from before is fetched anew when it does not open", async () => {
    const { server, clock } = world(3);
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    const kept = await browser.store.open("00000000000000a1");
    const row = p.desk.list.row(1)!;
    const message = async () => {
      await p.desk.mail.show(row);
      await calm(p);
      const name = (await kept.keys("letters")).find((k) => k.startsWith(row.key) && k.endsWith("-message"))!;
      return { name, data: (await kept.get("letters", name))! };
    };
    const old = await message();
    rotated(server, p);
    await p.desk.reseal.start();
    await run(clock, p);
    await kept.remove("letters", await kept.keys("letters"));
    const now = await message();
    await kept.put("letters", [[now.name, old.data]]);
    p.vault.oldest = 2;
    const bytes = (a: ArrayBuffer) => [...new Uint8Array(a)];
    expect(bytes((await message()).data)).toEqual(bytes(now.data));
    expect(p.desk.mail.mails.peek()[0]).toMatchObject({ state: "open", fault: null });
    expect(bytes(now.data)).not.toEqual(bytes(old.data));
    p.app.stop();
  });

  test("what does not open is counted, and stays as it is", async () => {
    const { server, clock } = world(10);
    const p = await openedPage(server);
    rotated(server, p);
    p.vault.oldest = 2;
    await p.desk.reseal.start();
    await run(clock, p);
    expect(p.desk.reseal.view.peek()).toMatchObject({ state: "done", failed: 10 });
    expect(server.resealed).toBe(0);
    p.app.stop();
  });

  test("a page of cards from before does not hide the cards that go with it", async () => {
    const { server, clock } = world(250, 5 * 86_400);
    const p = await openedPage(server);
    await calm(p);
    expect([...server.cabinet.keys()].filter((k) => k.startsWith("pages/")).length).toBe(1); // folded, and shed
    rotated(server, p);
    await p.desk.reseal.start();
    await run(clock, p);
    await calm(p);
    expect(server.resealed).toBe(250);
    const fresh = await openedPage(server, newBrowser());
    fresh.vault.subkey = 2;
    await calm(fresh);
    await fresh.desk.mail.show(fresh.desk.list.row(7)!);
    await calm(fresh);
    expect(fresh.desk.mail.mails.peek()[0]).toMatchObject({ state: "open", opened: { card_matches: true } });
    for (const q of [p, fresh]) {
      expect(alarms(q)).toEqual([]);
      q.app.stop();
    }
  });
});

// A08
describe("subkeys that others are shown", () => {
  test("our old one, after it was replaced, is an alarm; ours, and one that is newer, are none", async () => {
    const { server, clock } = world();
    const p = await openedPage(server);
    await p.desk.pins.watchOwn();
    await clock.advance(10_000);
    expect(alarms(p)).toEqual([]);
    p.vault.subkey = 2; // and the server still shows the first
    await p.desk.pins.watchOwn();
    expect(alarms(p)).toEqual([]); // another device may be in the middle of it
    await clock.advance(10_000);
    await calm(p);
    expect(alarms(p)).toEqual(["own-key-old"]);
    const other = await openedPage(server);
    Object.assign(server.account, fakeCertificate("me@example.org", 1, 3));
    await other.desk.pins.watchOwn();
    await clock.advance(10_000);
    await calm(other);
    expect(alarms(other)).toEqual([]);
    p.app.stop();
    other.app.stop();
  });

  test("a correspondent's newer one is taken without a question, an older one never", async () => {
    const { server } = world();
    const p = await openedPage(server);
    const at = "bob@x.example";
    const r = server.learn(at, 1);
    await p.desk.pins.check(r);
    await p.desk.pins.verify(at, r.fingerprint!);
    const newer = { ...r, ...fakeCertificate(at, 1, 2) };
    expect(await p.desk.pins.check(newer)).toMatchObject({ state: "verified", pin: { certificate: newer.certificate } });
    expect(p.desk.pins.of(at)!.certificate).toBe(newer.certificate);
    expect(await p.desk.pins.check(r)).toMatchObject({ state: "verified", pin: { certificate: newer.certificate } });
    expect(alarms(p)).toEqual([]);
    p.app.stop();
  });
});
