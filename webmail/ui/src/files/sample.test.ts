// A sample of what a browser seals, which Go's tests open (filestore/sealed). NEW_SAMPLE=1
// makes it anew; only for a new version of the format.

import { writeFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { fromBase64, textOf, toBase64, utf8 } from "../vault/bytes.ts";
import { openDrop, receiverOf, sealDrop } from "./drop.ts";
import { decodeFolder, encodeFolder } from "./folder.ts";
import type { Head } from "./head.ts";
import { OpenedLink, makeLink, newFragment, openAsk, sealAsk } from "./link.ts";
import { receive } from "./open.ts";
import { sealedSize } from "./sizes.ts";
import { gather, headFrom, inPieces, pattern, samples, sealed, testdata } from "./testing.ts";

vi.setConfig({ testTimeout: 60_000 });

const json = (h: Head) => ({ name: h.name, ...(h.type && { type: h.type }), length: h.length, secret: toBase64(h.secret), ...(h.modified && { modified: h.modified }) });
const head: Head = { name: "Grüße aus dem Browser.txt", type: "text/plain", length: 4711, secret: new Uint8Array(32).fill(7), modified: 1795338000999, hash: null };
const object = { id: "BBBBBBBBBBBBBBBBBBBBBA", size: sealedSize(head.length) };

async function make() {
  const files = [];
  for (const n of [0, 700, 65536, 70000]) {
    const { head, file } = await sealed(pattern(n));
    files.push({ head: json(head), file: toBase64(file) });
  }
  const links = [];
  for (const password of ["", "fünf wörter"]) {
    const fragment = newFragment();
    const { kdf, box, proof } = await makeLink({ fragment, password, object, head });
    links.push({ fragment, password, object: object.id, size: object.size, kdf: toBase64(kdf), box: toBase64(box), proof: toBase64(proof), head: json(head) });
  }
  const master = new Uint8Array(32).fill(6);
  const fragment = newFragment();
  const ask = { key: (await receiverOf(master)).raw, title: "Belege", note: "für <2026> & später" };
  const request = "QQQQQQQQQQQQQQQQQQQQQQ";
  const drop = {
    master: toBase64(master), fragment, request, object: object.id, size: object.size, title: ask.title, head: json(head),
    ask: toBase64(await sealAsk(fragment, ask)), drop: toBase64(await sealDrop(ask, request, object, head)),
  };
  const folder = JSON.parse(textOf(encodeFolder(decodeFolder(utf8(JSON.stringify(samples("vectors.json").folder))))));
  return { files, links, drop, folder };
}

it("stays readable", async () => {
  if (process.env["NEW_SAMPLE"] !== undefined) writeFileSync(new URL("browser.json", testdata), `${JSON.stringify(await make(), null, 1)}\n`);
  const s = samples("browser.json");
  for (const f of s.files) expect(Buffer.from(await gather(receive(inPieces(fromBase64(f.file)), headFrom(f.head)))).equals(pattern(f.head.length))).toBe(true);
  for (const l of s.links) expect((await (await OpenedLink.with(l.fragment, l.password, fromBase64(l.kdf))).head({ id: l.object, size: l.size }, fromBase64(l.box))).name).toBe(head.name);
  const d = s.drop;
  expect((await openAsk(d.fragment, fromBase64(d.ask))).note).toBe("für <2026> & später");
  expect((await openDrop(await receiverOf(fromBase64(d.master)), d.request, { id: d.object, size: d.size }, fromBase64(d.drop))).modified).toBe(head.modified);
});
