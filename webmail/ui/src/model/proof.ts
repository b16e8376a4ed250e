// What a session alone may not: the owner shows once more who they are, and it is done.
import { signal } from "@preact/signals";
import { ApiError } from "../wire/http.ts";
import { stop, Stopped, type Door } from "./door.ts";
import { wordOf } from "./resource.ts";
import type { ProofModel, Proving } from "./types.ts";

export class Proof implements ProofModel {
  readonly state = signal<Proving | null>(null);
  readonly #door: Pick<Door, "parts" | "fresh">;
  #answer: ((proved: boolean) => void) | null = null; // of who waits for a proof

  constructor(door: Pick<Door, "parts" | "fresh">) {
    this.#door = door;
  }
  async with<T>(f: () => Promise<T>): Promise<T> {
    try {
      return await f();
    } catch (e) {
      if (!(e instanceof ApiError) || e.word !== "proof") throw e;
    }
    this.#answer?.(false); // one question at a time
    const proved = await new Promise<boolean>((done) => {
      this.#answer = done;
      this.state.value = { busy: false, word: "" };
    });
    this.state.value = null;
    this.#answer = null;
    if (!proved) throw new Stopped();
    return f();
  }
  async give(o: { passphrase: string } | { passkey: true }): Promise<void> {
    const { api, vault, passkeys } = this.#door.parts;
    if (!this.state.peek() || this.state.peek()!.busy) return;
    this.state.value = { busy: true, word: "" };
    try {
      if ("passphrase" in o) {
        const s = await this.#door.fresh();
        await api.prove(await vault.proof({ passphrase: o.passphrase, keyring: s.keyring, fingerprint: s.account.fingerprint }));
      } else await api.prove({ assertion: (await (passkeys ?? stop()).get(await api.proofBegin())).credential });
      this.#answer?.(true);
    } catch (e) {
      const left = (e as { name?: unknown }).name === "NotAllowedError";
      this.state.value = { busy: false, word: left ? "passkey-stopped" : wordOf(e) };
    }
  }
  stop(): void {
    this.#answer?.(false);
  }
}
