// An upload request from the stranger's side, against a server that breaks, lies and ends.
import { describe, expect, test } from "vitest";
import { type Head, SealedFile, newFragment, openDrop, receiverOf, sealAsk, sealedSize, sourceOf } from "../files/index.ts";
import { Asked } from "../model/asked.ts";
import { Failure } from "../shared/fetching.ts";
import { fromBase64, sha256, toBase64 } from "../vault/bytes.ts";
import { cut } from "../drive/upload.ts";
import { Carrier } from "./carrier.ts";
import type { Ask, Event, Told } from "./line.ts";

const id = "R".repeat(22), object = "O".repeat(22), part = 100_000;
const key = await receiverOf(new Uint8Array(32).fill(7));

/** drops.go, as far as a page sees it. */
class Server {
  readonly fragment = newFragment();
  box = "";
  size = 0;
  parts = new Map<number, Uint8Array>();
  head = "";
  over = false;
  asked: string[] = [];
  bodies: string[] = [];
  keys = new Set<string>();
  removed = 0;
  fail: (method: string, path: string) => Response | "cut" | null = () => null;

  static async begin(): Promise<Server> {
    const s = new Server();
    s.box = toBase64(await sealAsk(s.fragment, { key: key.raw as Uint8Array<ArrayBuffer>, title: "Photos", note: "of the quay" }));
    return s;
  }
  fetch = (async (url: string, o: RequestInit = {}) => {
    const method = o.method ?? "GET", path = String(url).replace("/api/v1/drops/", "");
    this.asked.push(`${method} ${path} ${JSON.stringify(o.headers)} ${o.credentials}`);
    if (typeof o.body === "string") this.bodies.push(o.body);
    const broken = this.fail(method, path);
    if (broken === "cut") throw new TypeError("gone");
    if (broken) return broken;
    return this.over ? problem(404, "not-found") : this.answer(method, path, o);
  }) as typeof fetch;

  async answer(method: string, path: string, o: RequestInit): Promise<Response> {
    if (path === id) return Response.json({ box: this.box, expires: "2026-12-01T00:00:00Z", files: 3, bytes: 1_000_000 });
    if (path === `${id}/files`) {
      this.keys.add(new Headers(o.headers).get("Idempotency-Key") ?? "");
      this.size = (JSON.parse(String(o.body)) as { size: number }).size;
      return Response.json({ id: object, size: this.size, part, parts: Math.ceil(this.size / part), created: "", complete: false, have: "" }, { status: 201 });
    }
    if (method === "DELETE") return this.removed++, new Response(null, { status: 204 });
    const n = /parts\/(\d+)$/.exec(path)?.[1];
    if (n) {
      const octets = new Uint8Array(o.body as Uint8Array<ArrayBuffer>);
      expect(new Headers(o.headers).get("Content-Digest")).toBe(`sha-256=:${toBase64(await sha256(octets))}:`);
      this.parts.set(Number(n), octets);
      return new Response(null, { status: 204 });
    }
    this.head = (JSON.parse(String(o.body)) as { head: string }).head;
    return new Response(null, { status: 204 });
  }
  async opened(): Promise<{ head: Head; content: Uint8Array }> {
    const whole = new Blob([...this.parts.entries()].sort(([a], [b]) => a - b).map(([, p]) => p as Uint8Array<ArrayBuffer>));
    const head = await openDrop(key, id, { id: object, size: this.size }, fromBase64(this.head));
    const file = await SealedFile.open(sourceOf(whole), head);
    return { head, content: await file.read(0, head.length) };
  }
}
const problem = (status: number, word: string, headers: Record<string, string> = {}) => Response.json({ type: `urn:sealpost:problem:${word}` }, { status, headers });

async function begin() {
  const server = await Server.begin(), events: Event[] = [];
  const carrier = new Carrier(server.fetch, (e) => events.push(e));
  return { server, carrier, events };
}
const look = (c: Carrier, secret: string) => c.do({ do: "look", id, secret }) as Promise<Told>;
const content = Uint8Array.from({ length: 250_000 }, (_, i) => (i * 7) % 251);
const file = (name = "../the ledger\u202e.txt") => new File([content], name, { type: "text/plain", lastModified: 1_700_000_000_000 });
const word = async (p: Promise<unknown>) => p.then(() => "fine", (e: unknown) => (e instanceof Failure ? e.word : String(e)));

describe("a request", () => {
  test("says what is asked for to whoever has its secret; all else is one answer", async () => {
    const { server, carrier } = await begin();
    expect(await look(carrier, server.fragment)).toMatchObject({ title: "Photos", note: "of the quay", files: 3, bytes: 1_000_000 });
    expect(await word(look(carrier, newFragment()))).toBe("gone");
    expect(await word(look(carrier, "short"))).toBe("gone");
    server.over = true;
    expect(await word(look(carrier, server.fragment))).toBe("gone");
  });

  test("a file arrives sealed to its owner alone, and no request says what it is", async () => {
    const { server, carrier } = await begin();
    await look(carrier, server.fragment);
    await carrier.do({ do: "bring", n: 1, file: file() });
    const { head, content: got } = await server.opened();
    expect(head).toMatchObject({ name: ".._the ledger_.txt", type: "text/plain", length: 250_000, modified: 1_700_000_000_000 });
    expect(toBase64(await sha256(got))).toBe(toBase64(await sha256(content)));
    expect(server.parts.size).toBe(Math.ceil(sealedSize(250_000) / part));
    const said = server.asked.join("\n") + server.bodies.join("\n");
    for (const secret of [server.fragment, "ledger", toBase64(head.secret)]) expect(said).not.toContain(secret);
    expect(server.asked.every((a) => a.endsWith(" omit"))).toBe(true);
    await expect(openDrop(await receiverOf(new Uint8Array(32).fill(8)), id, { id: object, size: server.size }, fromBase64(server.head))).rejects.toThrow();
  });

  test("what the network breaks is asked again, under one key and with the same octets", async () => {
    const { server, carrier, events } = await begin();
    await look(carrier, server.fragment);
    const cut = new Set<string>(), before = new Map<string, string>();
    server.fail = (method, path) => {
      const at = `${method} ${path}`;
      if (cut.has(at)) return null;
      cut.add(at);
      // The first answer gets lost: begun, stored and completed all the same.
      if (path.endsWith("/parts/1")) return problem(429, "slow-down", { "Retry-After": "1" });
      return "cut";
    };
    const put = server.answer.bind(server);
    server.answer = async (method, path, o) => {
      if (o.body instanceof Uint8Array) before.set(path, toBase64(await sha256(o.body as Uint8Array<ArrayBuffer>)));
      return put(method, path, o);
    };
    await carrier.do({ do: "bring", n: 1, file: file() });
    expect([server.keys.size, (await server.opened()).head.length, server.removed]).toEqual([1, 250_000, 0]);
    expect(events.some((e) => e.state === "waiting")).toBe(true);
    expect(new Set(before.values()).size).toBe(server.parts.size);
  });

  test.each([["too-many", 409, "too-many"], ["over-quota", 507, "over-quota"], ["bad-input", 422, "too-large"], ["not-found", 404, "gone"]])("%s ends it", async (w, status, says) => {
    const { server, carrier } = await begin();
    await look(carrier, server.fragment);
    server.fail = (method) => (method === "POST" ? problem(status, w) : null);
    expect(await word(carrier.do({ do: "bring", n: 1, file: file() }) as Promise<unknown>)).toBe(says);
  });

  test("whoever stops gives the room back; a server that lies about parts is not believed", async () => {
    const { server, carrier } = await begin();
    await look(carrier, server.fragment);
    server.fail = (method) => (method === "PUT" ? "cut" : null);
    const way = carrier.do({ do: "bring", n: 4, file: file() }) as Promise<unknown>;
    await new Promise((go) => setTimeout(go, 100));
    await carrier.do({ do: "stop", n: 4 });
    expect([await word(way), server.removed, server.head]).toEqual(["stopped", 1, ""]);
    server.answer = async () => Response.json({ id: object, size: 5, part, parts: 1 }, { status: 201 });
    expect(await word(carrier.do({ do: "bring", n: 5, file: file() }) as Promise<unknown>)).toBe("refused");
  });

  test("parts go some at a time, and no more than four", async () => {
    const { server, carrier } = await begin();
    await look(carrier, server.fragment);
    const put = server.answer.bind(server);
    let now = 0, most = 0;
    server.answer = async (method, path, o) => {
      if (method !== "PUT") return put(method, path, o);
      most = Math.max(most, ++now);
      await new Promise((go) => setTimeout(go, 5));
      now--;
      return put(method, path, o);
    };
    const large = new File([new Uint8Array(900_000)], "large");
    await carrier.do({ do: "bring", n: 1, file: large });
    expect([most, server.parts.size, (await server.opened()).head.length]).toEqual([4, Math.ceil(sealedSize(900_000) / part), 900_000]);
  });

  test("a file that cannot be read to its end is not completed", async () => {
    const { server, carrier } = await begin();
    await look(carrier, server.fragment);
    for (const [n, removed] of [[249_000, 1], [249_999, 2]]) { // of another sealed size, and of the same
      const f = file();
      Object.defineProperty(f, "stream", { value: () => new Blob([content.subarray(0, n)]).stream() });
      expect([await word(carrier.do({ do: "bring", n: 1, file: f }) as Promise<unknown>), server.head, server.removed]).toEqual(["changed", "", removed]);
    }
  });

  test("parts are as long as they are to be", async () => {
    const lengths: number[] = [];
    const source = async function* () { yield new Uint8Array(7); yield new Uint8Array(0); yield new Uint8Array(13); yield new Uint8Array(1); };
    for await (const p of cut(source(), { part: 5, size: 21 })) lengths.push(p.length);
    expect(lengths).toEqual([5, 5, 5, 5, 1]);
    for (const size of [20, 22]) await expect((async () => { for await (const p of cut(source(), { part: 5, size })) expect(p.length <= 5).toBe(true); })()).rejects.toThrow("changed");
  });
});

describe("the list of what is brought", () => {
  const told: Told = { title: "", note: "", expires: 0, files: 2, bytes: 600_000, report: "" };
  const host = (bring: (n: number) => Promise<void>) => ({ asked: [] as Ask[], close() {}, async ask<T>(a: Ask) { this.asked.push(a); return (a.do === "look" ? told : a.do === "bring" ? await bring(a.n) : undefined) as T; } });
  const states = (m: Asked) => m.items.value.map((i) => i.state + (i.word ? ` ${i.word}` : ""));
  const idle = () => new Promise((go) => setTimeout(go, 5));

  test("takes what is still wanted, one after the other", async () => {
    const m = new Asked(id, "x", host(async () => {}));
    await m.open();
    m.add([file("a"), file("b"), file("c")]);
    expect(states(m)).toEqual(["running", "queued", "failed too-many"]);
    await idle();
    expect(states(m)).toEqual(["done", "done", "failed too-many"]);
    expect([m.left.value.files, m.busy.value]).toEqual([0, false]);
  });

  test("too large is said before anything is sent; the end of a request ends all", async () => {
    const h = host(async () => { throw new Failure("gone"); });
    const m = new Asked(id, "x", h);
    await m.open();
    m.add([new File([new Uint8Array(700_000)], "big"), file("a"), file("b")]);
    await idle();
    expect(states(m)).toEqual(["failed too-large", "failed gone", "failed gone"]);
    expect(h.asked.filter((a) => a.do === "bring").length).toBe(1);
  });
});
