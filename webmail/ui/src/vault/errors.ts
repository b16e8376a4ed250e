import type { VaultErrorWord } from "./vault.ts";

// The one error that leaves the vault. It has a word and no more: what went wrong inside
// is nobody's business, least of all a server's that listens to what a page does next.
export class VaultError extends Error {
  constructor(readonly word: VaultErrorWord) {
    super(word);
    this.name = "VaultError";
  }
}

export function closed(): VaultError {
  return new VaultError("closed");
}

// Whatever fails in work is "closed", but for what is a VaultError already.
export async function orClosed<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (e) {
    throw e instanceof VaultError ? e : closed();
  }
}
