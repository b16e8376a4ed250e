import { expect, test } from "vitest";
import type { Entries } from "../wire/api.ts";
import { Box } from "./columns.ts";
import { encodePage, decodePage } from "./pages.ts";
import { FakeClock, FakeServer, newBrowser, openPage, settle } from "./testing/fake.ts";
import { emptyCard, fakeSeal } from "./testing/vault.ts";

const entries = (uids: number[], more: Partial<Entries> = {}): Entries => ({
  modseq: 1, complete: true, more: false, uids, modseqs: uids.map(() => 1), ids: uids.map((u) => u.toString(16).padStart(32, "0")), received: uids.map((u) => 1e9 + u), sizes: uids.map(() => 2 ** 33 + 5),
  flags: uids.map((u) => u % 2), flag_sets: [[], ["\\Seen", "$x"]], letters: uids.map(() => 17), classes: uids.map(() => 1), gone: [], ...more,
});

test("columns keep their order through late, changed, crossed and gone entries, and over chunks", () => {
  const b = new Box(1);
  b.merge(entries([5, 9, 20_000, 4_000_000_000]));
  b.merge(entries([7, 1]));
  expect([...b.uids.subarray(0, b.length)]).toEqual([1, 5, 7, 9, 20_000, 4_000_000_000]);
  b.merge(entries([7], { modseqs: [5], flag_sets: [[], ["\\Flagged"]] }));
  b.merge(entries([7], { modseqs: [3] }));
  expect(b.setOf(b.indexOf(7))).toEqual(["\\Flagged"]);
  expect(b.merge(entries([], { gone: [9, 777] })).gone).toEqual([(9).toString(16).padStart(32, "0")]);
  const again = new Box(1);
  for (const n of [...b.dirty].sort((x, y) => x - y)) {
    const chunk = b.chunk(n);
    if (chunk) again.load(chunk);
  }
  const rows = (x: Box) => Array.from({ length: x.length }, (_, i) => [x.uids[i], x.modseqs[i], x.ids[i], x.received[i], x.sizes[i], x.setOf(i), x.letters[i], x.classes[i]]);
  expect(rows(again)).toEqual(rows(b));
  expect(rows(b).length).toBe(5);
});

test("pages keep every field of a card, and leave newer pages alone", () => {
  const card = {
    ...emptyCard("a".repeat(32)), tag: "t", subject: "s", from_name: "n", from: "f@x", recipients: 3, to: [{ name: "x", address: "x@y" }, { name: "", address: "z@y" }], date: 5, arrived: 6, snippet: "p", attachments: [{ name: "a", type: "b", size: 7 }],
    more_attachments: 2, message_id: "m", in_reply_to: "i", references: ["r"], class: "both" as const, incomplete: true, junk: "j", verified: true, dmarc: "pass", spf: "x", dkim: "y",
  };
  expect(decodePage(encodePage([card]))).toEqual([card]);
  expect(decodePage(new TextEncoder().encode('{"v":2,"cards":[]}').buffer)).toBe(null);
  expect(decodePage(new TextEncoder().encode("garbage").buffer)).toBe(null);
});

// WEBMAIL checkpoints 6 and 8, as far as the model goes: real cryptography and painting are
// measured in a browser.
test("100,000 mails: the first rows from this device soon, and no long task", async () => {
  const N = Number(process.env["MAILS"] ?? 100_000);
  const server = new FakeServer({ clock: new FakeClock() });
  const box = server.box("INBOX");
  for (let i = 1; i <= N; i++)
    box.mails.set(i, { uid: i, id: i.toString(16).padStart(32, "0"), modseq: i, born: i, received: 1e9 + i * 60, size: 1000, flags: i % 3 ? ["\\Seen"] : [], class: 1, letters: { message: new ArrayBuffer(0) } });
  box.uid_next = N + 1;
  box.modseq = server.modseq = N + 1;
  for (let p = 0; p < N / 1000; p++) {
    const cards = Array.from({ length: 1000 }, (_, k) => {
      const i = p * 1000 + k + 1;
      return { ...emptyCard(i.toString(16).padStart(32, "0")), subject: `subject of mail number ${i}`, from_name: `Sender ${i % 500}`, from: `s${i % 500}@x.example`, message_id: `<${i}@x>`, arrived: 1e9 + i * 60, in_reply_to: i % 4 ? `<${i - 1}@x>` : "", snippet: "some first words of it" };
    });
    const name = p.toString(16).padStart(16, "0");
    const data = fakeSeal(`box\n00000000000000a1\npages\n${name}\n1`, new Uint8Array(encodePage(cards))).buffer;
    server.cabinet.set(`pages/${name}`, { drawer: "pages", name, version: 1, change: ++server.change, modified: "", gone: false, data });
  }
  const browser = newBrowser();
  const first = openPage(server, browser);
  await first.app.start();
  while (!first.app.desk.peek() || first.desk.sync.state.peek() !== "current") await settle(1);
  await first.desk.sync.idle();
  await first.desk.list.settled();
  expect(first.desk.list.count.peek()).toBe(N / 4 + 1); // conversations of four
  await first.desk.sync.save();
  first.app.stop();

  const page = openPage(server, browser);
  const began = performance.now();
  await page.app.start();
  while (!page.app.desk.peek()?.list.row(0)?.card) await settle(1);
  const painted = performance.now() - began;
  let longest = 0;
  let last = performance.now();
  let beating = true;
  const beat = () => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    if (beating) setTimeout(beat, 0);
  };
  beat();
  await page.desk.sync.idle();
  await page.desk.list.settled();
  page.desk.actions.seen([page.desk.list.row(3)!.ref], false);
  await page.desk.list.settled();
  beating = false;
  console.log(`first rows after ${painted.toFixed(0)} ms, all after ${(performance.now() - began).toFixed(0)} ms, longest task ${longest.toFixed(0)} ms`);
  expect(page.desk.list.count.peek()).toBe(N / 4 + 1);
  expect(page.desk.list.row(N / 5)!.subject).toContain("subject of mail number");
  page.app.stop();
}, 120_000);
