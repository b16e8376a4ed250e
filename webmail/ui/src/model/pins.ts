// Keys of others, and our own, as this owner's devices first saw them: sealed, so that no
// server can change what was pinned. Another key blocks writing until the owner decided; a
// key of our own that changed where others look raises an alarm on every device (A08).

import { type Api, type Clock, ApiError } from "../wire/http.ts";
import type { Recipient, Session } from "../wire/api.ts";
import type { KeyDescription, Vault } from "../vault/vault.ts";
import { Shards } from "./shards.ts";
import type { Alarms, Cabinet, Pin, PinsModel, PinState } from "./types.ts";

export interface PinsParts {
  api: Api;
  vault: Vault;
  clock: Clock;
  alarms: Alarms;
  own: readonly string[];
  fingerprint: string; // of our own key, as the vault has it
  renewed: (s: Session) => Promise<boolean>; // opens what the server has now; true: the key has changed
}

const AGAIN = 5_000; // another device may be in the middle of changing the key

function clean(v: unknown): Pin | null {
  const p = v as Pin | null;
  return p && typeof p.address === "string" && typeof p.fingerprint === "string" && typeof p.certificate === "string" && Array.isArray(p.refused) ? p : null;
}
const bytes = (b64: string) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0)).buffer;
const digits = (typed: string) => typed.replace(/[^0-9a-fA-F]/g, "").toUpperCase();

// When the key was made that others encrypt to.
function madeAt(k: KeyDescription): number {
  return k.subkeys.find((s) => s.fingerprint === k.encryption)?.created ?? (k.encryption === "" ? 0 : k.created);
}

export class Pins implements PinsModel {
  readonly #parts: PinsParts;
  readonly #shards: Shards<Pin>;
  readonly all;
  readonly ready;

  constructor(cabinet: Cabinet, parts: PinsParts) {
    this.#parts = parts;
    // Two devices that pinned at once: what was compared by its owner counts, then what was
    // seen first. That they saw different keys is an alarm of its own.
    this.#shards = new Shards<Pin>(cabinet, "pins", {
      clean,
      pick(mine, theirs) {
        const first = (mine.verified > 0) !== (theirs.verified > 0) ? (mine.verified > 0 ? mine : theirs) : mine.first <= theirs.first ? mine : theirs;
        const other = first === mine ? theirs : mine;
        const refused = new Set([...mine.refused, ...theirs.refused]);
        refused.delete(first.fingerprint);
        if (other.fingerprint !== first.fingerprint && !refused.has(other.fingerprint))
          parts.alarms.raise({ id: `peer-key ${first.address.toLowerCase()} ${other.fingerprint}`, word: "peer-key-changed", about: first.address });
        return { ...first, refused: [...refused] };
      },
    });
    this.all = this.#shards.all;
    this.ready = this.#shards.ready;
  }
  of(address: string): Pin | undefined {
    return this.all.value.get(address.toLowerCase());
  }
  #put(pin: Pin): Promise<void> {
    return this.#shards.set([[pin.address.toLowerCase(), pin]]);
  }

  async check(r: Recipient): Promise<{ state: PinState; pin: Pin | null; offered: { fingerprint: string; certificate: string } | null }> {
    const key = r.address.toLowerCase();
    const pin = this.all.peek().get(key) ?? null;
    const now = await this.#described(r.certificate, r.fingerprint);
    if (this.#parts.own.includes(key)) return this.#ownKey(r, now);
    if (!pin) {
      if (!now || r.state !== "key") return { state: "none", pin: null, offered: null };
      const fresh: Pin = { address: r.address, ...now, first: Math.floor(this.#parts.clock.now() / 1000), verified: 0, source: r.source ?? "", refused: [] };
      await this.#put(fresh);
      return { state: "pinned", pin: fresh, offered: null };
    }
    // A key the server offers later counts too, also where it still names the first.
    const other = now && now.fingerprint !== pin.fingerprint ? now : r.changed ? (r.offered?.find((o) => o.fingerprint !== pin.fingerprint) ?? null) : null;
    if (other && !pin.refused.includes(other.fingerprint)) {
      this.#parts.alarms.raise({ id: `peer-key ${key} ${other.fingerprint}`, word: "peer-key-changed", about: r.address });
      return { state: "changed", pin, offered: { fingerprint: other.fingerprint, certificate: other.certificate } };
    }
    const state = pin.verified > 0 ? "verified" : "pinned";
    return { state, pin: (now && (await this.#newer(pin, now.certificate))) || pin, offered: null };
  }
  // The same primary key with another subkey: its owner replaced it, as the certificate
  // itself proves. One that is older than what is pinned is not believed.
  async #newer(pin: Pin, certificate: string): Promise<Pin | null> {
    if (certificate === pin.certificate) return null;
    try {
      const [was, now] = [await this.#parts.vault.describeKey(bytes(pin.certificate)), await this.#parts.vault.describeKey(bytes(certificate))];
      if (now.fingerprint !== pin.fingerprint || madeAt(now) < madeAt(was) || (madeAt(now) === madeAt(was) && now.expires === was.expires)) return null;
      const newer = { ...pin, certificate };
      await this.#put(newer);
      return newer;
    } catch {
      return null;
    }
  }
  // The server's word on a fingerprint counts nothing: the vault reads the certificate.
  async #described(certificate: string | undefined, claimed: string | undefined): Promise<{ fingerprint: string; certificate: string } | null> {
    if (!certificate) return null;
    try {
      const { fingerprint, usable } = await this.#parts.vault.describeKey(bytes(certificate));
      return usable || fingerprint === claimed ? { fingerprint, certificate } : null;
    } catch {
      return null;
    }
  }
  #ownKey(r: Recipient, now: { fingerprint: string; certificate: string } | null): Awaited<ReturnType<Pins["check"]>> {
    if (now && now.fingerprint !== this.#parts.fingerprint) {
      this.#parts.alarms.raise({ id: `own-key ${now.fingerprint}`, word: "own-key-changed", about: r.address });
      return { state: "changed", pin: null, offered: now };
    }
    const pin: Pin | null = now && { address: r.address, ...now, first: 0, verified: 1, source: "local", refused: [] };
    return { state: pin ? "verified" : "none", pin, offered: null };
  }

  // What others are told of our own addresses: asked at each start, each hour, and when
  // the server says that the account changed.
  async watchOwn(last = false): Promise<void> {
    try {
      const s = await this.#parts.api.session();
      const { account } = s;
      const now = await this.#described(account.certificate, account.fingerprint);
      if (!now || now.fingerprint !== this.#parts.fingerprint || account.fingerprint !== this.#parts.fingerprint)
        this.#parts.alarms.raise({ id: `own-key ${now?.fingerprint ?? account.fingerprint}`, word: "own-key-changed", about: this.#parts.own[0] ?? "" });
      else await this.#renew(s);
      const shown = await this.#parts.api.recipients([...this.#parts.own]);
      for (const r of shown) await this.check(r);
      await this.#compareSubkeys([account.certificate, ...shown.flatMap((r) => r.certificate ?? [])], last);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
    }
  }
  async #renew(s: Session): Promise<void> {
    try {
      if (await this.#parts.renewed(s)) this.onKey();
    } catch (e) {
      if ((e as { word?: unknown }).word !== "rolled-back") return; // locked meanwhile
      this.#parts.alarms.raise({ id: "rolled-back keyring", word: "rolled-back", about: "keyring" });
    }
  }
  onKey: () => void = () => {};
  // A server that shows a certificate from before a rotation has mail sealed to a subkey that
  // was given up, perhaps because somebody has it.
  async #compareSubkeys(certificates: readonly string[], last: boolean): Promise<void> {
    const own = await this.#parts.vault.ownKey().catch(() => null);
    if (!own || own.fingerprint !== this.#parts.fingerprint) return;
    for (const c of new Set(certificates)) {
      const shown = await this.#parts.vault.describeKey(bytes(c)).catch(() => null);
      if (shown?.fingerprint !== own.fingerprint || shown.encryption === own.encryption || madeAt(shown) > madeAt(own)) continue;
      if (!last) return void this.#parts.clock.after(AGAIN, () => void this.watchOwn(true).catch(() => {}));
      this.#parts.alarms.raise({ id: `own-old ${shown.encryption}`, word: "own-key-old", about: this.#parts.own[0] ?? "" });
    }
  }

  async accept(address: string, fingerprint: string, certificate: string): Promise<void> {
    const now = await this.#described(certificate, fingerprint);
    if (!now || now.fingerprint !== fingerprint) throw new Error("the certificate has another fingerprint than the one that was shown");
    const was = this.all.peek().get(address.toLowerCase());
    const refused = (was?.refused ?? []).filter((f) => f !== fingerprint);
    await this.#put({ address, ...now, first: Math.floor(this.#parts.clock.now() / 1000), verified: 0, source: "accepted", refused: was && was.fingerprint !== fingerprint ? [...refused, was.fingerprint] : refused });
    await this.#parts.api.acceptKey(address, fingerprint).catch(() => {}); // the server's own pin follows when it can
  }
  // The owner keeps the key that is pinned: the other one is not asked about again.
  async refuse(address: string, fingerprint: string): Promise<void> {
    const pin = this.all.peek().get(address.toLowerCase());
    if (pin && fingerprint !== pin.fingerprint) await this.#put({ ...pin, refused: [...new Set([...pin.refused, fingerprint])] });
  }
  async verify(address: string, typed: string): Promise<boolean> {
    const pin = this.all.peek().get(address.toLowerCase());
    if (!pin || pin.fingerprint.length < 40 || digits(typed) !== pin.fingerprint.toUpperCase()) return false;
    await this.#put({ ...pin, verified: Math.floor(this.#parts.clock.now() / 1000) });
    return true;
  }
  async unverify(address: string): Promise<void> {
    const pin = this.all.peek().get(address.toLowerCase());
    if (pin) await this.#put({ ...pin, verified: 0 });
  }
  async forget(address: string): Promise<void> {
    await this.#shards.set([[address.toLowerCase(), null]]);
  }
}
