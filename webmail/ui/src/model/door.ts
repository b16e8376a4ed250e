// What the parts of signing in share: whom they ask, and one thing at a time.
import type { Session } from "../wire/api.ts";
import type { Api, Clock } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import type { PasskeyHost } from "./passkeys.ts";

export interface Memory {
  get(key: string): string | null;
  set(key: string, value: string | null): void;
}
export interface SessionParts {
  api: Api;
  vault: Vault;
  clock: Clock;
  device: string;
  passkeys: PasskeyHost | null;
  memory: Memory; // of this browser: not secret
  forget: (account: string) => Promise<void>; // what this device keeps of an account
  leaving: () => Promise<void>; // stores what is unsaved
  tell: (word: "locked" | "signed-out") => void; // other tabs
}

export interface Door {
  readonly parts: SessionParts;
  do(f: () => Promise<void>): Promise<boolean>; // with its failure in words
  fresh(): Promise<Session>; // as the server has it now
  opening(s: Session): Parameters<Vault["renew"]>[0];
}

// Its user did not go on: no fault, and no words.
export class Stopped extends Error {
  readonly word = "";
}
export const stop = (): never => {
  throw new Stopped();
};
