// The owner's OpenPGP key over time: another encryption subkey, old mail sealed to it, the
// old secret forgotten, the whole of it prolonged or taken elsewhere.

import type { Keyring, NewKey } from "../wire/api.ts";
import { type Bytes, concat, copy, equal, toBase64 } from "./bytes.ts";
import { closed, VaultError } from "./errors.ts";
import { exchange, remakeHeader } from "./exchange.ts";
import { sealCard, tagOf } from "./hpke.ts";
import { type Identity, wrapOpenpgp } from "./keys.ts";
import { type PrivateKey, openpgp, readCertificate } from "./openpgp.ts";
import { splitKeys } from "./packets.ts";
import type { Session } from "./session.ts";
import { addSubkey, current, describe, extend, forgetSecrets, withUsersOf } from "./subkeys.ts";
import type { Vault } from "./vault.ts";

type Part = Pick<Vault, "changeKey" | "ownKey" | "reseal" | "exportKey">;
type Confirm = (passphrase: string, keyring: Keyring, fingerprint: string) => Promise<{ id: Identity; halves: { proof: Bytes }; master: Bytes }>;

const leastPassphrase = 8;

export class KeyChanges implements Part {
  constructor(
    private readonly session: Session,
    private readonly confirm: Confirm,
  ) {}

  // What to send. The key changes here once the keyring comes back with it (renew).
  async changeKey(o: Parameters<Vault["changeKey"]>[0]): Promise<NewKey> {
    const { id, halves, master } = await this.confirm(o.passphrase, o.keyring, o.fingerprint);
    if (!Object.hasOwn(o.keyring.containers, `openpgp.${id.fingerprint}`)) throw new VaultError("no-key"); // it is kept elsewhere
    await this.session.latest(o.keyring);
    const key = await withUsersOf(await this.session.key(), await readCertificate(new Uint8Array(o.certificate)));
    const next = await changed(key, o.change);
    if (next.getFingerprint().toUpperCase() !== id.fingerprint || (await current(next)) === null) throw new VaultError("no-key");
    const version = o.keyring.version + 1;
    const container = await wrapOpenpgp(master, id, version, new Uint8Array(next.write()));
    return { version, proof: toBase64(halves.proof), certificate: toBase64(copy(next.toPublic().write())), container };
  }

  async ownKey(): ReturnType<Vault["ownKey"]> {
    if (this.session.open().raw === null) return null;
    return describe(await this.session.key());
  }

  async reseal(o: Parameters<Vault["reseal"]>[0]): ReturnType<Vault["reseal"]> {
    const key = await this.session.key();
    const to = await current(key);
    if (to === null) throw new VaultError("no-key");
    const head = concat(...splitKeys(new Uint8Array(o.keys)));
    const message = await exchange(head, key, to);
    if (message === null) return null;
    const out: Awaited<ReturnType<Vault["reseal"]>> = { message: message.packets.buffer };
    if (o.header !== undefined) {
      if (o.message === undefined || !equal(new Uint8Array(o.message).subarray(0, head.length), head)) throw closed();
      out.header = (await remakeHeader({ header: new Uint8Array(o.header), message: new Uint8Array(o.message), packets: message.packets, key, to })).buffer;
    }
    const terms = o.terms === undefined ? null : await exchange(concat(...splitKeys(new Uint8Array(o.terms))), key, to);
    if (terms !== null) out.terms = terms.packets.buffer;
    if (o.card !== undefined) {
      const card = { ...o.card, tag: await tagOf(message.packets), generation: (o.card.generation ?? 0) + 1 };
      out.card = { card, sealed: (await sealCard(this.session.open().list, card)).buffer };
    }
    return out;
  }

  async exportKey(o: Parameters<Vault["exportKey"]>[0]): Promise<string> {
    if ([...o.passphrase].length < leastPassphrase) throw new VaultError("bad-input");
    const { lib, config } = await openpgp();
    const key = await lib.readPrivateKey({ binaryKey: copy((await this.session.key()).write()), config });
    const s2k = o.for === "newest" ? { s2kType: lib.enums.s2k.argon2, aeadProtect: true, s2kArgon2Params: { passes: 3, parallelism: 1, memoryExponent: 16 } } : {};
    return (await lib.encryptKey({ privateKey: key, passphrase: o.passphrase, config: { ...config, ...s2k } as never })).armor();
  }
}

async function changed(key: PrivateKey, change: Parameters<Vault["changeKey"]>[0]["change"]): Promise<PrivateKey> {
  switch (change.do) {
    case "rotate":
      return addSubkey(key);
    case "forget":
      return forgetSecrets(key);
    case "extend":
      return extend(key, change.until);
    case "publish":
      return key;
  }
}
