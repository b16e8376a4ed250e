// Takes everything out into an archive: mail as it arrived (or sealed as it lies here), and
// what else an account has. Nothing is held but the mails on their way. Where an archive is
// saved in parts, how far they go stays on this device, sealed.

import type { Signal } from "@preact/signals";
import type { ExportRun, ExportWish, MovingParts, Target } from "../model/moving.ts";
import type { MailRef } from "../model/types.ts";
import { ApiError, sleep } from "../wire/http.ts";
import { extras } from "./extras.ts";
import { Gate, Stopped } from "./gate.ts";
import { join } from "./lines.ts";
import { names } from "./names.ts";
import { ZipWriter } from "./zip.ts";

interface Journal {
  v: 1;
  wish: Omit<ExportWish, "passphrase">;
  behind: { mailbox: number; uid: number } | null; // of the last mail of the last whole part
  run: Pick<ExportRun, "of" | "done" | "closed" | "missing" | "part">;
}
interface Line { ref: MailRef; box: string; received: number; flags: readonly string[]; header: boolean }
interface Fetched { data: Uint8Array<ArrayBuffer>; closed: boolean; subject: string }

const ahead = 4;
const headerBit = 2;

export class Exporting {
  private journal: Journal | null = null;
  private gate = new Gate();
  private running: Promise<void> | null = null;

  constructor(
    private readonly parts: MovingParts,
    private readonly state: Signal<ExportRun | null>,
  ) {}

  async load(): Promise<void> {
    const j = await this.parts.cache.get<Journal>("state", "export");
    if (j?.v !== 1 || this.running !== null) return;
    this.journal = j;
    this.state.value = { ...j.run, form: j.wish.form, bytes: 0, state: "waiting", fault: "" };
  }

  async begin(wish: ExportWish, target: Target): Promise<void> {
    if (this.running !== null) return;
    const { passphrase, ...rest } = wish;
    this.journal = { v: 1, wish: rest, behind: null, run: { of: 0, done: 0, closed: 0, missing: 0, part: 0 } };
    this.go(target, passphrase);
  }
  async goOn(target: Target): Promise<void> {
    if (this.running === null && this.journal !== null && target.part > 0) this.go(target, "");
  }
  pause(on: boolean): void {
    this.gate.pause(on);
    this.change({ state: on ? "paused" : "running" });
  }
  async stop(): Promise<void> {
    this.gate.stop();
    await this.running?.catch(() => {});
    await this.parts.cache.remove("state", "export");
    this.journal = null;
    this.state.value = null;
  }
  close(): void {
    this.gate.stop();
  }
  private change(c: Partial<ExportRun>): void {
    if (this.state.peek() !== null) this.state.value = { ...this.state.peek()!, ...c };
  }

  private go(target: Target, passphrase: string): void {
    this.gate = new Gate();
    const j = this.journal!;
    this.state.value = { ...j.run, form: j.wish.form, bytes: 0, state: "running", fault: "" };
    this.running = this.run(target, passphrase)
      .catch(async (e: unknown) => {
        if (e instanceof Stopped) return;
        const word = (e as { word?: string }).word ?? (e instanceof DOMException && e.name === "QuotaExceededError" ? "disk-full" : "unknown");
        this.change({ state: target.part > 0 && this.journal!.behind !== null ? "waiting" : "done", fault: word });
      })
      .finally(() => {
        this.running = null;
      });
  }

  private async run(target: Target, passphrase: string): Promise<void> {
    const { sync, cache } = this.parts;
    await sync.idle();
    const j = this.journal!;
    const all = this.lines(j.wish.mailboxes);
    const from = j.behind === null ? 0 : all.findIndex((l) => l.ref.mailbox === j.behind!.mailbox && l.ref.uid === j.behind!.uid) + 1;
    j.run = { ...j.run, of: all.length };
    let at = from;
    do at = await this.part(target, all, at, passphrase);
    while (at < all.length);
    await cache.remove("state", "export");
    this.journal = null;
    this.change({ state: "done", fault: "" });
  }

  // One archive: everything, or as much as goes into a part. Says where the next begins.
  private async part(target: Target, all: readonly Line[], from: number, passphrase: string): Promise<number> {
    const { cache } = this.parts;
    const j = this.journal!;
    const counts = { ...j.run, part: j.run.part + 1 };
    const sink = await target.open(counts.part);
    const before = this.state.peek()?.bytes ?? 0;
    const zip = new ZipWriter((d) => sink.write(d));
    try {
      if (from === 0) await extras(zip, this.parts, j.wish, passphrase);
      const at = await this.mails(zip, all, from, counts, () => this.change({ ...counts, bytes: before + zip.size }), target.part);
      await zip.finish();
      await sink.close();
      j.run = counts;
      if (target.part > 0 && at > 0) j.behind = { mailbox: all[at - 1]!.ref.mailbox, uid: all[at - 1]!.ref.uid };
      if (target.part > 0) await cache.put("state", "export", j).catch(() => {});
      this.change({ ...counts, bytes: before + zip.size });
      return at;
    } catch (e) {
      await sink.abort().catch(() => {});
      throw e;
    }
  }

  private async mails(zip: ZipWriter, all: readonly Line[], from: number, counts: Journal["run"], told: () => void, most: number): Promise<number> {
    const { form } = this.journal!.wish;
    const place = names(form);
    const list: string[] = [];
    const coming: Promise<Fetched | null>[] = [];
    let box = "";
    let i = from;
    for (; i < all.length && !(most > 0 && zip.size > most && i > from); i++) {
      await this.gate.pass();
      for (let k = i + coming.length; k < all.length && coming.length < ahead; k++) coming.push(this.fetch(all[k]!));
      const line = all[i]!;
      const mail = await coming.shift()!;
      counts.done++;
      if (mail === null) counts.missing++;
      else {
        if (mail.closed) counts.closed++;
        const path = form === "mbox" ? place.mbox(line.box) : place.mail(line.box, line.received, line.ref.uid, mail.subject, mail.closed);
        if (form === "mbox") {
          if (box !== path) {
            if (box !== "") await zip.end();
            await zip.begin((box = path), line.received);
          }
          await zip.more(entryOf(mail.data, line));
        } else await zip.add(path, mail.data, line.received);
        list.push(row(path, line));
      }
      told();
    }
    if (box !== "") await zip.end();
    coming.forEach((c) => void c.catch(() => {}));
    await zip.add(`list-${counts.part}.csv`, new TextEncoder().encode(`file,mailbox,received,flags\r\n${list.join("")}`), 0);
    return i;
  }

  private lines(mailboxes: readonly number[]): Line[] {
    const { sync, settings } = this.parts;
    const labels = new Map(settings.value.peek().labels.map((l) => [l.keyword, l.name]));
    const out: Line[] = [];
    for (const b of sync.mailboxes.peek()) {
      const c = mailboxes.length === 0 || mailboxes.includes(b.id) ? sync.columns(b.id) : undefined;
      for (let i = 0; c !== undefined && i < c.length; i++) {
        const flags = (c.flagSets[c.flags[i]!] ?? []).map((f) => labels.get(f) ?? f);
        out.push({ ref: { mailbox: b.id, uid: c.uids[i]!, id: c.ids[i]! }, box: b.name, received: c.received[i]!, flags, header: (c.letters[i]! & headerBit) !== 0 });
      }
    }
    return out;
  }

  // null: it is not there any more.
  private async fetch(l: Line): Promise<Fetched | null> {
    const { api, vault, sync } = this.parts;
    const sealed = async (closed: boolean): Promise<Fetched | null> => {
      const data = await this.patiently(() => api.eml(l.ref.mailbox, l.ref.uid, this.gate.signal));
      return data === null ? null : { data: new Uint8Array(data), closed, subject: "" };
    };
    if (this.journal!.wish.form === "sealed") return sealed(false);
    const message = await this.patiently(() => api.letter(l.ref.mailbox, l.ref.uid, "message", this.gate.signal));
    if (message === null) return null;
    const header = l.header ? await this.patiently(() => api.letter(l.ref.mailbox, l.ref.uid, "header", this.gate.signal)) : null;
    try {
      const data = await vault.restoreMail({ message, ...(header === null ? {} : { header }) });
      return { data: new Uint8Array(data), closed: false, subject: sync.card(l.ref.id)?.subject ?? "" };
    } catch (e) {
      if ((e as { word?: string }).word === "locked") throw e;
      return sealed(true); // rather sealed than not at all
    }
  }
  private async patiently<T>(ask: () => Promise<T>): Promise<T | null> {
    for (let wait = 2_000; ; wait = Math.min(60_000, wait * 2)) {
      try {
        const got = await ask();
        if (this.state.peek()?.fault !== "") this.change({ fault: "" });
        return got;
      } catch (e) {
        if (this.gate.signal.aborted) throw new Stopped();
        if (!(e instanceof ApiError)) throw e;
        if (e.word === "not-found") return null;
        if (!e.temporary) throw e;
        this.change({ fault: e.word });
        await sleep(this.parts.clock, Math.max(wait, e.wait * 1000));
      }
    }
  }
}

// A mail in an mbox file (RFC 4155; mboxrd). Its lines end as they did: the bytes are the mail's own.
export function entryOf(mail: Uint8Array, l: { received: number; flags: readonly string[] }): Uint8Array {
  const text = new TextEncoder();
  const at = new Date(l.received * 1000).toUTCString(); // "Sun, 22 Nov 2026 09:00:00 GMT"
  const m = /^(\w+), (\d\d) (\w+) (\d+) (\S+)/.exec(at)!;
  const parts: Uint8Array[] = [text.encode(`From MAILER-DAEMON ${m[1]} ${m[3]} ${m[2]!.replace(/^0/, " ")} ${m[5]} ${m[4]}\r\n`)];
  let from = 0;
  for (let p = 0; p < mail.length; ) {
    let i = p;
    while (mail[i] === 0x3e) i++;
    if (mail[i] === 0x46 && mail[i + 1] === 0x72 && mail[i + 2] === 0x6f && mail[i + 3] === 0x6d && mail[i + 4] === 0x20) {
      parts.push(mail.subarray(from, p), text.encode(">"));
      from = p;
    }
    const lf = mail.indexOf(10, p);
    p = lf < 0 ? mail.length : lf + 1;
  }
  parts.push(mail.subarray(from), text.encode(mail[mail.length - 1] === 10 ? "\r\n" : "\r\n\r\n"));
  return join(parts);
}

// No cell begins a formula.
const cell = (s: string): string => `"${(/^[=+\-@\t\r]/.test(s) ? `'${s}` : s).replace(/"/g, '""')}"`;
const row = (path: string, l: Line): string => `${cell(path)},${cell(l.box)},${new Date(l.received * 1000).toISOString()},${cell(l.flags.join(" "))}\r\n`;
