// What a link's page and the drive's worker take from a server that means harm: nothing
// but the file that was sealed, and an end to waiting.
import { afterEach, describe, expect, test, vi } from "vitest";
import { OpenedLink, SealedFile, makeLink, newFragment } from "../files/index.ts";
import { gather, pattern, sealed } from "../files/testing.ts";
import { Lanes, Upload } from "../drive/upload.ts";
import type { Wire } from "../drive/wire.ts";
import { Failure, Run, octets, rangeOf } from "./fetching.ts";
import { wordOf } from "./opened.ts";

afterEach(() => vi.useRealTimers());
const word = (p: Promise<unknown>) => p.then(() => "nothing wrong", (e: unknown) => wordOf(e));
const part = (from: number, size: number, body: Uint8Array | ReadableStream<Uint8Array> | null, status = 206) =>
  new Response(body as BodyInit | null, { status, headers: { "Content-Range": `bytes ${from}-${from + size - 1}/1000000` } });

/** Lets no time be waited for. */
async function hurried<T>(f: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let over = false;
  const done = f().finally(() => (over = true));
  done.catch(() => {});
  while (!over) await vi.advanceTimersByTimeAsync(1000);
  return done;
}

/** A body that never ends, and how much of it was taken. */
function endless(): { body: ReadableStream<Uint8Array>; taken: () => number; ended: () => boolean } {
  let n = 0, over = false;
  const body = new ReadableStream<Uint8Array>({ pull: (c) => { n += 65_536; c.enqueue(new Uint8Array(65_536)); }, cancel: () => { over = true; } });
  return { body, taken: () => n, ended: () => over };
}

describe("a range", () => {
  test("is as long as was asked for, of a server that sends all of the file or never ends", async () => {
    for (const status of [200, 206]) {
      const e = endless();
      const got = await rangeOf(async () => (status === 200 ? new Response(e.body) : part(0, 100_000, e.body)), 0, 100_000);
      expect([got.length, e.ended(), e.taken() < 400_000]).toEqual([100_000, true, true]);
    }
  });

  test("is another's, shorter, empty or a page, and is refused", async () => {
    const asked: [string, () => Response][] = [
      ["closed", () => part(1, 10, new Uint8Array(10))], ["closed", () => new Response(new Uint8Array(10), { status: 206 })],
      ["offline", () => part(5, 10, new Uint8Array(4))], ["offline", () => part(5, 10, null)], ["gone", () => new Response(null, { status: 404 })],
      ["damaged", () => new Response("<html>", { status: 403 })], ["closed", () => new Response(new Uint8Array(10))],
    ];
    for (const [want, answer] of asked) {
      const got = await hurried(() => rangeOf(async () => answer(), 5, 15)).then(() => "nothing wrong", (e: unknown) => (e instanceof Failure ? e.word : e instanceof TypeError ? "offline" : "closed"));
      expect([want, got]).toEqual([want, want]);
    }
  });

  test("that is never answered is given up", async () => {
    const silent = () => part(0, 10, new ReadableStream<Uint8Array>({}));
    expect(await word(hurried(() => rangeOf(async () => silent(), 0, 10, 2)))).toBe("offline");
  });
});

describe("a whole file", () => {
  test("takes no octet more than it has", async () => {
    const e = endless();
    expect(await word(gather(octets(async () => part(0, 100, e.body), 100, new Run(() => {}))))).toBe("damaged");
    expect(e.taken() < 400_000).toBe(true);
  });

  test("goes on after answers that stop early, and nowhere else", async () => {
    const whole = pattern(1000), seen: string[] = [];
    const ask = async (range: string) => {
      seen.push(range);
      const from = Number(/\d+/.exec(range)![0]);
      return part(from, 1000 - from, whole.slice(from, Math.min(1000, from + 300)));
    };
    expect(await hurried(() => gather(octets(ask, 1000, new Run(() => {}))))).toEqual(whole);
    expect(seen).toEqual(["bytes=0-", "bytes=300-", "bytes=600-", "bytes=900-"]);
  });
});

describe("a sealed file that a server changed", () => {
  test("opens nowhere: any octet of its header, any octet of any chunk, another's chunk, another's file", async () => {
    const plain = pattern(150_000), one = await sealed(plain), other = await sealed(pattern(150_000));
    const open = async (file: Uint8Array) => {
      const f = await SealedFile.open({ size: file.length, read: async (from, to) => file.slice(from, to) }, one.head);
      return f.read(0, plain.length);
    };
    expect(await open(one.file)).toEqual(plain);
    const chunk = (n: number) => one.file.length - 2 * 65_552 + n; // of the last two, roughly
    const places = [...Array.from({ length: 40 }, (_, i) => i * 5), 300, 5_000, 65_000, 66_000, 130_000, chunk(0), one.file.length - 1];
    const errors = new Set<string>();
    for (const at of places) {
      const bad = one.file.slice();
      bad[at]! ^= 1 << (at % 8);
      errors.add(await open(bad).then(() => `octet ${at} opens`, (e: unknown) => String(e)));
    }
    const spliced = one.file.slice();
    spliced.set(other.file.subarray(66_000, 131_000), 66_000);
    for (const bad of [other.file, spliced, one.file.subarray(0, -1), new Uint8Array(one.file.length)]) errors.add(await open(bad).then(() => "opens", (e: unknown) => String(e)));
    expect([...errors].length).toBe(1); // one error, whatever was done
    expect([...errors][0]).not.toContain("opens");
  });

  test("and a link's box for another file, size or secret, are one error", async () => {
    const one = await sealed(pattern(1000)), fragment = newFragment(), object = { id: "0VtZQm0c2n-Jq_8sKXw1aA", size: one.file.length };
    const made = await makeLink({ fragment, password: "", object, head: { ...one.head, name: "a", type: "" } });
    const with_ = (f: string) => OpenedLink.with(f, "", new Uint8Array(0));
    expect((await (await with_(fragment)).head(object, made.box)).name).toBe("a");
    const errors = new Set<string>();
    const cut = made.box.slice(0, -1), bit = made.box.slice();
    bit[50]! ^= 1;
    for (const [f, o, box] of [[newFragment(), object, made.box], [fragment, { ...object, id: "1VtZQm0c2n-Jq_8sKXw1aA" }, made.box], [fragment, { ...object, size: object.size + 1 }, made.box], [fragment, object, cut], [fragment, object, bit], [fragment, object, new Uint8Array(0)]] as const) {
      errors.add(await with_(f).then((l) => l.head(o, box)).then(() => "opens", (e: unknown) => String(e)));
    }
    expect([...errors]).toEqual([expect.not.stringContaining("opens")]);
  });
});

describe("an upload", () => {
  const id = "0VtZQm0c2n-Jq_8sKXw1aA";
  const upload = (answer: (size: number) => unknown) => {
    let parts = 0;
    const wire: Wire = {
      json: async (method: string, path: string, o: { body?: { size: number } } = {}) => (path === "/files" ? answer(o.body!.size) : { method }) as never,
      part: async () => void parts++, range: async () => { throw new Failure("refused"); },
    } as Wire;
    return new Upload(new Blob([pattern(3_000_000)]), wire, new Lanes(), () => {}).run().then(() => "sent", (e: unknown) => (e instanceof Failure ? `${e.word} after ${parts}` : String(e)));
  };
  const file = (size: number, o: object = {}) => ({ id, size, part: 8 << 20, parts: 1, complete: false, have: "", ...o });

  test("is not made octet by octet, nor held whole, nor under what is no id, nor taken for complete", async () => {
    expect(await upload((size) => file(size))).toBe("sent");
    for (const bad of [{ part: 1, parts: 3_145_728 }, { part: 0, parts: 0 }, { part: 2 ** 40 }, { part: NaN }, { parts: 2 }, { size: 5 }, { id: "../sessions" }, { id: "" }, { complete: true }]) {
      expect([bad, await upload((size) => file(size, bad))]).toEqual([bad, "refused after 0"]);
    }
  });
});
