// What hands a file's key on: links, requests and drops, folders; and names.

import "fake-indexeddb/auto";
import { describe, expect, it, vi } from "vitest";
import { concat, fromBase64, sha256, toBase64, utf8 } from "../vault/bytes.ts";
import { address, newWorld, phrase, share } from "../vault/world.ts";
import { openDrop, receiverOf, sealDrop } from "./drop.ts";
import { decodeFolder, drawer, encodeFolder, root, taken, validFolder } from "./folder.ts";
import type { Head } from "./head.ts";
import { OpenedLink, type StoredObject, isFragment, makeLink, newFragment, openAsk, sealAsk } from "./link.ts";
import { cleanName, localName, nameKey, validName } from "./names.ts";
import { sealedSize } from "./sizes.ts";
import { headFrom, samples } from "./testing.ts";

vi.setConfig({ testTimeout: 60_000 }); // Argon2id is slow on purpose

const made = samples("vectors.json");
const head: Head = { name: "Größe & <canary>.pdf", type: "application/pdf", length: 123456, secret: new Uint8Array(32).fill(5), modified: 1795338000123, hash: null };
const object: StoredObject = { id: "AAAAAAAAAAAAAAAAAAAAAA", size: sealedSize(head.length) };

const openLink = async (fragment: string, password: string, kdf: Uint8Array, o: StoredObject, box: Uint8Array) => (await OpenedLink.with(fragment, password, kdf)).head(o, box);
const closed = (what: string, p: Promise<unknown>) => expect(p, what).rejects.toThrow(/^closed$/);

describe("links", () => {
  it("made by Go open, with the same proof", async () => {
    for (const l of made.links) {
      const opened = await OpenedLink.with(l.fragment, l.password, fromBase64(l.kdf ?? ""));
      expect(toBase64(opened.proof)).toBe(l.proof);
      expect(await opened.head({ id: l.object, size: l.size }, fromBase64(l.box))).toEqual(headFrom(l.head));
    }
  });

  it("open for their secret and their object alone", async () => {
    const fragment = newFragment();
    const { kdf, box, proof, check } = await makeLink({ fragment, password: "", object, head });
    expect(await openLink(fragment, "", kdf, object, box)).toEqual(head);
    expect(check).toEqual(await sha256(concat(utf8("sealpost link check v1"), proof)));
    expect(new TextDecoder("latin1").decode(box)).not.toContain("canary");
    for (let i = 0; i < box.length; i += 7) {
      const changed = box.slice();
      changed[i]! ^= 1;
      await closed(`octet ${i}`, openLink(fragment, "", kdf, object, changed));
    }
    await closed("another secret", openLink(newFragment(), "", kdf, object, box));
    await closed("another object", openLink(fragment, "", kdf, { ...object, id: "B" + object.id.slice(1) }, box));
    await closed("another size", openLink(fragment, "", kdf, { ...object, size: sealedSize(2 * head.length) }, box));
    await closed("a password that is not asked for", openLink(fragment, "x", kdf, object, box));
    await closed("no secret", openLink("", "", kdf, object, box));
    await expect(makeLink({ fragment, password: "", object: { ...object, size: 1 }, head })).rejects.toThrow("bad-input");
    expect((await makeLink({ fragment, password: "", object, head: { ...head, name: "ä".repeat(127) } })).box.length).toBe(box.length);
    for (const f of ["", "AAAA", "A".repeat(21) + "B", "A".repeat(22) + "\n", "A".repeat(44)]) expect(isFragment(f), f).toBe(false);
  });

  it("commit to the key that opens them", async () => {
    const [a, b] = [await makeLink({ fragment: newFragment(), password: "", object, head }), newFragment()];
    const { kdf, box } = await makeLink({ fragment: b, password: "", object, head });
    box.set(a.box.subarray(33, 65), 33); // the commitment of another
    await closed("a box that commits to another key", openLink(b, "", kdf, object, box));
  });

  it("with a password need it, under a derivation within bounds", async () => {
    const fragment = newFragment();
    const { kdf, box, proof } = await makeLink({ fragment, password: "five wörds", object, head });
    const opened = await OpenedLink.with(fragment, "\ufb01ve wo\u0308rds", kdf); // NFKC
    expect(await opened.head(object, box)).toEqual(head);
    expect(opened.proof).toEqual(proof);
    await closed("another password", openLink(fragment, "five words", kdf, object, box));
    const change = (at: number, to: number) => { const k = kdf.slice(); k[at] = to; return k; };
    for (const [what, k] of [["salt", change(25, kdf[25]! ^ 1)], ["weak", change(2, 0)], ["fewer", change(8, 2)], ["heavy", change(8, 11)], ["cut", kdf.slice(1)], ["none", kdf.slice(0, 0)]] as const)
      await closed(what, openLink(fragment, "five wörds", k, object, box));
    await closed("no password", openLink(fragment, "", kdf, object, box));
  });
});

describe("requests and drops", () => {
  it("made by Go open", async () => {
    const d = made.drop;
    const key = await receiverOf(fromBase64(d.master));
    const ask = await openAsk(d.fragment, fromBase64(d.ask));
    expect(ask).toMatchObject({ title: d.title, key: key.raw });
    expect(await openDrop(key, d.request, { id: d.object, size: d.size }, fromBase64(d.drop))).toEqual(headFrom(d.head));
  });

  it("open for their owner, request and object alone", async () => {
    const request = "RRRRRRRRRRRRRRRRRRRRRQ";
    const [key, other] = [await receiverOf(new Uint8Array(32).fill(9)), await receiverOf(new Uint8Array(32).fill(8))];
    const fragment = newFragment();
    const box = await sealAsk(fragment, { key: key.raw, title: "Tax", note: "" });
    const ask = await openAsk(fragment, box);
    expect(ask).toEqual({ key: key.raw, title: "Tax", note: "" });
    await closed("another secret", openAsk(newFragment(), box));
    box[80]! ^= 1;
    await closed("a changed octet", openAsk(fragment, box));
    const drop = await sealDrop(ask, request, object, head);
    expect(await openDrop(key, request, object, drop)).toEqual(head);
    for (let i = 0; i < drop.length; i += 11) {
      const changed = drop.slice();
      changed[i]! ^= 1;
      await closed(`octet ${i}`, openDrop(key, request, object, changed));
    }
    await closed("another key", openDrop(other, request, object, drop));
    await closed("another request", openDrop(key, "S" + request.slice(1), object, drop));
    await closed("another object", openDrop(key, request, { ...object, id: "B" + object.id.slice(1) }, drop));
    await closed("cut", openDrop(key, request, object, drop.subarray(0, 40)));
    await closed("long", openDrop(key, request, object, new Uint8Array(5000)));
  });
});

describe("the vault", () => {
  it("opens what strangers bring, and what it sealed of folders", async () => {
    const w = await newWorld();
    const request = "RRRRRRRRRRRRRRRRRRRRRQ";
    await w.vault.proveByPassphrase({ address, passphrase: phrase, parameters: { salt: w.ring.salt, kdf: w.ring.kdf } });
    await w.vault.open({ ...w.id, keyring: w.ring, share });
    const drop = await sealDrop({ key: new Uint8Array(await w.vault.dropKey()) }, request, object, head);
    expect(await w.vault.openDrop({ request, object, drop: drop.slice().buffer })).toEqual(head);
    await closed("another request", w.vault.openDrop({ request: "S" + request.slice(1), object, drop: drop.slice().buffer }));
    const folder = decodeFolder(utf8(JSON.stringify(made.folder)));
    const box = await w.vault.seal({ drawer, name: root, version: 1, data: encodeFolder(folder).buffer });
    expect(decodeFolder(new Uint8Array(await w.vault.openBox({ drawer, name: root, version: 1, box })))).toEqual(folder);
    await w.vault.lock();
    await expect(w.vault.dropKey()).rejects.toThrow("locked");
  });
});

describe("folders", () => {
  it("made by Go open, and come back the same", () => {
    const f = decodeFolder(utf8(JSON.stringify(made.folder)));
    expect(JSON.parse(new TextDecoder().decode(encodeFolder(f)))).toEqual(made.folder);
    expect(taken(f, "REPORTS")).toBe(true);
    expect(taken(f, "other")).toBe(false);
    expect(decodeFolder(utf8('{"v":1,"entries":[]}   ')).entries).toEqual([]);
  });

  it("that lead astray are neither opened nor made", () => {
    expect(made.refused.length).toBeGreaterThan(15);
    for (const text of made.refused) expect(() => decodeFolder(utf8(text)), text).toThrow(/^closed$/);
    const f = decodeFolder(utf8(JSON.stringify(made.folder)));
    expect(validFolder(f)).toBe(true);
    expect(validFolder({ entries: [...f.entries, { ...f.entries[0]!, id: "f".repeat(32), name: "rePORTS" } as never] })).toBe(false);
    expect(() => encodeFolder({ entries: [{ ...f.entries[0]!, name: "../x" }] })).toThrow("bad-input");
    expect(() => encodeFolder({ entries: Array(10_001).fill(f.entries[0]) })).toThrow("bad-input");
  });
});

describe("names", () => {
  it("are judged, cleaned and saved as Go does", () => {
    for (const n of made.names) expect([n.name, validName(n.name), cleanName(n.name), localName(n.name)]).toEqual([n.name, n.valid, n.clean, n.local]);
    for (const t of made.twins) expect([t.a, t.b, nameKey(t.a) === nameKey(t.b)]).toEqual([t.a, t.b, t.same]);
    expect(validName("a\ud800")).toBe(false);
    expect(validName(cleanName("a\ud800/\0"))).toBe(true);
  });
});
