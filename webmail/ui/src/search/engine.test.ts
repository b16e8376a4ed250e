import { signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import type { Card, Columns, MailboxView, MailRef } from "../model/types.ts";
import type { Answer, Ask } from "./serve.ts";
import type { Port } from "./client.ts";
import { createSearch, type SearchParts } from "./engine.ts";
import { sizes } from "./segment.ts";
import { createServer } from "./serve.ts";

const encode = (s: string): ArrayBuffer => new TextEncoder().encode(s).buffer;
const decode = (b: ArrayBuffer): string => new TextDecoder().decode(b);
const words = (text: string): string[] => [...new Set(text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((w) => w.length > 1))].sort();

function port(): Port {
  const serve = createServer();
  const p: Port = {
    onmessage: null,
    postMessage(message) {
      const { n, ask } = structuredClone(message) as { n: number; ask: Ask };
      const answer = serve(n, ask);
      queueMicrotask(() => p.onmessage?.({ data: answer } as MessageEvent<Answer>));
    },
    terminate() { p.onmessage = null; },
  };
  return p;
}

interface Mail { id: string; uid: number; subject: string; text: string; from: string }

// One account at one server; device() is one of its browsers.
class World {
  mails: Mail[] = [];
  boxes = new Map<string, { version: number; data: ArrayBuffer }>();
  shed = new Set<number>();
  fetched = 0;
  now = 1_800_000_000_000;

  add(subject: string, text: string, from = "ann@example.org"): Mail {
    const uid = this.mails.length + 1;
    const mail = { id: uid.toString(16).padStart(32, "0"), uid, subject, text, from };
    this.mails.push(mail);
    return mail;
  }

  device() {
    const box = { id: 1, name: "INBOX" } as MailboxView;
    const version = signal(0);
    const cabinetVersion = signal(0);
    const timers = new Set<{ at: number; f: () => void }>();
    const card = (m: Mail): Card => ({ id: m.id, subject: m.subject, from: m.from, from_name: "", snippet: m.text.slice(0, 20), attachments: [], more_attachments: 0, arrived: m.uid, message_id: "", in_reply_to: "", references: [] as string[] }) as unknown as Card;
    const columns = (): Columns => ({
      length: this.mails.length, uids: Uint32Array.from(this.mails, (m) => m.uid), ids: this.mails.map((m) => m.id), received: Float64Array.from(this.mails, (m) => m.uid),
      sizes: Float64Array.from(this.mails, () => 1000), letters: Uint8Array.from(this.mails, (m) => (this.shed.has(m.uid) ? 17 : 21)), classes: Uint8Array.from(this.mails, () => 1),
      modseqs: new Float64Array(this.mails.length), flags: new Uint16Array(this.mails.length), flagSets: [[]],
    });
    const parts: SearchParts = {
      api: {
        terms: async (_b: number, uids: readonly number[]) => {
          this.fetched += uids.length;
          return uids.map((uid) => ({ uid, data: this.shed.has(uid) ? new ArrayBuffer(0) : encode(words(`${this.mails[uid - 1]?.subject} ${this.mails[uid - 1]?.text}`).join("\n")) }));
        },
        changes: async (changes: { uids: number[] }[]) => { changes.forEach((c) => c.uids.forEach((u) => this.shed.add(u))); return []; },
        letter: async (_b: number, uid: number) => encode(String(uid)),
      } as unknown as SearchParts["api"],
      vault: {
        openTerms: async (terms: ArrayBuffer[]) => terms.map((t) => decode(t).split("\n")),
        fold: async (text: string) => words(text),
        openMail: async ({ message }: { message: ArrayBuffer }) => { const m = this.mails[Number(decode(message)) - 1] as Mail; return { handle: 1, subject: m.subject, text: m.text, html: "" }; },
        forget: async () => {},
      } as unknown as SearchParts["vault"],
      sync: {
        mailboxes: signal([box]), version, columns, card: (id: string) => { const m = this.mails.find((x) => x.id === id); return m && card(m); },
        flagsOf: () => [], find: (id: string): MailRef | undefined => { const m = this.mails.find((x) => x.id === id); return m && { mailbox: 1, uid: m.uid, id }; },
      } as unknown as SearchParts["sync"],
      cabinet: {
        version: cabinetVersion, refresh: async () => {},
        list: () => [...this.boxes].map(([name, b]) => ({ name, version: b.version, size: b.data.byteLength, change: 1 })),
        read: async (_d: string, name: string) => this.boxes.get(name)?.data.slice(0) ?? null,
        write: async (_d: string, name: string, _was: number, data: ArrayBuffer) => { this.boxes.set(name, { version: 1, data: data.slice(0) }); return 1; },
        remove: async (_d: string, name: string) => { this.boxes.delete(name); },
      },
      settings: { value: signal({ labels: [], snoozed: {}, muted: [] }) } as unknown as SearchParts["settings"],
      clock: { now: () => this.now, after: (ms, f) => { if (ms === 0) { queueMicrotask(f); return () => {}; } const t = { at: this.now + ms, f }; timers.add(t); return () => timers.delete(t); } },
      port: port(),
    };
    const search = createSearch(parts);
    const settle = async () => { for (let i = 0; i < 60; i++) await new Promise((r) => setTimeout(r, 0)); };
    return {
      search, settle,
      poke: async () => { version.value++; cabinetVersion.value++; await settle(); },
      pass: async (ms: number) => { this.now += ms; for (const t of [...timers]) if (t.at <= this.now) { timers.delete(t); t.f(); } await settle(); },
      find: async (q: string) => (await search.query(q)).ids.map((id) => Number.parseInt(id, 16)),
    };
  }
}

describe("search engine", () => {
  it("finds words, newest first, and shares them in segments of one size", async () => {
    const w = new World();
    w.add("Invoice", "the amount is due");
    w.add("Holiday", "the sea and the sun");
    w.add("Invoice again", "this amount, too");
    const a = w.device();
    await a.settle();
    expect(await a.find("amount")).toEqual([3, 1]);
    expect(await a.find("invoice again")).toEqual([3]);
    expect([...w.boxes.values()].map((b) => b.data.byteLength)).toEqual([sizes.fresh]);
    expect(w.shed).toEqual(new Set([1, 2, 3]));
  });

  it("makes a new device search without reading mail again", async () => {
    const w = new World();
    for (let i = 0; i < 50; i++) w.add(`Letter ${i}`, i % 7 === 0 ? "zebra" : "horse");
    const a = w.device();
    await a.settle();
    expect(w.fetched).toBe(50);
    const b = w.device();
    await b.settle();
    expect(w.fetched).toBe(50);
    expect(await b.find("zebra")).toEqual(await a.find("zebra"));
    expect((await b.find("zebra")).length).toBe(8);
  });

  it("confirms phrases in the text itself", async () => {
    const w = new World();
    w.add("A", "letter of intent");
    w.add("B", "intent of letter");
    const a = w.device();
    await a.settle();
    expect(await a.find("letter intent")).toEqual([2, 1]);
    expect(await a.find('"letter of intent"')).toEqual([1]);
  });

  it("uploads in a rhythm that says nothing of what arrived, and merges small segments", async () => {
    const w = new World();
    w.add("first", "one");
    const a = w.device();
    await a.settle();
    w.add("second", "two");
    await a.poke();
    expect(w.boxes.size).toBe(1);
    expect(await a.find("two")).toEqual([2]);
    for (let i = 0; i < 12; i++) {
      w.add(`more ${i}`, "again");
      await a.pass(10 * 60_000);
    }
    expect(w.boxes.size).toBeLessThan(9);
    expect((await a.find("again")).length).toBe(12);
    const b = w.device();
    await b.settle();
    expect((await b.find("again")).length).toBe(12);
  });

  it("learns what only a client could read, for all devices", async () => {
    const w = new World();
    w.add("[...]", "");
    const a = w.device();
    a.search.learn("1".padStart(32, "0"), "The secret meeting is at noon");
    await a.settle();
    expect(await a.find("meeting noon")).toEqual([1]);
    const b = w.device();
    await b.settle();
    expect(await b.find("meeting noon")).toEqual([1]);
  });

  it("passes over a damaged segment and reads the mail again", async () => {
    const w = new World();
    w.add("first", "one");
    w.boxes.set("bad", { version: 1, data: new ArrayBuffer(sizes.fresh) });
    const a = w.device();
    await a.settle();
    expect(await a.find("one")).toEqual([1]);
  });
});
