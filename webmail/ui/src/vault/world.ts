// For tests: owners, samples, and what a server would keep of them.

import { readFileSync } from "node:fs";
import type { Join, Keyring } from "../wire/api.ts";
import { createEngine } from "./engine.ts";
import type { NewIdentity, Vault } from "./vault.ts";

// Every browser has it; Node 20 has not.
(globalThis as { navigator?: unknown }).navigator ??= { userAgent: "" };

export const root = new URL("../../../../pgp/", import.meta.url);

export function read(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(path, root)));
}

export const account = "00112233aabbccdd";
export const address = "alice@example.org";
export const phrase = "correct horse battery staple";
export const share = btoa("s".repeat(32));

export interface World {
  vault: Vault;
  made: NewIdentity;
  ring: Keyring;
  id: { account: string; address: string; fingerprint: string };
}

export function ringOf(join: Omit<Join, "token" | "kit_proof" | "device">): Keyring {
  return { version: 1, salt: join.salt, kdf: join.kdf, containers: join.containers };
}

export async function newWorld(at = address, id = account): Promise<World> {
  const vault = createEngine();
  const made = await vault.create({ address: at, name: "Alice Exämple", passphrase: phrase, account: id });
  return { vault, made, ring: ringOf(made.join), id: { account: id, address: at, fingerprint: made.fingerprint } };
}

// A vault that is open with the key of the samples in pgp/testdata/v1.
export async function sampleVault(profile: "compat" | "modern"): Promise<Vault> {
  const vault = createEngine();
  const { openpgp } = await import("./openpgp.ts");
  const { lib, config } = await openpgp();
  const secret = new TextDecoder().decode(read(`testdata/v1/${profile}.secret.asc`));
  const certificate = (await lib.readPrivateKey({ armoredKey: secret, config })).toPublic().write();
  const invitation = { domains: [], attach: true, account: profile === "compat" ? account : "00112233aabbccde", certificate: btoa(String.fromCharCode(...certificate)), expires: "" };
  await vault.attach({ invitation, address: `${profile}@demo.test`, passphrase: phrase, secret_key: secret, keep: true });
  return vault;
}
