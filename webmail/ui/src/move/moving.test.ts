// Bringing mail in and taking it out, with a server and a vault in memory.

import "fake-indexeddb/auto";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeServer, newBrowser, openedPage, type FakeBrowser, type FakePage } from "../model/testing/fake.ts";
import { realClock } from "../wire/http.ts";
import type { ExportWish, Target } from "../model/moving.ts";
import { entryOf } from "./exporting.ts";
import { clean, names } from "./names.ts";
import { arrivals } from "./source.ts";
import { entries, open } from "./zip.ts";

const one = (n: number, more = "") => `From a@b.c Sun Nov 22 13:00:${String(n % 60).padStart(2, "0")} 2026\nMessage-ID: <${n}@x>\nDate: Sun, 22 Nov 2026 13:00:00 +0000\nSubject: mail ${n}\n${more}\ntext ${n}\n\n`;
const box = (n: number, from = 0) => new File(Array.from({ length: n }, (_, i) => one(from + i)), "Old.mbox");

let server: FakeServer;
let browser: FakeBrowser;
let page: FakePage;
beforeEach(async () => {
  server = new FakeServer({ clock: realClock });
  browser = newBrowser();
  page = await openedPage(server, browser);
});
const again = async () => {
  page.app.stop();
  page = await openedPage(server, browser);
  for (let i = 0; i < 100 && page.desk.moving.importing.value === null; i++) await wait(5);
};
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));
const run = () => page.desk.moving.importing.value;
const ended = async (state = "done") => {
  for (let i = 0; i < 2_000 && run()?.state !== state; i++) await wait(5);
  await page.desk.sync.refresh();
  await page.desk.sync.idle();
};
const bringIn = async (files: File | File[], o = { into: "INBOX", folders: true }) => {
  await page.desk.moving.bringIn([files].flat(), o);
  await ended();
};
const subjects = async (name: string) => {
  const b = server.box(name);
  return (await Promise.all([...b.mails.values()].map(async (m) => (await page.vault.openMail({ message: m.letters["message"]! })).subject)));
};

describe("an import", () => {
  it("brings each mail once, with flags, time and folder, and says what it did", async () => {
    await bringIn(new File([one(1, "Status: RO\nX-Status: F\n"), one(2), one(2), "From x@y.z Sun Nov 22 13:00:00 2026\n\n", one(3).replace("text 3", "refuse-me")], "Work.mbox"));
    expect(run()).toMatchObject({ state: "done", brought: 2, already: 1, refused: { empty: 1, closed: 1 }, encrypted: 0, fault: "" });
    expect(run()!.failures.map((f) => [f.number, f.why])).toEqual([[4, "empty"], [5, "closed"]]);
    expect(await subjects("Work")).toEqual(["mail 1", "mail 2"]);
    const [first] = [...server.box("Work").mails.values()];
    expect([first!.flags, first!.received]).toEqual([["\\Seen", "\\Flagged"], Date.UTC(2026, 10, 22, 13, 0, 1) / 1000]);
    // The same once more, and with something new; on another device, too.
    await bringIn(new File([one(1, "Status: RO\nX-Status: F\n"), one(2), one(7)], "Work.mbox"));
    expect(run()).toMatchObject({ brought: 1, already: 2 });
    page.app.stop();
    browser = newBrowser();
    page = await openedPage(server, browser);
    await bringIn(new File([one(1, "Status: RO\nX-Status: F\n"), one(7)], "Work.mbox"));
    expect(run()).toMatchObject({ brought: 0, already: 2 });
  });

  it("brings back what was removed since", async () => {
    await bringIn(box(2));
    for (const m of [...server.box("Old").mails.values()]) page.desk.actions.expunge([{ mailbox: server.box("Old").id, uid: m.uid, id: m.id }]);
    await page.desk.save();
    await page.desk.sync.refresh();
    await bringIn(box(2));
    expect(run()).toMatchObject({ brought: 2, already: 0 });
  });

  it("goes on after a reload, with the same file only, and counts nothing twice", async () => {
    let left = 2;
    page.net.lose = (_, path) => (path.endsWith("/sealed") && left-- <= 0 ? "before" : null);
    await page.desk.moving.bringIn([box(300)], { into: "INBOX", folders: true });
    for (let i = 0; i < 2_000 && (run()?.brought ?? 0) < 128; i++) await wait(5);
    expect(run()!.brought).toBe(128);
    await again();
    expect(run()).toMatchObject({ state: "waiting", brought: 128 });
    expect(await page.desk.moving.again([box(299)])).toBe(false);
    expect(await page.desk.moving.again([box(300)])).toBe(true);
    await ended();
    expect(run()).toMatchObject({ state: "done", brought: 300, already: 0, refused: {} });
    expect(new Set(await subjects("Old")).size).toBe(300);
    await again().catch(() => {});
    expect(run()).toBe(null);
  });

  it("brings nothing twice when an answer is lost", async () => {
    let n = 0;
    page.net.lose = (_, path) => (path.endsWith("/sealed") && n++ === 0 ? "after" : null);
    await bringIn(box(5));
    expect([server.box("Old").mails.size, run()!.brought]).toEqual([5, 5]);
  });

  it("pauses, goes on, and stops", async () => {
    await page.desk.moving.bringIn([box(2_000)], { into: "INBOX", folders: true });
    for (let i = 0; i < 2_000 && (run()?.brought ?? 0) === 0; i++) await wait(1);
    page.desk.moving.pauseImport(true);
    await wait(200);
    const then = server.box("Old").mails.size;
    await wait(200);
    expect([server.box("Old").mails.size, run()!.state, then < 2_000]).toEqual([then, "paused", true]);
    page.desk.moving.pauseImport(false);
    await wait(50);
    await page.desk.moving.stopImport();
    const stopped = server.box("Old").mails.size;
    await wait(100);
    expect([run(), server.box("Old").mails.size]).toEqual([null, stopped]);
  });

  it("keeps folders and labels, and nothing readable on the way", async () => {
    await bringIn(new File([one(1, "X-Gmail-Labels: Inbox,Zoo animals\n"), one(2, "X-Gmail-Labels: Sent\n"), one(3, "X-Gmail-Labels: Archived\n")], "All mail.mbox"));
    expect([await subjects("INBOX"), await subjects("Sent"), await subjects("Archive")]).toEqual([["mail 1"], ["mail 2"], ["mail 3"]]);
    const label = page.desk.settings.value.value.labels.find((l) => l.name === "Zoo animals")!;
    expect([...server.box("INBOX").mails.values()][0]!.flags).toEqual(["\\Seen", label.keyword]);
    expect(server.bodies.join("")).not.toMatch(/text 1|mail 2|Zoo animals/);
    await bringIn(box(1, 50), { into: "Archive", folders: false });
    expect(await subjects("Archive")).toEqual(["mail 3", "mail 50"]);
  });
});

const parts: Blob[] = [];
const target = (part: number): Target => ({
  part,
  async open(n) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    return { write: async (d) => void pieces.push(d.slice()), close: async () => void (parts[n - 1] = new Blob(pieces)), abort: async () => {} };
  },
});
const wish: ExportWish = { mailboxes: [], form: "eml", passphrase: "", readme: "what is in here" };
const out = () => page.desk.moving.exporting.value;
const exported = async () => {
  for (let i = 0; i < 2_000 && out()?.state !== "done"; i++) await wait(5);
};
const textOf = async (zip: Blob, name: string) => {
  const e = (await entries(zip)).find((x) => x.name === name);
  return e === undefined ? undefined : new Response(await open(zip, e)).text();
};

describe("an export", () => {
  it("writes everything, readable, and comes back in", async () => {
    await bringIn(new File([one(1), one(2, "Status: RO\n").replace("text 2", ">From the zoo\nand more")], "Zoo: a/b.mbox"));
    await page.desk.contacts.save({ name: "Ada", addresses: [{ address: "ada@x.example", label: "" }] });
    await page.desk.moving.takeOut(wish, target(0));
    await exported();
    expect(out()).toMatchObject({ state: "done", of: 2, done: 2, closed: 0, missing: 0, fault: "" });
    const [zip] = parts as [Blob];
    const all = (await entries(zip)).map((e) => e.name);
    expect(all).toEqual(expect.arrayContaining(["README.txt", "contacts.vcf", "keys/public-key.pgp", "settings.json", "list-1.csv"]));
    expect(all.filter((n) => n.endsWith(".eml"))).toEqual(["mail/b/2026-11-22 1 mail 1.eml", "mail/b/2026-11-22 2 mail 2.eml"]);
    expect(await textOf(zip, "mail/b/2026-11-22 2 mail 2.eml")).toContain("From the zoo\r\nand more\r\n");
    expect(await textOf(zip, "contacts.vcf")).toContain("ada@x.example");
    expect(await textOf(zip, "list-1.csv")).toContain('"b",2026-11-22T13:00:02.000Z,"\\Seen"');
    await page.desk.moving.takeOut({ ...wish, form: "mbox" }, target(0));
    await wait(10);
    await exported();
    const found = [];
    for await (const a of arrivals([new File([parts[0]!], "x.zip")])) found.push([a.mailbox, new TextDecoder().decode(a.mail).includes("\r\nFrom the zoo\r\n"), a.received]);
    expect(found).toEqual([["b", false, Date.UTC(2026, 10, 22, 13, 0, 1) / 1000], ["b", true, Date.UTC(2026, 10, 22, 13, 0, 2) / 1000]]);
  });

  it("goes on with the next part after a reload", async () => {
    await bringIn(box(5));
    const broken: Target = { ...target(1), open: (part) => (part === 3 ? Promise.reject(new Error("closed")) : target(1).open(part)) };
    await page.desk.moving.takeOut(wish, broken);
    for (let i = 0; i < 500 && out()?.state !== "waiting"; i++) await wait(5);
    expect(out()).toMatchObject({ state: "waiting", part: 2, done: 2 });
    page.app.stop();
    page = await openedPage(server, browser);
    for (let i = 0; i < 500 && out()?.state !== "waiting"; i++) await wait(5);
    expect(out()).toMatchObject({ state: "waiting", part: 2, done: 2 });
    await page.desk.moving.goOn(target(1));
    await exported();
    expect(out()).toMatchObject({ state: "done", part: 5, done: 5, of: 5 });
    const mails = await Promise.all(parts.slice(0, 5).map(async (z) => (await entries(z)).filter((e) => e.name.endsWith(".eml")).map((e) => e.name)));
    expect(mails.map((m) => m.length)).toEqual([1, 1, 1, 1, 1]);
    expect(new Set(mails.flat()).size).toBe(5);
    expect((await entries(parts[1]!)).some((e) => e.name === "README.txt")).toBe(false);
  });

  it("keeps names of files apart, and within their folder", () => {
    const n = names("eml");
    expect([n.mbox("A/b"), n.mbox("a/B"), n.mbox("../..")]).toEqual(["mail/A/b.mbox", "mail/a/B (2).mbox", "mail/_/_.mbox"]);
    expect(n.mail("A/b", 0, 7, "../x\u202egpj.exe", false)).toBe("mail/A/b/1970-01-01 7 _x_gpj.exe.eml");
    expect(names("sealed").mail("A", 0, 7, "secret", false)).toBe("mail/A/7.eml");
    expect([clean("con"), clean(""), clean("a/b:c")]).toEqual(["_con", "_", "a_b_c"]);
  });
  it("quotes From lines of an mbox", () => {
    const text = new TextDecoder().decode(entryOf(new TextEncoder().encode("Subject: x\r\n\r\nFrom a\r\n>From b\r\nc"), { received: 0, flags: [] }));
    expect(text).toBe("From MAILER-DAEMON Thu Jan  1 00:00:00 1970\r\nSubject: x\r\n\r\n>From a\r\n>>From b\r\nc\r\n\r\n");
  });
});
