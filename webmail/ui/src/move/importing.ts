// Brings mail in from files: read piece by piece, sealed in the vault, and given to the
// server sealed. How far it is stays on this device, sealed, so that it goes on after a reload
// when the same files are chosen; the marks of what came lie in the cabinet, so that nothing
// comes twice.

import type { Signal } from "@preact/signals";
import { ApiError, newKey, sleep } from "../wire/http.ts";
import type { ImportRun, MovingParts } from "../model/moving.ts";
import type { SealedMail } from "../vault/vault.ts";
import { Boxes } from "./boxes.ts";
import { Gate, Stopped } from "./gate.ts";
import { Known } from "./known.ts";
import { header } from "./lines.ts";
import { type Arriving, type Found, type Place, type Refusal, arrivals, start } from "./source.ts";

interface Journal {
  v: 1;
  print: string; // of the files
  place: Place;
  into: string;
  folders: boolean;
  marks: string[]; // that the cabinet has not got yet
  run: Pick<ImportRun, "names" | "bytes" | "read" | "brought" | "encrypted" | "already" | "refused" | "failures">;
}
// sealed: null where it is here already.
interface Waiting { from: Arriving; number: number; sealed: Promise<SealedMail | Refusal | null>; mailbox: string; flags: string[] }
interface Item { mail: SealedMail; found: Found; number: number; flags: string[]; whole: boolean }

const together = 64; // mails of one request
const bytesTogether = 4 << 20;
const ahead = 4; // mails sealed at a time
const bytesAhead = 16 << 20;
const flushMarks = 2_000;
const mostFailures = 100;

const empty = { read: 0, brought: 0, encrypted: 0, already: 0, refused: {}, failures: [] };

// Mails up to one place of the source, and what there was instead of some.
class Batch {
  readonly items = new Map<string, Item[]>(); // by mailbox
  readonly refused: { number: number; why: Refusal }[] = [];
  already = 0;
  private count = 0;
  private size = 0;

  get full(): boolean {
    return this.count >= together || this.size >= bytesTogether || this.already + this.refused.length >= 4 * together;
  }
  take(w: Waiting, result: SealedMail | Refusal | null): void {
    if (result === null) this.already++;
    else if (typeof result === "string") this.refused.push({ number: w.number, why: result });
    else {
      this.items.set(w.mailbox, [...(this.items.get(w.mailbox) ?? []), { mail: result, found: w.from, number: w.number, flags: w.flags, whole: false }]);
      this.count++;
      this.size += result.upload.byteLength;
    }
  }
}

export class Importing {
  private journal: Journal | null = null;
  private gate = new Gate();
  private running: Promise<void> | null = null;
  private known: Known | null = null;
  private readonly boxes: Boxes;
  private began = 0; // ms, and how many mails there were then
  private before = 0;

  constructor(
    private readonly parts: MovingParts,
    private readonly state: Signal<ImportRun | null>,
  ) {
    this.boxes = new Boxes(parts);
  }

  async load(): Promise<void> {
    const j = await this.parts.cache.get<Journal>("state", "import");
    if (j?.v !== 1 || this.running !== null) return;
    this.journal = j;
    this.state.value = { ...j.run, state: "waiting", rate: 0, fault: "" };
  }

  async begin(files: readonly File[], o: { into: string; folders: boolean }): Promise<void> {
    if (this.running !== null || files.length === 0) return;
    const names = files.slice(0, 20).map((f) => f.name);
    const bytes = files.reduce((n, f) => n + f.size, 0);
    this.journal = { v: 1, print: await printOf(files), place: start, ...o, marks: this.journal?.marks ?? [], run: { names, bytes, ...empty } };
    this.go(files);
  }

  // The same files, after a reload.
  async again(files: readonly File[]): Promise<boolean> {
    if (this.running !== null || this.journal === null || (await printOf(files)) !== this.journal.print) return false;
    this.go(files);
    return true;
  }

  pause(on: boolean): void {
    this.gate.pause(on);
    this.change({ state: on ? "paused" : "running", ...(on ? {} : { fault: "" }) });
    this.restart();
  }

  async stop(): Promise<void> {
    this.gate.stop();
    await this.running?.catch(() => {});
    if (this.journal !== null) await this.storeMarks();
    await this.parts.cache.remove("state", "import");
    this.journal = null;
    this.state.value = null;
  }

  close(): void {
    this.gate.stop();
  }

  private change(c: Partial<ImportRun>): void {
    if (this.state.peek() !== null) this.state.value = { ...this.state.peek()!, ...c };
  }
  private restart(): void {
    this.began = this.parts.clock.now();
    this.before = this.handled();
  }
  private handled(): number {
    const r = this.journal?.run;
    return r === undefined ? 0 : r.brought + r.already + Object.values(r.refused).reduce((n, x) => n + (x ?? 0), 0);
  }

  private go(files: readonly File[]): void {
    this.gate = new Gate();
    this.state.value = { ...this.journal!.run, state: "running", rate: 0, fault: "" };
    this.restart();
    this.running = this.run(files)
      .catch((e: unknown) => {
        if (!(e instanceof Stopped)) this.change({ state: "waiting", fault: e instanceof ApiError ? e.word : "unknown" });
      })
      .finally(() => {
        this.running = null;
      });
  }

  private async run(files: readonly File[]): Promise<void> {
    const { sync, cache } = this.parts;
    await sync.idle();
    this.known = await Known.read(this.parts, this.journal!.marks);
    await this.save();
    const line: Waiting[] = [];
    let batch = new Batch();
    let sending: Promise<void> = Promise.resolve();
    const send = async (to: Arriving) => {
      await sending; // one on its way, one in the making
      sending = this.deliver(batch, to);
      sending.catch(() => {}); // it is told at the next await
      batch = new Batch();
    };
    const take = async () => {
      const w = line.shift()!;
      batch.take(w, await w.sealed);
      if (batch.full) await send(w.from);
    };
    let last: Arriving | null = null;
    let number = this.handled();
    for await (const a of arrivals(files, this.journal!.place)) {
      await this.gate.pass();
      line.push(await this.prepare(a, ++number));
      last = a;
      while (line.length >= ahead || line.reduce((n, w) => n + w.from.mail.length, 0) > bytesAhead) await take();
    }
    while (line.length > 0) await take();
    if (last !== null) await send(last);
    await sending;
    await this.storeMarks();
    await cache.remove("state", "import");
    this.change({ ...this.journal!.run, state: "done", read: this.journal!.run.bytes, fault: "" });
    this.journal = null;
    void sync.refresh().catch(() => {});
  }

  private async prepare(from: Arriving, number: number): Promise<Waiting> {
    const not = (sealed: Refusal | null): Waiting => ({ from, number, sealed: Promise.resolve(sealed), mailbox: "", flags: [] });
    if (from.refused !== undefined) return not(from.refused);
    if (this.known!.hasMark(await markOf(from.mail), header(from.mail, "Message-ID"))) return not(null);
    const { folders, into } = this.journal!;
    const mailbox = await this.boxes.name(folders && from.mailbox !== "" ? from.mailbox : into);
    const flags = [...from.flags, ...(await this.boxes.keywords(from.labels))];
    const sealed = this.seal(from, flags).then((m) => (typeof m !== "string" && this.known!.hasMail(m, mailbox) ? null : m));
    sealed.catch(() => {}); // it is told when its turn comes
    return { from, number, sealed, mailbox, flags };
  }

  private async seal(from: Found, flags: string[], whole = false): Promise<SealedMail | Refusal> {
    const { vault, account, clock, host } = this.parts;
    try {
      return await vault.sealMail({
        mail: from.mail.buffer, certificate: Uint8Array.from(atob(account.certificate), (c) => c.charCodeAt(0)).buffer, profile: account.profile, level: account.level,
        arrived: from.received || Math.floor(clock.now() / 1000), flags, authserv: host, ...(whole ? { whole } : {}),
      });
    } catch (e) {
      const word = (e as { word?: string }).word;
      if (word === "locked" || word === "no-key") throw e;
      return word === "too-large" ? "too-large" : word === "bad-input" ? "damaged" : "closed";
    }
  }

  // What is counted is what the place is behind: a reload counts nothing twice.
  private async deliver(batch: Batch, to: Arriving): Promise<void> {
    for (const [mailbox, items] of batch.items) await this.upload(mailbox, items);
    const j = this.journal!;
    for (const r of batch.refused) this.refuse(r.number, r.why);
    j.place = to.next;
    j.run = { ...j.run, already: j.run.already + batch.already, read: to.read };
    await this.save();
    if (j.marks.length >= flushMarks) await this.storeMarks();
    const seconds = Math.max(1, this.parts.clock.now() - this.began) / 1000;
    this.change({ ...j.run, rate: (this.handled() - this.before) / seconds });
  }

  // All or none. What the server does not take is found by trying halves.
  private async upload(mailbox: string, items: Item[]): Promise<void> {
    const key = newKey();
    for (let wait = 2_000; ; wait = Math.min(60_000, wait * 2)) {
      try {
        const box = await this.boxes.id(mailbox);
        await this.parts.api.appendSealed(box, new Blob(items.map((i) => i.mail.upload)), key, this.gate.signal);
        for (const i of items) this.landed(i);
        return;
      } catch (e) {
        if (this.gate.signal.aborted) throw new Stopped();
        if (!(e instanceof ApiError)) throw e;
        if (e.word === "over-quota") {
          this.gate.pause(true);
          this.change({ state: "paused", fault: e.word });
          await this.gate.pass();
        } else if (e.temporary) {
          this.change({ fault: e.word });
          await sleep(this.parts.clock, Math.max(wait, e.wait * 1000));
          await this.gate.pass();
          this.change({ fault: "" });
        } else if (e.word === "not-found") await this.boxes.forget(mailbox);
        else if (e.status === 413 || e.status === 422) return this.smaller(mailbox, items, e);
        else throw e;
      }
    }
  }
  private async smaller(mailbox: string, items: Item[], e: ApiError): Promise<void> {
    if (items.length > 1) {
      const half = Math.ceil(items.length / 2);
      await this.upload(mailbox, items.slice(0, half));
      return this.upload(mailbox, items.slice(half));
    }
    const [i] = items as [Item];
    if (i.mail.class === "end-to-end" && !i.whole) {
      const mail = await this.seal(i.found, i.flags, true);
      if (typeof mail !== "string") return this.upload(mailbox, [{ ...i, mail, whole: true }]);
    }
    this.refuse(i.number, e.status === 413 ? "too-large" : "not-taken", i.mail.subject);
  }

  private landed(i: Item): void {
    const j = this.journal!;
    j.marks.push(i.mail.mark);
    j.run = { ...j.run, brought: j.run.brought + 1, encrypted: j.run.encrypted + (i.mail.class === "sealed on arrival" ? 0 : 1) };
  }
  private refuse(number: number, why: Refusal, about = ""): void {
    const r = this.journal!.run;
    const failures = r.failures.length < mostFailures ? [...r.failures, { number, why, about }] : r.failures;
    this.journal!.run = { ...r, refused: { ...r.refused, [why]: (r.refused[why] ?? 0) + 1 }, failures };
  }

  private async save(): Promise<void> {
    await this.parts.cache.put("state", "import", this.journal).catch(() => {}); // a full store: it would begin anew, and bring nothing twice
  }
  private async storeMarks(): Promise<void> {
    const j = this.journal!;
    if (j.marks.length === 0 || this.known === null) return;
    const stored = await this.known.store(j.marks).then(() => true, () => false);
    if (stored) j.marks = [];
    await this.save();
  }
}

async function markOf(mail: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", mail)).subarray(0, 12));
}

const hex = (b: Uint8Array): string => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");

// Tells files from others without reading all of them.
async function printOf(files: readonly File[]): Promise<string> {
  const parts: (string | ArrayBuffer)[] = [];
  for (const f of files.slice(0, 200)) parts.push(`${f.size};`, await f.slice(0, 65_536).arrayBuffer(), await f.slice(Math.max(0, f.size - 65_536)).arrayBuffer());
  parts.push(`${files.length}`);
  const sum = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return hex(new Uint8Array(sum));
}
