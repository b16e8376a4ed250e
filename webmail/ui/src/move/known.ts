// What is here already, so that nothing is brought in twice. A mark is 12 bytes of the
// SHA-256 of a mail's very bytes; the marks of what was ever brought in lie in the cabinet, sealed.
// A mail whose mark is known and that was removed since comes again; one that came another
// way is known by Message-ID, date and subject in the same mailbox.

import type { MovingParts } from "../model/moving.ts";
import { newKey } from "../wire/http.ts";
import type { SealedMail } from "../vault/vault.ts";

const prefix = "imported-";
const width = 12;
const mostMarks = 500_000;

export class Known {
  private constructor(
    private readonly parts: Pick<MovingParts, "cabinet" | "sync">,
    private readonly marks: Set<string>,
    private readonly fresh: Set<string>, // of this import
    private readonly cards: Map<string, { id: string; subject: string; date: number }[]>, // before this run, by Message-ID
  ) {}

  static async read(parts: Pick<MovingParts, "cabinet" | "sync">, more: readonly string[]): Promise<Known> {
    const marks = new Set<string>();
    for (const item of parts.cabinet.list("files")) {
      if (!item.name.startsWith(prefix) || marks.size > mostMarks) continue;
      const data = await parts.cabinet.read("files", item.name).catch(() => null);
      if (data !== null) for (const m of marksOf(new Uint8Array(data))) marks.add(m);
    }
    const cards = new Map<string, { id: string; subject: string; date: number }[]>();
    let n = 0;
    for (const c of parts.sync.cards()) {
      if (++n % 5_000 === 0) await new Promise((done) => setTimeout(done));
      if (c.message_id !== "") cards.set(c.message_id, [...(cards.get(c.message_id) ?? []), { id: c.id, subject: c.subject, date: c.date }]);
    }
    return new Known(parts, marks, new Set(more), cards);
  }

  // Notes it, too: the same bytes a second time are here by then.
  hasMark(mark: string, id: string): boolean {
    if (this.fresh.has(mark)) return true;
    this.fresh.add(mark);
    return this.marks.has(mark) && (id === "" || id.length > 200 || this.here(id).length > 0);
  }
  // By another way, such as from the server it was imported from before.
  hasMail(m: Pick<SealedMail, "message_id" | "subject" | "date">, mailbox: string): boolean {
    const { sync } = this.parts;
    const nameOf = (id: string) => sync.mailboxes.peek().find((b) => b.id === sync.find(id)?.mailbox)?.name;
    return m.message_id !== "" && this.here(m.message_id).some((c) => c.date === m.date && same(c.subject, m.subject) && nameOf(c.id) === mailbox);
  }
  private here(id: string) {
    return (this.cards.get(id) ?? []).filter((c) => this.parts.sync.find(c.id) !== undefined);
  }

  async store(marks: readonly string[]): Promise<void> {
    const data = new Uint8Array(4 + marks.length * width);
    new DataView(data.buffer).setUint32(0, marks.length);
    marks.forEach((m, i) => data.set(m.match(/../g)!.map((h) => Number.parseInt(h, 16)).slice(0, width), 4 + i * width));
    await this.parts.cabinet.write("files", `${prefix}${newKey().slice(0, 16)}`, 0, data.buffer);
  }
}

// A card's subject may be cut.
const same = (card: string, subject: string): boolean => card === subject || (card.length >= 60 && subject.startsWith(card.slice(0, 60)));

function marksOf(b: Uint8Array): string[] {
  const n = b.length < 4 ? 0 : new DataView(b.buffer, b.byteOffset).getUint32(0);
  const out: string[] = [];
  for (let i = 0; i < n && 4 + (i + 1) * width <= b.length; i++) out.push(Array.from(b.subarray(4 + i * width, 4 + (i + 1) * width), (x) => x.toString(16).padStart(2, "0")).join(""));
  return out;
}
