import { expect, test } from "vitest";
import { type FileEntry } from "../../files/folder.ts";
import { ApiError } from "../../wire/http.ts";
import { FakeClock, FakeServer, calm, openedPage, settle, type FakePage } from "../testing/fake.ts";
import { fakeCertificate, fakeOpen } from "../testing/vault.ts";
import type { DraftContent, DraftHandle, LinkWay } from "../types.ts";
import { Attaching } from "./attaching.ts";
import { linkingOf, tells } from "./copies.ts";
import { FOLDER, type Store } from "./store.ts";

// A drive in memory: what is put waits until it is let in.
class FakeStore implements Store {
  files = new Map<string, { entry: FileEntry; data: Blob }>();
  links = new Map<string, { file: string; ends: number; password: string; open: boolean; fragment: string }>();
  gate: Promise<void> = Promise.resolve();
  fail: Error | null = null;
  paths: string[][] = [];
  #n = 0;
  async path(names: string[]) { this.paths.push(names); return "f".repeat(32); }
  async put(file: Blob, o: Parameters<Store["put"]>[1]) {
    o.onProgress?.(file.size / 2, file.size);
    await this.gate;
    o.signal?.throwIfAborted();
    if (this.fail) throw this.fail;
    const id = `object${++this.#n}`.padEnd(22, "A");
    const entry: FileEntry = { kind: "file", name: o.beside ? o.name.replace(".", " (2).") : o.name, type: o.type ?? "", id, secret: new Uint8Array(32).fill(this.#n), length: file.size, modified: 0, hash: null, versions: [], trashed: 0 };
    this.files.set(id, { entry, data: file });
    return { folder: o.folder, entry };
  }
  async blob(entry: FileEntry, most: number) {
    const f = this.files.get(entry.id);
    if (!f || entry.length > most) throw new ApiError("gone", 404);
    return f.data;
  }
  async remove(_: string, object: string) { this.files.delete(object); }
  async makeLink(entry: FileEntry, o: { ends: number; password?: string }) {
    if (!this.files.has(entry.id)) throw new ApiError("not-found", 404);
    const id = `link${this.links.size + 1}`.padEnd(22, "L"), fragment = `secret${this.links.size + 1}`.padEnd(22, "s");
    this.links.set(id, { file: entry.id, ends: o.ends, password: o.password ?? "", open: true, fragment });
    return { id, url: `https://mail.example.org/f/${id}#${fragment}` };
  }
  async revoke(link: string) {
    if (this.fail) throw this.fail;
    this.links.get(link)!.open = false;
  }
}

const to = (address: string) => [{ name: "", address }];
const text = (b: ArrayBuffer) => new TextDecoder().decode(b);
const say = ({ password }: { password: boolean }) => ({ title: "files", foot: password ? "a password, by another way" : "sealed", size: (b: number) => `${b} B` });
const pdf = (body = "%PDF the kumquat ledger") => ({ name: "ledger.pdf", type: "application/pdf", data: new Blob([body]) });

async function begin() {
  const clock = new FakeClock(), server = new FakeServer({ clock });
  const p = await openedPage(server), store = new FakeStore();
  server.keys.set("bob@x.example", { address: "bob@x.example", state: "key", local: false, ...fakeCertificate("bob@x.example") });
  const files = new Attaching(async () => store, p.desk.drafts);
  p.desk.filing.revoke = (l) => files.revoke(l);
  p.desk.filing.remove = (f) => files.removeFiles(f);
  const linking = (password = "") => linkingOf({ store, now: () => clock.now(), bytes: (f) => files.bytes(f, 1e9), password, say });
  return { clock, server, p, store, files, linking };
}

async function withFile(w: { p: FakePage; files: Attaching }, more: Partial<DraftContent> = {}, html = ""): Promise<DraftHandle> {
  const d = await w.p.desk.drafts.create({ to: to("bob@x.example"), subject: "the ledger", text: "here it is", html, ...more });
  w.files.add(d, pdf());
  await w.files.settled(d);
  return d;
}
const out = (s: FakeServer) => [...s.outbox, ...s.left].map((o) => ({ to: o.envelope.to, encrypted: o.envelope.encrypted, mail: o.mail }));
const opened = (mail: ArrayBuffer) => text(fakeOpen("mail", new Uint8Array(mail)).buffer);

test("a file goes to the drive while one writes, and the draft keeps where it is, not its bytes", async () => {
  const w = await begin();
  let go = () => {};
  w.store.gate = new Promise((f) => (go = f));
  const d = await w.p.desk.drafts.create({ to: to("bob@x.example"), text: "x" });
  const f = w.files.add(d, pdf());
  await settle();
  expect(w.files.uploads.peek().get(f.id)).toMatchObject({ state: "going", sent: f.size / 2, total: f.size });
  expect(w.files.waiting(d.content.peek()).going).toHaveLength(1);
  expect(await w.p.desk.outbox.send(d, { linking: w.linking() })).toMatchObject({ state: "refused", fault: { word: "links-waiting" } });
  go();
  expect(await w.files.settled(d)).toBe(true);
  expect(w.store.paths).toEqual([[FOLDER]]);
  await calm(w.p);
  const kept = [...w.server.cabinet.values()].filter((b) => b.drawer === "files" && !b.gone);
  expect(kept).toEqual([]);
  const other = await openedPage(w.server);
  await calm(other);
  const there = (await other.desk.drafts.edit(d.id))!.content.peek().files[0]!;
  expect(there).toMatchObject({ name: "ledger.pdf", linked: { own: true, entry: { id: [...w.store.files.keys()][0] } } });
});

test("what was stopped goes on, and what its draft no longer wants does not stay", async () => {
  const w = await begin();
  let go = () => {};
  w.store.gate = new Promise((f) => (go = f));
  const d = await w.p.desk.drafts.create({ text: "x" });
  const f = w.files.add(d, pdf());
  await settle();
  w.files.stop(f.id);
  go();
  expect(await w.files.settled(d)).toBe(false);
  expect(w.files.uploads.peek().get(f.id)!.state).toBe("stopped");
  expect(w.files.canResume(f.id)).toBe(true);
  w.files.resume(d, f.id);
  expect(await w.files.settled(d)).toBe(true);
  w.store.gate = new Promise((f) => (go = f));
  const second = w.files.add(d, pdf());
  await settle();
  const gone = w.files.remove(d, second.id);
  go();
  await gone;
  expect(d.content.peek().files.map((x) => x.id)).toEqual([f.id]);
  await w.files.remove(d, f.id);
  expect(w.store.files.size).toBe(0);
});

test("a draft that was closed meanwhile gets what arrives", async () => {
  const w = await begin();
  let go = () => {};
  w.store.gate = new Promise((f) => (go = f));
  const d = await w.p.desk.drafts.create({ text: "x" });
  w.files.add(d, pdf());
  await d.close();
  go();
  await w.files.settled(d);
  expect((await w.p.desk.drafts.edit(d.id))!.content.peek().files[0]!.linked!.entry).not.toBeNull();
});

test("who has a key gets the link inside of what is sealed, without a question and without a password", async () => {
  const w = await begin();
  const d = await withFile(w, { html: "<div>here it is</div>" });
  expect(await w.p.desk.outbox.send(d, { linking: w.linking("unasked words") })).toMatchObject({ state: "sent" });
  const [link] = [...w.store.links];
  expect(link![1]).toMatchObject({ password: "", open: true, ends: w.clock.now() + 30 * 86_400_000 });
  const [mail] = out(w.server);
  expect(mail!.encrypted).toBe(true);
  expect(text(mail!.mail)).not.toContain(link![1].fragment);
  expect(opened(mail!.mail)).toContain(`/f/${link![0]}#${link![1].fragment}`);
});

test("who has none: nothing leaves before somebody chose, and then what was chosen", async () => {
  for (const way of ["", "link", "password", "plain"] as (LinkWay | "")[]) {
    const w = await begin();
    const d = await withFile(w, { to: to("eve@elsewhere.example") });
    d.update({ linksAs: way });
    const sent = await w.p.desk.outbox.send(d, { readable: true, linking: w.linking("seven brass sextants") });
    const links = [...w.store.links.values()], mail = out(w.server)[0];
    if (way === "") {
      expect(sent).toMatchObject({ state: "refused", fault: { word: "link-choice" }, addresses: ["eve@elsewhere.example"] });
      expect([links, mail]).toEqual([[], undefined]);
      continue;
    }
    expect(sent.state).toBe("sent");
    expect(links.map((l) => l.password)).toEqual(way === "plain" ? [] : [way === "password" ? "seven brass sextants" : ""]);
    expect(text(mail!.mail).includes("/f/link1")).toBe(way !== "plain");
    expect(text(mail!.mail)).not.toContain("sextants");
    expect(text(mail!.mail).includes("kumquat")).toBe(way === "plain");
  }
});

test("those with keys and those without get links of their own", async () => {
  const w = await begin();
  const d = await withFile(w, { cc: to("eve@elsewhere.example"), linksAs: "password" });
  expect(await w.p.desk.outbox.send(d, { readable: true, linking: w.linking("seven brass sextants") })).toMatchObject({ state: "sent" });
  const [sealed, open] = [...w.store.links.values()];
  expect([sealed!.password, open!.password]).toEqual(["", "seven brass sextants"]);
  const plain = out(w.server).find((m) => !m.encrypted)!;
  expect(text(plain.mail)).toContain(open!.fragment);
  expect(text(plain.mail)).not.toContain(sealed!.fragment);
});

test("a password never leaves beside its link", async () => {
  const w = await begin();
  const words = "seven brass sextants";
  for (const more of [{ text: "it is Seven  BRASS\nsextants" }, { subject: words }, { html: "<p>seven <b>brass</b>&nbsp;sextants</p>" }] as Partial<DraftContent>[]) {
    const d = await withFile(w, { to: to("eve@elsewhere.example"), linksAs: "password", ...more });
    expect(await w.p.desk.outbox.send(d, { readable: true, linking: w.linking(words) })).toMatchObject({ state: "refused", fault: { word: "link-told" } });
  }
  const d = await withFile(w, { to: to("eve@elsewhere.example"), linksAs: "password" });
  expect(await w.p.desk.outbox.send(d, { readable: true, linking: w.linking("") })).toMatchObject({ state: "refused", fault: { word: "link-password" } });
  expect([w.store.links.size, out(w.server)]).toEqual([0, []]);
  expect(tells({ subject: "", text: "nothing", html: "" }, words)).toBe(false);
});

test("a letter behind a password has the link inside", async () => {
  const w = await begin();
  const d = await withFile(w, { to: to("eve@elsewhere.example"), passwords: { "eve@elsewhere.example": { password: "abandon the ship", hint: "", hours: 24, answers: false } } });
  expect(await w.p.desk.outbox.send(d, { notice: () => ({ subject: "a letter", text: "open it" }), linking: w.linking() })).toMatchObject({ state: "sent" });
  expect(w.store.links.size).toBe(1);
  expect(text(out(w.server)[0]!.mail)).not.toContain("/f/");
});

test("taken back, or refused, nobody opens the file by its link", async () => {
  const w = await begin();
  const d = await withFile(w);
  const sent = await w.p.desk.outbox.send(d, { linking: w.linking() });
  if (sent.state !== "sent") throw new Error("not sent");
  await calm(w.p);
  expect(await w.p.desk.outbox.takeBack(sent.ids[0]!)).toBe(true);
  expect([...w.store.links.values()].map((l) => l.open)).toEqual([false]);
  expect(w.store.files.size).toBe(1); // the draft still needs it
  const again = (await w.p.desk.drafts.edit(d.id))!;
  expect(again.content.peek()).toMatchObject({ left: null, links: [] });
  w.p.net.lose = (m, path) => (m === "POST" && path === "/outbox" ? "before" : null);
  const sending = w.p.desk.outbox.send(again, { linking: w.linking() });
  await w.clock.advance(5_000);
  expect(await sending).toMatchObject({ state: "queued" });
  await w.p.desk.drafts.edit(d.id);
  expect([...w.store.links.values()].map((l) => l.open)).toEqual([false, false]);
});

test("a mail for later has links that last from then, and none that would end before", async () => {
  const w = await begin();
  const now = Math.floor(w.clock.now() / 1000);
  const d = await withFile(w, { at: now + 10 * 86_400 });
  expect(await w.p.desk.outbox.send(d, { linking: w.linking() })).toMatchObject({ state: "sent" });
  expect([...w.store.links.values()][0]!.ends).toBe((now + 40 * 86_400) * 1000);
  await calm(w.p);
  const id = w.p.desk.drafts.left()[0]!.left!.ids[0]!;
  expect(await w.p.desk.outbox.reschedule(id, now + 40 * 86_400)).toBe(false);
  expect(await w.p.desk.outbox.reschedule(id, now + 20 * 86_400)).toBe(true);
  const late = await withFile(w, { at: now + 89.8 * 86_400 });
  expect(await w.p.desk.outbox.send(late, { linking: w.linking() })).toMatchObject({ state: "refused", fault: { word: "links-late" } });
});

test("a discarded draft takes what it put into the drive with it, unless it comes back", async () => {
  const w = await begin();
  const d = await withFile(w);
  await d.save();
  await d.discard();
  expect(w.p.desk.drafts.all.peek()).toEqual([]);
  w.p.desk.actions.toasts.peek().at(-1)!.undo!();
  await w.clock.advance(60_000);
  await calm(w.p);
  expect([w.p.desk.drafts.all.peek().length, w.store.files.size]).toEqual([1, 1]);
  const again = (await w.p.desk.drafts.edit(d.id))!;
  const kept = await w.store.put(new Blob(["mine"]), { folder: "root", name: "mine.txt" });
  w.files.fromDrive(again, kept);
  again.update({ links: ["link9".padEnd(22, "L")] });
  w.store.links.set("link9".padEnd(22, "L"), { file: "x", ends: 0, password: "", open: true, fragment: "" });
  await again.save();
  w.store.fail = new ApiError("offline", 0);
  await again.discard();
  await w.clock.advance(30_000);
  await calm(w.p);
  expect(w.p.desk.drafts.left()).toHaveLength(1); // tried again
  w.store.fail = null;
  await w.p.desk.outbox.tidy();
  expect(w.p.desk.drafts.left()).toEqual([]);
  expect([...w.store.files.keys()]).toEqual([kept.entry.id]);
  expect(w.store.links.get("link9".padEnd(22, "L"))!.open).toBe(false);
});

test("by hand: an attachment becomes a link, and a link an attachment if it is not too large", async () => {
  const w = await begin();
  const d = await w.p.desk.drafts.create({ text: "x" });
  const f = await d.attach({ name: "a/b.txt", type: "text/plain", data: new TextEncoder().encode("words").buffer });
  await w.files.toLink(d, f.id);
  await w.files.settled(d);
  const [linked] = d.content.peek().files;
  expect(linked).toMatchObject({ name: "a_b.txt", size: 5, linked: { own: true } });
  expect(await w.files.toAttachment(d, linked!.id, 4)).toBe(false);
  expect(await w.files.toAttachment(d, linked!.id, 5)).toBe(true);
  const [back] = d.content.peek().files;
  expect(back!.linked).toBeUndefined();
  expect(text((await d.file(back!.id))!)).toBe("words");
  expect(w.store.files.size).toBe(0);
});
