// Letters behind a password: who gets one, what leaves for them, and what is left when it is
// taken back.

import { afterEach, expect, test } from "vitest";
import { protectedView } from "./parcels.ts";
import { FakeClock, FakeServer, calm, newBrowser, openedPage, type FakePage } from "./testing/fake.ts";
import type { Notice } from "./types.ts";

const pages: FakePage[] = [];
afterEach(() => {
  for (const p of pages.splice(0)) p.app.stop();
});
async function begin() {
  const server = new FakeServer({ clock: new FakeClock() });
  const p = await openedPage(server, newBrowser());
  pages.push(p);
  return { server, p };
}
const text = (b: ArrayBuffer) => new TextDecoder().decode(b);
const notice: Notice = ({ link, from }) => ({ subject: "a letter", text: `from ${from.address}: https://here/#/letter/${link}` });
const wish = { password: "abandon ability able", hint: "the café", hours: 24, answers: true };
const parcels = (server: FakeServer) => [...server.cabinet.values()].filter((b) => b.drawer === "parcels" && !b.gone);

async function written(p: FakePage, more: object = {}) {
  return p.desk.drafts.create({ to: [{ name: "", address: "Eve@elsewhere.example" }], subject: "the kumquat plan", text: "meet under the clock", passwords: { "eve@elsewhere.example": wish }, ...more });
}

test("who has no key gets a link, and the server a box; neither says what was written", async () => {
  const { server, p } = await begin();
  const d = await written(p);
  expect(await p.desk.outbox.send(d, { notice })).toMatchObject({ state: "sent" });
  await calm(p);
  const box = parcels(server)[0]!;
  expect(box.name).toMatch(/^[0-9a-f]{8}5/);
  expect(parseInt(box.name.slice(0, 8), 16)).toBe(Math.floor(server.clock.now() / 1000) + 86_400);
  const out = [...server.outbox, ...server.left].map((o) => ({ to: o.envelope.to, mail: text(o.mail), encrypted: o.envelope.encrypted }));
  expect(out).toEqual([{ to: ["eve@elsewhere.example"], encrypted: false, mail: expect.stringContaining(`.${box.name}.`) }]);
  for (const word of ["kumquat", "under the clock", "abandon", "café"]) expect(out[0]!.mail).not.toContain(word);
  expect(p.desk.parcels.all.value).toMatchObject([{ name: box.name, to: "eve@elsewhere.example", subject: "the kumquat plan", password: wish.password, open: true }]);
});

test("a copy for others goes its own way, and without a notice nothing goes", async () => {
  const { server, p } = await begin();
  const none = await written(p);
  expect(await p.desk.outbox.send(none)).toMatchObject({ state: "refused", fault: { word: "not-made" } });
  expect(parcels(server)).toEqual([]);
  const d = await written(p, { to: [{ name: "", address: "eve@elsewhere.example" }, { name: "", address: "plain@elsewhere.example" }] });
  expect(await p.desk.outbox.send(d, { notice, readable: true })).toMatchObject({ state: "sent" });
  const out = [...server.outbox, ...server.left];
  expect(out.map((o) => o.envelope.to)).toEqual([["plain@elsewhere.example"], ["eve@elsewhere.example"]]);
  expect(text(out[0]!.mail)).toContain("kumquat");
  expect(text(out[1]!.mail)).not.toContain("kumquat");
});

test("who must encrypt may send behind a password, and nothing readable", async () => {
  const { p } = await begin();
  expect(await p.desk.outbox.send(await written(p, { encrypt: true }), { notice })).toMatchObject({ state: "sent" });
  const d = await written(p, { encrypt: true, passwords: {} });
  expect(await p.desk.outbox.send(d, { notice })).toMatchObject({ state: "refused", fault: { word: "no-key" } });
});

test("taken back, the mail does not leave and the letter opens for nobody", async () => {
  const { server, p } = await begin();
  const sent = await p.desk.outbox.send(await written(p), { notice });
  if (sent.state !== "sent") throw new Error("not sent");
  await calm(p);
  expect(parcels(server)).toHaveLength(1);
  expect(await p.desk.outbox.takeBack(sent.ids[0]!)).toBe(true);
  await calm(p);
  expect(parcels(server)).toEqual([]);
  expect(p.desk.parcels.all.value).toEqual([]);
  expect(server.left).toEqual([]);
});

test("the owner takes a letter back when its mail is gone", async () => {
  const { server, p } = await begin();
  await p.desk.outbox.send(await written(p), { notice });
  await calm(p);
  expect(await p.desk.parcels.revoke(parcels(server)[0]!.name)).toBe(true);
  await calm(p);
  expect(parcels(server)).toEqual([]);
  expect(p.desk.parcels.all.value).toEqual([]);
});

test("what is too large, or would end too late, is refused by name and before anything leaves", async () => {
  const { server, p } = await begin();
  const now = Math.floor(server.clock.now() / 1000);
  expect(await p.desk.outbox.send(await written(p, { at: now + 50 * 86_400, passwords: { "eve@elsewhere.example": { ...wish, hours: 672 } } }), { notice })).toMatchObject({ state: "refused", fault: { word: "parcel-late" }, addresses: ["eve@elsewhere.example"] });
  const d = await written(p);
  await d.attach({ name: "a", type: "a/b", data: new ArrayBuffer(16 << 20) });
  expect(await p.desk.outbox.send(d, { notice })).toMatchObject({ state: "refused", fault: { word: "parcel-large" } });
  expect(parcels(server)).toEqual([]);
  expect([...server.outbox, ...server.left]).toEqual([]);
});

test("a password is for those without a key alone", () => {
  const view = (state: "readable" | "encrypted" | "blocked") => ({ address: "eve@elsewhere.example", state, why: "", fingerprint: "", local: false, offered: null });
  const passwords = { "eve@elsewhere.example": wish };
  expect(protectedView(view("readable"), passwords).state).toBe("password");
  expect(protectedView(view("encrypted"), passwords).state).toBe("encrypted");
  expect(protectedView(view("blocked"), passwords).state).toBe("blocked");
  expect(protectedView(view("readable"), {}).state).toBe("readable");
});
