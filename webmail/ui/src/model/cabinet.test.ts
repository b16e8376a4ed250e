import { describe, expect, test } from "vitest";
import { FakeClock, FakeServer, calm, newBrowser, openedPage, openPage, settle, type FakePage } from "./testing/fake.ts";
import { emptyMail, fakeCertificate, sealFakeMail } from "./testing/vault.ts";

const world = () => {
  const clock = new FakeClock();
  return { clock, server: new FakeServer({ clock }) };
};
const alarms = (p: FakePage) => p.app.alarms.all.peek().map((a) => a.word);
const calmly = async (...pages: FakePage[]) => {
  for (const p of pages) {
    await calm(p);
    await p.desk.cabinet.refresh();
    await calm(p);
  }
};

describe("the cabinet", () => {
  test("two devices that change settings at once keep both changes", async () => {
    const { server, clock } = world();
    const [one, two] = [await openedPage(server), await openedPage(server)];
    one.net.offline = two.net.offline = true;
    await one.desk.settings.set({ theme: "dark", snoozed: { a: { until: 1, from: 1 } } });
    await two.desk.settings.set({ density: "compact", snoozed: { b: { until: 2, from: 1 } }, muted: ["x"] });
    one.net.offline = two.net.offline = false;
    await clock.advance(60_000);
    await calmly(one, two, one);
    for (const p of [one, two]) {
      const s = p.desk.settings.value.peek();
      expect([s.theme, s.density, Object.keys(s.snoozed).sort().join(), s.muted.join()]).toEqual(["dark", "compact", "a,b", "x"]);
      expect(alarms(p)).toEqual([]);
      p.app.stop();
    }
  });

  test("what was changed offline survives a reload", async () => {
    const { server, clock } = world();
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    p.net.offline = true;
    await p.desk.contacts.save({ name: "Ada", addresses: [{ address: "ada@x.example", label: "" }] });
    p.app.stop();
    const again = await openedPage(server, browser);
    await clock.advance(30_000);
    await calmly(again);
    const other = await openedPage(server);
    expect(other.desk.contacts.byAddress("ADA@x.example")?.name).toBe("Ada");
    again.app.stop();
    other.app.stop();
  });

  // A03
  test("an older version of a box is an alarm, is not read, and is put right", async () => {
    const { server } = world();
    const p = await openedPage(server);
    await p.desk.settings.set({ theme: "light" });
    await calmly(p);
    const old = { ...server.cabinet.get("settings/settings")! };
    await p.desk.settings.set({ theme: "dark" });
    await calmly(p);
    server.cabinet.set("settings/settings", { ...old, change: ++server.change });
    await calmly(p);
    expect(alarms(p)).toContain("rolled-back");
    expect(p.desk.settings.value.peek().theme).toBe("dark");
    await calmly(p);
    expect(server.cabinet.get("settings/settings")!.version).toBe(old.version + 1);
    const fresh = await openedPage(server);
    expect(fresh.desk.settings.value.peek().theme).toBe("dark");
    p.app.stop();
    fresh.app.stop();
  });

  // A03
  test("boxes that are swapped, or put under a newer number, do not open", async () => {
    const { server } = world();
    const p = await openedPage(server);
    await p.desk.settings.set({ theme: "dark" });
    await p.desk.settings.saveSearch({ name: "s", text: "t" });
    await calmly(p);
    const settings = server.cabinet.get("settings/settings")!;
    const searches = server.cabinet.get("searches/all")!;
    server.cabinet.set("settings/settings", { ...settings, version: settings.version + 1, change: ++server.change });
    server.cabinet.set("searches/all", { ...searches, data: settings.data, version: searches.version + 1, change: ++server.change });
    await calmly(p);
    expect(alarms(p).filter((w) => w === "damaged-box").length).toBe(2);
    expect(p.desk.settings.value.peek().theme).toBe("dark");
    expect(p.desk.settings.searches.peek().length).toBe(1);
    p.app.stop();
  });

  test("pins that the server says are removed stay", async () => {
    const { server } = world();
    const p = await openedPage(server);
    await p.desk.pins.check(server.learn("bob@x.example"));
    await calmly(p);
    for (const [key, b] of server.cabinet) if (b.drawer === "pins") server.cabinet.set(key, { ...b, gone: true, version: b.version + 1, change: ++server.change });
    await calmly(p);
    expect(p.desk.pins.of("bob@x.example")).toBeTruthy();
    expect(alarms(p)).toContain("rolled-back");
    await calmly(p);
    const fresh = await openedPage(server);
    expect(fresh.desk.pins.of("bob@x.example")).toBeTruthy();
    p.app.stop();
    fresh.app.stop();
  });
});

// A08
describe("pinned keys", () => {
  test("another key blocks writing, raises an alarm, and leaves only after the owner decided", async () => {
    const { server } = world();
    const p = await openedPage(server);
    server.learn("bob@x.example", 1);
    const draft = await p.desk.drafts.create({ to: [{ name: "", address: "bob@x.example" }], subject: "s", text: "t" });
    await draft.save();
    await p.desk.outbox.send(draft).then((r) => expect(r.state).toBe("sent"));
    const evil = server.learn("bob@x.example", 2);
    const next = await p.desk.drafts.create({ to: [{ name: "", address: "Bob@X.example" }], subject: "s", text: "t" });
    const r = await p.desk.outbox.send(next);
    expect(r).toMatchObject({ state: "refused", fault: { word: "key-changed" } });
    expect(alarms(p)).toEqual(["peer-key-changed"]);
    expect(server.outbox.length + server.left.length).toBe(1);
    await p.desk.pins.accept("bob@x.example", evil.fingerprint!, evil.certificate!);
    await p.desk.outbox.send(next).then((x) => expect(x.state).toBe("sent"));
    p.app.stop();
  });

  test("a certificate that says another fingerprint than the server is judged by itself", async () => {
    const { server } = world();
    const p = await openedPage(server);
    const good = server.learn("bob@x.example", 1);
    await p.desk.pins.check(good);
    const evil = fakeCertificate("bob@x.example", 2);
    const { state } = await p.desk.pins.check({ ...good, certificate: evil.certificate });
    expect(state).toBe("changed");
    p.app.stop();
  });

  test("our own key, when others are shown another, alarms every device within one poll", async () => {
    const { server, clock } = world();
    const [one, two] = [await openedPage(server, newBrowser(), { live: true }), await openedPage(server, newBrowser(), { live: true })];
    expect(alarms(one)).toEqual([]);
    const evil = fakeCertificate("me@example.org", 9);
    server.keys.set("me@example.org", { address: "me@example.org", state: "key", local: true, ...evil });
    server.tellAccount();
    await clock.advance(100);
    await calm(one, two);
    for (const p of [one, two]) expect(alarms(p)).toEqual(["own-key-changed"]);
    one.app.stop();
    two.app.stop();
  });

  test("is verified only by the whole fingerprint", async () => {
    const { server } = world();
    const p = await openedPage(server);
    const { fingerprint } = server.learn("bob@x.example");
    await p.desk.pins.check(server.keys.get("bob@x.example")!);
    expect(await p.desk.pins.verify("bob@x.example", fingerprint!.slice(0, 16))).toBe(false);
    expect(await p.desk.pins.verify("bob@x.example", "")).toBe(false);
    expect(await p.desk.pins.verify("bob@x.example", fingerprint!.toLowerCase().replace(/(.{4})/g, "$1 "))).toBe(true);
    expect((await p.desk.pins.check(server.keys.get("bob@x.example")!)).state).toBe("verified");
    p.app.stop();
  });

  test("two devices that pinned different keys at once keep the first, and say so", async () => {
    const { server, clock } = world();
    const [one, two] = [await openedPage(server), await openedPage(server)];
    one.net.offline = two.net.offline = true;
    const first = server.learn("bob@x.example", 1);
    await one.desk.pins.check(first);
    await clock.advance(5_000);
    await two.desk.pins.check(server.learn("bob@x.example", 2));
    one.net.offline = two.net.offline = false;
    await clock.advance(60_000);
    await calmly(one, two, one);
    for (const p of [one, two]) {
      expect(p.desk.pins.of("bob@x.example")?.fingerprint).toBe(first.fingerprint);
      p.app.stop();
    }
    expect([...alarms(one), ...alarms(two)]).toContain("peer-key-changed");
    expect(await two.desk.pins.check(server.keys.get("bob@x.example")!)).toMatchObject({ state: "changed" });
  });
});

describe("cards", () => {
  const fill = (server: FakeServer, n: number) => server.fill(n, (i) => ({ received: 1_000_000 + i, card: { subject: `m${i}` } }));

  test("old ones are folded into pages and shed; a new device reads the pages", async () => {
    const { server } = world();
    fill(server, 1_300);
    const p = await openedPage(server);
    await calmly(p);
    expect(server.cabinet.size).toBe(2);
    expect([...server.box("INBOX").mails.values()].some((m) => m.letters["card"])).toBe(false);
    const fresh = await openedPage(server);
    expect(fresh.desk.list.row(1_299)!.subject).toBe("m0");
    expect(fresh.vault.opened).toBe(0);
    p.app.stop();
    fresh.app.stop();
  });

  test("two devices that fold at once, with losses, converge to one set of pages and lose no card", async () => {
    const { server, clock } = world();
    fill(server, 900);
    const one = openPage(server, newBrowser());
    const two = openPage(server, newBrowser());
    two.net.lose = (m, path) => (m === "POST" && path === "/changes" ? "before" : null); // folds, and does not get to shed
    await Promise.all([one.app.start(), two.app.start()]);
    await clock.advance(5_000);
    two.net.lose = null;
    await clock.advance(120_000);
    await calmly(one, two, one, two);
    for (const p of [one, two]) p.desk.cards.want(p.desk.sync.boxes());
    await calmly(one, two);
    const fresh = await openedPage(server);
    await calmly(fresh);
    const live = [...server.cabinet.values()].filter((b) => b.drawer === "pages" && !b.gone);
    expect(live.length).toBe(1);
    for (const p of [one, two, fresh]) {
      expect(new Set(Array.from({ length: 900 }, (_, i) => p.desk.list.row(i)?.subject)).size).toBe(900);
      expect(alarms(p)).toEqual([]);
      p.app.stop();
    }
  });

  test("pages whose mails were removed shrink, by two devices at once and without a loss", async () => {
    const { server, clock } = world();
    fill(server, 600);
    const one = await openedPage(server);
    await calmly(one);
    const two = await openedPage(server);
    await calmly(one, two);
    const live = () => [...server.cabinet.values()].filter((b) => b.drawer === "pages" && !b.gone);
    const before = live().reduce((n, b) => n + b.data.byteLength, 0);
    const inbox = one.desk.sync.role("inbox")!.id;
    const uids = [...one.desk.sync.columns(inbox)!.uids].slice(0, 400);
    await one.app.api.changes([{ op: "expunge", mailbox: inbox, uids }]);
    for (const p of [one, two]) await p.desk.sync.refresh();
    await calmly(one, two);
    expect(live().reduce((n, b) => n + b.data.byteLength, 0), "not before a while has passed").toBe(before);
    await clock.advance(11 * 60_000);
    await Promise.all([one.desk.sync.refresh(), two.desk.sync.refresh()]);
    await calmly(one, two);
    const writes = server.seen.length;
    const after = live().reduce((n, b) => n + b.data.byteLength, 0);
    expect(after).toBeLessThan(before / 2);
    await Promise.all([one.desk.sync.refresh(), two.desk.sync.refresh()]);
    await calmly(one, two);
    expect(server.seen.slice(writes).filter((s) => /^(PUT|DELETE) \/cabinet\/pages/.test(s)), "they do not fight").toEqual([]);
    const fresh = await openedPage(server);
    await calmly(fresh);
    for (const p of [one, two, fresh]) {
      expect(p.desk.list.count.peek()).toBe(200);
      expect(Array.from({ length: 200 }, (_, i) => p.desk.list.row(i)!.closed).some(Boolean)).toBe(false);
      p.app.stop();
    }
  });

  test("a page that was damaged is an alarm, and its mails are shown as closed", async () => {
    const { server } = world();
    fill(server, 300);
    const p = await openedPage(server);
    await calmly(p);
    p.app.stop();
    for (const b of server.cabinet.values()) new Uint8Array(b.data)[20]! ^= 1;
    const fresh = await openedPage(server);
    expect(alarms(fresh)).toContain("damaged-box");
    expect(fresh.desk.list.count.peek()).toBe(300);
    expect(fresh.desk.list.row(0)!.closed).toBe(true);
    fresh.app.stop();
  });

  // A01, A03
  test("a card of another mail is found out when the mail is opened, and made anew", async () => {
    const { server } = world();
    const a = server.deliver({ received: 1, card: { subject: "invoice" } });
    const b = server.deliver({ received: 2, card: { subject: "love" } });
    [a.letters["card"], b.letters["card"]] = [b.letters["card"]!, a.letters["card"]!];
    const p = await openedPage(server);
    expect(p.desk.list.row(0)!.subject).toBe("invoice");
    await p.desk.mail.show(p.desk.list.row(0)!);
    await settle();
    expect(p.desk.mail.mails.peek()[0]!.trust!.warnings.map((w) => w.word)).toContain("card-swapped");
    expect(p.desk.mail.mails.peek()[0]!.trust!.worst).toBe("bad");
    expect(alarms(p)).toEqual(["card-swapped"]);
    p.app.stop();
  });

  test("a large mail is shown by its text; who else got it, where answers go and its pictures follow", async () => {
    const { server } = world();
    const html = '<p>text <img src="cid:a@x"></p>';
    const all = { html, to: [{ name: "", address: "me@example.org" }, { name: "Bob", address: "bob@example.net" }], reply_to: [{ name: "", address: "answers@example.net" }] };
    const parts = [{ index: 0, name: "", type: "image/png", size: 6, content_id: "a@x", inline: true }, { index: 1, name: "x.pdf", type: "application/pdf", size: 9, content_id: "", inline: false }];
    const m = server.deliver({ card: { subject: "large", from: "eve@example.org", recipients: 2, tag: "dA==" }, mail: { ...all, parts } });
    m.letters["body"] = sealFakeMail({ ...emptyMail(), html, parts: [{ ...parts[1]!, index: -1 }] }, "dA==");
    const p = await openedPage(server);
    await p.desk.mail.show(p.desk.list.row(0)!);
    const id = p.desk.list.row(0)!.ref.id;
    const handle = p.desk.mail.mails.peek()[0]!.opened!.handle;
    const late = p.desk.mail.pictures(id)!;
    expect((await late.fetch()).map((x) => x.content_id)).toEqual(["a@x"]);
    const now = p.desk.mail.mails.peek()[0]!.opened!;
    expect(now).toMatchObject({ handle, html, to: all.to, reply_to: all.reply_to, parts: [{ index: -1 }] });
    expect(await p.desk.mail.complete(id)).toBe(now);
    p.app.stop();
  });

  test("rows of Sent name whom it went to: from the card, or from the mail where an older card does not say", async () => {
    const { server } = world();
    const to = [{ name: "Bob", address: "bob@example.net" }, { name: "", address: "carol@example.com" }];
    server.deliver({ box: "Sent", received: 2, card: { subject: "new", from: "me@example.org", recipients: 5, to }, mail: { to } });
    server.deliver({ box: "Sent", received: 1, card: { subject: "old", from: "me@example.org", recipients: 2 }, mail: { to } });
    server.deliver({ received: 3, card: { subject: "in", from: "eve@example.org", from_name: "Eve", recipients: 1 }, mail: { to } });
    const p = await openedPage(server, undefined, { live: true });
    const sent = p.desk.sync.role("sent")!.id;
    p.desk.list.show({ kind: "mailbox", mailbox: sent });
    await p.desk.list.settled();
    expect(p.desk.list.row(0)).toMatchObject({ subject: "new", recipients: [{ name: "Bob" }, { name: "carol@example.com" }], more: 3 });
    for (let i = 0; i < 10; i++) {
      await (server.clock as FakeClock).advance(100);
      await calm(p);
    }
    expect(p.desk.list.row(1)).toMatchObject({ subject: "old", recipients: [{ name: "Bob" }, { name: "carol@example.com" }], more: 0 });
    p.desk.list.show({ kind: "mailbox", mailbox: p.desk.sync.role("inbox")!.id });
    await p.desk.list.settled();
    expect(p.desk.list.row(0)).toMatchObject({ recipients: [], senders: [{ name: "Eve" }] });
    p.app.stop();
    const again = await openedPage(server); // another device is spared the work
    again.desk.list.show({ kind: "mailbox", mailbox: sent });
    await again.desk.list.settled();
    expect(again.desk.list.row(1)!.recipients).toHaveLength(2);
    again.app.stop();
  });

  test("of end-to-end mail a better card is uploaded once it was read", async () => {
    const { server } = world();
    server.deliver({ card: { subject: "...", class: "end-to-end", incomplete: true }, mail: { subject: "the real one", text: "hello there" } });
    const p = await openedPage(server);
    await p.desk.mail.show(p.desk.list.row(0)!);
    await calm(p);
    expect(p.desk.list.row(0)!.subject).toBe("the real one");
    expect(server.uploads).toBe(1);
    const other = await openedPage(server);
    expect(other.desk.list.row(0)!.snippet).toBe("hello there");
    p.app.stop();
    other.app.stop();
  });
});
