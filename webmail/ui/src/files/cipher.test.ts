// The browser's own cipher is used where it does the same as the library's, and only there.

import { createCipheriv, createDecipheriv } from "node:crypto";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { cipherOf, forgetProbe } from "./cipher.ts";
import { receive, SealedFile } from "./open.ts";
import { gather, inPieces, pattern, sealed, sourceIn } from "./testing.ts";

let used = 0;

// What a browser with the cipher has. Node 20 has it outside of WebCrypto only.
function browserWith(spoil: (b: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) {
  const real = crypto.subtle;
  const importKey = real.importKey.bind(real) as (...o: unknown[]) => Promise<unknown>;
  vi.spyOn(real, "importKey").mockImplementation((async (format: string, key: Uint8Array, ...rest: unknown[]) =>
    format === "raw-secret" ? { chacha: new Uint8Array(key) } : importKey(format, key, ...rest)) as never);
  const [encrypt, decrypt] = [real.encrypt.bind(real), real.decrypt.bind(real)];
  const options = { authTagLength: 16 };
  vi.spyOn(real, "encrypt").mockImplementation(async (p, k, data) => {
    const key = (k as unknown as { chacha?: Uint8Array }).chacha;
    if (key === undefined) return encrypt(p, k, data);
    used++;
    const c = createCipheriv("chacha20-poly1305", key, (p as unknown as { iv: Uint8Array }).iv, options);
    return spoil(new Uint8Array(Buffer.concat([c.update(data as Uint8Array), c.final(), c.getAuthTag()]))).buffer;
  });
  vi.spyOn(real, "decrypt").mockImplementation(async (p, k, data) => {
    const key = (k as unknown as { chacha?: Uint8Array }).chacha;
    if (key === undefined) return decrypt(p, k, data);
    const b = data as Uint8Array;
    const d = createDecipheriv("chacha20-poly1305", key, (p as unknown as { iv: Uint8Array }).iv, options).setAuthTag(b.subarray(-16));
    return new Uint8Array(Buffer.concat([d.update(b.subarray(0, -16)), d.final()])).buffer;
  });
}

beforeEach(() => { used = 0; forgetProbe(); });
afterEach(() => { vi.restoreAllMocks(); forgetProbe(); });

it("is the browser's where it has it, and files are the same", async () => {
  const plain = pattern(700_000);
  const before = await sealed(plain);
  forgetProbe();
  browserWith((b) => b);
  expect((await cipherOf(new Uint8Array(32))).depth).toBeGreaterThan(1);
  const after = await sealed(plain);
  expect(used).toBeGreaterThan(10);
  for (const { head, file } of [before, after]) {
    expect(Buffer.from(await gather(receive(inPieces(file), head))).equals(plain)).toBe(true);
    expect(Buffer.from(await (await SealedFile.open(sourceIn(file), head)).read(0, plain.length)).equals(plain)).toBe(true);
    const changed = file.slice();
    changed[300_000]! ^= 1;
    await expect(gather(receive(inPieces(changed), head))).rejects.toThrow(/^closed$/);
  }
  forgetProbe();
  vi.restoreAllMocks();
  expect(Buffer.from(await gather(receive(inPieces(after.file), after.head))).equals(plain)).toBe(true);
});

it("is the library's where the browser's is another", async () => {
  browserWith((b) => { b[0]! ^= 1; return b; });
  expect((await cipherOf(new Uint8Array(32))).depth).toBe(1);
});
