// What each recipient of a draft will get, and why: asked of the server, and judged by what
// this owner's devices have pinned.

import { signal } from "@preact/signals";
import { ApiError, type Api, type Clock } from "../wire/http.ts";
import type { ContactsModel, PinsModel, RecipientView } from "./types.ts";

const FRESH = 10 * 60_000;
const MOST = 100; // addresses in one question
export const isAddress = (a: string): boolean => /^[^\s@<>(),;:"[\]\\]+@[^\s@<>(),;:"[\]\\]+$/.test(a) && a.length <= 320;
const bytesOf = (b64: string) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0)).buffer;

export interface RecipientsParts {
  api: Api;
  clock: Clock;
  pins: PinsModel;
  contacts: ContactsModel;
}

export class Recipients {
  readonly views = signal<ReadonlyMap<string, RecipientView>>(new Map());
  readonly #parts: RecipientsParts;
  readonly #known = new Map<string, { view: RecipientView; certificate: string; at: number }>();
  #asking = new Map<string, Promise<void>>();

  constructor(parts: RecipientsParts) {
    this.#parts = parts;
  }
  // Shows what is known at once and asks for the rest. Answers when all is known.
  async check(addresses: readonly string[], anew = false): Promise<ReadonlyMap<string, RecipientView>> {
    const all = [...new Set(addresses.map((a) => a.trim().toLowerCase()))].filter(Boolean);
    const now = this.#parts.clock.now();
    const ask: string[] = [];
    for (const a of all) {
      const had = this.#known.get(a);
      if (!isAddress(a)) this.#known.set(a, { view: view(a, "invalid", "not-an-address"), certificate: "", at: Infinity });
      else if (anew || !had || now - had.at > FRESH) ask.push(a);
    }
    this.#show(all);
    const running = all.map((a) => this.#asking.get(a)).filter((p) => p !== undefined);
    const fresh = ask.filter((a) => anew || !this.#asking.has(a));
    for (let i = 0; i < fresh.length; i += MOST) {
      const part = fresh.slice(i, i + MOST);
      const p = this.#ask(part).finally(() => part.forEach((a) => this.#asking.get(a) === p && this.#asking.delete(a)));
      part.forEach((a) => this.#asking.set(a, p));
      running.push(p);
    }
    await Promise.all(running);
    this.#show(all);
    return this.views.peek();
  }
  #show(all: readonly string[]): void {
    this.views.value = new Map(all.map((a) => [a, this.#known.get(a)?.view ?? view(a, "checking", "")]));
  }
  async #ask(part: readonly string[]): Promise<void> {
    const at = this.#parts.clock.now();
    let found;
    try {
      found = await this.#parts.api.recipients([...part]);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      // Not known is not readable: nothing leaves on a guess, but to keys that are pinned.
      for (const a of part) this.#known.set(a, { ...this.#offline(a), at: 0 });
      return;
    }
    const by = new Map(found.map((r) => [r.address.toLowerCase(), r]));
    for (const a of part) {
      const r = by.get(a) ?? { address: a, state: "unsure" as const, local: false };
      const { state, pin, offered } = await this.#parts.pins.check({ ...r, address: a });
      this.#known.set(a, { ...this.#judge(a, r.state, r.local, state, pin?.fingerprint ?? "", pin?.certificate ?? "", offered), at });
    }
  }
  #offline(a: string): { view: RecipientView; certificate: string } {
    const pin = this.#parts.pins.of(a);
    if (!pin) return { view: view(a, "checking", "offline"), certificate: "" };
    return { view: { ...view(a, pin.verified > 0 ? "verified" : "encrypted", "offline"), fingerprint: pin.fingerprint }, certificate: pin.certificate };
  }
  #judge(a: string, server: string, local: boolean, pinned: string, fingerprint: string, certificate: string, offered: RecipientView["offered"]): { view: RecipientView; certificate: string } {
    const contact = this.#parts.contacts.byAddress(a);
    const base = { ...view(a, "readable", ""), local, fingerprint };
    if (pinned === "changed") return { view: { ...base, state: "blocked", why: "key-changed", offered }, certificate: "" };
    if (contact?.encrypt === "never") return { view: { ...base, why: "contact-says-never" }, certificate: "" };
    if (server === "revoked") return { view: { ...base, state: "blocked", why: "key-revoked" }, certificate: "" };
    if (certificate !== "") {
      // A pinned key that is no longer found, or has expired, still opens for its owner.
      const why = server === "key" ? "" : "key-" + server;
      return { view: { ...base, state: pinned === "verified" ? "verified" : "encrypted", why }, certificate };
    }
    const own = contact?.keys[0];
    if (own) return { view: { ...base, state: "encrypted", why: "contact-key" }, certificate: own };
    if (contact?.encrypt === "always") return { view: { ...base, state: "blocked", why: "contact-says-always" }, certificate: "" };
    if (server === "unsure") return { view: { ...base, why: "key-unsure" }, certificate: "" };
    return { view: base, certificate: "" };
  }
  certificate(address: string): ArrayBuffer | null {
    const c = this.#known.get(address.toLowerCase())?.certificate;
    return c ? bytesOf(c) : null;
  }
}
const view = (address: string, state: RecipientView["state"], why: string): RecipientView => ({ address, state, why, fingerprint: "", local: false, offered: null });
