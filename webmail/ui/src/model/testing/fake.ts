// Whole apps on a server in memory: for tests of the model and of views, and for looking at
// the page without a server.

import { createApi, realClock, type Clock } from "../../wire/http.ts";
import { createApp, type OpenApp } from "../app.ts";
import { createMemoryStore, type Store } from "../cache.ts";
import type { OpenDesk } from "../desk.ts";
import { FakeClock, settle } from "./clock.ts";
import { FakeServer, type FakeClient } from "./server.ts";
import { createFakeVault, fakeCertificate, newDevice, type FakeDevice, type FakeVault } from "./vault.ts";

// One browser: what lasts over reloads of its page.
export interface FakeBrowser {
  store: Store;
  device: FakeDevice;
  memory: Map<string, string>;
}
export const newBrowser = (o: { signedIn?: boolean; account?: string; address?: string; store?: Store } = {}): FakeBrowser => {
  const device = newDevice();
  if (o.signedIn ?? true) {
    device.copy = o.account ?? "00000000000000a1";
    device.secrets.add(o.address ?? "me@example.org");
  }
  return { store: o.store ?? createMemoryStore(), device, memory: new Map() };
};

export interface FakePage {
  app: OpenApp;
  vault: FakeVault;
  net: FakeClient;
  readonly desk: OpenDesk;
}

export function openPage(server: FakeServer, browser: FakeBrowser, o: { clock?: Clock; live?: boolean } = {}): FakePage {
  const clock = o.clock ?? server.clock;
  const net = server.client();
  const vault = createFakeVault(browser.device);
  const app = createApp({
    api: createApi({ fetch: net.fetch, clock }),
    vault, store: browser.store, clock, source: net.source, device: "a test", quiet: !(o.live ?? false),
    memory: { get: (k) => browser.memory.get(k) ?? null, set: (k, v) => void (v === null ? browser.memory.delete(k) : browser.memory.set(k, v)) },
  });
  return {
    app, vault, net,
    get desk() {
      const d = app.desk.peek();
      if (!d) throw new Error(`the desk is not open: ${app.session.phase.peek()} ${app.session.fault.peek()?.word ?? ""}`);
      return d;
    },
  };
}

// A page that is open, with all it could read read.
export async function openedPage(server: FakeServer, browser: FakeBrowser = newBrowser(), o: { live?: boolean } = {}): Promise<FakePage> {
  const page = openPage(server, browser, o);
  await page.app.start();
  await calm(page);
  return page;
}
export async function calm(...pages: FakePage[]): Promise<void> {
  for (let i = 0; i < 3; i++)
    for (const p of pages) {
      await settle();
      const d = p.app.desk.peek();
      await d?.queue.idle();
      await d?.sync.idle();
      await d?.list.settled();
    }
}

export { FakeClock, FakeServer, createFakeVault, fakeCertificate, settle };

// For `vite` without a server: an account with some mail, already signed in.
export function createFakeApp(o: { mails?: number } = {}): { app: OpenApp; server: FakeServer } {
  const server = new FakeServer({ clock: realClock });
  const people = [["Ada Lovelace", "ada@engine.example"], ["Grace Hopper", "grace@navy.example"], ["Alan Turing", "alan@park.example"], ["Hedy Lamarr", "hedy@hop.example"]] as const;
  const now = Math.floor(Date.now() / 1000);
  const n = o.mails ?? 60;
  server.fill(n, (i) => {
    const [from_name, from] = people[i % people.length]!;
    const received = now - (n - i) * 5_400;
    const thread = i % 5 === 0 ? {} : { in_reply_to: `<${i - (i % 5) + 1}@example.net>` };
    const kind = (["sealed on arrival", "end-to-end", "both"] as const)[i % 3]!;
    return {
      received, flags: i < n - 6 ? ["\\Seen"] : [],
      card: {
        subject: `${i % 5 === 0 ? "" : "Re: "}Notes on the analytical engine, part ${Math.floor(i / 5) + 1}`, from_name, from, class: kind, verified: true, dmarc: "pass",
        snippet: "The engine weaves algebraic patterns just as the loom weaves flowers and leaves.", ...thread,
        attachments: i % 4 === 0 ? [{ name: "diagram.pdf", type: "application/pdf", size: 48_000 }] : [],
      },
      mail: { to: [{ name: "Me", address: "me@example.org" }], text: "The engine weaves algebraic patterns just as the loom weaves flowers and leaves.\n\nYours\n" + from_name },
    };
  });
  const { app } = openPage(server, newBrowser(), { live: true });
  return { app, server };
}
