// Better cards. Of a mail that its sender encrypted the server knows only what stood
// outside: its card says little until one of the owner's clients has opened it. That is
// done here, for mail that is read, and quietly for what has just come.

import type { Api, Clock } from "../wire/http.ts";
import type { Card, OpenedMail, Vault } from "../vault/vault.ts";
import { shownTo, type Cards } from "./cards.ts";
import { tagOf, type Letters } from "./letters.ts";
import { slicer } from "./slice.ts";
import type { Sync } from "./sync.ts";
import type { Alarms, MailRef } from "./types.ts";

export interface BetterParts {
  api: Pick<Api, "putLetter">;
  vault: Pick<Vault, "state" | "sealCard" | "openMail" | "forget">;
  clock: Clock;
  alarms: Alarms;
  sync: Sync;
  cards: Cards;
  letters: Letters;
  learn: (id: string, text: string) => void; // what can be searched for
}

const LARGEST = 512 * 1024; // octets of a mail that is opened unasked
const ROUND = 200; // mails of one round
const PAUSE = 60; // ms between two: somebody may be reading

export class Better {
  readonly #parts: BetterParts;
  readonly #tried = new Set<string>();
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(parts: BetterParts) {
    this.#parts = parts;
  }
  stop(): void {
    this.#stopped = true;
  }
  async idle(): Promise<void> {
    await this.#running;
  }

  // look compares a mail that was opened with its card, and answers the better one it made.
  // A card that is another mail's is thrown away and made anew.
  async look(ref: MailRef, mail: OpenedMail, message: ArrayBuffer): Promise<Card | null> {
    const { cards, sync, vault, api, alarms } = this.#parts;
    const was = sync.card(ref.id);
    if (was && !mail.card_matches && !cards.settled(ref.id)) return null; // it was sealed anew: the card that goes with it is on its way
    if (was && !mail.card_matches) {
      alarms.raise({ id: `card-swapped ${ref.id}`, word: "card-swapped", about: "" });
      cards.put(ref.id, null);
    }
    const good = was && mail.card_matches;
    const sent = this.#nameless(ref.mailbox, was) && good ? shownTo([...mail.to, ...mail.cc, ...mail.bcc]) : [];
    if (good && cards.paged(ref.id)) {
      if (sent.length > 0) cards.improve({ ...was, to: sent });
      return sent.length > 0 ? { ...was, to: sent } : null;
    }
    const state = await vault.state();
    if (!state.list || (good && sent.length === 0 && !(was.incomplete && mail.class !== "sealed on arrival" && !mail.incomplete))) return null;
    const tag = good ? was.tag : message.byteLength > 0 ? await tagOf(message) : "";
    if (tag === "") return null;
    const card = good && !was.incomplete ? { ...was, to: sent } : { ...cardOf(ref.id, mail, tag, good ? was : undefined), to: this.#own(ref.mailbox) ? shownTo([...mail.to, ...mail.cc, ...mail.bcc]) : [] };
    await api.putLetter(ref.mailbox, ref.uid, "card", await vault.sealCard(card));
    cards.put(ref.id, card);
    this.#parts.learn(ref.id, `${mail.subject} ${mail.text}`);
    return card;
  }

  #own(mailbox: number): boolean {
    const role = this.#parts.sync.mailboxes.peek().find((b) => b.id === mailbox)?.role;
    return role === "sent" || role === "drafts";
  }
  // A card of what the owner wrote that does not say to whom: cards of before did not.
  #nameless(mailbox: number, card: Card | undefined): boolean {
    return card !== undefined && card.to.length === 0 && this.#own(mailbox);
  }

  // wake opens, one after the other, what has come with a card that says little.
  wake(): void {
    if (this.#stopped || this.#running) return;
    this.#running = this.#round().catch(() => {}).finally(() => {
      this.#running = null;
    });
  }
  async #round(): Promise<void> {
    const { vault, letters, clock } = this.#parts;
    if (!(await vault.state()).mail) return;
    for (const ref of await this.#dull()) {
      await new Promise<void>((done) => clock.after(PAUSE, done));
      if (this.#stopped) return;
      this.#tried.add(ref.id);
      const message = await letters.get(ref, "message");
      const header = letters.has(this.#bits(ref), "header") ? await letters.get(ref, "header") : undefined;
      const card = this.#parts.sync.card(ref.id);
      const mail = await vault.openMail({ message, ...(header && { header }), ...(card && { card }) }).catch(() => null);
      if (!mail) continue; // not for this key, or damaged: its reader will be told
      await vault.forget(mail.handle);
      await this.look(ref, mail, message);
    }
  }
  #bits(ref: MailRef): number {
    const c = this.#parts.sync.columns(ref.mailbox);
    return c?.letters[c.indexOf(ref.uid)] ?? 1;
  }
  // The newest first, the inbox before all else.
  async #dull(): Promise<MailRef[]> {
    const { sync } = this.#parts;
    const inbox = sync.role("inbox")?.id;
    const out: MailRef[] = [];
    const rest = slicer();
    for (const box of [...sync.boxes()].sort((a, b) => Number(b.id === inbox) - Number(a.id === inbox))) {
      const own = this.#own(box.id);
      for (let i = box.length - 1; i >= 0 && out.length < ROUND && !this.#stopped; i--) {
        if ((i & 1023) === 0) await rest();
        if (i >= box.length || box.sizes[i]! > LARGEST || !(own || box.classes[i]! >= 2)) continue;
        const id = box.ids[i]!;
        const card = sync.card(id);
        const dull = (box.classes[i]! >= 2 && card?.incomplete) || (own && this.#nameless(box.id, card));
        if (dull && !this.#tried.has(id)) out.push({ mailbox: box.id, uid: box.uids[i]!, id });
      }
    }
    return out;
  }
}

function cardOf(id: string, m: OpenedMail, tag: string, was: Card | undefined): Card {
  const files = m.parts.filter((p) => !p.inline);
  const from = m.from[0];
  return {
    id, tag, subject: cut(m.subject, 200), from_name: cut(from?.name ?? "", 80), from: cut(from?.address ?? "", 120), recipients: m.to.length + m.cc.length, to: [],
    date: m.date, arrived: was?.arrived || m.arrived, snippet: cut(m.text.replace(/\s+/g, " ").trim(), 200),
    attachments: files.slice(0, 8).map((p) => ({ name: cut(p.name, 80), type: cut(p.type, 60), size: p.size })), more_attachments: Math.max(0, files.length - 8),
    message_id: m.message_id.length <= 200 ? m.message_id : "", in_reply_to: m.in_reply_to.length <= 200 ? m.in_reply_to : "",
    references: m.references.slice(-4).filter((r) => r.length <= 200), class: m.class === "readable" ? "sealed on arrival" : m.class, incomplete: m.incomplete,
    junk: was?.junk ?? "", verified: m.verified, dmarc: m.dmarc, spf: m.spf, dkim: m.dkim, ...(was?.generation ? { generation: was.generation } : {}),
  };
}

// At most so many bytes of UTF-8, and no half character.
function cut(text: string, most: number): string {
  const b = new TextEncoder().encode(text);
  if (b.length <= most) return text;
  let n = most;
  while (n > 0 && (b[n]! & 0xc0) === 0x80) n--;
  return new TextDecoder().decode(b.subarray(0, n));
}
