import { describe, expect, test } from "vitest";
import { spans } from "./admin.ts";
import { changeLabel, mailsWith, mergeLabels, moveLabel, nameBelow, noticedIn, placesFor, removeLabel, trashFolder } from "./organise.ts";
import { FakeClock, FakeServer, calm, newBrowser, openedPage } from "./testing/fake.ts";
import type { MailboxView } from "./types.ts";

const world = (n = 6) => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  server.fill(n, (i) => ({ received: i + 1, card: { subject: `m${i}`, message_id: `<m${i}@x>` } }));
  return server;
};
const flagged = (s: FakeServer, keyword: string) => [...s.box("INBOX").mails.values()].filter((m) => m.flags.includes(keyword)).length;

describe("labels", () => {
  test("a rename touches no mail; removing takes it from every mail; two become one", async () => {
    const server = world();
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    const a = await p.desk.settings.newLabel("Bills", 1);
    const b = await p.desk.settings.newLabel("Invoices", 2);
    const refs = Array.from({ length: 5 }, (_, i) => p.desk.list.row(i)!.ref);
    p.desk.actions.label(refs.slice(0, 3), a.keyword, true);
    p.desk.actions.label(refs.slice(2), b.keyword, true);
    await calm(p);
    expect([flagged(server, a.keyword), flagged(server, b.keyword)]).toEqual([3, 3]);
    await changeLabel(p.desk, a.keyword, { name: "Rent", colour: 7, hidden: true });
    await moveLabel(p.desk, 1, 0);
    const q = await openedPage(server, browser);
    expect(q.desk.settings.value.peek().labels).toEqual([{ ...b }, { keyword: a.keyword, name: "Rent", colour: 7, hidden: true }]);
    expect(flagged(server, a.keyword)).toBe(3);
    q.app.stop();
    await mergeLabels(p.desk, a.keyword, b.keyword);
    await calm(p);
    expect([flagged(server, a.keyword), flagged(server, b.keyword)]).toEqual([0, 5]);
    expect(p.desk.settings.value.peek().labels.map((l) => l.keyword)).toEqual([b.keyword]);
    expect(mailsWith(p.desk.sync, b.keyword).length).toBe(5);
    await removeLabel(p.desk, b.keyword);
    await calm(p);
    expect(flagged(server, b.keyword)).toBe(0);
    expect(p.desk.settings.value.peek().labels).toEqual([]);
    p.app.stop();
  });
});

describe("folders", () => {
  const box = (name: string, role: MailboxView["role"] = "") => ({ name, role, leaf: name.split("/").at(-1)!, level: name.split("/").length - 1 }) as MailboxView;
  test("one that is deleted goes to the trash, and comes back", async () => {
    const server = world();
    const p = await openedPage(server);
    await p.desk.actions.createMailbox("Work");
    await calm(p);
    const work = () => p.desk.sync.mailboxes.peek().find((b) => b.leaf === "Work")!;
    expect(await trashFolder(p.desk, work())).toBe(true);
    expect(work().name).toBe("Trash/Work");
    p.desk.actions.toasts.peek().at(-1)!.undo!();
    await calm(p);
    expect(work().name).toBe("Work");
    await trashFolder(p.desk, work());
    await calm(p);
    expect(await trashFolder(p.desk, work())).toBe(false); // for ever: to be asked
    p.app.stop();
  });
  test("one moves anywhere but into itself", () => {
    const all = [box("INBOX", "inbox"), box("Work"), box("Work/Old"), box("Home"), box("Trash", "trash")];
    expect(placesFor(all, all[1]!)).toEqual(["", "Home"]);
    expect(nameBelow(all[2]!, "Home")).toBe("Home/Old");
    expect(nameBelow(all[2]!, "")).toBe("Old");
  });
  test("new mail is told of the inbox, unless its owner chose", async () => {
    const server = world();
    const p = await openedPage(server);
    expect(noticedIn(p.desk.settings.value.peek())).toEqual(["INBOX"]);
    expect(p.desk.sync.told("INBOX")).toBe(true);
    await p.desk.settings.set({ more: { noticed: ["Work"] } });
    expect([p.desk.sync.told("INBOX"), p.desk.sync.told("Work")]).toEqual([false, true]);
    p.app.stop();
  });
});

test("saved searches keep the order they are given, and rules a sealed copy", async () => {
  const server = world();
  const browser = newBrowser();
  const p = await openedPage(server, browser);
  for (const name of ["one", "two", "three"]) await p.desk.settings.saveSearch({ name, text: name });
  const [a, b, c] = p.desk.settings.searches.peek().map((s) => s.id);
  await p.desk.settings.orderSearches([c!, a!, b!]);
  expect(p.desk.settings.rulesCopy.peek()).toBe(null);
  await p.desk.settings.keepRules({ version: 3, rules: [{ name: "a rule", on: true, all: true, conditions: [], actions: [], stop: false }], vacation: { on: false, subject: "", text: "" } });
  await p.desk.settings.set({ theme: "dark" });
  await calm(p);
  const q = await openedPage(server, newBrowser());
  expect(q.desk.settings.searches.peek().map((s) => s.name)).toEqual(["three", "one", "two"]);
  expect(q.desk.settings.rulesCopy.peek()?.rules.map((r) => r.name)).toEqual(["a rule"]);
  expect(q.desk.settings.value.peek().theme).toBe("dark");
  for (const x of [p, q]) x.app.stop();
});

test("hours are put together, and what was before the first is nothing", () => {
  const n = 30, ones = Array.from({ length: n }, () => 1);
  const h = { from: "2026-11-22T00:00:00Z", received: ones, junk: ones, refused: ones, sent: ones, deferred: ones, failed: ones };
  expect(spans(h, 24, 1).map((c) => c.received)).toEqual(ones.slice(0, 24));
  const week = spans(h, 168, 6);
  expect(week.length).toBe(28);
  expect(week.reduce((a, c) => a + c.sent, 0)).toBe(n);
  expect(week[0]!.sent).toBe(0);
  expect(week.at(-1)!.sent).toBe(6);
});
