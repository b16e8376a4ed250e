// Mailboxes and labels that mail is brought into: found by name, or made.

import type { MailboxView } from "../model/types.ts";
import type { MovingParts } from "../model/moving.ts";
import { ApiError } from "../wire/http.ts";

const roles: { [name: string]: MailboxView["role"] } = {
  inbox: "inbox", sent: "sent", "sent items": "sent", "sent messages": "sent", "sent mail": "sent", drafts: "drafts", junk: "junk", spam: "junk", trash: "trash",
  "deleted items": "trash", "deleted messages": "trash", archive: "archive",
};
const otherwise = "Imported";
const mostLabels = 200; // made in one import
const colours = 12;

export class Boxes {
  private readonly ids = new Map<string, number>();
  private readonly names = new Map<string, string>();
  private readonly words = new Map<string, string>();

  constructor(private readonly parts: Pick<MovingParts, "api" | "sync" | "settings">) {}

  // The name that a mailbox has here.
  async name(wanted: string): Promise<string> {
    const known = this.names.get(wanted);
    if (known !== undefined) return known;
    const role = roles[wanted.toLowerCase()];
    const clean = role ? (this.parts.sync.role(role)?.name ?? wanted) : wanted.split("/").map((p) => p.replace(/[\p{Cc}%*"\\]/gu, "_").trim()).filter(Boolean).join("/").slice(0, 200);
    const name = clean === "" ? otherwise : clean;
    this.names.set(wanted, name);
    return name;
  }

  async id(name: string): Promise<number> {
    const known = this.ids.get(name) ?? this.find(name);
    if (known !== undefined) {
      this.ids.set(name, known);
      return known;
    }
    const { api } = this.parts;
    const parts = name.split("/");
    for (let i = 1; i <= parts.length; i++) {
      const level = parts.slice(0, i).join("/");
      if (this.find(level) !== undefined) continue;
      try {
        const [made] = await api.changes([{ op: "create", name: level }]);
        if (i === parts.length && made !== undefined && made.mailbox > 0) this.ids.set(name, made.mailbox);
      } catch (e) {
        if (!(e instanceof ApiError) || e.temporary) throw e;
        if (e.word !== "taken") return name === otherwise ? Promise.reject(e) : this.id(otherwise); // a name that cannot be had here
      }
    }
    if (!this.ids.has(name)) {
      const found = (await api.mailboxes()).mailboxes.find((b) => b.name === name)?.id;
      if (found === undefined) throw new ApiError("not-found", 404);
      this.ids.set(name, found);
    }
    return this.ids.get(name)!;
  }
  private find(name: string): number | undefined {
    return this.parts.sync.mailboxes.peek().find((b) => b.name === name || (b.name === "INBOX" && name.toUpperCase() === "INBOX"))?.id;
  }
  // It was removed meanwhile.
  async forget(name: string): Promise<void> {
    this.ids.delete(name);
    await this.parts.sync.refresh();
  }

  // Labels of the source, as keywords of ours.
  async keywords(labels: readonly string[]): Promise<string[]> {
    const out: string[] = [];
    for (const label of labels) {
      const key = label.toLowerCase();
      let word = this.words.get(key) ?? this.parts.settings.value.peek().labels.find((l) => l.name.toLowerCase() === key)?.keyword;
      if (word === undefined && this.words.size < mostLabels) word = (await this.parts.settings.newLabel(label.slice(0, 60), this.words.size % colours)).keyword;
      if (word === undefined) continue;
      this.words.set(key, word);
      out.push(word);
    }
    return out;
  }
}
