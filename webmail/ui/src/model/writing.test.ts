import { describe, expect, test } from "vitest";
import { FakeClock, FakeServer, calm, newBrowser, openedPage, openPage, settle, type FakePage } from "./testing/fake.ts";
import { formatCards, parseCards } from "./vcard.ts";

const world = () => {
  const clock = new FakeClock();
  return { clock, server: new FakeServer({ clock }) };
};
const to = (address: string) => [{ name: "", address }];
const stored = async (...pages: FakePage[]) => {
  for (const p of pages) {
    await calm(p);
    await p.desk.cabinet.refresh();
    await calm(p);
  }
};

describe("drafts", () => {
  test("are on this device and at the server within five seconds of a change, and survive a crash", async () => {
    const { server, clock } = world();
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    const d = await p.desk.drafts.create({ to: to("bob@x.example") });
    for (let i = 0; i < 9; i++) {
      d.update({ text: "typed ".repeat(i + 1) });
      await clock.advance(500);
    }
    expect(d.savedAt.peek()).toBeGreaterThan(0);
    expect([...server.cabinet.keys()].some((k) => k.startsWith("drafts/"))).toBe(true);
    p.net.offline = true;
    d.update({ text: "the last words" });
    await clock.advance(5_000);
    expect(d.state.peek()).toBe("offline");
    // No goodbye: the page is gone.
    const again = await openedPage(server, browser);
    expect(again.desk.drafts.recovered.peek()).toEqual([d.id]);
    expect((await again.desk.drafts.edit(d.id))!.content.peek().text).toBe("the last words");
    p.app.stop();
    again.app.stop();
  });

  test("two devices: fields are joined, and a text both changed is kept twice", async () => {
    const { server, clock } = world();
    const [one, two] = [await openedPage(server), await openedPage(server)];
    const a = await one.desk.drafts.create({ subject: "s", text: "start" });
    a.update({ text: "start!" });
    await a.save();
    await stored(one, two);
    const b = (await two.desk.drafts.edit(a.id))!;
    a.update({ subject: "new subject" });
    b.update({ to: to("bob@x.example") });
    await a.save();
    await b.save();
    await clock.advance(1_000);
    await stored(one, two, one);
    for (const h of [a, b]) expect([h.content.peek().subject, h.content.peek().to.length]).toEqual(["new subject", 1]);
    a.update({ text: "written by one" });
    b.update({ text: "written by two" });
    await a.save();
    await b.save();
    await clock.advance(1_000);
    await stored(one, two, one, two);
    const fresh = await openedPage(server);
    const texts = fresh.desk.drafts.all.peek().map((l) => l.snippet).sort();
    expect(texts).toEqual(["written by one", "written by two"]);
    expect(fresh.desk.drafts.all.peek().filter((l) => l.conflict).length).toBe(1);
    for (const p of [one, two, fresh]) p.app.stop();
  });

  test("attachments reach another device; discarding can be undone", async () => {
    const { server } = world();
    const p = await openedPage(server);
    const d = await p.desk.drafts.create({ subject: "s" });
    const data = new Uint8Array(9 * 1024 * 1024).fill(7);
    const f = await d.attach({ name: "a.bin", type: "application/octet-stream", data: data.buffer.slice(0) });
    await d.save();
    await calm(p);
    const other = await openedPage(server);
    const there = await (await other.desk.drafts.edit(d.id))!.file(f.id);
    expect(there?.byteLength).toBe(data.length);
    expect(new Uint8Array(there!)[data.length - 1]).toBe(7);
    await d.discard();
    await stored(p);
    expect([...server.cabinet.values()].filter((b) => !b.gone && (b.drawer === "files" || b.drawer === "drafts")).length).toBe(0);
    p.desk.actions.toasts.peek().find((t) => t.undo)!.undo!();
    await settle(30);
    await stored(p);
    expect((await (await p.desk.drafts.edit(d.id))!.file(f.id))?.byteLength).toBe(data.length);
    p.app.stop();
    other.app.stop();
  }, 20_000);

  test("an answer goes where it should", async () => {
    const { server } = world();
    server.deliver({ card: { subject: "Re: Plan", from: "ada@x.example", message_id: "<2@x>", references: ["<1@x>"] }, mail: { to: [{ name: "", address: "me@example.org" }, { name: "", address: "bob@x.example" }], cc: [{ name: "", address: "eve@x.example" }], references: ["<1@x>"], text: "line\n> old" } });
    const p = await openedPage(server);
    await p.desk.mail.show(p.desk.list.row(0)!);
    const v = p.desk.mail.mails.peek()[0]!;
    const all = (await p.desk.drafts.reply(v.opened!, v.ref, "reply-all")).content.peek();
    expect([all.subject, all.to.map((a) => a.address), all.cc.map((a) => a.address), all.references, all.in_reply_to]).toEqual(["Re: Plan", ["ada@x.example"], ["bob@x.example", "eve@x.example"], ["<1@x>", "<2@x>"], "<2@x>"]);
    expect(all.text).toContain("> line\n>> old");
    p.app.stop();
  });
});

describe("sending", () => {
  const compose = async (p: FakePage, more = {}) => {
    const d = await p.desk.drafts.create({ to: to("bob@x.example"), subject: "CANARY", text: "CANARY", ...more });
    await d.save();
    return d;
  };
  const opened = (mail: ArrayBuffer) => new TextDecoder("latin1").decode(mail);

  test("those with keys, hidden ones and readers each get theirs, of one Message-ID; Sent has one copy", async () => {
    const { server, clock } = world();
    for (const a of ["bob@x.example", "ada@x.example", "hid@x.example"]) server.learn(a);
    const p = await openedPage(server);
    const d = await compose(p, { to: [...to("bob@x.example"), ...to("plain@y.example")], cc: to("ada@x.example"), bcc: to("hid@x.example") });
    p.desk.outbox.check(["bob@x.example", "plain@y.example", "nonsense"]);
    await settle();
    expect([...p.desk.outbox.recipients.peek().values()].map((r) => r.state)).toEqual(["encrypted", "readable", "invalid"]);
    expect((await p.desk.outbox.send(d)).state).toBe("sent");
    expect(server.outbox.map((o) => [o.envelope.to.join(), o.envelope.encrypted])).toEqual([["bob@x.example,ada@x.example", true], ["hid@x.example", true], ["plain@y.example", false]]);
    expect(server.outbox.slice(0, 2).every((o) => !opened(o.mail).includes("CANARY"))).toBe(true);
    expect(opened(server.outbox[2]!.mail)).toContain(d.content.peek().message_id);
    await calm(p);
    expect(server.box("Sent").mails.size).toBe(1);
    await clock.advance(15_000);
    await stored(p);
    expect(server.left.length + server.outbox.length).toBe(3);
    expect(p.desk.drafts.all.peek()).toEqual([]);
    expect([...server.cabinet.values()].filter((b) => b.drawer === "drafts" && !b.gone)).toEqual([]);
    p.app.stop();
  });

  test("is undone in time: nothing leaves, the draft is back, the copy is gone", async () => {
    const { server, clock } = world();
    const p = await openedPage(server);
    const d = await compose(p);
    await p.desk.outbox.send(d);
    await clock.advance(5_000);
    expect(p.desk.drafts.all.peek()).toEqual([]);
    p.desk.actions.toasts.peek().find((t) => t.word === "sent")!.undo!();
    await settle(30);
    await clock.advance(60_000);
    await stored(p);
    server.tick();
    expect([server.left.length, server.outbox.length, server.box("Sent").mails.size]).toEqual([0, 0, 0]);
    expect(p.desk.drafts.all.peek().map((x) => x.subject)).toEqual(["CANARY"]);
    p.app.stop();
  });

  for (const when of ["before", "after"] as const)
    test(`the network is lost ${when} the server has it, and the page is closed: it leaves once`, async () => {
      const { server, clock } = world();
      const browser = newBrowser();
      const p = await openedPage(server, browser);
      server.learn("bob@x.example");
      const d = await compose(p);
      p.net.lose = (m, path) => (m === "POST" && path === "/outbox" ? when : null);
      const sending = p.desk.outbox.send(d);
      await clock.advance(5_000);
      expect((await sending).state).toBe("queued");
      p.app.stop();
      const again = openPage(server, browser);
      await again.app.start();
      await calm(again);
      await clock.advance(60_000);
      await stored(again);
      server.tick();
      expect(server.left.map((l) => l.envelope.to)).toEqual([["bob@x.example"]]);
      expect(server.box("Sent").mails.size).toBe(1);
      expect(again.desk.drafts.all.peek()).toEqual([]);
      again.app.stop();
    });

  test("what waits for the network and is edited does not leave as it was", async () => {
    const { server, clock } = world();
    const p = await openedPage(server);
    const d = await compose(p);
    p.net.lose = (m, path) => (m === "POST" && path === "/outbox" ? "before" : null);
    const sending = p.desk.outbox.send(d);
    await clock.advance(5_000);
    await sending;
    expect(await p.desk.drafts.edit(d.id)).toBeTruthy();
    p.net.lose = null;
    await clock.advance(60_000);
    server.tick();
    expect(server.left.length).toBe(0);
    p.app.stop();
  });

  test("nothing leaves on a guess: unknown, invalid, or readable where keys are required", async () => {
    const { server, clock } = world();
    const p = await openedPage(server);
    const plain = await compose(p, { encrypt: true });
    expect(await p.desk.outbox.send(plain)).toMatchObject({ state: "refused", fault: { word: "no-key" }, addresses: ["bob@x.example"] });
    expect(await p.desk.outbox.send(await compose(p, { to: to("nobody") }))).toMatchObject({ state: "refused", fault: { word: "not-an-address" } });
    expect(await p.desk.outbox.send(await compose(p, { to: [] }))).toMatchObject({ state: "refused", fault: { word: "no-recipient" } });
    p.net.lose = (_, path) => (path === "/recipients" ? "before" : null);
    const asked = p.desk.outbox.send(await compose(p));
    await clock.advance(5_000);
    expect(await asked).toMatchObject({ state: "refused", fault: { word: "not-known" } });
    expect(server.outbox.length + server.left.length).toBe(0);
    p.app.stop();
  });

  test("a strict server gets readable mail at once, and none for later", async () => {
    const { server } = world();
    server.strict = true;
    const p = await openedPage(server);
    const at = Date.now() / 1000 + 86_400;
    expect(await p.desk.outbox.send(await compose(p), { at })).toMatchObject({ state: "refused" });
    expect(await p.desk.outbox.send(await compose(p))).toMatchObject({ state: "sent" });
    await calm(p);
    expect(server.left.length).toBe(1);
    expect(p.desk.outbox.items.peek()).toEqual([]);
    p.app.stop();
  });

  test("scheduled mail waits at the server, with its subject here alone, and can be moved", async () => {
    const { server, clock } = world();
    const p = await openedPage(server);
    const at = clock.now() / 1000 + 86_400;
    await p.desk.outbox.send(await compose(p), { at });
    await calm(p);
    expect(p.desk.outbox.items.peek().map((i) => i.subject)).toEqual(["CANARY"]);
    expect(await p.desk.outbox.reschedule(p.desk.outbox.items.peek()[0]!.id, at + 60)).toBe(true);
    expect(await p.desk.outbox.takeBack(p.desk.outbox.items.peek()[0]!.id)).toBe(true);
    expect(server.outbox.length).toBe(0);
    p.app.stop();
  });
});

describe("contacts", () => {
  test("vCards of versions 3 and 4 come in and go out", () => {
    const text = [
      "BEGIN:VCARD", "VERSION:3.0", "FN:Ada \\, Countess", "N:Lovelace;Ada;;;", "EMAIL;TYPE=INTERNET,WORK:ada@engine.example", "item1.EMAIL;type=pref:a@b.example",
      "TEL;TYPE=CELL:+1 23", "NOTE:one\\ntwo", " three", "ORG:Engines;Analytical", "END:VCARD",
      "BEGIN:VCARD", "VERSION:4.0", "N:Turing;Alan;;;", "EMAIL;PREF=1;X=\"a:b;c\":alan@park.example", "KEY:data:application/pgp-keys;base64,AAAA", "UID:urn:uuid:1", "END:VCARD",
      "BEGIN:VCARD", "VERSION:4.0", "END:VCARD", "BEGIN:VCARD", "broken",
    ].join("\r\n");
    const { contacts, skipped } = parseCards(text);
    expect(skipped).toBe(1);
    expect(contacts).toMatchObject([
      { name: "Ada , Countess", addresses: [{ address: "ada@engine.example", label: "work" }, { address: "a@b.example" }], phones: [{ number: "+1 23", label: "cell" }], notes: "one\ntwothree", organisation: "Engines, Analytical" },
      { name: "Alan Turing", addresses: [{ address: "alan@park.example" }], keys: ["AAAA"], uid: "urn:uuid:1" },
    ]);
    const again = formatCards(contacts.map((c) => ({ ...c, id: "x", encrypt: "default", collected: false, changed: 0 })));
    expect(parseCards(again).contacts.map(({ uid: _, ...c }) => c)).toEqual(contacts.map(({ uid: _, ...c }) => c));
    expect(again.split("\r\n").every((l) => new TextEncoder().encode(l).length <= 75)).toBe(true);
    expect(again).toContain("VERSION:4.0");
  });

  test("are collected from what was sent, completed by use, and joined at import", async () => {
    const { server } = world();
    const p = await openedPage(server);
    await p.desk.contacts.used([{ name: "Bob Builder", address: "bob@x.example" }]);
    await p.desk.contacts.save({ name: "Bobby Tables", addresses: [{ address: "bobby@x.example", label: "" }] });
    for (let i = 0; i < 5; i++) await p.desk.contacts.used([{ name: "", address: "BOB@x.example" }]);
    expect(p.desk.contacts.complete("bo").map((s) => s.address)).toEqual(["bob@x.example", "bobby@x.example"]);
    expect(p.desk.contacts.complete("tab bo").map((s) => s.name)).toEqual(["Bobby Tables"]);
    expect(await p.desk.contacts.importCards("BEGIN:VCARD\nVERSION:3.0\nFN:Robert\nEMAIL:bob@x.example\nEND:VCARD\n")).toEqual({ added: 0, merged: 1, skipped: 0 });
    expect(p.desk.contacts.byAddress("bob@x.example")).toMatchObject({ name: "Robert", collected: false });
    p.app.stop();
  });
});
