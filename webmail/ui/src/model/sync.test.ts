import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { describe, expect, test } from "vitest";
import { createStore } from "./cache.ts";
import { FakeClock, FakeServer, calm, newBrowser, openedPage, openPage, settle } from "./testing/fake.ts";

const world = () => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  return { clock, server };
};
const subjects = (page: Awaited<ReturnType<typeof openedPage>>) => Array.from({ length: page.desk.list.count.peek() }, (_, i) => page.desk.list.row(i)!.subject);

describe("sync", () => {
  test("shows what is there, newest first, with its cards", async () => {
    const { server } = world();
    server.fill(3, (i) => ({ received: 1000 + i, card: { subject: `number ${i}` } }));
    const page = await openedPage(server);
    expect(page.app.session.phase.peek()).toBe("open");
    expect(subjects(page)).toEqual(["number 2", "number 1", "number 0"]);
    expect(page.desk.sync.role("inbox")?.unseen).toBe(3);
  });

  test("follows what arrives, changes and goes, by events", async () => {
    const { server, clock } = world();
    const a = server.deliver({ card: { subject: "one" }, received: 1 });
    const page = await openedPage(server, newBrowser(), { live: true });
    server.deliver({ card: { subject: "two" }, received: 2 });
    await calm(page);
    expect(subjects(page)).toEqual(["two", "one"]);
    expect(page.desk.sync.arrived.peek().length).toBe(1);
    server.box("INBOX").mails.delete(a.uid);
    server.box("INBOX").gone.push({ uid: a.uid, modseq: (server.box("INBOX").modseq = ++server.modseq) });
    server.tell();
    await calm(page);
    expect(subjects(page)).toEqual(["two"]);
    server.fall();
    server.deliver({ card: { subject: "three" }, received: 3, quiet: true });
    await clock.advance(2_000);
    await calm(page);
    expect(subjects(page)).toEqual(["three", "two"]);
    page.app.stop();
  });

  test("opens from this device alone after a reload, and keeps nothing readable on it", async () => {
    const { server, clock } = world();
    const factory = new IDBFactory();
    const browser = newBrowser({ store: createStore(factory) });
    server.fill(30, (i) => ({ received: i, card: { subject: `CANARY ${i}`, from_name: "CANARY", from: "CANARY@example.net" } }));
    const first = await openedPage(server, browser);
    await first.desk.settings.set({ labels: [{ keyword: "$label-1", name: "CANARY", colour: 1 }] });
    await first.desk.contacts.save({ name: "CANARY", addresses: [{ address: "CANARY@example.net", label: "" }] });
    const draft = await first.desk.drafts.create({ subject: "CANARY" });
    await draft.attach({ name: "CANARY.txt", type: "text/plain", data: new TextEncoder().encode("CANARY").buffer });
    await draft.save();
    await first.desk.mail.show(first.desk.list.row(0)!);
    await clock.advance(5_000);
    await calm(first);
    await first.desk.save();
    first.app.stop();
    await settle();

    expect(await dump(factory)).not.toContain("CANARY");
    const asked = server.seen.length;
    const net = openPage(server, browser);
    net.net.lose = (_, path) => (path === "/session" ? null : "before");
    await net.app.start();
    await settle(30);
    await net.desk.list.settled();
    expect(subjects(net)[0]).toBe("CANARY 29");
    expect(subjects(net).length).toBe(30);
    expect(net.desk.settings.value.peek().labels[0]?.name).toBe("CANARY");
    expect(server.seen.length).toBe(asked + 1);
    net.app.stop();
  });

  test("no subject, name or address in any URL or error", async () => {
    const { server, clock } = world();
    server.fill(3, () => ({ card: { subject: "CANARY", from: "CANARY@example.net", from_name: "CANARY" } }));
    const page = await openedPage(server);
    await page.desk.mail.show(page.desk.list.row(0)!);
    page.net.offline = true;
    const shown = page.desk.mail.show(page.desk.list.row(1)!);
    await clock.advance(10_000);
    await shown;
    expect(page.desk.mail.mails.peek()[0]?.fault?.word).toBe("offline");
    expect(JSON.stringify(page.desk.mail.mails.peek().map((m) => m.fault))).not.toContain("CANARY");
    expect(server.seen.join("\n")).not.toContain("CANARY");
    page.app.stop();
  });

  test("starts a mailbox anew when the server forgot, or renumbered it", async () => {
    const { server } = world();
    server.fill(5, (i) => ({ received: i }));
    const page = await openedPage(server);
    const box = server.box("INBOX");
    box.mails.delete(2);
    box.modseq = ++server.modseq;
    server.forgets = true; // complete: false once
    await page.desk.sync.refresh();
    await calm(page);
    expect(page.desk.list.count.peek()).toBe(4);
    page.app.stop();
  });

  test("a first listing that is cut in pages misses no change made meanwhile", async () => {
    const { server } = world();
    server.most = 10;
    server.fill(25, (i) => ({ received: i }));
    const page = openPage(server, newBrowser());
    let calls = 0;
    page.net.lose = (_, path) => {
      if (path.endsWith("/entries") && ++calls === 2) {
        server.box("INBOX").mails.get(3)!.flags = ["\\Seen"];
        server.box("INBOX").mails.get(3)!.modseq = server.box("INBOX").modseq = ++server.modseq;
      }
      return null;
    };
    await page.app.start();
    await calm(page);
    expect(page.desk.list.count.peek()).toBe(25);
    expect(page.desk.sync.flagsOf({ mailbox: 1, uid: 3, id: "" })).toEqual(["\\Seen"]);
    page.app.stop();
  });
});

async function dump(factory: IDBFactory): Promise<string> {
  let out = "";
  for (const { name } of await factory.databases()) {
    out += name;
    const db = await new Promise<IDBDatabase>((done) => {
      const r = factory.open(name!);
      r.onsuccess = () => done(r.result);
    });
    for (const table of db.objectStoreNames) {
      const s = db.transaction(table).objectStore(table);
      const all = await new Promise<unknown[]>((done) => {
        const r = s.getAll();
        r.onsuccess = () => done(r.result);
      });
      const keys = await new Promise<unknown[]>((done) => {
        const r = s.getAllKeys();
        r.onsuccess = () => done(r.result);
      });
      out += JSON.stringify(keys);
      for (const v of all) {
        expect(v).toBeInstanceOf(ArrayBuffer);
        out += new TextDecoder("latin1").decode(v as ArrayBuffer);
      }
    }
    db.close();
  }
  expect(out.length).toBeGreaterThan(1000);
  return out;
}
