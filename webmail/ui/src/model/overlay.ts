// What the queue will do once it has reached the server, laid over what the server said:
// the page shows this at once, and takes it off when the server's answer is in.

import type { MailRef } from "./types.ts";

export type Act =
  | { op: "flags"; refs: MailRef[]; add: string[]; remove: string[] }
  | { op: "move"; refs: MailRef[]; to: number }
  | { op: "copy"; refs: MailRef[]; to: number }
  | { op: "expunge"; refs: MailRef[] };

interface Delta {
  add: Set<string>;
  remove: Set<string>;
}

export class Overlay {
  readonly #flags = new Map<number, Map<number, Delta>>();
  readonly #gone = new Map<number, Set<number>>();
  readonly #ghosts = new Map<number, MailRef[]>();
  readonly #touched = new Set<string>();

  constructor(acts: readonly Act[]) {
    const where = new Map<string, { ref: MailRef; box: number }>(); // of mail that moves
    for (const a of acts)
      for (const ref of a.refs) {
        const key = `${ref.mailbox}:${ref.uid}`;
        this.#touched.add(key);
        if (a.op === "flags") this.#flag(ref, a.add, a.remove);
        else if (a.op === "expunge") {
          this.#hide(ref);
          where.delete(key);
        } else if (a.op === "move") {
          this.#hide(ref);
          where.set(key, { ref, box: a.to });
        }
      }
    for (const { ref, box } of where.values()) {
      // A mail that is on its way back to where it is has not moved.
      if (box === ref.mailbox) this.#gone.get(box)?.delete(ref.uid);
      else this.#ghosts.set(box, [...(this.#ghosts.get(box) ?? []), ref]);
    }
  }
  #hide(ref: MailRef): void {
    let set = this.#gone.get(ref.mailbox);
    if (!set) this.#gone.set(ref.mailbox, (set = new Set()));
    set.add(ref.uid);
  }
  #flag(ref: MailRef, add: readonly string[], remove: readonly string[]): void {
    let box = this.#flags.get(ref.mailbox);
    if (!box) this.#flags.set(ref.mailbox, (box = new Map()));
    let d = box.get(ref.uid);
    if (!d) box.set(ref.uid, (d = { add: new Set(), remove: new Set() }));
    for (const f of add) {
      d.remove.delete(f);
      d.add.add(f);
    }
    for (const f of remove) {
      d.add.delete(f);
      d.remove.add(f);
    }
  }

  hidden(mailbox: number): ReadonlySet<number> | undefined {
    return this.#gone.get(mailbox);
  }
  ghosts(mailbox: number): readonly MailRef[] {
    return this.#ghosts.get(mailbox) ?? [];
  }
  touches(ref: MailRef): boolean {
    return this.#touched.has(`${ref.mailbox}:${ref.uid}`);
  }
  flags(mailbox: number, uid: number, base: readonly string[]): readonly string[] {
    const d = this.#flags.get(mailbox)?.get(uid);
    if (!d) return base;
    return [...base.filter((f) => !d.remove.has(f) && !d.add.has(f)), ...d.add];
  }
  // Mails of a mailbox with changed flags.
  *flagged(mailbox: number): Iterable<number> {
    yield* this.#flags.get(mailbox)?.keys() ?? [];
  }
  get empty(): boolean {
    return this.#touched.size === 0;
  }
}
