import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { describe, expect, it } from "vitest";
import { header } from "./lines.ts";
import { mbox } from "./mbox.ts";
import { maildirName, maildirPlace } from "./maildir.ts";
import { type Arriving, type Place, arrivals } from "./source.ts";
import { crc32, entries, open, ZipWriter } from "./zip.ts";

const bytes = (s: string) => new TextEncoder().encode(s);
const string = (b: Uint8Array) => new TextDecoder().decode(b);
async function all(file: File | File[], from?: Place): Promise<Arriving[]> {
  const out: Arriving[] = [];
  for await (const a of arrivals(Array.isArray(file) ? file : [file], from)) out.push(a);
  return out;
}
const subjects = (mails: Arriving[]) => mails.map((m) => m.refused ?? header(m.mail, "Subject"));

const box = `From ann@example.org Sun Nov 22 13:00:00 2026
From: ann@example.org
Subject: one
Status: RO
X-Status: F

>From here on
>>From there
no From here

From bob@example.org Mon Nov 23 01:02:03 2026
Subject: two
X-Mozilla-Status: 0003

text
From is a word
`;

describe("mbox", () => {
  it("gives mails, unquoted, with flags and dates", async () => {
    const mails = await all(new File([box], "Old mail.mbox"));
    expect(mails.map((m) => [header(m.mail, "Subject"), m.mailbox, m.flags, m.received])).toEqual([
      ["one", "Old mail", ["\\Seen", "\\Flagged"], Date.UTC(2026, 10, 22, 13) / 1000], ["two", "Old mail", ["\\Seen", "\\Answered"], Date.UTC(2026, 10, 23, 1, 2, 3) / 1000]]);
    expect(string(mails[0]?.mail as Uint8Array)).toContain("\r\n\r\nFrom here on\r\n>From there\r\nno From here\r\n");
    expect(string(mails[1]?.mail as Uint8Array).endsWith("text\r\nFrom is a word\r\n")).toBe(true);
  });
  it("goes on where it was broken off", async () => {
    const files = [new File([box], "x.mbox"), new File(["Subject: three\n\nx\n"], "3.eml"), new File([box.replace(/\n/g, "\r\n")], "y.mbox")];
    const mails = await all(files);
    expect(subjects(mails)).toEqual(["one", "two", "three", "one", "two"]);
    for (const [i, m] of mails.entries()) expect(subjects(await all(files, m.next)), String(i)).toEqual(subjects(mails).slice(i + 1));
    expect(mails.map((m) => m.read).every((r, i, a) => r > (a[i - 1] ?? 0))).toBe(true);
    expect(mails[4]?.read).toBe(files.reduce((n, f) => n + f.size, 0));
    expect(string(mails[3]?.mail as Uint8Array)).toBe(string(mails[0]?.mail as Uint8Array));
  });
  it("reads the same whatever the pieces of the file are", async () => {
    const text = bytes(box.replaceAll("\n", "\r\n") + box);
    const want = await all(new File([text], "x.mbox"));
    for (const size of [1, 2, 3, 7, 50]) {
      const stream = new ReadableStream<Uint8Array>({ start(c) { for (let i = 0; i < text.length; i += size) c.enqueue(text.slice(i, i + size)); c.close(); } });
      const got = [];
      for await (const m of mbox(stream, 0, "x")) got.push(string(m.mail));
      expect(got, String(size)).toEqual(want.map((m) => string(m.mail)));
    }
  });
  it("counts what it passes over", async () => {
    const large = new File([`From a@b.c Sun Nov 22 13:00:00 2026\nSubject: large\n\n`, ...Array.from({ length: 101 }, () => "x".repeat(1023).concat("\n").repeat(1024)), "\n", box], "x.mbox");
    expect(subjects(await all(large))).toEqual(["too-large", "one", "two"]);
    expect(subjects(await all(new File([`From a@b.c Sun Nov 22 13:00:00 2026\n\n${box}`], "x.mbox")))).toEqual(["empty", "one", "two"]);
  });
  it("takes the labels of a Google export", async () => {
    const of = async (labels: string) => (await all(new File([`From 1@xxx Sun Nov 22 13:00:00 +0000 2026\nX-Gmail-Labels: ${labels}\nSubject: x\n\nx\n`], "All mail Including Spam and Trash.mbox")))[0];
    expect(await of("Inbox,Opened,Category Updates,Work")).toMatchObject({ mailbox: "INBOX", flags: ["\\Seen"], labels: ["Work"] });
    expect(await of("Sent,Unread,Starred")).toMatchObject({ mailbox: "Sent", flags: ["\\Flagged"], labels: [] });
    expect(await of('=?UTF-8?Q?Archived,Fam=C3=A9lie,"a,_b"?=')).toMatchObject({ mailbox: "Archive", labels: ["Famélie", "a, b"] });
    expect(await of("Spam,Inbox")).toMatchObject({ mailbox: "Junk" });
  });
});

describe("single mails and others", () => {
  it("takes an eml, and refuses what is no mail", async () => {
    const [m] = await all(new File(["Subject: x\nDate: Sun, 22 Nov 2026 13:00:00 +0000\n\nhello\n"], "x.eml"));
    expect([string(m?.mail as Uint8Array), m?.received]).toEqual(["Subject: x\r\nDate: Sun, 22 Nov 2026 13:00:00 +0000\r\n\r\nhello\r\n", Date.UTC(2026, 10, 22, 13) / 1000]);
    expect(subjects(await all([new File([new Uint8Array([0, 1, 2, 3])], "x.bin"), new File(["Subject: y\n\n"], "y.eml"), new File(["PK\u0003\u0004 and no more"], "z.zip")]))).toEqual(["unknown", "y", "damaged"]);
  });
});

describe("Maildir names", () => {
  it("say flags, times and folders", () => {
    expect(maildirName("1700000000.M1P2.host:2,FRS")).toEqual({ flags: ["\\Flagged", "\\Answered", "\\Seen"], at: 1_700_000_000 });
    for (const [name, want] of [["Maildir/cur/1", "INBOX"], ["cur/1", "INBOX"], ["Maildir/.Work.2026/cur/1", "Work/2026"], ["Mail/Work/2026/new/1", "Work/2026"],
      ["Maildir/.a%2Eb/cur/1", "a.b"], ["Maildir/tmp/1", null], ["x", null], ["Maildir/../../etc/cur/1", "etc"]] as const) expect(maildirPlace(name), name).toBe(want);
  });
});

describe("zip", () => {
  it("reads what zip and Python write, and they read what it writes", async () => {
    const dir = mkdtempSync(path(tmpdir(), "zip-"));
    try {
      mkdirSync(path(dir, "Maildir/.Work/cur"), { recursive: true });
      writeFileSync(path(dir, "Maildir/.Work/cur/1700000000.1.x:2,S"), "Subject: in work\n\n" + "text ".repeat(500));
      writeFileSync(path(dir, "Sent.mbox"), box);
      execFileSync("python3", ["-c", "import zipfile,sys,os\nz=zipfile.ZipFile('a.zip','w',zipfile.ZIP_DEFLATED)\nfor r,_,fs in os.walk('.'):\n  for f in fs:\n    if f!='a.zip': z.write(os.path.join(r,f))\nz.close()"], { cwd: dir });
      const mails = await all(new File([readFileSync(path(dir, "a.zip"))], "a.zip"));
      expect(mails.map((m) => [header(m.mail, "Subject"), m.mailbox]).sort()).toEqual([["in work", "Work"], ["one", "Sent"], ["two", "Sent"]]);

      const zip = new File([readFileSync(path(dir, "a.zip"))], "a.zip");
      for (const [i, m] of mails.entries()) expect(subjects(await all(zip, m.next)), String(i)).toEqual(subjects(mails).slice(i + 1));

      const parts: Uint8Array<ArrayBuffer>[] = [];
      const w = new ZipWriter(async (d) => { parts.push(d); });
      await w.add("INBOX/ünï.eml", bytes("hello"), 1_700_000_000);
      await w.add("b", new Uint8Array(100_000), 0);
      await w.finish();
      writeFileSync(path(dir, "b.zip"), await new Blob(parts).bytes?.() ?? new Uint8Array(await new Blob(parts).arrayBuffer()));
      const said = execFileSync("python3", ["-c", "import zipfile\nz=zipfile.ZipFile('b.zip');assert z.testzip() is None;print([(i.filename,i.file_size) for i in z.infolist()],z.read('INBOX/ünï.eml'))"], { cwd: dir, encoding: "utf8", env: { ...process.env, PYTHONIOENCODING: "utf-8" } });
      expect(said.trim()).toBe("[('INBOX/ünï.eml', 5), ('b', 100000)] b'hello'");
      const again = new Blob(parts);
      expect(await Promise.all((await entries(again)).map(async (e) => [e.name, (await new Response(await open(again, e)).arrayBuffer()).byteLength]))).toEqual([["INBOX/ünï.eml", 5], ["b", 100_000]]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
  it("has the checksum of everybody", () => expect(crc32(bytes("123456789"))).toBe(0xcbf43926));
  it("refuses bombs and damage without reading them", async () => {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const w = new ZipWriter(async (d) => { parts.push(d); });
    await w.add("a.eml", bytes("Subject: x\n\n"), 0);
    await w.finish();
    const good = new Uint8Array(await new Blob(parts).arrayBuffer());
    for (let n = 0; n < good.length; n++) {
      const cut = new File([good.slice(0, n)], "x.zip");
      await expect((async () => { for (const e of await entries(cut)) await new Response(await open(cut, e)).arrayBuffer(); return "read"; })(), String(n)).rejects.toThrow();
    }
    const bomb = good.slice();
    const at = bomb.length - 98 - 28 - 5 - 46; // the one entry of the directory
    new DataView(bomb.buffer).setUint32(at + 24, 0xfffffff0, true);
    await expect(entries(new Blob([bomb]))).rejects.toThrow("bomb");
  });
});
