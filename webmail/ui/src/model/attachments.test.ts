// The settings of large attachments, and the key that goes to the server with them.
import { expect, test } from "vitest";
import type { Attachments } from "../wire/api.ts";
import { createAttachments, keyOnce, sizesWith, withKey } from "./attachments.ts";

function server(now: Attachments) {
  const put: Attachments[] = [];
  return {
    put,
    api: {
      attachments: async () => now,
      putAttachments: async (b: Attachments) => (put.push(b), (now = b)),
    },
  };
}
const vault = { dropKey: async () => new Uint8Array(32).fill(7).buffer };
const usual: Attachments = { over: 10_000_000, outgoing: "plain", incoming: "off" };
const key = btoa("\u0007".repeat(32));

test("the server gets the owner's key once", async () => {
  const s = server(usual);
  expect(await withKey(s.api, vault)).toEqual({ ...usual, key });
  expect(await withKey(s.api, vault)).toEqual({ ...usual, key });
  expect(s.put).toEqual([{ ...usual, key }]);
});

test("a device asks once, and again for another key, after a week, or where its clock went back", async () => {
  const kept = new Map<string, unknown>(), week = 7 * 86_400_000;
  const cache = { get: async <T>(table: string, name: string) => kept.get(`${table} ${name}`) as T | undefined, put: async (table: string, name: string, value: unknown) => void kept.set(`${table} ${name}`, value) };
  let asked = 0;
  const s = server(usual), api = { ...s.api, attachments: () => (asked++, s.api.attachments()) };
  const times = async (now: number, v = vault) => {
    asked = 0;
    await keyOnce(api, v, cache, now);
    return asked;
  };
  expect([await times(1000), await times(1001), await times(1000 + week - 1)]).toEqual([1, 0, 0]);
  expect(s.put).toEqual([{ ...usual, key }]);
  expect([await times(1000 + week), await times(1001 + week), await times(5)]).toEqual([1, 0, 1]);
  expect(await times(6, { dropKey: async () => new Uint8Array(32).fill(8).buffer })).toBe(1);
  expect(s.put).toHaveLength(2);
});

test("where the server was not reached, the next opening asks again", async () => {
  const kept: unknown[] = [], cache = { get: async () => undefined, put: async (...a: unknown[]) => void kept.push(a) };
  const api = { ...server(usual).api, attachments: async () => { throw new TypeError("offline"); } };
  await expect(keyOnce(api, vault, cache, 1000)).rejects.toThrow();
  expect(kept).toEqual([]);
});

test("another key than the owner's is not left there", async () => {
  const s = server({ ...usual, key: btoa("\u0001".repeat(32)) });
  expect(await withKey(s.api, vault)).toEqual({ ...usual, key });
});

test("a change keeps what was chosen before", async () => {
  const s = server({ ...usual, outgoing: "link", key });
  const own = createAttachments(s.api, vault);
  await own.settings.load();
  await own.change({ incoming: "stub" });
  expect(own.settings.value.value).toEqual({ ...usual, outgoing: "link", incoming: "stub", key });
  expect(s.put).toHaveLength(1);
});

test("a size that somebody else chose can stay", () => {
  expect(sizesWith(10_000_000)).toHaveLength(6);
  expect(sizesWith(123_456)).toEqual([123_456, 1_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000]);
});
