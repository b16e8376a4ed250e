// The owner's links: what the server gets, what only the owner's devices have, and what the
// list says afterwards.

import { afterEach, expect, test } from "vitest";
import { isFragment } from "../../files/index.ts";
import type { FileEntry } from "../../files/folder.ts";
import type { FileLink, NewFileLink } from "../../wire/api.ts";
import { ApiError, type Api } from "../../wire/http.ts";
import { FakeClock, FakeServer, newBrowser, openedPage, type FakePage } from "../testing/fake.ts";
import { Shares } from "./shares.ts";

const pages: FakePage[] = [];
afterEach(() => pages.splice(0).forEach((p) => p.app.stop()));

const entry = (name: string, id = "F".repeat(22)): FileEntry => ({ kind: "file", name, type: "text/plain", id, length: 9, secret: new Uint8Array(32).fill(3), modified: 0, hash: null, versions: [], trashed: 0 });

/** The server's links, as shares.go has them. */
class Links {
  all: FileLink[] = [];
  said = "";
  n = 0;
  api = {
    get: async () => ({ links: this.all }),
    mutate: async (method: string, path: string, body?: object) => {
      this.said += JSON.stringify(body ?? "");
      const id = path.split("/")[2];
      if (method === "DELETE") return void (this.all = this.all.filter((l) => l.id !== id));
      if (method === "PATCH") {
        const l = this.all.find((l) => l.id === id);
        if (!l) throw new ApiError("none", 404);
        const { revoked, ...rest } = body as { revoked?: boolean };
        return Object.assign(l, rest, revoked && { state: "revoked" });
      }
      const { file, box, kdf, expires, most } = body as NewFileLink;
      const made: FileLink = { id: `${++this.n}`.padStart(22, "L"), file, box, ...(kdf && { kdf }), checked: true, created: "2026-01-01T00:00:00Z", expires: expires ?? "2026-01-08T00:00:00Z", most: most ?? 0, count: 0, downloads: [], state: "open" };
      this.all.push(made);
      return made;
    },
  } as unknown as Api;
}

async function begin(server = new FakeServer({ clock: new FakeClock() }), links = new Links()) {
  const page = await openedPage(server, newBrowser());
  pages.push(page);
  return { server, links, page, shares: new Shares({ api: links.api, vault: page.vault, cabinet: page.desk.cabinet, origin: "https://here.example" }) };
}

test("a link is whole on all of the owner's devices, and its secret at no server", async () => {
  const one = await begin();
  const { id, url } = await one.shares.makeLink(entry("marmalade.txt"), { most: 3, password: "seven brass sextants", ends: Date.parse("2026-01-03T00:00:00Z") });
  const fragment = url.split("#")[1]!;
  expect(url).toBe(`https://here.example/f/${id}#${fragment}`);
  expect(isFragment(fragment)).toBe(true);
  for (const secret of [fragment, "sextants", "marmalade"]) expect(one.links.said).not.toContain(secret);
  one.links.all[0]!.count = 2;
  one.links.all[0]!.downloads = ["2026-01-02T10:00:00Z", "2026-01-02T09:00:00Z"];
  const other = await begin(one.server, one.links);
  await other.shares.load();
  expect(other.shares.links.value).toEqual([{
    id, file: "F".repeat(22), name: "marmalade.txt", length: 9, url, password: true, created: Date.parse("2026-01-01T00:00:00Z"), ends: Date.parse("2026-01-03T00:00:00Z"),
    most: 3, count: 2, used: [Date.parse("2026-01-02T10:00:00Z"), Date.parse("2026-01-02T09:00:00Z")], state: "open",
  }]);
  const notes = [...one.server.cabinet.values()].filter((b) => b.name === `link-${id}`);
  expect(notes.map((b) => b.drawer)).toEqual(["drive"]);
});

test("nothing stays of a link that no device would remember", async () => {
  const { shares, links, page } = await begin();
  page.desk.cabinet.write = async () => { throw new ApiError("full", 409); };
  await expect(shares.makeLink(entry("a.txt"))).rejects.toThrow("full");
  expect(links.all).toEqual([]);
});

test("change and revoke keep what leads there; who forgets one, forgets its copy", async () => {
  const { shares, links, server } = await begin();
  const { id, url } = await shares.makeLink(entry("a.txt"));
  await shares.load();
  await shares.change(id, { most: 5 });
  expect(shares.links.value).toMatchObject([{ id, url, most: 5, state: "open", name: "a.txt" }]);
  await shares.revoke(id);
  expect(shares.links.value).toMatchObject([{ id, url, state: "revoked", name: "a.txt" }]);
  await shares.forget(id);
  expect([shares.links.value, links.all, [...server.cabinet.values()].filter((b) => b.name === `link-${id}` && !b.gone)]).toEqual([[], [], []]);
});

test("copies of links that the server has forgotten go; links of other programs have no copy", async () => {
  const { shares, links, server } = await begin();
  const { id } = await shares.makeLink(entry("a.txt"));
  links.all = [{ ...links.all[0]!, id: "M".repeat(22) }];
  await shares.load();
  expect(shares.links.value).toMatchObject([{ id: "M".repeat(22), url: "", name: "" }]);
  expect([...server.cabinet.values()].filter((b) => b.name === `link-${id}` && !b.gone)).toEqual([]);
});

test("a copy that was put in another's place is none", async () => {
  const { shares, links, server } = await begin();
  const a = await shares.makeLink(entry("a.txt"));
  const b = await shares.makeLink(entry("b.txt", "G".repeat(22)));
  const box = (id: string) => [...server.cabinet.values()].find((x) => x.name === `link-${id}`)!;
  box(a.id).data = box(b.id).data.slice(0);
  const other = await begin(server, links);
  await other.shares.load();
  expect(other.shares.links.value?.find((l) => l.id === a.id)).toMatchObject({ url: "", name: "" });
  expect(other.page.app.alarms.all.value.map((x) => x.word)).toEqual(["damaged-box"]);
});
