// A server in memory that follows api.ts at the level of fetch, so that wire/ is tested
// too. Tests make it hostile by changing what it holds; each client has a network of its
// own that can be cut before or after the server has worked.

import type * as t from "../../wire/api.ts";
import type { Clock } from "../../wire/http.ts";
import type { EventSourceLike } from "../../wire/events.ts";
import type { Card, OpenedMail } from "../../vault/vault.ts";
import { FakeFiles } from "./files.ts";
import { b64, emptyCard, emptyMail, fakeCertificate, sealFakeCard, sealFakeMail, unb64 } from "./vault.ts";

export interface FakeMail {
  uid: number;
  id: string;
  modseq: number;
  born: number;
  received: number;
  size: number;
  flags: string[];
  class: number;
  letters: { [letter: string]: ArrayBuffer };
}
export interface FakeBox {
  id: number;
  name: string;
  use: string;
  uid_next: number;
  modseq: number;
  mails: Map<number, FakeMail>;
  gone: { uid: number; modseq: number }[];
}
interface Boxed {
  drawer: string;
  name: string;
  version: number;
  change: number;
  modified: string;
  gone: boolean;
  data: ArrayBuffer;
}
interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: ArrayBuffer;
  json: Record<string, unknown>;
  parts?: { envelope: t.Envelope; mail: ArrayBuffer };
}

export interface FakeClient {
  fetch: typeof fetch;
  source: (url: string) => EventSourceLike;
  offline: boolean;
  // Called for each request: "before": it never arrives, "after": the answer is lost.
  lose: ((method: string, path: string) => "before" | "after" | null) | null;
  slow: (() => number) | null; // ms on the way, there and back
  log: string[];
}

const LETTER_BITS: { [letter: string]: number } = { message: 1, header: 2, terms: 4, body: 8, card: 16 };
const CLASSES = ["", "sealed on arrival", "end-to-end", "both"] as const;
const hex = (n: number, width: number) => n.toString(16).padStart(width, "0");
const problem = (status: number, word: string): Response =>
  new Response(JSON.stringify({ type: `urn:sealpost:problem:${word}`, title: word, status }), { status, headers: { "Content-Type": "application/problem+json" } });
const json = (v: unknown, status = 200): Response => new Response(JSON.stringify(v), { status, headers: { "Content-Type": "application/json" } });

export interface FakeServerOptions {
  clock: Clock;
  address?: string;
  hostname?: string;
  operator?: boolean;
}

export class FakeServer {
  readonly clock: Clock;
  readonly account: t.Account;
  boxes = new Map<number, FakeBox>();
  cabinet = new Map<string, Boxed>();
  readonly files = new FakeFiles();
  modseq = 1;
  change = 0;
  outbox: (t.OutboxItem & { envelope: t.Envelope; mail: ArrayBuffer; leaves: number })[] = [];
  left: { envelope: t.Envelope; mail: ArrayBuffer }[] = [];
  keys = new Map<string, t.Recipient>();
  keyring: t.Keyring;
  live = true; // the session
  signedUp = true;
  strict = false; // readable mail is not held back
  totp: string | null = null; // code that is asked for
  rules: t.Rules = { version: 1, rules: [], vacation: { on: false, subject: "", text: "" } };
  seen: string[] = []; // method and path with query of every request that arrived
  bodies: string[] = []; // as latin1: for canaries
  uploads = 0;
  resealed = 0;
  forgets = false; // the next entries since something are not complete
  most = 20_000; // entries in one answer
  #streams = new Set<{ send(name: string, data: unknown): void; fall(): void }>();
  #answers = new Map<string, { asked: string; status: number; body: ArrayBuffer; headers: [string, string][] }>();
  #ids = 1;

  constructor(o: FakeServerOptions) {
    this.clock = o.clock;
    const address = o.address ?? "me@example.org";
    const key = fakeCertificate(address);
    this.account = {
      id: "00000000000000a1", addresses: [address], certificate: key.certificate, fingerprint: key.fingerprint, profile: "compat", level: "baseline",
      encrypt: "when-all-have-keys", operator: o.operator ?? false, quota: 0, created: this.#time(0),
    };
    this.keyring = { version: 1, salt: b64(new Uint8Array(16)), kdf: { name: "argon2id", memory: 65536, iterations: 3, lanes: 1 }, containers: {} };
    for (const [name, use] of [["INBOX", ""], ["Sent", "\\Sent"], ["Drafts", "\\Drafts"], ["Archive", "\\Archive"], ["Junk", "\\Junk"], ["Trash", "\\Trash"]] as const)
      this.#newBox(name, use);
  }

  #time(seconds: number): string {
    return new Date(seconds * 1000).toISOString();
  }
  #newBox(name: string, use: string): FakeBox {
    const box: FakeBox = { id: this.boxes.size + 1 + (this.boxes.has(this.boxes.size + 1) ? 100 : 0), name, use, uid_next: 1, modseq: this.modseq, mails: new Map(), gone: [] };
    this.boxes.set(box.id, box);
    return box;
  }
  box(name: string): FakeBox {
    for (const b of this.boxes.values()) if (b.name === name) return b;
    throw new Error("no such mailbox in this test");
  }

  // -- what tests do to it
  deliver(o: { box?: string; card?: Partial<Card>; mail?: Partial<OpenedMail>; flags?: string[]; received?: number; noCard?: boolean; quiet?: boolean } = {}): FakeMail {
    const box = this.box(o.box ?? "INBOX");
    const n = this.#ids++;
    const id = hex(n, 32);
    const received = o.received ?? Math.floor(this.clock.now() / 1000);
    const tag = `tag${n}`;
    const card: Card = { ...emptyCard(id), subject: `mail ${n}`, from: "someone@example.net", message_id: `<${n}@example.net>`, date: received, arrived: received, ...o.card, id, tag: o.card?.tag ?? tag };
    const mail: OpenedMail = {
      ...emptyMail(), class: card.class, subject: card.subject, from: [{ name: card.from_name, address: card.from }], date: card.date, arrived: card.arrived,
      message_id: card.message_id, in_reply_to: card.in_reply_to, references: card.references, text: card.snippet, verified: card.verified, dmarc: card.dmarc, ...o.mail,
    };
    const m: FakeMail = {
      uid: 0, id, modseq: 0, born: 0, received, size: 1000 + n, flags: [...(o.flags ?? [])], class: Math.max(0, CLASSES.indexOf(card.class)),
      letters: { message: sealFakeMail(mail, tag), ...(o.noCard ? {} : { card: sealFakeCard(card) }) },
    };
    this.#add(box, m);
    if (!o.quiet) this.tell();
    return m;
  }
  // Many at once, without events.
  fill(n: number, make: (i: number) => Parameters<FakeServer["deliver"]>[0] = () => ({})): void {
    for (let i = 0; i < n; i++) this.deliver({ ...make(i), quiet: true });
    this.tell();
  }
  tell(): void {
    for (const s of this.#streams) s.send("mail", { modseq: this.modseq });
  }
  tellCabinet(): void {
    for (const s of this.#streams) s.send("cabinet", { version: this.change });
  }
  tellAccount(): void {
    for (const s of this.#streams) s.send("account", {});
  }
  // Everything that leaves by now.
  tick(): void {
    const now = this.clock.now();
    for (const i of this.outbox.filter((x) => x.leaves <= now)) this.left.push({ envelope: i.envelope, mail: i.mail });
    this.outbox = this.outbox.filter((x) => x.leaves > now);
  }

  #add(box: FakeBox, m: FakeMail): void {
    m.uid = box.uid_next++;
    m.modseq = m.born = box.modseq = ++this.modseq;
    box.mails.set(m.uid, m);
  }
  #touch(box: FakeBox, m: FakeMail): void {
    m.modseq = box.modseq = ++this.modseq;
  }
  #drop(box: FakeBox, uid: number): void {
    box.mails.delete(uid);
    box.modseq = ++this.modseq;
    box.gone.push({ uid, modseq: this.modseq });
  }

  // -- the network
  client(): FakeClient {
    const c: FakeClient = {
      offline: false,
      lose: null,
      slow: null,
      log: [],
      fetch: async (input, init) => {
        const url = new URL(String(input), "https://fake.example");
        const method = init?.method ?? "GET";
        const path = url.pathname.replace(/^\/api\/v1/, "");
        const lost = c.lose?.(method, path) ?? null;
        const way = () => new Promise<void>((come) => (c.slow ? this.clock.after(c.slow(), come) : come()));
        await way();
        if (init?.signal?.aborted) throw new DOMException("aborted", "AbortError");
        if (c.offline || lost === "before") throw new TypeError("network");
        c.log.push(`${method} ${path}${url.search}`);
        const answer = await this.#serve(method, path, url.searchParams, init ?? {});
        await way();
        if (lost === "after") throw new TypeError("network");
        return answer;
      },
      source: () => {
        const on = new Map<string, (e: { data: string; lastEventId: string }) => void>();
        const s: EventSourceLike = {
          onopen: null,
          onerror: null,
          addEventListener: (name, f) => void on.set(name, f),
          close: () => void this.#streams.delete(stream),
        };
        const stream = {
          send: (name: string, data: unknown) => {
            if (!c.offline) on.get(name)?.({ data: JSON.stringify(data), lastEventId: `${this.modseq}.${this.change}` });
          },
          fall: () => s.onerror?.(),
        };
        queueMicrotask(() => {
          if (c.offline) return s.onerror?.();
          this.#streams.add(stream);
          s.onopen?.();
        });
        return s;
      },
    };
    return c;
  }
  // All streams fall, as when the server restarts.
  fall(): void {
    const all = [...this.#streams];
    this.#streams.clear();
    for (const s of all) s.fall();
  }

  async #serve(method: string, path: string, query: URLSearchParams, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const type = headers.get("Content-Type") ?? "";
    const sent = new Response(init.body ?? null, type === "" ? {} : { headers: { "Content-Type": type } });
    const form = (sent.headers.get("Content-Type") ?? "").startsWith("multipart/") ? await sent.clone().formData() : null;
    const body = init.body === undefined || init.body === null ? new ArrayBuffer(0) : await sent.arrayBuffer();
    this.seen.push(`${method} ${path}?${query}`);
    this.bodies.push(Array.from(new Uint8Array(body), (x) => String.fromCharCode(x)).join(""));
    const r: Request = { method, path, query, headers, body, json: {} };
    if (headers.get("Content-Type") === "application/json") r.json = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    if (form) {
      const envelope = JSON.parse(await (form.get("envelope") as Blob).text()) as t.Envelope;
      const mail = await (form.get("mail") as Blob).arrayBuffer();
      r.parts = { envelope, mail };
    }
    const key = headers.get("Idempotency-Key");
    const was = key ? this.#answers.get(key) : undefined;
    const asked = `${method} ${path} ${type} ${Array.from(new Uint8Array(key ? await crypto.subtle.digest("SHA-256", body) : body.slice(0, 0))).join()}`;
    if (was && was.asked !== asked) return problem(422, "key-reused");
    if (was) return new Response(was.status === 204 ? null : was.body.slice(0), { status: was.status, headers: was.headers });
    const answer = this.#route(r);
    if (key && answer.status < 500) {
      const copy = await answer.clone().arrayBuffer();
      this.#answers.set(key, { asked, status: answer.status, body: copy, headers: [...answer.headers] });
    }
    return answer;
  }

  #route(r: Request): Response {
    const p = r.path.split("/").slice(1).map(decodeURIComponent);
    const open = new Set(["server", "sign-in", "join", "invitation"]);
    if (!open.has(p[0]!) && !this.live) return problem(401, "no-session");
    switch (p[0]) {
      case "files": return this.files.answer(r.method, p, r.headers, r.body, r.json, r.query);
      case "server":
        return json({ hostname: "mail.example.org", domains: ["example.org"], open: true, version: "test" } satisfies t.Server);
      case "invitation":
        return r.json["token"] === "bad" ? problem(404, "not-found") : json({ domains: ["example.org"], attach: false, expires: this.#time(4e9) } satisfies t.Invitation);
      case "join":
        return this.#join(r);
      case "sign-in":
        return this.#signIn(r, p);
      case "session":
        return json(this.session());
      case "sessions":
        if (r.method !== "DELETE") return json({ sessions: [] });
        this.live = false;
        return new Response(null, { status: 204 });
      case "keyring":
        if (r.json["version"] !== this.keyring.version + 1) return problem(409, "conflict");
        this.keyring = { ...this.keyring, version: this.keyring.version + 1 };
        return json(this.keyring);
      case "mailboxes":
        return this.#mail(r, p);
      case "changes":
        return this.#changes(r);
      case "cabinet":
        return this.#cabinet(r, p);
      case "outbox":
        return this.#out(r, p);
      case "recipients":
        return json({ recipients: (r.json["addresses"] as string[]).map((a) => this.keys.get(a) ?? this.#own(a) ?? { address: a, state: "none", local: false }) });
      case "keys":
        return this.#key(r, p);
      case "rules":
        if (r.method === "PUT") this.rules = { ...(r.json as unknown as t.Rules), version: this.rules.version + 1 };
        return json(this.rules);
      case "usage":
        return json({ bytes: 1, messages: 1, quota: 0, cabinet: 1, files: 0 } satisfies t.Usage);
      case "access-requests":
        return r.method === "GET" ? json({ requests: [] }) : new Response(null, { status: 204 });
    }
    return problem(404, "not-found");
  }

  session(): t.Session {
    return { id: "s1", account: { ...this.account }, keyring: this.keyring, share: b64(new Uint8Array(32)), created: this.#time(0), expires: this.#time(4e9) };
  }
  #own(address: string): t.Recipient | undefined {
    if (!this.account.addresses.includes(address)) return undefined;
    return { address, state: "key", local: true, source: "local", certificate: this.account.certificate, fingerprint: this.account.fingerprint };
  }
  #join(r: Request): Response {
    this.account.id = String(r.json["account"]);
    this.account.addresses = [String(r.json["address"])];
    this.account.certificate = String(r.json["certificate"]);
    this.account.fingerprint = fakeCertificate(String(r.json["address"])).fingerprint;
    this.live = true;
    return json(this.session());
  }
  #signIn(r: Request, p: string[]): Response {
    if (p[1] === "begin") return json({ salt: this.keyring.salt, kdf: this.keyring.kdf } satisfies t.SignInParameters);
    if (p[1] === "passkey") {
      if (p[2] === "begin") return json({ challenge: "AAAA" });
    } else {
      const proof = String(r.json["proof"]);
      const good = [b64(new TextEncoder().encode("correct horse".padEnd(32, "."))), b64(new TextEncoder().encode("kit".padEnd(32, ".")))];
      if (!good.includes(proof) || !this.account.addresses.includes(String(r.json["address"]))) return problem(401, "wrong-sign-in");
      if (this.totp && r.json["code"] !== this.totp)
        return json({ type: "urn:sealpost:problem:second-factor", title: "", status: 401, methods: ["totp"] }, 401);
    }
    this.live = true;
    return json(this.session());
  }

  #mail(r: Request, p: string[]): Response {
    if (p.length === 1) {
      const mailboxes = [...this.boxes.values()].map((b): t.Mailbox => {
        const all = [...b.mails.values()];
        return {
          id: b.id, name: b.name, use: b.use, uid_validity: 1, uid_next: b.uid_next, modseq: b.modseq, subscribed: true, messages: all.length,
          unseen: all.filter((m) => !m.flags.includes("\\Seen")).length, bytes: all.reduce((n, m) => n + m.size, 0),
        };
      });
      return json({ modseq: this.modseq, mailboxes } satisfies t.Mailboxes);
    }
    const box = this.boxes.get(Number(p[1]));
    if (!box) return problem(404, "not-found");
    if (p[2] === "entries") {
      const limit = Math.min(this.most, Number(r.query.get("limit") ?? 20_000));
      const complete = !(this.forgets && r.query.get("since") !== "0");
      if (!complete) this.forgets = false;
      return json({ ...entriesOf(box, r.query, limit), complete });
    }
    if (p[2] === "cards" || p[2] === "terms") return frames(box, r.query.get("uids") ?? "", p[2] === "cards" ? "card" : "terms");
    if (p[2] === "keys") return frames(box, r.query.get("uids") ?? "", "message");
    if (p[2] === "reseal") return this.#reseal(box, r.json["mails"] as t.ResealMail[]);
    if (p[2] === "sealed") return this.#sealed(box, r);
    if (p[2] !== "messages") return problem(404, "not-found");
    if (p.length === 3) return this.#append(box, r);
    const m = box.mails.get(Number(p[3]!.replace(".eml", "")));
    if (!m) return problem(404, "not-found");
    if (p.length === 4)
      return json({
        uid: m.uid, id: m.id, modseq: m.modseq, received: this.#time(m.received), size: m.size, flags: m.flags, class: CLASSES[m.class] ?? "",
        letters: Object.fromEntries(Object.entries(m.letters).map(([k, v]) => [k, v.byteLength])), header: "",
      } satisfies t.Message);
    if (r.method === "PUT") {
      m.letters[p[4]!] = r.body;
      this.uploads++;
      this.#touch(box, m);
      return new Response(null, { status: 204 });
    }
    const letter = m.letters[p[4]!];
    return letter ? new Response(letter.slice(0)) : problem(404, "not-found");
  }

  // In the fake the packets are the whole letter.
  #reseal(box: FakeBox, mails: readonly t.ResealMail[]): Response {
    const out: t.Resealed = { uids: [], sources: [], modseq: 0 };
    for (const w of mails) {
      const m = box.mails.get(w.uid);
      if (!m) continue;
      const now: FakeMail = { ...m, flags: [...m.flags], letters: { ...m.letters, message: unb64(w.message).buffer, ...(w.card ? { card: unb64(w.card).buffer } : {}) } };
      this.#drop(box, m.uid);
      this.#add(box, now);
      out.uids.push(now.uid);
      out.sources.push(w.uid);
      out.modseq = this.modseq;
    }
    this.resealed += out.uids.length;
    this.tell();
    return json(out);
  }
  #append(box: FakeBox, r: Request): Response {
    const id = hex(this.#ids++, 32);
    const m: FakeMail = {
      uid: 0, id, modseq: 0, born: 0, received: Number(r.query.get("received") ?? 0) || Math.floor(this.clock.now() / 1000), size: r.body.byteLength,
      flags: r.query.getAll("flags"), class: 2, letters: { message: r.body },
    };
    this.#add(box, m);
    this.tell();
    return json({ mailbox: box.id, uid: m.uid, uid_validity: 1, modseq: m.modseq, id } satisfies t.Appended);
  }

  #sealed(box: FakeBox, r: Request): Response {
    const uids: number[] = [];
    for (let at = 0; at < r.body.byteLength; ) {
      const n = new DataView(r.body).getUint32(at);
      const head = JSON.parse(new TextDecoder().decode(r.body.slice(at + 4, at + 4 + n))) as { flags: string[]; received: number; letters: { letter: string; size: number }[] };
      at += 4 + n;
      const letters: { [letter: string]: ArrayBuffer } = {};
      for (const l of head.letters) letters[l.letter] = r.body.slice(at, (at += l.size));
      const m: FakeMail = { uid: 0, id: hex(this.#ids++, 32), modseq: 0, born: 0, received: head.received, size: 1000, flags: head.flags, class: 1, letters };
      this.#add(box, m);
      uids.push(m.uid);
    }
    this.tell();
    return json({ mailbox: box.id, uids, uid_validity: 1, modseq: this.modseq } satisfies t.AddedMails, 201);
  }

  #changes(r: Request): Response {
    const changes = r.json["changes"] as t.Change[];
    for (const c of changes) if ("mailbox" in c && !this.boxes.has(c.mailbox)) return problem(404, "not-found");
    for (const c of changes) if (c.op === "move" && !this.boxes.has(c.to)) return problem(404, "not-found");
    const events = changes.map((c) => this.#change(c));
    this.tell();
    return json({ events });
  }
  #change(c: t.Change): t.ChangeEvent {
    const event: t.ChangeEvent = { mailbox: "mailbox" in c ? c.mailbox : 0, uids: [], sources: [], failed: [], modseq: this.modseq };
    if (c.op === "create") event.mailbox = this.#newBox(c.name, c.use ?? "").id;
    if (c.op === "rename") this.box(c.from).name = c.name;
    if (c.op === "remove") this.boxes.delete(this.box(c.name).id);
    if (!("uids" in c)) return { ...event, modseq: ++this.modseq };
    const box = this.boxes.get(c.mailbox)!;
    for (const uid of c.uids) {
      const m = box.mails.get(uid);
      if (!m) {
        event.failed.push(uid);
        continue;
      }
      event.sources.push(uid);
      event.uids.push(this.#one(c, box, m));
    }
    if (c.op === "move" || c.op === "copy") event.mailbox = c.to;
    return { ...event, modseq: this.modseq };
  }
  #one(c: t.Change, box: FakeBox, m: FakeMail): number {
    if (c.op === "flags") {
      const now = new Set(c.set ?? m.flags);
      for (const f of c.add ?? []) now.add(f);
      for (const f of c.remove ?? []) now.delete(f);
      m.flags = [...now];
      this.#touch(box, m);
    } else if (c.op === "shed") {
      for (const l of c.letters) delete m.letters[l];
      this.#touch(box, m);
    } else if (c.op === "expunge") this.#drop(box, m.uid);
    else if (c.op === "move" || c.op === "copy") {
      const copy: FakeMail = { ...m, flags: [...m.flags], letters: { ...m.letters } };
      this.#add(this.boxes.get(c.to)!, copy);
      if (c.op === "move") this.#drop(box, m.uid);
      return copy.uid;
    }
    return m.uid;
  }

  #cabinet(r: Request, p: string[]): Response {
    const line = (b: Boxed): t.CabinetItem => ({ drawer: b.drawer, name: b.name, version: b.version, size: b.data.byteLength, change: b.change, modified: b.modified, gone: b.gone });
    if (p.length === 1) {
      const since = Number(r.query.get("since") ?? 0);
      return json({ version: this.change, items: [...this.cabinet.values()].filter((b) => b.change > since).map(line) } satisfies t.CabinetList);
    }
    const key = `${p[1]}/${p[2]}`;
    const b = this.cabinet.get(key);
    if (r.method === "GET") return b && !b.gone ? new Response(b.data.slice(0), { headers: { ETag: `"${b.version}"` } }) : problem(404, "not-found");
    const match = r.headers.get("If-Match");
    const fine = match ? b && !b.gone && match === `"${b.version}"` : r.headers.get("If-None-Match") === "*" && (!b || b.gone);
    if (!fine) return problem(412, "conflict");
    const next: Boxed = {
      drawer: p[1]!, name: p[2]!, version: (b?.version ?? 0) + 1, change: ++this.change, modified: this.#time(this.clock.now() / 1000), gone: r.method === "DELETE",
      data: r.method === "DELETE" ? new ArrayBuffer(0) : r.body,
    };
    this.cabinet.set(key, next);
    this.tellCabinet();
    return r.method === "DELETE" ? new Response(null, { status: 204 }) : json(line(next));
  }

  #out(r: Request, p: string[]): Response {
    this.tick();
    if (r.method === "POST") {
      const { envelope, mail } = r.parts!;
      const now = this.clock.now();
      const leaves = envelope.at ? Date.parse(envelope.at) : now + (envelope.delay ?? 0) * 1000;
      if (this.strict && leaves > now && !envelope.encrypted) return problem(409, "strict");
      const item = { id: `o${this.#ids++}`, at: new Date(leaves).toISOString(), to: envelope.to.length, size: mail.byteLength, created: this.#time(now / 1000) };
      if (leaves <= now) this.left.push({ envelope, mail });
      else this.outbox.push({ ...item, envelope, mail, leaves });
      return json(item satisfies t.OutboxItem);
    }
    if (r.method === "GET") return json({ items: this.outbox.map(({ envelope: _, mail: __, leaves: ___, ...i }) => i) });
    const found = this.outbox.find((x) => x.id === p[1]);
    if (!found) return problem(409, "gone-out");
    if (r.method === "DELETE") {
      this.outbox = this.outbox.filter((x) => x !== found);
      return new Response(null, { status: 204 });
    }
    found.leaves = Date.parse(String(r.json["at"]));
    found.at = String(r.json["at"]);
    const { envelope: _, mail: __, leaves: ___, ...i } = found;
    return json(i);
  }

  // Another's key, as the server found it.
  learn(address: string, n = 1, more: Partial<t.Recipient> = {}): t.Recipient {
    const k = fakeCertificate(address, n);
    const r: t.Recipient = { address, state: "key", local: false, source: "wkd", ...k, ...more };
    this.keys.set(address, r);
    return r;
  }
  #key(r: Request, p: string[]): Response {
    const was = this.keys.get(p[1]!);
    if (r.method === "DELETE") this.keys.delete(p[1]!);
    else if (r.method === "POST" && was) {
      const offered = was.offered?.find((o) => o.fingerprint === r.json["fingerprint"]);
      const { offered: _, changed: __, ...rest } = was;
      if (offered) this.keys.set(p[1]!, { ...rest, fingerprint: offered.fingerprint, certificate: offered.certificate });
    } else if (r.method === "PUT") {
      const [, fingerprint = ""] = atob(String(r.json["certificate"])).split(" ");
      this.keys.set(p[1]!, { address: p[1]!, state: "key", local: false, source: "manual", certificate: String(r.json["certificate"]), fingerprint });
    }
    return new Response(null, { status: 204 });
  }
}

function entriesOf(box: FakeBox, q: URLSearchParams, limit: number): t.Entries {
  const since = Number(q.get("since") ?? 0);
  const after = Number(q.get("after") ?? 0);
  let all = [...box.mails.values()];
  all = since === 0 ? all.filter((m) => m.uid > after) : all.filter((m) => m.modseq > since).sort((a, b) => a.modseq - b.modseq);
  const page = all.slice(0, limit);
  const more = page.length < all.length;
  const sets = new Map<string, number>();
  const flag_sets: string[][] = [];
  const flags = page.map((m) => {
    const key = m.flags.join(" ");
    if (!sets.has(key)) {
      sets.set(key, flag_sets.length);
      flag_sets.push(m.flags);
    }
    return sets.get(key)!;
  });
  return {
    modseq: more && since !== 0 ? page.at(-1)!.modseq : box.modseq,
    complete: true,
    more,
    uids: page.map((m) => m.uid),
    modseqs: page.map((m) => m.modseq),
    ids: page.map((m) => m.id),
    received: page.map((m) => m.received),
    sizes: page.map((m) => m.size),
    flags,
    flag_sets,
    letters: page.map((m) => Object.keys(m.letters).reduce((n, l) => n | (LETTER_BITS[l] ?? 0), 0)),
    classes: page.map((m) => m.class),
    gone: since === 0 ? [] : box.gone.filter((g) => g.modseq > since).map((g) => g.uid),
  };
}

function frames(box: FakeBox, ranges: string, letter: string): Response {
  const want: number[] = [];
  for (const part of ranges.split(",").filter(Boolean)) {
    const [a = 0, b = a] = part.split(":").map(Number);
    for (let u = a; u <= b; u++) want.push(u);
  }
  const out: Uint8Array[] = [];
  for (const uid of want) {
    const m = box.mails.get(uid);
    if (!m) continue;
    const data = new Uint8Array(m.letters[letter] ?? new ArrayBuffer(0));
    const head = new Uint8Array(8);
    new DataView(head.buffer).setUint32(0, uid);
    new DataView(head.buffer).setUint32(4, data.length);
    out.push(head, data);
  }
  return new Response(new Blob(out as BlobPart[]));
}
