// An App that keeps everything in this page's memory: enough of each model for views to be
// drawn, tried and photographed without a server. Nothing of it is in the bundle.
import { computed, signal } from "@preact/signals";
import type { ActionsModel, App, Desk, ListModel, MailModel, MailRef, MailView, MailboxView, Place, Row, Settings, SettingsModel, SyncModel, Toast, Trust } from "../../model/types.ts";
import type { OpenedMail } from "../../vault/vault.ts";
import { labels, mailboxes, makeMails, me, now, type FakeMail } from "./mails.ts";

const settings: Settings = {
  locale: "", theme: "system", density: "comfortable", panes: 3, conversations: true, autoLock: 30, undoSend: 10, seenAfter: 2, remote: "ask", remoteSenders: [], offlineDays: 30,
  signatures: [], signatureFor: {}, plainText: false, sign: true, labels, muted: [], snoozed: {}, keys: {}, notices: false, more: {},
};

class World {
  readonly mails: FakeMail[];
  readonly version = signal(1);
  readonly byId = new Map<string, FakeMail>();
  readonly toasts = signal<readonly Toast[]>([]);
  readonly boxes = signal<readonly MailboxView[]>([]);
  readonly settings = signal(settings);
  private back: (() => void)[] = [];
  private last = 0;
  constructor(count: number) {
    this.mails = makeMails(count);
    for (const m of this.mails) this.byId.set(this.idOf(m), m);
    this.changed();
  }
  idOf = (m: FakeMail) => m.card?.id ?? `closed${m.uid}`;
  ref = (m: FakeMail): MailRef => ({ mailbox: m.mailbox, uid: m.uid, id: this.idOf(m) });
  changed(): void {
    this.boxes.value = mailboxes.map((b) => {
      const here = this.mails.filter((m) => m.mailbox === b.id);
      return { ...b, messages: here.length, unseen: here.filter((m) => !m.flags.has("\\Seen")).length };
    });
    this.version.value++;
  }
  act(refs: readonly MailRef[], word: string, values: Toast["values"], change: (m: FakeMail) => void, quiet = false): void {
    const about = refs.flatMap((r) => this.byId.get(r.id) ?? []);
    const was = about.map((m) => ({ m, mailbox: m.mailbox, flags: new Set(m.flags) }));
    about.forEach(change);
    this.changed();
    if (quiet) return;
    const undo = () => { for (const w of was) Object.assign(w.m, { mailbox: w.mailbox, flags: w.flags }); this.changed(); };
    this.back.push(undo);
    this.say(word, { count: about.length, ...values }, undo);
  }
  say(word: string, values: Toast["values"], undo: (() => void) | null): void {
    const t: Toast = { id: ++this.last, word, values, undo, tone: "plain", until: Date.now() + 8000 };
    this.toasts.value = [...this.toasts.value, t];
  }
  undo = () => { this.back.pop()?.(); this.toasts.value = []; };
}

const senders = (list: FakeMail[]) => {
  const seen = new Map<string, { name: string; address: string; me: boolean }>();
  for (const m of [...list].reverse()) if (m.card) seen.set(m.card.from, { name: m.card.from_name, address: m.card.from, me: m.card.from === me.address });
  return [...seen.values()];
};

function makeRow(w: World, group: FakeMail[], here: FakeMail[]): Row {
  const first = here[0] as FakeMail, c = first.card;
  return {
    key: w.idOf(group[group.length - 1] as FakeMail), ref: w.ref(first), refs: group.map(w.ref), card: c, closed: first.closed ?? false, senders: senders(group), recipients: [], more: 0, subject: c?.subject ?? "", snippet: c?.snippet ?? "",
    date: c?.arrived ?? now - 20 * 3600, size: first.size, unread: group.some((m) => !m.flags.has("\\Seen")), flagged: group.some((m) => m.flags.has("\\Flagged")), answered: first.flags.has("\\Answered"),
    attachments: group.reduce((n, m) => n + (m.card?.attachments.length ?? 0), 0), labels: [...new Set(group.flatMap((m) => [...m.flags].filter((f) => f.startsWith("$"))))],
    class: first.closed ? 2 : c?.class === "both" ? 3 : c?.class === "end-to-end" ? 2 : 1, verified: c?.verified ?? false, muted: false, wakes: 0, waiting: false,
  };
}

function inPlace(place: Place): (m: FakeMail) => boolean {
  switch (place.kind) {
    case "mailbox": return (m) => m.mailbox === place.mailbox;
    case "label": return (m) => m.flags.has(place.keyword);
    case "flagged": return (m) => m.flags.has("\\Flagged");
    case "snoozed": return () => false;
    case "all": return (m) => m.mailbox !== 5 && m.mailbox !== 6;
    case "search": {
      const text = place.text.toLowerCase();
      return (m) => `${m.card?.subject} ${m.card?.from_name} ${m.card?.snippet}`.toLowerCase().includes(text);
    }
  }
}

function listModel(w: World): ListModel {
  const place = signal<Place>({ kind: "mailbox", mailbox: 1 }), conversations = signal(true);
  const filters = signal<ListModel["filters"]["value"]>({}), sort = signal<ListModel["sort"]["value"]>({ by: "date", up: false });
  const cursor = signal(-1), selected = signal<ReadonlySet<string>>(new Set());
  let anchor = -1;
  const rows = computed<Row[]>(() => {
    void w.version.value;
    const f = filters.value, match = inPlace(place.value);
    const here = w.mails.filter((m) => match(m) && (!f.unread || !m.flags.has("\\Seen")) && (!f.flagged || m.flags.has("\\Flagged")) && (!f.attachments || (m.card?.attachments.length ?? 0) > 0));
    if (!conversations.value) return here.map((m) => makeRow(w, [m], [m]));
    const threads = new Map<string, FakeMail[]>();
    for (const m of here) threads.set(m.thread, [...(threads.get(m.thread) ?? []), m]);
    const all = new Map<string, FakeMail[]>();
    for (const m of w.mails) if (threads.has(m.thread)) all.set(m.thread, [...(all.get(m.thread) ?? []), m]);
    return [...threads].map(([id, list]) => makeRow(w, all.get(id) ?? list, list));
  });
  const keyAt = (i: number) => rows.value[i]?.key;
  const set = (keys: Iterable<string | undefined>) => { selected.value = new Set([...keys].filter((k) => k !== undefined)); };
  return {
    place, sort, filters, conversations, cursor, selected, busy: signal(false), fault: signal(null),
    count: computed(() => rows.value.length), version: computed(() => (rows.value, w.version.value + Object.keys(filters.value).length)),
    row: (i) => rows.value[i], indexOf: (key) => rows.value.findIndex((r) => r.key === key),
    show(p) { place.value = p; cursor.value = -1; set([]); },
    move(by) { cursor.value = Math.max(0, Math.min(rows.value.length - 1, cursor.value + by)); },
    setCursor(i) { cursor.value = i; },
    select(i, how) {
      const key = keyAt(i);
      if (how === "only") set([key]);
      else if (how === "toggle") set(selected.value.has(key ?? "") ? [...selected.value].filter((k) => k !== key) : [...selected.value, key]);
      else for (let j = Math.min(i, Math.max(0, anchor)), keys = [...selected.value]; ; j++) { keys.push(keyAt(j) ?? ""); if (j >= Math.max(i, anchor)) { set(keys); break; } }
      anchor = i;
    },
    selectAll: () => set(rows.value.map((r) => r.key)), clearSelection: () => set([]),
    words: signal([]), chosen: () => (selected.value.size ? rows.value.filter((r) => selected.value.has(r.key)) : [rows.value[cursor.value]].flatMap((r) => r ?? [])).flatMap((r) => r.refs),
  };
}

function opened(m: FakeMail): OpenedMail {
  const c = m.card;
  return {
    handle: m.uid, class: c?.class ?? "end-to-end", card_matches: true, subject: c?.subject ?? "Sample protocol, second run", from: [{ name: c?.from_name ?? "", address: c?.from ?? "a.tanaka@riverside-lab.example" }], sender: [], reply_to: [],
    to: c?.from === me.address ? [{ name: "Ines Okafor", address: "ines@okafor.example" }] : [me], cc: m.thread === "roof" ? [{ name: "Jonas Feld", address: "jonas@choir.example" }] : [], bcc: [], date: c?.date ?? now, arrived: c?.arrived ?? now, message_id: c?.message_id ?? "", in_reply_to: "", references: [],
    html: "", text: "", parts: (c?.attachments ?? []).map((a, index) => ({ index, name: a.name, type: a.type, size: a.size, content_id: "", inline: false })),
    signature: { state: "none", fingerprint: "", from_matches: false, from_signed: false, at: 0 }, verified: c?.verified ?? false, dmarc: c?.dmarc ?? "", spf: "pass", dkim: "pass", list_unsubscribe: [], list_unsubscribe_post: false, list_id: "", autocrypt: "", differs: [], sender_outside: false, inline: "", calendar: "", incomplete: false, ...m.body,
  };
}

function trust(m: FakeMail): Trust {
  const o = opened(m), domain = o.from[0]?.address.split("@")[1] ?? "", warnings = m.warnings ?? [];
  const verified = o.signature.fingerprint.startsWith("7A");
  return {
    class: { word: o.class === "both" ? "class-both" : o.class === "end-to-end" ? "class-end-to-end" : "class-arrival", tone: o.class === "sealed on arrival" ? "plain" : "good", values: {} },
    signature: o.signature.state === "good" ? { word: verified ? "signed-verified" : "signed-unverified", tone: verified ? "good" : "plain", values: { address: o.from[0]?.address ?? "", fingerprint: o.signature.fingerprint } } : null,
    domain: o.dmarc === "none" ? null : { word: o.dmarc === "pass" ? "domain-proven" : "domain-failed", tone: o.dmarc === "pass" ? "plain" : "bad", values: { domain } },
    sender: null, warnings, worst: warnings.length ? "bad" : "plain",
  };
}

function mailModel(w: World): MailModel {
  const shown = signal<MailView[]>([]), key = signal<string | null>(null);
  const view = (m: FakeMail, expanded: boolean): MailView => ({ ref: w.ref(m), card: m.card, expanded, state: expanded ? "open" : "closed", fault: null, opened: expanded ? opened(m) : null, trust: expanded ? trust(m) : null, remote: false });
  const change = (id: string, f: (v: MailView) => MailView) => { shown.value = shown.value.map((v) => (v.ref.id === id ? f(v) : v)); };
  const show = (refs: readonly MailRef[]) => {
    const list = refs.flatMap((r) => w.byId.get(r.id) ?? []).reverse();
    shown.value = list.map((m, i) => view(m, i === list.length - 1));
  };
  return {
    mails: shown, key, fault: signal(null),
    async show(row) { key.value = row.key; show(row.refs); w.act(row.refs, "", {}, (m) => m.flags.add("\\Seen"), true); },
    async showRef(ref) { key.value = ref.id; const m = w.mails.find((x) => x.mailbox === ref.mailbox && x.uid === ref.uid); if (m) { const all = w.mails.filter((x) => x.thread === m.thread); key.value = w.idOf(all[all.length - 1] ?? m); show(all.map(w.ref)); } },
    close() { key.value = null; shown.value = []; },
    async toggle(id) { const m = w.byId.get(id); if (m) change(id, (v) => view(m, !v.expanded)); },
    showRemote(id) { change(id, (v) => ({ ...v, remote: true })); },
    part: async (id, index) => {
      const p = opened(w.byId.get(id) as FakeMail).parts[index];
      return p ? { name: p.name, type: p.type, data: new TextEncoder().encode("preview").buffer } : null;
    },
    complete: async () => null, pictures: () => null,
    original: async () => null,
    source: async (id) => new TextEncoder().encode(`From: ${w.byId.get(id)?.card?.from}\r\nSubject: ${w.byId.get(id)?.card?.subject}\r\nX-Preview: yes\r\n\r\n${w.byId.get(id)?.body?.text ?? ""}`).buffer,
  };
}

function actionsModel(w: World): ActionsModel {
  const move = (to: number, word: string) => (refs: readonly MailRef[]) => w.act(refs, word, { mailbox: mailboxes.find((b) => b.id === to)?.leaf ?? "" }, (m) => { m.mailbox = to; });
  const flag = (f: string, on: boolean) => (m: FakeMail) => void (on ? m.flags.add(f) : m.flags.delete(f));
  return {
    toasts: w.toasts, waiting: signal(0), canUndo: signal(true),
    flag: (refs, on) => w.act(refs, "", {}, flag("\\Flagged", on), true), seen: (refs, on, quiet) => w.act(refs, on ? "read" : "unread", {}, flag("\\Seen", on), quiet), answered: () => {},
    move: (refs, to) => move(to, "moved")(refs), copy: () => {}, archive: move(4, "archived"), junk: (refs, on) => move(on ? 5 : 1, on ? "junked" : "not-junk")(refs), trash: move(6, "trashed"),
    expunge: (refs) => move(6, "deleted")(refs), label: (refs, k, on) => w.act(refs, on ? "labelled" : "unlabelled", {}, flag(k, on)), snooze: (refs) => w.act(refs, "snoozed", {}, () => {}), mute: (refs) => w.act(refs, "muted", {}, () => {}),
    undo: w.undo, dismiss: (id) => { w.toasts.value = w.toasts.value.filter((t) => t.id !== id); }, say: (word, values = {}, o) => w.say(word, values, o?.undo ?? null),
    createMailbox: async () => true, renameMailbox: async () => true, removeMailbox: async () => true, subscribeMailbox: async () => true, emptyMailbox: () => {},
  };
}

const nothing = <T>(of: object = {}): T => new Proxy(of, { get: (o, k) => (k in o ? (o as { [k: PropertyKey]: unknown })[k] : () => undefined) }) as T;

/** The page with its desk open. */
export function makeApp(count = 2000): App {
  const w = new World(count);
  const sync: SyncModel = {
    mailboxes: w.boxes, state: signal("current"), progress: signal(null), version: w.version, arrived: signal([]), columns: () => undefined, flagsOf: (r) => [...(w.byId.get(r.id)?.flags ?? [])],
    card: (id) => w.byId.get(id)?.card, cards: function* () {}, find: () => undefined, role: (r) => w.boxes.value.find((b) => b.role === r), refresh: async () => {}, idle: async () => {},
  };
  const settingsModel = nothing<SettingsModel>({
    value: w.settings, ready: signal(true), set: async (c: Partial<Settings>) => { w.settings.value = { ...w.settings.value, ...c }; },
    searches: signal([{ id: "1", name: "Invoices this year", text: "subject:invoice after:2026" }]), templates: signal([]), newLabel: async (name: string, colour: number) => ({ keyword: "$" + name, name, colour }),
  });
  const account = { id: "0123456789abcdef", addresses: [me.address, "choir@lindqvist.example"], certificate: "", fingerprint: "7A1C0B52D9E34F6088A2C1D54E9F3B7706D2A8E1", profile: "compat" as const, level: "baseline" as const, encrypt: "when-all-have-keys" as const, operator: true, quota: 10e9, created: "2026-03-01T00:00:00Z" };
  const desk: Desk = {
    account, sync, list: listModel(w), mail: mailModel(w), actions: actionsModel(w), settings: settingsModel,
    cabinet: nothing(), contacts: nothing({ all: signal([]), ready: signal(true), byAddress: () => undefined }), pins: nothing({ all: signal(new Map()), ready: signal(true) }),
    drafts: nothing({ all: signal([]), open: signal([]), recovered: signal([]), create: async () => { w.say("preview", {}, null); } }), outbox: nothing({ items: signal([]), recipients: signal(new Map()) }),
    search: nothing({ progress: signal({ done: 1680, of: 2000 }), query: async () => ({ ids: [], words: [] }) }), moving: nothing({ importing: signal(null), exporting: signal(null) }), close: () => {},
    reseal: nothing({ view: signal({ state: "none" as const, done: 0, of: 0, failed: 0, inner: 0, here: false, word: "" }) }), parcels: nothing({ all: signal([]) }), drive: () => new Promise(() => {}),
  };
  const phase = signal<"open">("open");
  return {
    api: nothing({ usage: async () => ({ bytes: 3.42e9, messages: count, quota: 10e9, cabinet: 4e7 }) }), vault: nothing(), clock: { now: () => now * 1000, after: (ms, f) => { const id = setTimeout(f, ms); return () => clearTimeout(id); } },
    session: nothing({ phase, busy: signal(false), fault: signal(null), need: signal(null), server: signal(null), session: signal(null), account: signal(account), address: signal(me.address), joining: { state: signal(null) }, asking: signal(null), hasPasskeys: false, ended: signal(false), offline: { own: signal(false), apart: signal(false) }, active: () => {} }),
    desk: signal(desk), online: signal(true), alarms: { all: signal([]), raise: () => {}, dismiss: () => {} }, start: async () => {}, stop: () => {},
  };
}
