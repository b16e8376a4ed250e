// What opens the account is changed: the passphrase, the kit, a passkey, the OpenPGP key.
// Always the keyring first as the other devices left it.
import type { Session } from "../wire/api.ts";
import type { Api } from "../wire/http.ts";
import { stop, Stopped, type Door } from "./door.ts";
import type { KeyChange, KeysModel } from "./types.ts";

export interface Keyring extends Door {
  keyring(k: Session["keyring"]): void;
  renewed(s: Session): Promise<boolean>;
  proven<T>(f: () => Promise<T>): Promise<T>;
}

export class Keys implements KeysModel {
  readonly #door: Keyring;
  #kit: Parameters<Api["newKit"]>[0] | null = null; // shown, not yet typed back

  constructor(door: Keyring) {
    this.#door = door;
  }
  changePassphrase(old: string, passphrase: string): Promise<boolean> {
    return this.#door.do(async () => {
      const s = await this.#door.fresh();
      const wish = await this.#door.parts.vault.newPassphrase({ old, passphrase, keyring: s.keyring, fingerprint: s.account.fingerprint });
      this.#door.keyring(await this.#door.parts.api.newPassphrase(wish));
    });
  }
  // The key first as the other devices left it. The new one is in force when the server has
  // it; then every device takes it over, this one here.
  changeKey(passphrase: string, change: KeyChange): Promise<boolean> {
    const { api, vault } = this.#door.parts;
    return this.#door.do(async () => {
      const s = await this.#door.fresh();
      await vault.renew(this.#door.opening(s));
      const certificate = Uint8Array.from(atob(s.account.certificate), (c) => c.charCodeAt(0)).buffer;
      await api.newOwnKey(await vault.changeKey({ passphrase, keyring: s.keyring, fingerprint: s.account.fingerprint, certificate, change }));
      await this.#door.renewed(await this.#door.fresh());
    });
  }
  async newKit(passphrase: string): Promise<string[] | null> {
    let words: string[] | null = null;
    await this.#door.do(async () => {
      const s = await this.#door.fresh();
      const made = await this.#door.parts.vault.newKit({ passphrase, keyring: s.keyring, fingerprint: s.account.fingerprint });
      this.#kit = { ...made.request, kit_proof: "" };
      words = made.words;
    });
    return words;
  }
  confirmKit(words: string): Promise<boolean> {
    return this.#door.do(async () => {
      const kit = this.#kit;
      if (!kit) throw new Stopped();
      const { kit_proof } = await this.#door.parts.vault.tryKit(words);
      this.#door.keyring(await this.#door.parts.api.newKit({ ...kit, kit_proof }));
      this.#kit = null;
    });
  }
  addPasskey(name: string): Promise<boolean> {
    const { api, vault, passkeys } = this.#door.parts;
    return this.#door.do(async () => {
      const host = passkeys ?? stop();
      const a = await host.create(await this.#door.proven(() => api.passkeyBegin()));
      const s = await this.#door.fresh();
      const c = a.prf && (await vault.passkeyContainer({ prf: a.prf, credential: a.id, keyring: s.keyring, fingerprint: s.account.fingerprint }));
      await this.#door.proven(() => api.addPasskey({ name, credential: a.credential, ...(c ? { container: c.container, version: c.version } : {}) }));
      await this.#door.fresh();
    });
  }
}
