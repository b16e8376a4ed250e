// What an owner does about the account itself: its addresses, what stays visible of a mail,
// when mail leaves encrypted.
import type { AccountChange, AccountSettings } from "../wire/api.ts";
import type { Api } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import { tries } from "./devices.ts";
import { resource } from "./resource.ts";
import type { SessionModel } from "./types.ts";

export const levels = ["open", "baseline", "shy", "minimal"] as const;
export const policies = ["when-all-have-keys", "require", "never"] as const;

export function createOwn(api: Api, vault: Vault, session: SessionModel) {
  const settings = resource<AccountSettings>(() => api.account());
  const named = resource<ReadonlySet<string>>(async () => {
    const raw = Uint8Array.from(atob(session.account.peek()?.certificate ?? ""), (c) => c.charCodeAt(0));
    const { identities } = await vault.describeKey(raw.buffer);
    return new Set(identities.map(addressOf));
  });
  const doing = tries();
  const took = (s: AccountSettings): true => {
    settings.set(s);
    session.took(s.account);
    return true;
  };
  return {
    settings,
    named, // addresses that the key names: others find it by them
    busy: doing.busy,
    failed: doing.failed,
    change: (c: AccountChange) => doing.run(async () => took(await api.changeAccount(c))),
    add: (address: string) => doing.run(async () => took(await api.addAlias(address))),
    remove: (address: string) => doing.run(async () => took(await api.removeAlias(address))),
    // The key gets a user id for every address that it does not name. The container goes
    // first: what the server publishes is never more than the owner's own devices have.
    nameAll: (name: string) => doing.run(async () => {
      const s = await api.session();
      const made = await vault.withAddresses({ name, addresses: s.account.addresses, keyring: s.keyring, fingerprint: s.account.fingerprint });
      if (made.container) await api.putContainer(`openpgp.${s.account.fingerprint}`, made.container);
      took(await session.proof.with(() => api.putCertificate(made.certificate)));
      await named.load();
      return true;
    }),
  };
}
export type Own = ReturnType<typeof createOwn>;

// The address in a user id: "Name <address>", or the address alone.
export const addressOf = (id: string): string => (/<([^<>]+)>\s*$/.exec(id)?.[1] ?? id).trim().toLowerCase();
