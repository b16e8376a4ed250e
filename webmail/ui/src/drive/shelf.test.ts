// Parts on their way lie on the disk, where there is one, and nowhere when they are there.
import { afterEach, describe, expect, test, vi } from "vitest";
import { pattern } from "../files/testing.ts";
import { SealedFile, sealedSize } from "../files/index.ts";
import { type Bytes, sha256, toBase64 } from "../vault/bytes.ts";
import { browserShelf } from "./shelf.ts";
import { Lanes, Upload } from "./upload.ts";
import { Later, type Wire } from "./wire.ts";

afterEach(() => vi.unstubAllGlobals());

/** A browser's own file system and locks, as far as a shelf sees them. */
function disk(o: { room?: number; locked?: string[] } = {}) {
  const files = new Map<string, Uint8Array<ArrayBuffer>>(), locks = new Set(o.locked ?? []);
  let writes = 0, most = 0;
  const handle = (name: string) => ({
    createSyncAccessHandle: async () => ({
      truncate: (n: number) => void files.set(name, new Uint8Array(n)),
      write: (b: Uint8Array) => {
        if (++writes > (o.room ?? Infinity)) throw new DOMException("full", "QuotaExceededError");
        files.get(name)!.set(b);
        return b.length;
      },
      close: () => {},
    }),
    getFile: async () => new Blob([files.get(name)!]),
  });
  const folder = {
    getFileHandle: async (name: string) => (files.set(name, files.get(name) ?? new Uint8Array(0)), most = Math.max(most, files.size), handle(name)),
    removeEntry: async (name: string) => void files.delete(name),
    keys: async function* () { yield* [...files.keys()]; },
  };
  vi.stubGlobal("navigator", {
    storage: { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) },
    locks: { request: async (name: string, f: () => Promise<void>) => (locks.add(name), f()), query: async () => ({ held: [...locks].map((name) => ({ name })) }) },
  });
  return { files, most: () => most };
}

const id = "0VtZQm0c2n-Jq_8sKXw1aA", part = 100_000, plain = pattern(1_200_000);
interface Seen { parts: Map<number, Bytes>; blobs: number; raw: number }

/** Brings a file; fault answers instead of the server. */
async function bring(shelf = browserShelf(), fault: (n: number, content: Bytes | Blob) => Error | null = () => null, content: Uint8Array = plain) {
  const seen: Seen = { parts: new Map(), blobs: 0, raw: 0 }, size = sealedSize(content.length);
  const wire = {
    json: async (method: string, path: string) => (method === "POST" && path === "/files" ? { id, size, part, parts: Math.ceil(size / part), complete: false, have: "" } : { have: "" }) as never,
    part: async (path: string, body: Bytes | Blob, digest: string) => {
      const n = Number(path.split("/").at(-1));
      if (body instanceof Blob) seen.blobs++;
      else seen.raw++;
      await new Promise((go) => setTimeout(go, 2)); // meanwhile the next ones are sealed
      const wrong = fault(n, body);
      if (wrong) throw wrong;
      const octets = body instanceof Blob ? new Uint8Array(await body.arrayBuffer()) : body.slice();
      expect(digest).toBe(`sha-256=:${toBase64(await sha256(octets))}:`);
      seen.parts.set(n, octets);
    },
    range: async () => { throw new Later(); },
  } as Wire;
  const sent = await new Upload(new Blob([content as Uint8Array<ArrayBuffer>]), wire, new Lanes(), () => {}, shelf).run();
  const whole = new Blob([...seen.parts.entries()].sort(([a], [b]) => a - b).map(([, p]) => p));
  const file = await SealedFile.open({ size: whole.size, read: async (from, to) => new Uint8Array(await whole.slice(from, to).arrayBuffer()) }, sent);
  expect(await file.read(0, content.length)).toEqual(content);
  return seen;
}

describe("what is brought", () => {
  test("goes from the disk, and leaves nothing there", async () => {
    const d = disk(), seen = await bring();
    expect([seen.raw, seen.blobs, d.files.size]).toEqual([0, Math.ceil(sealedSize(plain.length) / part), 0]);
    expect(d.most() <= 5).toBe(true); // however large it is
  });

  test("goes from memory where it is small, or there is no disk", async () => {
    const d = disk();
    expect(await bring(browserShelf(), undefined, plain.subarray(0, 250_000))).toMatchObject({ blobs: 0, raw: 3 });
    expect(d.most()).toBe(0);
    vi.stubGlobal("navigator", {});
    expect((await bring()).blobs).toBe(0);
  });

  test("goes on from memory when the disk is full", async () => {
    const d = disk({ room: 3 }), seen = await bring();
    expect([seen.blobs, seen.raw, d.files.size]).toEqual([3, Math.ceil(sealedSize(plain.length) / part) - 3, 0]);
  });

  test("goes from memory where what lies on the disk does not", { timeout: 20_000 }, async () => {
    disk();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let over = false;
    const done = bring(browserShelf(), (n, content) => (n === 1 && content instanceof Blob ? new Later() : null)).finally(() => (over = true));
    while (!over) await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    expect((await done).raw).toBe(1);
  });

  test("by a tab that was closed is thrown away, by one that lives is not", async () => {
    const gone = crypto.randomUUID(), alive = crypto.randomUUID(), d = disk({ locked: [`sealed-parts ${alive}`] });
    d.files.set(`${gone}-0`, new Uint8Array(1));
    d.files.set(`${alive}-0`, new Uint8Array(1));
    await bring();
    expect([...d.files.keys()]).toEqual([`${alive}-0`]);
  });
});
