// How an account begins: a key and a kit made here, the kit typed back, and only then is the
// server told.
import { signal } from "@preact/signals";
import type { Invitation, Join, Session } from "../wire/api.ts";
import { newKey } from "../wire/http.ts";
import type { NewIdentity } from "../vault/vault.ts";
import { Stopped, type Door } from "./door.ts";
import type { Joining, JoiningModel } from "./types.ts";

export interface Entrance extends Door {
  setAddress(address: string): void;
  askServer(): Promise<void>;
  joining(): void; // from now on
  turnBack(): void;
  enter(s: Session, open: () => Promise<void>): Promise<void>;
}

export class JoiningState implements JoiningModel {
  readonly state = signal<Joining | null>(null);
  readonly #door: Entrance;
  #identity: NewIdentity | null = null; // of who joins
  #token = "";

  constructor(door: Entrance) {
    this.#door = door;
  }
  begin(token: string): Promise<boolean> {
    return this.#door.do(async () => {
      await this.#door.askServer();
      const invitation = token === "" ? null : await this.#door.parts.api.invitation(token);
      this.#token = token;
      this.#identity = null;
      this.state.value = { step: "choose", invitation, words: [], fingerprint: "" };
      this.#door.joining();
    });
  }
  make(o: { address: string; name: string; passphrase: string; secretKey?: string; keyPassphrase?: string; keep?: boolean }): Promise<boolean> {
    const { vault } = this.#door.parts;
    const j = this.state.peek();
    return this.#door.do(async () => {
      if (!j) throw new Stopped();
      const address = o.address.trim();
      this.#identity = j.invitation?.attach
        ? await vault.attach({
            invitation: j.invitation as Invitation, address, passphrase: o.passphrase, keep: o.keep ?? false,
            ...(o.secretKey === undefined ? {} : { secret_key: o.secretKey }), ...(o.keyPassphrase === undefined ? {} : { key_passphrase: o.keyPassphrase }),
          })
        : await vault.create({ address, name: o.name, passphrase: o.passphrase, account: newKey().slice(0, 16) });
      this.#door.setAddress(address);
      this.state.value = { ...j, step: "words", words: this.#identity.words, fingerprint: this.#identity.fingerprint };
    });
  }
  wordsWritten(): void {
    const j = this.state.peek();
    if (j?.step === "words") this.state.value = { ...j, step: "retype", words: [] };
  }
  showWordsAgain(): void {
    const j = this.state.peek();
    if (j?.step === "retype" && this.#identity) this.state.value = { ...j, step: "words", words: this.#identity.words };
  }
  finish(words: string): Promise<boolean> {
    const { api, vault, device } = this.#door.parts;
    return this.#door.do(async () => {
      const made = this.#identity;
      if (!made) throw new Stopped();
      const { kit_proof } = await vault.tryKit(words);
      const wish: Join = { ...made.join, kit_proof, device, ...(this.#token ? { token: this.#token } : {}) };
      const s = await api.join(wish);
      // The kit opens what was stored, which proves that it does, and leaves this device
      // the copy with which it opens after a reload.
      await this.#door.enter(s, async () => {
        await vault.proveByKit({ address: made.join.address, words });
        await vault.open({ ...this.#door.opening(s), address: made.join.address });
      });
      this.#identity = null;
      this.#token = "";
    });
  }
  leave(): void {
    this.#identity = null;
    this.#token = "";
    this.state.value = null;
    this.#door.turnBack();
  }
}
