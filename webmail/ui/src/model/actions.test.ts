import { describe, expect, test } from "vitest";
import { FakeClock, FakeServer, calm, newBrowser, openedPage, openPage, settle, type FakePage } from "./testing/fake.ts";

const world = (n = 5) => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  server.fill(n, (i) => ({ received: i + 1, card: { subject: `m${i}`, message_id: `<m${i}@x>` } }));
  return { clock, server };
};
const rows = (p: FakePage) => Array.from({ length: p.desk.list.count.peek() }, (_, i) => p.desk.list.row(i)!);
const subjects = (p: FakePage) => rows(p).map((r) => r.subject);
const names = (s: FakeServer, box: string) => [...s.box(box).mails.values()].map((m) => m.id).sort();
const archive = (p: FakePage) => p.desk.sync.role("archive")!.id;

describe("actions", () => {
  test("show at once, reach the server, and are undone there", async () => {
    const { server } = world();
    const p = await openedPage(server);
    const ref = rows(p)[0]!.ref;
    p.desk.actions.archive([ref]);
    await p.desk.list.settled();
    expect(subjects(p)).not.toContain("m4");
    expect(names(server, "Archive")).toEqual([]);
    await calm(p);
    expect(names(server, "Archive")).toEqual([ref.id]);
    p.desk.actions.undo();
    await calm(p);
    expect(names(server, "Archive")).toEqual([]);
    expect(names(server, "INBOX")).toContain(ref.id);
    expect(subjects(p)[0]).toBe("m4");
    expect(p.desk.actions.canUndo.peek()).toBe(false);
    p.app.stop();
  });

  test("undo before anything left asks the server for nothing", async () => {
    const { server, clock } = world();
    const p = await openedPage(server);
    p.net.offline = true;
    p.desk.actions.trash([rows(p)[0]!.ref]);
    await clock.advance(2_500); // it was tried
    await p.desk.list.settled();
    expect(subjects(p).length).toBe(4);
    p.desk.actions.undo();
    p.net.offline = false;
    await clock.advance(100_000);
    await calm(p);
    expect(server.seen.filter((s) => s.startsWith("POST /changes"))).toEqual([]);
    expect(subjects(p).length).toBe(5);
    p.app.stop();
  });

  test("a flag goes back to what each mail had", async () => {
    const { server } = world(3);
    server.box("INBOX").mails.get(1)!.flags = ["\\Seen"];
    const p = await openedPage(server);
    p.desk.actions.seen(rows(p).map((r) => r.ref), true);
    await calm(p);
    expect([...server.box("INBOX").mails.values()].every((m) => m.flags.includes("\\Seen"))).toBe(true);
    expect(p.desk.sync.role("inbox")!.unseen).toBe(0);
    p.desk.actions.undo();
    await calm(p);
    expect([...server.box("INBOX").mails.values()].map((m) => m.flags.length)).toEqual([1, 0, 0]);
    p.app.stop();
  });

  test("deleting for ever is held back until it cannot be undone", async () => {
    const { server, clock } = world(3);
    const p = await openedPage(server);
    const [a, b] = rows(p).map((r) => r.ref);
    p.desk.actions.expunge([a!]);
    await calm(p);
    expect(server.box("INBOX").mails.size).toBe(3);
    expect(subjects(p).length).toBe(2);
    p.desk.actions.undo();
    await calm(p);
    expect(subjects(p).length).toBe(3);
    p.desk.actions.expunge([b!]);
    await clock.advance(11_000);
    await calm(p);
    expect(server.box("INBOX").mails.size).toBe(2);
    p.app.stop();
  });

  for (const when of ["before", "after"] as const)
    test(`the network is lost ${when} the server works: nothing is lost or done twice`, async () => {
      const { server, clock } = world();
      const p = await openedPage(server);
      const [a, b, c] = rows(p).map((r) => r.ref);
      p.net.lose = (method, path) => (method === "POST" && path === "/changes" ? when : null);
      p.desk.actions.archive([a!]);
      p.desk.actions.flag([b!], true);
      p.desk.actions.label([a!], "$label-x", true);
      p.desk.actions.move([c!], p.desk.sync.role("trash")!.id);
      await clock.advance(200);
      expect(p.desk.actions.waiting.peek()).toBeGreaterThan(0);
      expect(rows(p).find((r) => r.ref.id === b!.id)?.flagged).toBe(true);
      await clock.advance(3_000);
      p.net.lose = null;
      await clock.advance(120_000);
      await calm(p);
      expect(p.desk.actions.waiting.peek()).toBe(0);
      expect(names(server, "Archive")).toEqual([a!.id]);
      expect([...server.box("Archive").mails.values()][0]!.flags).toEqual(["$label-x"]);
      expect(names(server, "Trash")).toEqual([c!.id]);
      expect(names(server, "INBOX").length).toBe(3);
      expect([...server.box("INBOX").mails.values()].filter((m) => m.flags.includes("\\Flagged")).map((m) => m.id)).toEqual([b!.id]);
      p.app.stop();
    });

  test("what was done offline survives a reload, and a mail that moved is followed", async () => {
    const { server, clock } = world();
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    const [a] = rows(p).map((r) => r.ref);
    const trash = p.desk.sync.role("trash")!.id;
    await p.desk.sync.save();
    p.net.offline = true;
    p.desk.actions.archive([a!]);
    await clock.advance(10);
    // It is seen where it went, and acted on there.
    p.desk.list.show({ kind: "mailbox", mailbox: archive(p) });
    await p.desk.list.settled();
    expect(subjects(p)).toEqual(["m4"]);
    expect(rows(p)[0]!.waiting).toBe(true);
    p.desk.actions.flag([rows(p)[0]!.ref], true);
    p.desk.actions.move([rows(p)[0]!.ref], trash);
    await settle();
    p.app.stop();

    const again = openPage(server, browser);
    await again.app.start();
    await clock.advance(120_000);
    await calm(again);
    expect(names(server, "Trash")).toEqual([a!.id]);
    expect([...server.box("Trash").mails.values()][0]!.flags).toEqual(["\\Flagged"]);
    expect(names(server, "Archive")).toEqual([]);
    again.app.stop();
  });

  test("what the server refuses goes back to what it was, and says so", async () => {
    const { server } = world();
    const p = await openedPage(server);
    const box = archive(p);
    server.boxes.delete(box);
    p.desk.actions.move([rows(p)[0]!.ref], box);
    await calm(p);
    expect(subjects(p).length).toBe(5);
    expect(p.desk.actions.toasts.peek().some((t) => t.tone === "bad")).toBe(true);
    p.app.stop();
  });

  test("two devices, interleaved and cut off, end with the same", async () => {
    const { server, clock } = world(40);
    const one = await openedPage(server, newBrowser(), { live: true });
    const two = await openedPage(server, newBrowser(), { live: true });
    let x = 7;
    const random = (n: number) => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) % n;
    for (let i = 0; i < 60; i++) {
      const p = random(2) ? one : two;
      p.net.offline = random(4) === 0;
      p.net.lose = random(5) === 0 ? (m, path) => (m === "POST" && path === "/changes" ? (random(2) ? "before" : "after") : null) : null;
      const row = p.desk.list.row(random(Math.max(1, p.desk.list.count.peek())));
      if (row) {
        const refs = [row.ref];
        [
          () => p.desk.actions.archive(refs), () => p.desk.actions.flag(refs, random(2) === 0), () => p.desk.actions.seen(refs, random(2) === 0),
          () => p.desk.actions.trash(refs), () => p.desk.actions.undo(), () => p.desk.actions.label(refs, "$label-a", random(2) === 0),
        ][random(6)]!();
      }
      if (random(3) === 0) await clock.advance(random(3_000));
    }
    for (const p of [one, two]) {
      p.net.offline = false;
      p.net.lose = null;
    }
    await clock.advance(200_000);
    await one.desk.sync.refresh();
    await two.desk.sync.refresh();
    await calm(one, two);
    for (const p of [one, two]) expect(p.desk.actions.waiting.peek()).toBe(0);
    for (const box of server.boxes.values()) {
      const real = [...box.mails.values()].map((m) => [m.uid, m.id, [...m.flags].sort()]).sort((a, b) => Number(a[0]) - Number(b[0]));
      for (const p of [one, two]) {
        const c = p.desk.sync.columns(box.id)!;
        expect(Array.from({ length: c.length }, (_, i) => [c.uids[i], c.ids[i], [...c.setOf(i)].sort()])).toEqual(real);
        expect(p.desk.sync.overlay.peek().empty).toBe(true);
      }
    }
    const everywhere = [...server.boxes.values()].flatMap((b) => [...b.mails.values()].map((m) => m.id));
    expect(new Set(everywhere).size).toBe(40);
    expect(everywhere.length).toBe(40);
    one.app.stop();
    two.app.stop();
  });

  test("snoozed mail sleeps, wakes on top, and can be woken by undo", async () => {
    const { server, clock } = world(3);
    const p = await openedPage(server, newBrowser(), { live: true });
    const old = rows(p)[2]!;
    p.desk.actions.snooze([old.ref], clock.now() / 1000 + 120);
    await calm(p);
    expect(subjects(p)).toEqual(["m2", "m1"]);
    await clock.advance(160_000);
    await calm(p);
    expect(subjects(p)).toEqual(["m0", "m2", "m1"]);
    expect(rows(p)[0]!.unread).toBe(true);
    p.desk.actions.snooze([rows(p)[1]!.ref], clock.now() / 1000 + 120);
    await calm(p);
    expect(subjects(p)).toEqual(["m0", "m1"]);
    p.desk.actions.undo();
    await calm(p);
    expect(subjects(p)).toEqual(["m0", "m2", "m1"]);
    p.app.stop();
  });
});

describe("lists", () => {
  test("conversations join by reference in any order, and by subject where nobody names one", async () => {
    const clock = new FakeClock();
    const server = new FakeServer({ clock });
    server.deliver({ received: 10, card: { subject: "Plan", message_id: "a", date: 10 } });
    server.deliver({ received: 30, card: { subject: "Re: Plan", message_id: "c", in_reply_to: "b", references: ["a", "b"], date: 30 } });
    server.deliver({ received: 20, card: { subject: "Re: Plan", message_id: "b", in_reply_to: "a", references: ["a"], date: 20 } });
    server.deliver({ received: 40, card: { subject: "Lunch", message_id: "l", date: 40 } });
    server.deliver({ received: 50, card: { subject: "AW: Lunch", message_id: "m", date: 50 } });
    server.deliver({ received: 60, card: { subject: "Lunch", message_id: "n", date: 60 } });
    const p = await openedPage(server);
    expect(rows(p).map((r) => [r.subject, r.refs.length])).toEqual([["Lunch", 1], ["AW: Lunch", 2], ["Re: Plan", 3]]);
    p.desk.list.conversations.value = false;
    await p.desk.list.settled();
    expect(p.desk.list.count.peek()).toBe(6);
    p.app.stop();
  });

  test("filters, sorts, selects ranges and keeps the cursor on its mail", async () => {
    const { server } = world(6);
    server.box("INBOX").mails.get(2)!.flags = ["\\Seen"];
    const p = await openedPage(server);
    const { list } = p.desk;
    list.setCursor(2);
    server.deliver({ received: 100, card: { subject: "new" } });
    await p.desk.sync.refresh();
    await calm(p);
    expect(list.row(list.cursor.peek())!.subject).toBe("m3");
    list.select(1, "only");
    list.select(3, "range");
    expect(list.chosen().length).toBe(3);
    list.filters.value = { unread: true };
    await list.settled();
    expect(subjects(p)).not.toContain("m1");
    list.filters.value = {};
    list.sort.value = { by: "subject", up: false };
    await list.settled();
    expect(subjects(p)[0]).toBe("m0");
    list.show({ kind: "search", text: "m4" });
    await calm(p);
    expect(subjects(p)).toEqual(["m4"]);
    p.app.stop();
  });
});
