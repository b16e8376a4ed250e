import { afterEach, describe, expect, test } from "vitest";
import { entries as zipEntries, open as openEntry } from "../../move/zip.ts";
import { pattern } from "../../files/testing.ts";
import { has } from "../../drive/upload.ts";
import { zipSize } from "../../drive/zip.ts";
import { SealedCache } from "../cache.ts";
import { FakeServer, type FakeBrowser, newBrowser, openedPage } from "../testing/fake.ts";
import { fakeHost } from "../testing/files.ts";
import { soon } from "../testing/soon.ts";
import { realClock } from "../../wire/http.ts";
import { Drive, root, type FileEntry } from "./drive.ts";
import { freeName } from "./tree.ts";

const opened: Drive[] = [];
afterEach(() => { for (const d of opened.splice(0)) d.close(); });

async function device(server: FakeServer, browser: FakeBrowser = newBrowser()) {
  const page = await openedPage(server, browser);
  const host = fakeHost(page.net);
  const cache = new SealedCache(await browser.store.open(server.account.id), page.vault);
  const drive = new Drive({ api: page.app.api, cabinet: page.desk.cabinet, cache, clock: realClock, host });
  opened.push(drive);
  return { page, host, drive, browser, news: () => page.desk.cabinet.refresh().then(() => new Promise((go) => setTimeout(go, 20))) };
}
const world = () => new FakeServer({ clock: realClock });
const file = (text: string | Uint8Array<ArrayBuffer>, name = "a.txt") => new File([text], name, { type: "text/plain", lastModified: 1_790_000_000_000 });
const namesIn = async (d: Drive, id = root) => (await d.load(id)).entries.filter((e) => e.trashed === 0).map((e) => e.name).sort();
const textOf = async (d: Drive, e: FileEntry) => (await d.blob(e, 1 << 20)).text();

describe("the drive", () => {
  test("brings, names, moves and keeps versions, and another device sees it", async () => {
    const server = world(), one = await device(server), two = await device(server);
    expect(await namesIn(two.drive)).toEqual([]);
    const work = await one.drive.path(["Work", "2026"]);
    expect(await one.drive.path(["work", "2026"])).toBe(work);
    const put = await one.drive.put(file("canary one"), { folder: work, name: "Letter.txt" });
    const next = await one.drive.put(file("two"), { folder: work, name: "letter.TXT" });
    expect(next.entry.versions.map((v) => v.id)).toEqual([put.entry.id]);
    expect(next.entry.secret).not.toEqual(put.entry.secret);
    await one.drive.put(file("three"), { folder: work, name: "Letter.txt", beside: true });
    expect(await namesIn(one.drive, work)).toEqual(["Letter (2).txt", "letter.TXT"]);
    await one.drive.move([next.entry], work, root);
    await two.news();
    expect(two.drive.folder(root).value?.entries.map((e) => e.name).sort()).toEqual(["Work", "letter.TXT"]);
    expect(await textOf(two.drive, next.entry)).toBe("two");
    const back = await two.drive.restoreVersion(root, next.entry.id, put.entry.id);
    expect([await textOf(two.drive, back), back.versions.map((v) => v.id)]).toEqual(["canary one", [next.entry.id]]);
    await two.drive.removeVersion(root, back.id, next.entry.id);
    expect([...server.files.all.keys()].includes(next.entry.id)).toBe(false);
    expect(server.bodies.some((b) => b.includes("canary one") || b.includes("etter"))).toBe(false);
  });

  test("keeps the changes of two devices at once", async () => {
    const server = world(), devices = await Promise.all([device(server), device(server), device(server)]);
    for (const d of devices) await d.drive.load(root);
    await Promise.all(devices.flatMap((d, i) => [0, 1, 2, 3].map((n) => d.drive.makeFolder(root, `folder ${i} ${n}`))));
    await Promise.all(devices.map((d) => d.news()));
    for (const d of devices) expect((await namesIn(d.drive)).length).toBe(12);
    const same = await Promise.all(devices.map((d) => d.drive.makeFolder(root, "one name")));
    expect(new Set(same).size).toBe(1);
  });

  test("writes a folder once for changes that wait together", async () => {
    const server = world(), { drive } = await device(server);
    await drive.load(root);
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => drive.put(file(`${n}`), { folder: root, name: `${n}.txt` })));
    expect(ids.length).toBe(20);
    expect(server.cabinet.get("drive/root")!.version).toBeLessThan(20);
    expect((await namesIn(drive)).length).toBe(20);
  });

  // A03
  test("takes no older folder than this device has seen, whoever shows it", async () => {
    const server = world(), browser = newBrowser(), one = await device(server, browser);
    await one.drive.makeFolder(root, "first");
    const old = { ...server.cabinet.get("drive/root")! };
    await one.drive.makeFolder(root, "second");
    one.page.app.stop();
    (await browser.store.open(server.account.id)).remove("boxes", ["drive/root"]);
    (await browser.store.open(server.account.id)).remove("state", ["cabinet"]);
    server.cabinet.set("drive/root", { ...old, change: ++server.change });
    const again = await device(server, browser);
    await expect(again.drive.load(root)).rejects.toMatchObject({ word: "rolled-back" });
    await expect(again.drive.makeFolder(root, "third")).rejects.toMatchObject({ word: "rolled-back" });
    server.cabinet.delete("drive/root");
    await expect(again.drive.load(root)).rejects.toMatchObject({ word: "rolled-back" });
    expect(again.page.app.alarms.all.peek().map((a) => a.word)).toContain("rolled-back");
  });

  test("takes no folder in another's place", async () => {
    const server = world(), { drive } = await device(server);
    const a = await drive.makeFolder(root, "a"), other = await device(server);
    server.cabinet.set(`drive/${a}`, { ...server.cabinet.get("drive/root")!, name: a, change: ++server.change });
    await expect(other.drive.load(a)).rejects.toMatchObject({ word: "damaged" });
    await expect(other.drive.load("f".repeat(32))).rejects.toMatchObject({ word: "gone" });
  });

  test("does not put a folder into itself, nor a name where it is taken", async () => {
    const server = world(), { drive } = await device(server);
    const a = await drive.makeFolder(root, "a"), b = await drive.makeFolder(a, "b");
    const e = (await drive.load(root)).entries[0]!;
    await expect(drive.move([e], root, b)).rejects.toMatchObject({ word: "inside" });
    await drive.makeFolder(root, "c");
    await expect(drive.rename(root, a, "C")).rejects.toMatchObject({ word: "taken" });
    await expect(drive.rename(root, a, "x/y")).rejects.toMatchObject({ word: "name" });
    await expect(drive.put(file("x"), { folder: root, name: "c" })).rejects.toMatchObject({ word: "taken" });
    await drive.rename(root, a, "A");
    expect(await namesIn(drive)).toEqual(["A", "c"]);
  });

  test("deletes for good what is in the trash, and frees its room", async () => {
    const server = world(), { drive } = await device(server);
    const a = await drive.makeFolder(root, "a"), b = await drive.makeFolder(a, "b");
    const { entry } = await drive.put(file("x"), { folder: b, name: "x.txt" });
    await drive.put(file("y"), { folder: b, name: "x.txt" });
    await expect(drive.purge(root, a)).rejects.toMatchObject({ word: "busy" });
    await drive.trash(root, [a]);
    await drive.makeFolder(root, "a");
    expect(await drive.restore(root, a)).toBe("a (2)");
    await drive.trash(root, [a]);
    expect((await drive.trashed()).map((f) => f.entry.name)).toEqual(["a (2)"]);
    await drive.emptyTrash(await drive.trashed());
    expect([server.files.all.size, server.cabinet.get(`drive/${b}`)!.gone, await namesIn(drive)]).toEqual([0, true, ["a"]]);
    expect(entry.id).toBeTruthy();
  });

  test("deletes many in few requests, and nobody is led to what is going", async () => {
    const server = world(), one = await device(server), two = await device(server), { drive, page } = one;
    const a = await drive.makeFolder(root, "a"), b = await drive.makeFolder(a, "b");
    for (let n = 0; n < 5; n++) await drive.put(file(`${n}`), { folder: n % 2 ? a : b, name: `${n}.txt` });
    await drive.trash(root, [a]);
    const from = server.seen.length;
    page.net.lose = (method, path) => (method === "DELETE" && path === "/files/batch" ? "before" : null);
    await expect(drive.emptyTrash(await drive.trashed())).rejects.toMatchObject({ word: "offline" });
    expect(server.files.all.size).toBe(5);
    page.net.lose = null;
    await two.news();
    expect(await two.drive.trashed()).toEqual([]);
    await expect(two.drive.restore(root, a)).rejects.toMatchObject({ word: "gone" });
    const later = new Drive({ api: two.page.app.api, cabinet: two.page.desk.cabinet, cache: new SealedCache(await two.browser.store.open(server.account.id), two.page.vault), clock: { ...realClock, now: () => Date.now() + 3_600_000 }, host: two.host });
    opened.push(later);
    await later.trashed();
    await soon(() => expect([server.files.all.size, server.cabinet.get(`drive/${a}`)!.gone, server.cabinet.get(`drive/${b}`)!.gone]).toEqual([0, true, true]));
    await soon(async () => expect((await later.load(root)).entries).toEqual([]));
    expect(server.seen.slice(from).filter((s) => s.startsWith("DELETE /files")).length).toBe(1);
  });

  test("loses nothing where two move one file, or where nobody heard that it was moved", async () => {
    const server = world(), one = await device(server), two = await device(server);
    const a = await one.drive.makeFolder(root, "a"), b = await one.drive.makeFolder(root, "b");
    const { entry } = await one.drive.put(file("x"), { folder: a, name: "x.txt" });
    await two.news();
    const seen = (await two.drive.load(a)).entries;
    await one.drive.move([entry], a, b);
    await expect(two.drive.move(seen, a, b)).rejects.toMatchObject({ word: "gone" });
    await two.news();
    expect([await namesIn(two.drive, a), await namesIn(two.drive, b)]).toEqual([[], ["x.txt"]]);
    await one.news();
    const twice = await Promise.allSettled([one.drive.move([entry], b, a), one.drive.move([entry], b, a)]);
    expect(twice.some((r) => r.status === "fulfilled")).toBe(true);
    expect(await namesIn(one.drive, a)).toEqual(["x.txt"]);
    let lost = 0;
    one.page.net.lose = (method, path) => (method === "PUT" && path === `/cabinet/drive/${a}` && lost++ < 3 ? (lost === 1 ? "after" : "before") : null);
    await expect(one.drive.move([entry], a, b)).rejects.toMatchObject({ word: "offline" });
    await two.news();
    expect([...(await namesIn(two.drive, a)), ...(await namesIn(two.drive, b))]).toEqual(["x.txt"]);
  });

  test("takes back what it moved while another device deleted it", async () => {
    const server = world(), one = await device(server), two = await device(server);
    const a = await one.drive.makeFolder(root, "a"), b = await one.drive.makeFolder(root, "b");
    const { entry } = await one.drive.put(file("x"), { folder: a, name: "x.txt" });
    await two.news();
    const seen = (await two.drive.load(a)).entries;
    await one.drive.trash(a, [entry.id]);
    await one.drive.purge(a, entry.id);
    await expect(two.drive.move(seen, a, b)).rejects.toMatchObject({ word: "gone" });
    expect(await namesIn(two.drive, b)).toEqual([]);
  });

  test("leaves a folder in place that may have been made", async () => {
    const server = world(), one = await device(server), two = await device(server);
    await one.drive.makeFolder(root, "a");
    let lost = 0;
    one.page.net.lose = (method, path) => (method === "PUT" && path === "/cabinet/drive/root" && lost++ < 3 ? (lost === 1 ? "after" : "before") : null);
    await expect(one.drive.makeFolder(root, "b")).rejects.toMatchObject({ word: "offline" });
    for (const e of (await two.drive.load(root)).entries) await two.drive.load(e.id);
    expect(await namesIn(two.drive)).toEqual(["a", "b"]);
  });

  test("shows without a network what this device saw last", async () => {
    const server = world(), browser = newBrowser(), one = await device(server, browser);
    await one.drive.makeFolder(root, "seen");
    one.page.net.offline = true;
    const again = new Drive({ api: one.page.app.api, cabinet: one.page.desk.cabinet, cache: new SealedCache(await browser.store.open(server.account.id), one.page.vault), clock: realClock, host: one.host });
    opened.push(again);
    expect(await namesIn(again)).toEqual(["seen"]);
  });

  test("writes several as one archive of the size it told", async () => {
    const server = world(), { drive, host } = await device(server);
    const a = await drive.makeFolder(root, "Fotos"), plain = pattern(200_000);
    await drive.put(file(plain), { folder: a, name: "ä.bin" });
    await drive.put(file("hello"), { folder: root, name: "hello.txt" });
    await drive.zip((await drive.load(root)).entries, "all.zip", root);
    const { name, content } = host.kept[0]!;
    const inside = await zipEntries(content);
    expect([name, inside.map((e) => e.name).sort()]).toEqual(["all.zip", ["Fotos/", "Fotos/ä.bin", "hello.txt"]]);
    const got = new Uint8Array(await new Response(await openEntry(content, inside.find((e) => e.name.endsWith("bin"))!)).arrayBuffer());
    expect(got).toEqual(plain);
    expect(content.size).toBe(zipSize([{ path: "Fotos/", modified: 0, of: null }, ...(await Promise.all(["Fotos/ä.bin", "hello.txt"].map(async (path, i) => ({ path, modified: 0, of: { id: "", length: [200_000, 5][i]!, secret: new Uint8Array(32) } }))))]));
  });

  test("names what is beside another", () => {
    const f = { entries: ["a.pdf", "a (2).pdf", "dir", ".rc"].map((name) => ({ kind: "folder" as const, name, id: name, modified: 0, trashed: 0 })) };
    expect(["A.pdf", "dir", ".rc", "b"].map((n) => freeName(f, n))).toEqual(["A (3).pdf", "dir (2)", ".rc (2)", "b"]);
  });
});

describe("an upload", () => {
  const big = pattern(300_000);

  test("goes on with the parts that are missing, and never seals twice under one secret", async () => {
    const server = world(), { drive, page } = await device(server);
    server.files.part = 32 << 10;
    const lost = new Set<string>();
    page.net.lose = (method, path) => {
      if (method !== "PUT" || !path.includes("/parts/") || lost.has(path)) return null;
      lost.add(path);
      return lost.size % 2 === 0 ? "after" : "before";
    };
    const progress: number[] = [];
    const { entry } = await drive.put(file(big, "b.bin"), { folder: root, name: "b.bin", onProgress: (n) => void progress.push(n) });
    expect(progress.at(-1)).toBe(big.length);
    const blob = await drive.blob(entry, 1 << 20);
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(big);
    const puts = server.seen.filter((s) => s.startsWith("PUT /files/")), parts = new Set(puts).size;
    expect(puts.length).toBe(parts); // what had arrived was asked for, not sent again
    expect(server.files.all.size).toBe(1);
  });

  test("that is cancelled gives its room back", async () => {
    const server = world(), { drive, page } = await device(server);
    server.files.part = 32 << 10;
    const stop = new AbortController();
    page.net.lose = (_, path) => {
      if (path.endsWith("/parts/3")) stop.abort();
      return path.includes("/parts/3") ? "before" : null;
    };
    await expect(drive.put(file(big), { folder: root, name: "b", signal: stop.signal })).rejects.toMatchObject({ word: "stopped" });
    await soon(() => expect(server.files.used).toBe(0));
    expect(await namesIn(drive)).toEqual([]);
  });

  test("of a file that changed under way is refused; the next has another secret", async () => {
    const server = world(), { drive } = await device(server);
    const changing = new Blob([big]) as Blob & { stream(): ReadableStream<Uint8Array<ArrayBuffer>> };
    let grown = true;
    const whole = changing.stream.bind(changing);
    changing.stream = () => (grown ? new Blob([big, "more"]).stream() : whole()) as ReadableStream<Uint8Array<ArrayBuffer>>;
    await expect(drive.put(changing, { folder: root, name: "b" })).rejects.toMatchObject({ word: "changed" });
    await soon(() => expect(server.files.used).toBe(0));
    grown = false;
    const transfer = drive.transfers.all.peek()[0]!;
    drive.transfers.retry(transfer);
    await soon(() => expect(transfer.now.peek().state).toBe("done"));
    expect(await namesIn(drive)).toEqual(["b"]);
  });

  test("beyond the room says so", async () => {
    const server = world(), { drive } = await device(server);
    server.files.room = 1000;
    await expect(drive.put(file(big), { folder: root, name: "b" })).rejects.toMatchObject({ word: "over-quota" });
    expect(drive.transfers.all.peek()[0]!.now.peek()).toMatchObject({ state: "failed", word: "over-quota" });
  });

  test("waits while it is paused, and lets others go on", async () => {
    const server = world(), { drive, page } = await device(server);
    server.files.part = 32 << 10;
    page.net.lose = (_, path) => (path.includes("f1") && path.endsWith("/parts/2") ? "before" : null);
    const first = drive.put(file(big), { folder: root, name: "first" });
    await soon(() => expect(drive.transfers.all.peek()[0]!.now.peek().state).toBe("waiting"));
    const t = drive.transfers.all.peek()[0]!;
    drive.transfers.pause(t, true);
    await soon(() => expect(t.now.peek().state).toBe("paused"));
    await drive.put(file("x"), { folder: root, name: "second" });
    page.net.lose = null;
    drive.transfers.pause(t, false);
    await first;
    expect(await namesIn(drive)).toEqual(["first", "second"]);
  });

  test("that a closed page left half-way is given up by the next", async () => {
    const server = world(), browser = newBrowser(), one = await device(server, browser);
    server.files.part = 32 << 10;
    one.page.net.lose = (_, path) => (path.endsWith("/parts/4") ? "before" : null);
    void one.drive.put(file(big), { folder: root, name: "b" }).catch(() => {});
    await soon(() => expect(server.files.used).toBeGreaterThan(0));
    await new Promise((go) => setTimeout(go, 50));
    one.page.net.offline = true;
    await device(server, browser);
    await soon(() => expect(server.files.used).toBe(0));
  });

  test("knows which parts are there", () => {
    expect([0, 1, 4, 5, 7, 8].map((n) => has("0:4,7", n))).toEqual([true, true, true, false, true, false]);
    expect([has("", 0), has("10", 1)]).toEqual([false, false]);
  });
});
