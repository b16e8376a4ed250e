// Letters behind a password: what was handed to the server for somebody outside, and what
// the owner's devices remember of it. The server knows of a parcel no more than its name
// says: when it ends, and how often it may be answered.

import { computed } from "@preact/signals";
import type { Vault } from "../vault/vault.ts";
import { parseName } from "../vault/parcelname.ts";
import { ApiError, newKey, type Api, type Clock } from "../wire/http.ts";
import { mergeMaps } from "./drawer.ts";
import type { Cabinet, DraftContent, Drawer, ParcelLine, ParcelsModel, Protection, Receipt, RecipientView } from "./types.ts";

export const MOST_HOURS = 28 * 24;
export const ANSWERS = 5;
export const LARGEST = 15 * 2 ** 20; // bytes of all files of one
const LATEST = 62 * 86_400; // seconds from now: what the server takes
const KEPT = 30 * 86_400; // after its end, for the owner to look up

const parse = (v: unknown): Receipt => {
  const r = v as Receipt;
  if (typeof r !== "object" || r === null || typeof r.to !== "string" || typeof r.password !== "string") throw new Error("a receipt: expected whom a parcel was for");
  return r;
};

// What a recipient without a key gets where the writer chose a password.
export function protectedView(v: RecipientView, passwords: DraftContent["passwords"]): RecipientView {
  return v.state === "readable" && passwords[v.address.toLowerCase()] ? { ...v, state: "password" } : v;
}

// A wish as it may be: an older device may have written another.
export function cleaned(p: Protection): Protection {
  const hours = Number.isFinite(p.hours) ? Math.min(Math.max(1, Math.floor(p.hours)), MOST_HOURS) : 14 * 24;
  return { password: String(p.password ?? "").trim(), hint: String(p.hint ?? "").slice(0, 300), hours, answers: p.answers !== false };
}

export interface NewParcel { name: string; link: string; box: ArrayBuffer; receipt: Receipt }

export class Parcels implements ParcelsModel {
  readonly #drawer: Drawer<Receipt>;
  readonly all;

  constructor(private readonly cabinet: Cabinet, private readonly parts: { api: Api; vault: Vault; clock: Clock }) {
    this.#drawer = cabinet.drawer<Receipt>("receipts", {
      parse,
      only: (name) => parseName(name) !== null,
      merge: (base, mine, theirs) => (mine && theirs ? (mergeMaps(base as never, mine as never, theirs as never) as unknown as Receipt) : null),
    });
    this.all = computed((): readonly ParcelLine[] => {
      void cabinet.version.value;
      const there = new Set(cabinet.list("parcels").map((b) => b.name));
      const now = parts.clock.now() / 1000;
      return [...this.#drawer.items.value.values()]
        .map(({ name, value }) => ({ ...value, name, ends: parseName(name)!.ends, open: there.has(name) && parseName(name)!.ends > now }))
        .sort((a, b) => b.created - a.created);
    });
  }

  // Seals a letter for one person; nothing is told to the server yet. null: it would end
  // later than the server keeps one.
  async make(to: string, wish: Protection, draft: Parameters<Vault["sealParcel"]>[0]["draft"], at: number): Promise<NewParcel | null> {
    const now = Math.floor(this.parts.clock.now() / 1000);
    const p = cleaned(wish);
    const ends = Math.max(at, now) + p.hours * 3600;
    if (ends > now + LATEST) return null;
    const made = await this.parts.vault.sealParcel({ to, draft, password: p.password, hint: p.hint, ends, answers: p.answers ? ANSWERS : 0 });
    return { ...made, receipt: { to, subject: draft.subject, password: p.password, hint: p.hint, created: now, answers: p.answers } };
  }

  // Tells the server, once however often it is called.
  async hand(name: string, box: ArrayBuffer): Promise<void> {
    try {
      await this.parts.api.putBox("parcels", name, 0, box, newKey());
    } catch (e) {
      // Its name is random: whoever is there is this one, of which the answer was lost.
      if (e instanceof ApiError && e.word === "too-many") throw new ApiError("parcel-many", e.status);
      if (!(e instanceof ApiError) || e.word !== "conflict") throw e;
    }
    await this.cabinet.refresh().catch(() => {});
  }
  keep(name: string, receipt: Receipt): Promise<void> {
    return this.#drawer.put(name, receipt);
  }

  async revoke(name: string): Promise<boolean> {
    try {
      await this.cabinet.remove("parcels", name, 1);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      if (e.word !== "conflict") return false; // else it is gone already
    }
    await this.#drawer.remove(name);
    return true;
  }

  // What ended long ago is not remembered.
  async tidy(): Promise<void> {
    const old = this.parts.clock.now() / 1000 - KEPT;
    for (const p of this.all.peek()) if (p.ends < old) await this.#drawer.remove(p.name);
  }
}
