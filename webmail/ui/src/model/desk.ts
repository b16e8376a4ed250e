// All models of one open account, joined. A new desk for each opening: what comes late for
// an old one reaches nothing.

import { effect, signal, untracked } from "@preact/signals";
import type { Session } from "../wire/api.ts";
import { openEvents, type EventSourceLike, type Events, type EventsOptions } from "../wire/events.ts";
import type { Api, Clock } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import { Actions } from "./actions.ts";
import { CabinetModel } from "./cabinet.ts";
import { SealedCache, type Cache } from "./cache.ts";
import { Better } from "./better.ts";
import { Cards } from "./cards.ts";
import { createContacts } from "./contacts.ts";
import type { Filing } from "./attach/leaving.ts";
import { DraftFiles } from "./draftfiles.ts";
import type { Drive } from "./drive/drive.ts";
import { Drafts } from "./drafts.ts";
import { Letters } from "./letters.ts";
import { List } from "./list.ts";
import { Mail } from "./mail.ts";
import { Moving } from "./moving.ts";
import { noticedIn } from "./organise.ts";
import { Outbox } from "./outbox.ts";
import { Parcels } from "./parcels.ts";
import { Pins } from "./pins.ts";
import { Queue } from "./queue.ts";
import { Reseal } from "./reseal.ts";
import { createSearch } from "./search.ts";
import { createSettings } from "./settings.ts";
import { drawn } from "./slice.ts";
import { Sync } from "./sync.ts";
import { Threads } from "./threads.ts";
import type { Alarms, Desk } from "./types.ts";

export interface DeskParts {
  api: Api;
  vault: Vault;
  cache: Cache;
  clock: Clock;
  alarms: Alarms;
  session: Session;
  fingerprint: string; // of the key that the vault holds
  renewed?: (s: Session) => Promise<boolean>; // the session opens what the server has now
  source?: ((url: string) => EventSourceLike) | undefined;
  page?: EventsOptions["page"] | undefined;
  took?: (account: Session["account"]) => void; // it was changed elsewhere
  quiet?: boolean; // no stream, no timers: tests of one model
}
export interface OpenDesk extends Desk {
  readonly sync: Sync;
  readonly list: List;
  readonly actions: Actions;
  readonly queue: Queue;
  readonly drafts: Drafts;
  readonly outbox: Outbox;
  readonly pins: Pins;
  readonly cards: Cards;
  readonly cabinet: CabinetModel;
  readonly mail: Mail;
  changed(account: Session["account"]): void;
  readonly moving: Moving;
  readonly filing: Filing;
  readonly reseal: Reseal;
  start(): Promise<void>;
  online(): void;
  save(): Promise<void>;
}

const WAKE = 30_000;
const HOUR = 3_600_000;
const FIRST_AFTER = 3_000; // ms
const FIRST_ROWS = 40;

export function createDesk(parts: DeskParts): OpenDesk {
  const { api, vault, clock, alarms, session } = parts;
  // The parts below hold one account and one list of its addresses, which change in place.
  const account = { ...session.account };
  const shown = signal(session.account);
  const own = account.addresses.map((a) => a.toLowerCase());
  const changed = (now: typeof account) => {
    Object.assign(account, now);
    own.splice(0, own.length, ...now.addresses.map((a) => a.toLowerCase()));
    shown.value = now;
  };
  // Who writes: the address that its owner chose for that, or the account's name.
  const me = {
    get name() { return String(settings.value.peek().more["name"] ?? "").slice(0, 100); },
    get address() {
      const chosen = settings.value.peek().more["from"];
      return account.addresses.find((a) => a === chosen) ?? account.addresses[0] ?? "";
    },
  };
  const cache = new SealedCache(parts.cache, vault);
  const cabinet = new CabinetModel({ api, vault, cache, clock, alarms });
  const threads = new Threads();
  const cards = new Cards({ api, vault, cache, cabinet, clock });
  const sync = new Sync({ api, cache, clock, alarms, cards });
  const settings = createSettings(cabinet);
  const contacts = createContacts(cabinet, clock);
  const pins = new Pins(cabinet, { api, vault, clock, alarms, own, fingerprint: parts.fingerprint, renewed: parts.renewed ?? (async () => false) });
  const queue = new Queue({ api, cache, clock, sync, failed: () => actions.say("failed", {}, { tone: "bad" }) });
  const actions = new Actions({ api, clock, sync, queue, settings });
  const files = new DraftFiles(cache, cabinet);
  const drafts = new Drafts(cabinet, { clock, files, actions, settings, me, own });
  const parcels = new Parcels(cabinet, { api, vault, clock });
  const join = () => import("./attach/join.ts").then((m) => m.attachingOf({ api, vault }, desk));
  const filing: Filing = {
    revoke: async (links) => (links.length === 0 ? [] : (await join()).revoke(links)),
    remove: async (gone) => (gone.length === 0 ? undefined : (await join()).removeFiles(gone)),
  };
  const outbox = new Outbox({ filing, api, vault, cache, clock, account, sync, cards, drafts, contacts, pins, settings, actions, parcels });
  const search = createSearch(sync);
  const letters = new Letters(api, cache, (id) => cards.generation(id));
  const list = new List({ sync, settings, search, clock, threads, me: own, closed: (id) => cards.isClosed(id) });
  const better = new Better({ api, vault, clock, alarms, sync, cards, letters, learn: (id, text) => search.learn(id, text) });
  const mail = new Mail({ api, vault, clock, alarms, sync, cards, threads, letters, list, actions, settings, contacts, pins, better, me: own, cut: (p) => import("./attach/cutout.ts").then((m) => m.contentOf({ api, drive: () => desk.drive() }, p)) });
  const moving = new Moving({ api, vault, cache, clock, get account() { return shown.peek(); }, sync, cabinet, settings, contacts, pins, host: globalThis.location?.hostname ?? "" });
  sync.told = (box) => noticedIn(settings.value.peek()).includes(box);
  const reseal = new Reseal({ api, vault, clock, cabinet, cache, sync, cards, list: account.list_key !== undefined, locks: (globalThis.navigator as Navigator | undefined)?.locks });
  pins.onKey = () => quietly(letters.clear());
  drafts.unqueue = (id) => outbox.unqueue(id);
  cards.onCard = (c) => threads.add(c.id, c);
  cards.whole = () => sync.whole;
  cards.onChange = () => sync.changed();
  cards.onDone = () => {
    sync.changed();
    keepFirst();
  };

  let events: Events | null = null;
  let closed = false;
  let drive: Promise<Drive> | null = null;
  const timers: (() => void)[] = [];
  const every = (ms: number, f: () => void) => {
    const turn = () => {
      if (closed) return;
      f();
      timers.push(clock.after(ms, turn));
    };
    timers.push(clock.after(ms, turn));
  };
  const quietly = (p: Promise<unknown>) => void p.catch(() => {}); // each model tries again by itself
  const keepLetters = () =>
    letters.keep(sync.boxes(), sync.role("inbox")?.id ?? -1, clock.now() / 1000 - settings.value.peek().offlineDays * 86_400, () => closed);

  // The rows of the inbox that are seen first, for the next time.
  let keeping: (() => void) | null = null;
  const keepFirst = () => {
    keeping ??= clock.after(FIRST_AFTER, () => {
      keeping = null;
      const at = list.place.peek();
      if (closed || at.kind !== "mailbox" || at.mailbox !== sync.role("inbox")?.id || cards.busy) return;
      const ids: string[] = [];
      for (let i = 0; i < FIRST_ROWS && i < list.count.peek(); i++) for (const r of list.refsOf(i)) ids.push(r.id);
      quietly(cards.keepFirst(ids));
    });
  };
  const stopFirst = effect(() => {
    if (list.version.value > 0) keepFirst();
  });

  // What this device has first; then the list can be drawn, and the network may take its time.
  async function start(): Promise<void> {
    await Promise.all([cabinet.load(), sync.loadNewest(), cards.loadFirst()]);
    await queue.load();
    drafts.loaded();
    const inbox = sync.role("inbox");
    list.conversations.value = settings.value.peek().conversations;
    if (inbox && list.place.peek().kind === "mailbox") list.show({ kind: "mailbox", mailbox: inbox.id });
    if (inbox) await drawn();
    await sync.load();
    cards.want(sync.boxes());
    if (!parts.quiet) listen();
    await refresh();
    if (!inbox) {
      const now = sync.role("inbox");
      const at = list.place.peek(); // whoever went elsewhere meanwhile stays there
      if (now && at.kind === "mailbox" && !sync.mailboxes.peek().some((b) => b.id === at.mailbox)) list.show({ kind: "mailbox", mailbox: now.id });
    }
    quietly(moving.load());
    quietly(pins.watchOwn());
    quietly(outbox.resume().then(() => outbox.refresh()));
    quietly(reseal.look());
    quietly(parcels.tidy());
    if (!parts.quiet) {
      quietly(import("./attachments.ts").then((m) => m.keyOnce(api, vault, cache, clock.now())));
      stopReseal = effect(() => {
        if (cabinet.version.value > 0) untracked(() => quietly(reseal.look()));
      });
      every(WAKE, () => actions.wake(clock.now() / 1000));
      every(HOUR, () => quietly(pins.watchOwn()));
      timers.push(clock.after(10_000, () => quietly(keepLetters())));
      stopBetter = effect(() => {
        if (sync.version.value > 0 && sync.state.value === "current") better.wake();
      });
    }
  }
  async function refresh(): Promise<void> {
    await Promise.all([cabinet.refresh().catch(() => {}), sync.refresh().catch(() => {})]);
  }
  function listen(): void {
    events = openEvents({
      clock,
      ...(parts.source ? { open: parts.source } : {}),
      ...(parts.page ? { page: parts.page } : {}),
      resume: () => `${sync.modseq}.${cabinet.since}`,
      up: (up) => up && quietly(refresh()),
      on(e) {
        if (e.name === "mail") quietly(sync.refresh());
        else if (e.name === "cabinet") quietly(cabinet.refresh());
        else if (e.name === "outbox") quietly(outbox.refresh());
        else if (e.name === "account" || e.name === "bye") {
          if (e.name === "account") quietly(pins.watchOwn());
          quietly(api.account().then((a) => parts.took?.(a.account)));
        }
      },
    });
  }
  let stopBetter = () => {};
  let stopReseal = () => {};
  const stopSettings = effect(() => {
    if (settings.ready.value) list.conversations.value = settings.value.value.conversations;
  });

  const desk: OpenDesk = {
    get account() { return shown.value; },
    changed,
    sync, list, mail, actions, cabinet, settings, contacts, pins, drafts, outbox, parcels, search, queue, cards, moving, filing, reseal,
    drive: () => (drive ??= import("./drive/open.ts").then((m) => m.openDrive({ api, cache, cabinet, clock })).catch((e: unknown) => {
      drive = null; // a failed fetch: the next who asks tries again
      throw e;
    })),
    start,
    online() {
      events?.nudge();
      quietly(drive?.then((d) => d.online()) ?? Promise.resolve());
      queue.run();
      quietly(refresh());
      quietly(outbox.resume());
      quietly(reseal.look());
    },
    async save() {
      await drafts.saveAll();
      queue.release();
      await Promise.race([queue.idle(), new Promise<void>((done) => clock.after(2_000, done))]);
      await sync.save();
    },
    close() {
      closed = true;
      events?.stop();
      stopSettings();
      stopFirst();
      keeping?.();
      stopBetter();
      stopReseal();
      reseal.close();
      better.stop();
      quietly(drive?.then((d) => d.close()) ?? Promise.resolve());
      moving.close();
      for (const stop of timers) stop();
      mail.close();
      for (const m of [list, actions, queue, drafts, outbox, cabinet, sync]) m.close();
      cards.stop();
      search.stop();
      parts.cache.close();
    },
  };
  return desk;
}
