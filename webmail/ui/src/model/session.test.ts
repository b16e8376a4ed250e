import { describe, expect, test } from "vitest";
import { FakeClock, FakeServer, calm, newBrowser, openPage, settle } from "./testing/fake.ts";
import { soon } from "./testing/soon.ts";
import { fakePassphrase, fakeWords } from "./testing/vault.ts";
import { withoutSecrets } from "./passkeys.ts";

const world = () => {
  const clock = new FakeClock();
  return { clock, server: new FakeServer({ clock }) };
};
const me = "me@example.org";
const out = async (server: FakeServer, browser = newBrowser()) => {
  server.live = false;
  const p = openPage(server, browser);
  await p.app.start();
  return p;
};

describe("session", () => {
  test("a reload needs no passphrase; without the device's copy it is locked", async () => {
    const { server } = world();
    const browser = newBrowser();
    const p = openPage(server, browser);
    await p.app.start();
    expect(p.app.session.phase.peek()).toBe("open");
    browser.device.copy = null;
    const q = openPage(server, browser);
    await q.app.start();
    expect(q.app.session.phase.peek()).toBe("locked");
    expect(q.app.desk.peek()).toBe(null);
    expect(await q.app.session.unlock({ passphrase: "wrong" })).toBe(false);
    expect(q.app.session.fault.peek()?.word).toBe("closed");
    expect(await q.app.session.unlock({ passphrase: fakePassphrase })).toBe(true);
    await settle();
    expect(q.app.desk.peek()).not.toBe(null);
    p.app.stop();
    q.app.stop();
  });

  test("signs in by passphrase on a device that knows the account; elsewhere says what is needed", async () => {
    const { server } = world();
    const p = await out(server);
    expect(p.app.session.phase.peek()).toBe("signed-out");
    expect(await p.app.session.signIn({ address: me, passphrase: "wrong" })).toBe(false);
    expect(p.app.session.fault.peek()?.word).toBe("wrong-sign-in");
    expect(p.app.session.phase.peek()).toBe("signed-out");
    expect(await p.app.session.signIn({ address: ` ${me} `, passphrase: fakePassphrase })).toBe(true);
    expect(p.app.session.phase.peek()).toBe("open");
    const q = await out(server, newBrowser({ signedIn: false }));
    expect(await q.app.session.signIn({ address: me, passphrase: fakePassphrase })).toBe(false);
    expect(q.app.session.need.peek()).toEqual({ kind: "unknown-device" });
    expect(await q.app.session.signInWithKit({ address: me, words: fakeWords })).toBe(true);
    for (const x of [p, q]) x.app.stop();
  });

  test("asks for the second factor and takes it", async () => {
    const { server } = world();
    server.totp = "123456";
    const p = await out(server);
    expect(await p.app.session.signIn({ address: me, passphrase: fakePassphrase })).toBe(false);
    expect(p.app.session.need.peek()).toEqual({ kind: "second-factor", methods: ["totp"] });
    expect(await p.app.session.signIn({ address: me, passphrase: fakePassphrase, code: "123 456" })).toBe(true);
    p.app.stop();
  });

  test("refuses weaker parameters in words, and sends nothing", async () => {
    const { server } = world();
    server.keyring.kdf.memory = 1024;
    const p = await out(server);
    expect(await p.app.session.signIn({ address: me, passphrase: fakePassphrase })).toBe(false);
    expect(p.app.session.fault.peek()?.word).toBe("weak");
    expect(server.seen.some((s) => s.startsWith("POST /sign-in?"))).toBe(false);
    p.app.stop();
  });

  test("joins only after the kit was typed back", async () => {
    const { server } = world();
    const browser = newBrowser({ signedIn: false });
    const p = await out(server, browser);
    expect(await p.app.session.joining.begin("bad")).toBe(false);
    expect(await p.app.session.joining.begin("good")).toBe(true);
    expect(await p.app.session.joining.make({ address: "new@example.org", name: "N", passphrase: fakePassphrase })).toBe(true);
    expect(p.app.session.joining.state.peek()?.words.length).toBe(24);
    p.app.session.joining.wordsWritten();
    expect(p.app.session.joining.state.peek()?.words).toEqual([]);
    expect(await p.app.session.joining.finish("other words")).toBe(false);
    expect(server.seen.some((s) => s.startsWith("POST /join"))).toBe(false);
    expect(await p.app.session.joining.finish(fakeWords)).toBe(true);
    expect(p.app.session.phase.peek()).toBe("open");
    expect(p.app.session.address.peek()).toBe("new@example.org");
    p.app.stop();
  });

  test("locks after the time set, saves first, and a reload does not open it", async () => {
    const { server, clock } = world();
    const browser = newBrowser();
    const p = openPage(server, browser);
    await p.app.start();
    await calm(p);
    await p.desk.settings.set({ autoLock: 1 });
    const d = await p.desk.drafts.create({ subject: "s" });
    d.update({ text: "unsaved" });
    await clock.advance(50_000);
    p.app.session.active();
    await clock.advance(45_000);
    expect(p.app.session.phase.peek()).toBe("open");
    await clock.advance(40_000);
    expect(p.app.session.phase.peek()).toBe("locked");
    expect(p.app.desk.peek()).toBe(null);
    expect((await p.vault.state()).open).toBe(false);
    const q = openPage(server, browser);
    await q.app.start();
    expect(q.app.session.phase.peek()).toBe("locked");
    for (const x of [p, q]) x.app.stop();
  });

  test("whoever reloads while it locks finds it locked", async () => {
    const { server } = world();
    const browser = newBrowser();
    const p = openPage(server, browser);
    await p.app.start();
    await calm(p);
    p.vault.signOut = () => new Promise(() => {}); // its worker is busy, and then the page is gone
    void p.app.session.lock();
    await soon(() => expect(p.app.session.phase.peek()).toBe("locked"));
    const q = openPage(server, browser);
    await q.app.start();
    expect(q.app.session.phase.peek()).toBe("locked");
    for (const x of [p, q]) x.app.stop();
  });

  test("a session that the server ended takes the keys out of memory", async () => {
    const { server } = world();
    const p = openPage(server, newBrowser());
    await p.app.start();
    await calm(p);
    server.live = false;
    await p.desk.sync.refresh();
    await settle();
    expect([p.app.session.phase.peek(), p.app.session.ended.peek(), p.app.desk.peek()]).toEqual(["signed-out", true, null]);
    expect((await p.vault.state()).open).toBe(false);
    p.app.stop();
  });

  test("signing out with forgetting leaves nothing of the account here", async () => {
    const { server } = world();
    const browser = newBrowser();
    server.fill(3, (i) => ({ received: i }));
    const p = openPage(server, browser);
    await p.app.start();
    await calm(p);
    await p.desk.sync.save();
    await p.app.session.signOut(true);
    expect(browser.device.secrets.size).toBe(0);
    expect(browser.memory.size).toBe(0);
    const cache = await browser.store.open("00000000000000a1");
    expect(await cache.keys("entries")).toEqual([]);
    expect(server.live).toBe(false);
    p.app.stop();
  });

  test("no fault holds what was typed", async () => {
    const { server } = world();
    const p = await out(server);
    for (const go of [() => p.app.session.signIn({ address: "CANARY@x.example", passphrase: "CANARY" }), () => p.app.session.signInWithKit({ address: me, words: "CANARY" })]) {
      await go();
      expect(JSON.stringify([p.app.session.fault.peek(), p.app.session.need.peek()])).not.toContain("CANARY");
    }
    expect(server.seen.join()).not.toContain("CANARY");
    p.app.stop();
  });

  test("what a passkey's PRF gave never goes to the server", () => {
    const json = { id: "x", clientExtensionResults: { prf: { enabled: true, results: { first: "SECRET" } }, other: 1 } };
    expect(JSON.stringify(withoutSecrets(json))).toBe('{"id":"x","clientExtensionResults":{"prf":{"enabled":true}}}');
    expect(JSON.stringify(withoutSecrets({ clientExtensionResults: { prf: { results: { first: "SECRET" } } } }))).not.toContain("SECRET");
  });
});
