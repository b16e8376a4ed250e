// Opening without a network. A device that its owner called his own keeps what opens it
// without the server's share; what is opened so meets the server at the first request that
// reaches it, before anything else is said there.

import { signal } from "@preact/signals";
import type { Account, Session } from "../wire/api.ts";
import { ApiError, type Api } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import type { PasskeyHost } from "./passkeys.ts";
import type { Memory } from "./door.ts";

export interface OfflineParts {
  api: Api;
  vault: Vault;
  memory: Memory;
  passkeys: PasskeyHost | null;
  met: (s: Session) => void; // the server knows the session, and its keyring is good
  ended: (word: string) => void; // it does not; or "rolled-back"
}

const OWN = "sealpost own device";

export class Offline {
  readonly #parts: OfflineParts;
  readonly own = signal(false); // the owner said so, here
  readonly apart = signal(false); // open, or to be opened, and the server was not asked yet
  #meeting: Promise<void> | null = null;

  constructor(parts: OfflineParts) {
    this.#parts = parts;
    this.own.value = parts.memory.get(OWN) === "yes";
  }

  say(own: boolean): void {
    this.own.value = own;
    this.#parts.memory.set(OWN, own ? "yes" : null);
  }

  async possible(address: string): Promise<boolean> {
    return address !== "" && (await this.#parts.vault.offline(address).catch(() => null)) !== null;
  }

  // After each opening that the server was asked about: what is kept is of today.
  async keep(s: Session): Promise<void> {
    const { vault } = this.#parts;
    const { keyring, share: _, ...facts } = s;
    if (this.own.peek()) await vault.keepOffline({ keyring, facts: JSON.stringify(facts) });
    else await vault.dropOffline(s.account.addresses[0] ?? "", true);
  }
  // The account is not to be opened here again but by the server's leave.
  async drop(address: string): Promise<void> {
    await this.#parts.vault.dropOffline(address).catch(() => {});
  }

  async unlock(address: string, by: { passphrase: string } | { words: string } | { passkey: true }): Promise<Session> {
    const { vault, passkeys } = this.#parts;
    const here = await vault.offline(address);
    if (!here) throw new ApiError("offline", 0);
    if ("passphrase" in by) await vault.proveByPassphrase({ address, passphrase: by.passphrase, parameters: here.parameters });
    else if ("words" in by) await vault.proveByKit({ address, words: by.words });
    else {
      // No server is asked to believe the answer: the challenge is nobody's.
      const challenge = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
      const a = await passkeys!.get({ challenge, allowCredentials: here.credentials.map((id) => ({ type: "public-key", id })), userVerification: "required" });
      if (!a.prf) throw Object.assign(new Error("the passkey has no PRF"), { word: "passkey-locked" });
      await vault.proveByPasskey({ prf: a.prf, credential: a.id });
    }
    const { keyring, facts } = await vault.openOffline(here.account);
    return { ...(JSON.parse(facts) as { id: string; account: Account; created: string; expires: string }), keyring, share: "" };
  }

  // From now on the first request that reaches the server asks who is there.
  stayApart(account: string): void {
    this.apart.value = true;
    this.#parts.api.guard = () => (this.#meeting ??= this.#meet(account).finally(() => {
      this.#meeting = null;
    }));
  }
  join(): void {
    this.apart.value = false;
    this.#parts.api.guard = null;
  }
  async #meet(account: string): Promise<void> {
    const { api, vault, met, ended } = this.#parts;
    const s = await api.session(); // a session that has ended says so by itself
    if (!this.apart.peek()) return;
    if (s.account.id !== account) {
      ended("signed-out"); // somebody else signed in here meanwhile
      throw new ApiError("signed-out", 401);
    }
    try {
      await vault.renew({ account, address: s.account.addresses[0] ?? "", fingerprint: s.account.fingerprint, keyring: s.keyring, share: s.share });
    } catch (e) {
      const { word } = e as { word?: unknown };
      if (word !== "locked") ended(typeof word === "string" ? word : "closed");
      throw new ApiError("signed-out", 401);
    }
    this.join();
    met(s);
  }
}
