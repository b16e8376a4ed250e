// From a passphrase to two keys: one signs in, the other opens master.passphrase and
// never leaves. Floors and caps are compiled in (ATTACKS A02, A12).

import type { Kdf } from "../wire/api.ts";
import { type Bytes, hkdf, toHex, utf8 } from "./bytes.ts";
import { VaultError } from "./errors.ts";

export const floor: Kdf = { name: "argon2id", memory: 64 << 10, iterations: 3, lanes: 1 };
const cap = { memory: 256 << 10, iterations: 10, lanes: 4 };
const saltSize = 16;
const longest = 1024; // characters of a passphrase

// Refuses what is below the floor, above the cap, or weaker than was seen before.
export function checkKdf(k: Kdf, seen: Kdf = floor): void {
  const whole = [k.memory, k.iterations, k.lanes].every(Number.isSafeInteger);
  const within = k.memory <= cap.memory && k.iterations <= cap.iterations && k.lanes <= cap.lanes;
  const strong = [floor, seen].every((f) => k.memory >= f.memory && k.iterations >= f.iterations && k.lanes >= f.lanes);
  if (k.name !== "argon2id" || !whole || !within || !strong) throw new VaultError("weak");
}

// How the container of the passphrase names its key derivation.
export function kdfExtra(k: Kdf, salt: Uint8Array): string {
  return `\nkdf=argon2id v=19 m=${k.memory} t=${k.iterations} p=${k.lanes} salt=${toHex(salt)}`;
}

export interface Halves {
  proof: Bytes;
  wrap: Bytes;
}

// Argon2id within the bounds above: never weaker, whatever a server or a parcel asks for.
export async function stretch(passphrase: string, salt: Uint8Array, k: Kdf): Promise<Bytes> {
  checkKdf(k);
  if (salt.length !== saltSize || passphrase === "" || passphrase.length > longest) throw new VaultError("bad-input");
  const { argon2id } = await import("hash-wasm");
  return (await argon2id({
    password: utf8(passphrase.normalize("NFKC")),
    salt,
    memorySize: k.memory,
    iterations: k.iterations,
    parallelism: k.lanes,
    hashLength: 32,
    outputType: "binary",
  })) as Bytes;
}

export async function derive(passphrase: string, secret: Uint8Array, salt: Uint8Array, k: Kdf): Promise<Halves> {
  const a = await stretch(passphrase, salt, k);
  const halves = { proof: await hkdf(a, secret, "sealpost sign-in v1", 32), wrap: await hkdf(a, secret, "sealpost wrap v1", 32) };
  a.fill(0);
  return halves;
}
