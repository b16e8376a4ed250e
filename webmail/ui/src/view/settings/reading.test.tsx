// @vitest-environment happy-dom
// The switch of knocks, on a page that was faster than its service worker.
import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { App, Desk } from "../../model/types.ts";
import en from "../../words/en.json";

let root: HTMLElement;
let register: { done: (r: object) => void; refused: (e: Error) => void };
let makeReady: (r: object) => void;
let held: { endpoint: string; unsubscribe: () => Promise<boolean> } | null;
let granted: NotificationPermission;
const told: string[] = [];
const api = {
  pushKey: async () => ({ key: "K".repeat(87) }),
  push: async (endpoint: string) => void told.push(`knock at ${endpoint}`),
  noPush: async (endpoint: string) => void told.push(`no more at ${endpoint}`),
};
const pushManager = {
  getSubscription: async () => held,
  subscribe: async () => (held = { endpoint: "https://push.test/1", unsubscribe: async () => ((held = null), true) }),
};
const worker = { pushManager, addEventListener: () => {}, active: { postMessage: () => {} }, waiting: null };
const desk = { settings: { value: signal({ notices: true, remote: "ask", remoteSenders: [], seenAfter: 0, offlineDays: 30 }) } } as unknown as Desk;

const settle = async () => { for (let i = 0; i < 4; i++) await act(async () => void (await new Promise((done) => setTimeout(done, 2)))); };
const knocks = () => [...root.querySelectorAll("label")].find((l) => l.textContent?.startsWith(en["reading.knock"]))?.nextElementSibling as HTMLInputElement | undefined;
const turn = async () => {
  await act(() => knocks()?.click());
  await settle();
};

// The module keeps what it knows of its worker: each test has a page of its own.
beforeEach(async () => {
  vi.resetModules();
  vi.stubEnv("DEV", false);
  vi.stubGlobal("PushManager", class {});
  granted = "granted";
  vi.stubGlobal("Notification", { requestPermission: async () => granted });
  Object.defineProperty(navigator, "serviceWorker", {
    configurable: true,
    value: { controller: null, register: () => new Promise((done, refused) => (register = { done, refused })), ready: new Promise((go) => (makeReady = go)) },
  });
  held = null;
  told.length = 0;
  root = document.createElement("div");
  document.body.append(root);
});
afterEach(() => {
  render(null, root);
  root.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  Reflect.deleteProperty(navigator, "serviceWorker");
});

// The settings, drawn while the browser still registers its worker.
async function early() {
  const shell = await import("../../shell.ts");
  await import("../../words/english.ts");
  const { Reading } = await import("./reading.tsx");
  const started = shell.startShell(signal("en"), () => "New mail");
  await act(() => render(<Reading app={{ api } as unknown as App} desk={desk} />, root));
  return { shell, started };
}

test("the switch is there before the service worker is, and works once that is ready", async () => {
  const { started } = await early();
  expect(knocks()?.checked).toBe(false);
  await turn();
  expect([knocks()?.checked, told]).toEqual([true, []]); // wished, not yet so
  register.done(worker);
  makeReady(worker);
  await started;
  await settle();
  expect(told).toEqual(["knock at https://push.test/1"]);
  expect(knocks()?.checked).toBe(true);
  await turn();
  expect(told.at(-1)).toBe("no more at https://push.test/1");
  expect([knocks()?.checked, held]).toEqual([false, null]);
});

test("on and off in one breath end off", async () => {
  await early();
  register.done(worker);
  makeReady(worker);
  await act(() => { knocks()?.click(); });
  await act(() => { knocks()?.click(); });
  await settle();
  expect(told).toEqual(["knock at https://push.test/1", "no more at https://push.test/1"]);
  expect([knocks()?.checked, held]).toEqual([false, null]);
});

test("where no service worker may be, there is no switch", async () => {
  const { started } = await early();
  expect(knocks()).toBeDefined();
  register.refused(new Error("not here"));
  await act(() => started);
  expect(knocks()).toBe(undefined);
});

test("what was not allowed does not look on, however often it is tried", async () => {
  await early();
  register.done(worker);
  makeReady(worker);
  granted = "denied";
  for (let i = 0; i < 2; i++) {
    await turn();
    expect([i, knocks()?.checked]).toEqual([i, false]);
    expect(root.textContent).toContain(en["reading.knock.failed"]);
  }
});

test("a worker that never gets ready is not waited for without end", async () => {
  const { shell } = await early();
  register.done(worker);
  vi.useFakeTimers();
  const asked = shell.knock(api as never, true);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await asked).toBe(false);
});
