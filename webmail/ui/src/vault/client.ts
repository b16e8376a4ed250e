// The page's side of the vault.

import { type Port, createClient } from "./rpc.ts";
import type { Vault } from "./vault.ts";
import workerUrl from "./worker.ts?worker&url";

// trust makes a TrustedScriptURL of the worker's address, by the policy "app".
export function createVault(trust: (url: string) => string | TrustedScriptURL = (url) => url): Vault {
  const worker = new Worker(trust(workerUrl) as string, { type: "module", name: "vault" });
  return createClient(worker as unknown as Port);
}

interface TrustedScriptURL {
  toString(): string;
}

export { VaultError } from "./errors.ts";
