// A page that is loaded without a network, and what happens when it meets its server again.
import { afterEach, describe, expect, test, vi } from "vitest";
import { FakeClock, FakeServer, calm, newBrowser, openPage, openedPage, settle, type FakeBrowser } from "./testing/fake.ts";
import { fakePassphrase } from "./testing/vault.ts";

const world = () => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  server.fill(3, (i) => ({ received: i, card: { subject: `s${i}` } }));
  return { clock, server };
};
// A browser that was used with the network, by somebody who said whose it is.
async function used(server: FakeServer, own: boolean): Promise<FakeBrowser> {
  const browser = newBrowser();
  const p = await openedPage(server, browser);
  p.app.session.ownDevice(own);
  await calm(p);
  await p.desk.sync.save();
  p.app.stop();
  return browser;
}
async function startApart(server: FakeServer, browser: FakeBrowser, clock: FakeClock) {
  const p = openPage(server, browser);
  p.net.offline = true;
  const started = p.app.start();
  await clock.advance(5_000);
  await started;
  return p;
}
const unlock = async (p: ReturnType<typeof openPage>, clock: FakeClock, passphrase = fakePassphrase) => {
  const done = p.app.session.unlock({ passphrase });
  await clock.advance(5_000);
  const ok = await done;
  await settle();
  return ok;
};

afterEach(() => vi.unstubAllGlobals());

describe("without a network", () => {
  test("what the browser knows is shown before a request has failed, until one arrives", async () => {
    const { server } = world(), told = new EventTarget();
    vi.stubGlobal("addEventListener", told.addEventListener.bind(told));
    const p = await openedPage(server);
    expect(p.app.online.peek()).toBe(true);
    told.dispatchEvent(new Event("offline"));
    expect(p.app.online.peek()).toBe(false);
    told.dispatchEvent(new Event("online"));
    await calm(p);
    expect(p.app.online.peek()).toBe(true);
    p.app.stop();
  });

  test("a device of others stays closed", async () => {
    const { server, clock } = world();
    const browser = await used(server, false);
    const p = await startApart(server, browser, clock);
    expect([p.app.session.phase.peek(), p.app.session.fault.peek()?.word]).toEqual(["signed-out", "offline"]);
    expect(browser.device.offline).toBe(null);
    p.app.stop();
  });

  test("the owner's device opens by the passphrase, shows its mail, and tells what was done once the session was looked at", async () => {
    const { server, clock } = world();
    const browser = await used(server, true);
    const p = await startApart(server, browser, clock);
    expect([p.app.session.phase.peek(), p.app.session.offline.apart.peek()]).toEqual(["locked", true]);
    expect(await unlock(p, clock, "wrong")).toBe(false);
    expect(p.app.session.fault.peek()?.word).toBe("closed");
    expect(await unlock(p, clock)).toBe(true);
    expect(p.app.session.offline.apart.peek()).toBe(true);
    const { list, sync, actions } = p.desk;
    await list.settled();
    expect([list.count.peek(), list.row(0)?.subject]).toEqual([3, "s2"]);
    actions.flag([list.row(0)!.ref], true);
    expect(sync.flagsOf(list.row(0)!.ref)).toContain("\\Flagged");
    server.seen.length = 0;
    p.net.offline = false;
    p.app.session.online();
    p.desk.online();
    await clock.advance(5_000);
    await calm(p);
    expect(server.seen[0]).toMatch(/^GET \/session/);
    expect(p.app.session.offline.apart.peek()).toBe(false);
    expect([...server.box("INBOX").mails.values()].filter((m) => m.flags.includes("\\Flagged")).length).toBe(1);
    p.app.stop();
  });

  test("a session that was revoked meanwhile locks and forgets at once, and nothing was said to the server", async () => {
    const { server, clock } = world();
    const browser = await used(server, true);
    const p = await startApart(server, browser, clock);
    await unlock(p, clock);
    await p.desk.list.settled();
    p.desk.actions.flag([p.desk.list.row(0)!.ref], true);
    server.live = false;
    server.seen.length = 0;
    p.net.offline = false;
    p.desk.online();
    await clock.advance(5_000);
    await settle();
    expect([p.app.session.phase.peek(), p.app.session.ended.peek(), p.app.desk.peek()]).toEqual(["signed-out", true, null]);
    expect((await p.vault.state()).open).toBe(false);
    expect([browser.device.offline, browser.device.copy]).toEqual([null, null]);
    expect(server.seen.filter((s) => !/^GET \/(session|server)/.test(s))).toEqual([]);
    p.app.stop();
    const q = await startApart(server, browser, clock);
    expect(q.app.session.phase.peek()).toBe("signed-out");
    q.app.stop();
  });

  test("it forgets also while it is still locked", async () => {
    const { server, clock } = world();
    const browser = await used(server, true);
    const p = await startApart(server, browser, clock);
    server.live = false;
    p.net.offline = false;
    p.app.session.online();
    await settle();
    expect([p.app.session.phase.peek(), browser.device.offline]).toEqual(["signed-out", null]);
    p.app.stop();
  });

  test("another account's session is not told what was done here", async () => {
    const { server, clock } = world();
    const browser = await used(server, true);
    const p = await startApart(server, browser, clock);
    await unlock(p, clock);
    await p.desk.list.settled();
    p.desk.actions.flag([p.desk.list.row(0)!.ref], true);
    server.account.id = "00000000000000b2";
    server.seen.length = 0;
    p.net.offline = false;
    p.desk.online();
    await clock.advance(5_000);
    await settle();
    expect(p.app.session.phase.peek()).toBe("signed-out");
    expect(server.seen.filter((s) => !/^GET \/(session|server)/.test(s))).toEqual([]);
    p.app.stop();
  });

  test("locking keeps it, signing out and turning it off do not", async () => {
    const { server } = world();
    const browser = newBrowser();
    const p = await openedPage(server, browser);
    p.app.session.ownDevice(true);
    await settle();
    expect(browser.device.offline).not.toBe(null);
    await p.app.session.lock();
    expect([browser.device.offline !== null, browser.device.copy]).toEqual([true, null]);
    await p.app.session.unlock({ passphrase: fakePassphrase });
    p.app.session.ownDevice(false);
    await settle();
    expect([browser.device.offline, browser.device.copy !== null]).toEqual([null, true]);
    p.app.session.ownDevice(true);
    await settle();
    await p.app.session.signOut();
    expect(browser.device.offline).toBe(null);
    p.app.stop();
  });
});
