// Upload requests from the owner's side: what strangers brought is opened here alone, and
// gets into the drive without touching what is there.

import { afterEach, expect, test } from "vitest";
import { type FileEntry, newSecret, openAsk, receiverOf, sealDrop, sealedSize } from "../../files/index.ts";
import { fromBase64, toBase64 } from "../../vault/bytes.ts";
import type { File, FileRequest, NewFileRequest } from "../../wire/api.ts";
import type { Api } from "../../wire/http.ts";
import { FakeClock, FakeServer, newBrowser, openedPage, type FakePage } from "../testing/fake.ts";
import { Asks } from "./asks.ts";

const pages: FakePage[] = [];
afterEach(() => pages.splice(0).forEach((p) => p.app.stop()));
const folder = "0".repeat(31) + "1", object = { id: "O".repeat(22), size: sealedSize(9) };

/** The server's requests and what came, as drops.go has them. */
class Drops {
  asks: FileRequest[] = [];
  files: File[] = [];
  said = "";
  did: string[] = [];
  api = {
    get: async (path: string) => (path === "/requests" ? { requests: this.asks } : { files: this.files, more: false }),
    mutate: async (method: string, path: string, body?: object) => {
      this.said += JSON.stringify(body ?? "");
      this.did.push(`${method} ${path}`);
      const id = path.split("?")[0]!.split("/")[2];
      if (path.startsWith("/files")) return void (this.files = this.files.filter((f) => f.id !== id));
      if (method === "DELETE") return void (this.asks = this.asks.filter((a) => a.id !== id));
      if (method === "PATCH") return Object.assign(this.asks.find((a) => a.id === id)!, { state: "revoked" });
      const { box, most_files, most_bytes } = body as NewFileRequest;
      const made: FileRequest = { id: "R".repeat(22), box, created: "2026-01-01T00:00:00Z", expires: "2026-01-08T00:00:00Z", most_files, most_bytes, files: 0, bytes: 0, state: "open" };
      this.asks.push(made);
      return made;
    },
  } as unknown as Api;
}

async function begin() {
  const server = new FakeServer({ clock: new FakeClock() }), drops = new Drops();
  const page = await openedPage(server, newBrowser());
  pages.push(page);
  const added: [string, FileEntry, boolean | undefined][] = [];
  const drive = { add: async (at: string, e: FileEntry, beside?: boolean) => { drops.did.push("add"); added.push([at, e, beside]); return e; } };
  const asks = new Asks({ api: drops.api, vault: page.vault, cabinet: page.desk.cabinet, drive: async () => drive, origin: "https://here.example" });
  return { server, drops, asks, added, drive };
}
const wish = { title: "Photos of the quay", note: "all", files: 5, bytes: 1_000_000, folder };

/** As a stranger would bring it. */
async function brought(drops: Drops, url: string, name = "quay.jpg") {
  const [, id = "", fragment = ""] = /\/r\/([^#]+)#(.*)$/.exec(url) ?? [];
  const ask = await openAsk(fragment, fromBase64(drops.asks[0]!.box));
  expect(ask.title).toBe("Photos of the quay");
  const secret = newSecret();
  const head = await sealDrop(ask, id, object, { name, type: "image/jpeg", length: 9, secret, modified: 0, hash: null });
  drops.files = [{ id: object.id, size: object.size, part: 8 << 20, parts: 1, created: "2026-01-02T00:00:00Z", complete: true, have: "", request: id, head: toBase64(head) }];
  return secret;
}

test("what is asked for stands under the secret, and what comes is opened and put beside what is there", async () => {
  const { asks, drops, added } = await begin();
  const { url } = await asks.make(wish);
  for (const secret of [url.split("#")[1]!, "quay", "Photos"]) expect(drops.said).not.toContain(secret);
  const secret = await brought(drops, url);
  await asks.load();
  expect(asks.asks.value).toMatchObject([{ title: "Photos of the quay", folder, url, mostFiles: 5, state: "open" }]);
  expect(asks.came.value).toMatchObject([{ id: object.id, head: { name: "quay.jpg", length: 9 } }]);
  await asks.take(asks.came.value![0]!);
  expect(added).toMatchObject([[folder, { name: "quay.jpg", id: object.id, length: 9, secret }, true]]);
  expect(drops.did.slice(-2)).toEqual(["add", `POST /files/${object.id}/take`]); // its secret is safe before the server drops the head
  expect(asks.came.value).toEqual([]);
});

test("a folder that is gone does not keep a file from the drive; nothing is taken that was not put anywhere", async () => {
  const { asks, drops, added, drive } = await begin();
  const { url } = await asks.make(wish);
  await brought(drops, url);
  await asks.load();
  const add = drive.add;
  drive.add = async (at, e, beside) => { if (at !== "root") throw new Error("gone"); return add(at, e, beside); };
  await asks.take(asks.came.value![0]!);
  expect(added.map(([at]) => at)).toEqual(["root"]);
  await brought(drops, url);
  await asks.load();
  drive.add = async () => { throw new Error("full"); };
  await expect(asks.take(asks.came.value![0]!)).rejects.toThrow("full");
  expect(drops.files.length).toBe(1);
});

test("what another key sealed, or another request got, does not open, and may be deleted", async () => {
  const { asks, drops } = await begin();
  const { id, url } = await asks.make(wish);
  await brought(drops, url);
  const other = await receiverOf(new Uint8Array(32).fill(9));
  const head = await sealDrop({ key: other.raw as Uint8Array<ArrayBuffer> }, id, object, { name: "x", type: "", length: 9, secret: newSecret(), modified: 0, hash: null });
  drops.files[0]!.head = toBase64(head);
  await asks.load();
  expect(asks.came.value).toMatchObject([{ head: null }]);
  await expect(asks.take(asks.came.value![0]!)).rejects.toThrow();
  await asks.refuse(asks.came.value![0]!);
  expect(drops.did).toContain(`DELETE /files/${object.id}?brought=true`); // not one that another device took over
  expect([drops.files, asks.came.value]).toEqual([[], []]);
});

test("closed, forgotten: its copy stays as long as something that came by it waits", async () => {
  const { asks, drops, server } = await begin();
  const { id, url } = await asks.make(wish);
  await brought(drops, url);
  await asks.load();
  await asks.close(id);
  expect(asks.asks.value).toMatchObject([{ state: "revoked" }]);
  const copies = () => [...server.cabinet.values()].filter((b) => b.name === `request-${id}` && !b.gone).length;
  await asks.forget(id);
  expect(copies()).toBe(1);
  await asks.refuse(asks.came.value![0]!);
  await asks.load();
  expect(copies()).toBe(0);
});
