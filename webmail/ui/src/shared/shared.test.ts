import { describe, expect, test, vi } from "vitest";
import { type Head, makeLink, newFragment } from "../files/index.ts";
import { gather, pattern, sealed } from "../files/testing.ts";
import { equal, fromBase64, toBase64 } from "../vault/bytes.ts";
import { MEMORY_LARGEST, SharedLink } from "../model/shared.ts";
import { soon } from "../model/testing/soon.ts";
import { placeOf } from "./place.ts";
import { lookAt } from "../view/shared/look.tsx";
import { bridge, bridged, headersOf } from "./bridge.ts";
import { Failure, Run, octets } from "./fetching.ts";
import { Keeper, cut } from "./keeper.ts";
import type { Ask, Begin, Event, Piece, Told } from "./line.ts";
import { mediaType } from "./media.ts";

const id = "3VtZQm0c2n-Jq_8sKXw1aA", object = "0VtZQm0c2n-Jq_8sKXw1aA";

// A server with one link. Its answers break where a test says so.
async function world(o: { size?: number; password?: string; most?: number; breaks?: number[]; change?: (file: Uint8Array) => Uint8Array; gone?: boolean } = {}) {
  const plain = pattern(o.size ?? 300_000);
  const made = await sealed(plain);
  const head: Head = { ...made.head, name: "Grüße.txt", type: "text/plain" };
  const fragment = newFragment();
  const link = await makeLink({ fragment, password: o.password ?? "", object: { id: object, size: made.file.length }, head });
  const file = o.change?.(made.file.slice()) ?? made.file;
  const seen: { path: string; headers: Record<string, string> }[] = [];
  const breaks = [...(o.breaks ?? [])];
  let downloads = 0;
  const state = { gone: o.gone ?? false };
  const json = (v: unknown, status = 200) => new Response(JSON.stringify(v), { status });
  const fetch = (async (path: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    seen.push({ path, headers });
    const proven = headers["Link-Proof"] === toBase64(link.proof);
    if (state.gone || (headers["Link-Proof"] && !proven)) return json({}, 404);
    if (path.endsWith("/download")) return downloads++, json({ ticket: "T", until: "2030-01-01T00:00:00Z" });
    if (!path.endsWith("/content")) return json({ file: object, size: made.file.length, checked: true, expires: "2030-01-01T00:00:00Z", ...(link.kdf.length > 0 && { kdf: toBase64(link.kdf) }), ...(proven && { box: toBase64(link.box), left: 2 }) });
    if (headers["Link-Ticket"] !== "T") return json({}, 404);
    const [from, to] = cut(headers["Range"] ?? null, file.length)!;
    const stop = breaks.shift() ?? Infinity;
    const body = new ReadableStream<Uint8Array>({
      start(c) {
        for (let n = from; n < to && n < stop; n += 50_000) c.enqueue(file.slice(n, Math.min(n + 50_000, to, stop)));
        c.close(); // as a connection that is cut looks to some
      },
    });
    return new Response(body, { status: 206, headers: { "Content-Range": `bytes ${from}-${to - 1}/${file.length}` } });
  }) as unknown as typeof globalThis.fetch;
  const events: Event[] = [];
  const keeper = new Keeper(fetch, (e) => events.push(e));
  const look = (secret = fragment, password = o.password ?? "") => keeper.do({ do: "look", id, secret, password }) as Promise<Told>;
  return { plain, keeper, look, seen, events, fragment, state, downloads: () => downloads };
}

/** Takes what a keeper serves as the service worker does. */
async function take(keeper: Keeper, ask: { save: boolean; range?: string }) {
  const line = new MessageChannel(), pieces: Uint8Array[] = [];
  let begin: Begin | undefined;
  const last = new Promise<string>((done) => {
    line.port1.onmessage = (e: MessageEvent<Piece>) => {
      if ("end" in e.data || "broken" in e.data) return done("end" in e.data ? "end" : "broken");
      if ("begin" in e.data) begin = e.data.begin;
      else pieces.push(new Uint8Array(e.data.piece));
      line.port1.postMessage("more");
    };
  });
  await keeper.do({ do: "serve", save: ask.save, type: "video/mp4", name: "a", range: ask.range ?? null }, line.port2 as unknown as Parameters<Keeper["do"]>[1]);
  const how = await last;
  line.port1.close();
  return { how, begin: begin!, got: await gather((async function* () { yield* pieces; })()) };
}

const failure = (p: Promise<unknown>) => p.then(() => "no failure", (e: unknown) => (e instanceof Failure ? e.word : String(e)));

describe("a link", () => {
  test("opens for its secret, which no request has", async () => {
    const w = await world();
    expect(await w.look()).toEqual({ name: "Grüße.txt", type: "text/plain", length: 300_000, expires: 1893456000, left: 2, report: "", password: false });
    const raw = fromBase64(w.fragment.replaceAll("-", "+").replaceAll("_", "/").padEnd(24, "="));
    const sent = JSON.stringify(w.seen);
    for (const form of [w.fragment, toBase64(raw), Buffer.from(raw).toString("hex")]) expect(sent).not.toContain(form);
  });

  test("that is over, has another secret or is not whole is the same", async () => {
    const w = await world(), over = await world({ gone: true });
    expect(await failure(w.look(newFragment()))).toBe("gone");
    expect(await failure(w.look("short"))).toBe("gone");
    expect(await failure(over.look())).toBe("gone");
  });

  test("asks for its password, and knows a wrong one", async () => {
    const w = await world({ password: "lantern" });
    expect(await failure(w.look(w.fragment, ""))).toBe("password");
    expect(await failure(w.look(w.fragment, "lanterns"))).toBe("wrong");
    expect((await w.look()).password).toBe(true);
    w.state.gone = true;
    expect(await failure(w.look(w.fragment, "lanterns"))).toBe("gone");
  });

  test("stands at a path of its own, with the secret as the fragment", () => {
    expect(placeOf(`/f/${id}`, "#abc")).toEqual({ kind: "f", id, secret: "abc" });
    expect(placeOf(`/r/${id}`, "#abc").kind).toBe("r");
    expect(placeOf(`/f/${id}/x`, "#abc").kind).toBe("");
  });
});

const last = (f: Uint8Array) => { f[f.length - 20]! ^= 1; return f; };

describe("a download", () => {
  test("goes on where it broke, counts once, and is done when all of it is whole", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"], shouldAdvanceTime: true, advanceTimeDelta: 200 });
    const w = await world({ breaks: [120_000, 240_001] });
    await w.look();
    const { how, begin, got } = await take(w.keeper, { save: true });
    expect([how, begin.part, begin.size]).toEqual(["end", false, 300_000]);
    expect(equal(got, w.plain)).toBe(true);
    expect(w.seen.filter((s) => s.path.endsWith("/content")).map((s) => s.headers["Range"])).toEqual(["bytes=0-", "bytes=120000-", "bytes=240001-"]);
    expect(w.downloads()).toBe(1);
    expect(w.events.map((e) => e.state)).toContain("waiting");
    expect(w.events.at(-1)).toEqual({ state: "done", have: 300_000 });
    vi.useRealTimers();
  });

  const zeros = (f: Uint8Array) => { f[70_000]! ^= 1; return f; };
  test.each([["its end", last], ["a part in the middle", zeros], ["its header", (f: Uint8Array) => { f[100]! ^= 1; return f; }]])("of a file with another octet never ends as whole: %s", async (_, change) => {
    const w = await world({ change });
    await w.look();
    expect((await take(w.keeper, { save: true })).how).toBe("broken");
    expect(w.events.at(-1)).toMatchObject({ state: "failed", word: "damaged" });
  });

  test("stops for good when the link is over", async () => {
    const w = await world({ breaks: [120_000] });
    await w.look();
    const under = take(w.keeper, { save: true });
    await soon(() => expect(w.seen.some((s) => s.path.endsWith("/content"))).toBe(true));
    w.state.gone = true;
    expect((await under).how).toBe("broken");
    expect(w.events.at(-1)).toMatchObject({ state: "failed", word: "gone" });
  });

  test("takes no answer that begins elsewhere", async () => {
    const ask = async () => new Response(new Uint8Array(15), { status: 206, headers: { "Content-Range": "bytes 5-19/20" } });
    await expect(gather(octets(ask, 15, new Run(() => {})))).rejects.toMatchObject({ word: "closed" });
  });

  test("waits while it is paused", async () => {
    const states: string[] = [], run = new Run((s) => states.push(s));
    run.pause(true);
    let on = false;
    const turn = run.turn().then(() => (on = true));
    await new Promise((go) => setTimeout(go, 20));
    expect([on, states]).toEqual([false, ["paused"]]);
    run.pause(false);
    await turn;
    expect(states).toEqual(["paused", "running"]);
  });
});

describe("a browser without a service worker", () => {
  const page = (w: Awaited<ReturnType<typeof world>>, kept: Blob[]): SharedLink => {
    const link: SharedLink = new SharedLink(id, w.fragment, {
      client: { ask: <T>(ask: Ask, port?: MessagePort) => w.keeper.do(ask, port as unknown as Parameters<Keeper["do"]>[1]) as Promise<T>, close: () => {} },
      bringer: async () => null, onFile: () => () => {}, save: () => { throw new Error("nobody brings it"); }, keep: (_, content) => void kept.push(content),
    });
    return link;
  };

  test("keeps a file in memory until it is whole, and no damaged one", async () => {
    const kept: Blob[] = [], w = await world(), bad = await world({ change: last });
    const link = page(w, kept), broken = page(bad, kept);
    expect([await link.open(), await broken.open()]).toEqual([true, true]);
    await link.download("a");
    await broken.download("a");
    expect(kept.length).toBe(1);
    expect(equal(new Uint8Array(await kept[0]!.arrayBuffer()), w.plain)).toBe(true);
  });

  test("is told where a file is too large for that", async () => {
    const w = await world(), link = page(w, []);
    await link.open();
    link.told.value = { ...link.told.peek()!, length: MEMORY_LARGEST + 1 };
    await link.download("a");
    expect([link.noStream.value, link.way.value.kind, w.downloads()]).toEqual([true, "idle", 0]);
  });
});

describe("what is shown", () => {
  test("comes by ranges", async () => {
    const w = await world();
    await w.look();
    const { how, begin, got } = await take(w.keeper, { save: false, range: "bytes=100000-200000" });
    expect([how, begin.part, begin.from, begin.to]).toEqual(["end", true, 100_000, 200_001]);
    expect(equal(got, w.plain.subarray(100_000, 200_001))).toBe(true);
    expect([cut("bytes=-5", 10), cut("bytes=8-", 10), cut("bytes=10-", 10), cut("bytes=1-2,4-5", 10), cut(null, 10)]).toEqual([[5, 10], [8, 10], null, null, null]);
  });

  const begin = { save: false, type: "video/mp4", name: "", size: 10, from: 0, to: 10, part: false };
  test("is sound or moving pictures; all else is saved, whatever it says that it is", () => {
    expect(headersOf(begin)).toMatchObject({ "Content-Type": "video/mp4", "Content-Disposition": "inline", "X-Content-Type-Options": "nosniff" });
    for (const type of ["text/html", "image/svg+xml", "application/xml", "application/pdf", "video/mp4; x", ""]) {
      expect(headersOf({ ...begin, type })).toMatchObject({ "Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename*=UTF-8''" });
    }
    expect(headersOf({ ...begin, save: true, name: "a'\r\n\ud800ß.mp4" })["Content-Disposition"]).toBe("attachment; filename*=UTF-8''a%27%0D%0A%EF%BF%BD%C3%9F.mp4");
  });

  test("is what the bytes say", async () => {
    const bytes = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));
    expect(mediaType(bytes("\0\0\0\x20ftypisom"), "audio/x")).toBe("audio/mp4");
    expect(mediaType(bytes("<html><script>"), "video/mp4")).toBe("");
    const told: Told = { name: "a", type: "", length: 20, expires: 0, left: null, report: "", password: false };
    const from = (s: string) => ({ read: async () => bytes(s).buffer, play: async () => "/never" });
    expect(await lookAt(from("<svg onload=alert(1)/>"), { ...told, type: "image/png" }, "image")).toEqual({ kind: "none" });
    expect(await lookAt(from("<html>"), told, "pdf")).toEqual({ kind: "none" });
    expect(await lookAt(from("<html>"), { ...told, type: "video/mp4" }, "video")).toEqual({ kind: "none" });
    expect(await lookAt(from("<script>"), told, "text")).toEqual({ kind: "text", text: "<script>", cut: false });
  });
});

describe("the service worker", () => {
  const token = "0123456789abcdef0123456789abcdef", path = `/f/${id}/${token}`;

  test("brings what the page answers with, and only that", async () => {
    expect([bridged(path), bridged(`/f/${id}`), bridged(path + "/x"), bridged("/api/v1/session")]).toEqual([true, false, false, false]);
    const page = { postMessage: (m: unknown, [port]: Transferable[]) => {
      const p = port as MessagePort, pieces = [{ piece: new Uint8Array([1, 2]).buffer }, { piece: new Uint8Array([3]).buffer }, { end: true }];
      expect(m).toEqual({ file: token, range: null });
      p.onmessage = () => p.postMessage(pieces.shift());
      p.postMessage({ begin: { save: true, type: "", name: "a", size: 3, from: 0, to: 3, part: false } });
    } };
    const other = { postMessage: () => {} }; // a tab that knows nothing of it
    const r = await bridge([other, page], path, null);
    expect([r.status, r.headers.get("Content-Length"), [...new Uint8Array(await r.arrayBuffer())]]).toEqual([200, "3", [1, 2, 3]]);
    expect((await bridge([], path, null)).status).toBe(404);
  });

  test("fails a download whose file is not whole", async () => {
    const page = { postMessage: (_: unknown, [port]: Transferable[]) => {
      const p = port as MessagePort, pieces = [{ piece: new Uint8Array([1, 2, 3]).buffer }, { broken: true }];
      p.onmessage = () => p.postMessage(pieces.shift());
      p.postMessage({ begin: { save: true, type: "", name: "a", size: 3, from: 0, to: 3, part: false } });
    } };
    await expect((await bridge([page], path, null)).arrayBuffer()).rejects.toThrow();
  });
});
