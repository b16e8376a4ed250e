// The encrypted letters of one mail: one session key for message, terms and body, and
// nothing else under it (docs/formats.md, "Session keys" and "Packets").

import type { PartialConfig } from "openpgp";
import { type Bytes, concat, copy, random } from "../bytes.ts";
import { VaultError } from "../errors.ts";
import { type PublicKey, openpgp } from "../openpgp.ts";

export type Profile = "compat" | "modern";

export interface Letters {
  pkesk: Bytes;
  size(content: number, withKey: boolean): number;
  letter(content: Bytes, withKey: boolean): Promise<Bytes>;
}

// What the library has and its types do not tell.
interface List { push(p: unknown): void; write(): Uint8Array }
interface Pieces { getReader(): { read(): Promise<{ value?: Uint8Array; done: boolean }> } }
interface Packets {
  PacketList: new () => List;
  LiteralDataPacket: new (date: Date) => { setBytes(b: Bytes, format: number): void };
  SymEncryptedIntegrityProtectedDataPacket: {
    fromObject(o: { version: number; aeadAlgorithm?: number }): { packets: List; encrypted: Uint8Array | Pieces; encrypt(algorithm: number, key: Bytes, config: object): Promise<unknown> };
  };
}

const aes256 = 9;
const gcm = 3;

export async function newLetters(key: PublicKey, profile: Profile): Promise<Letters> {
  const { lib, config } = await openpgp();
  const modern = profile === "modern";
  const secret = random(32);
  const pkesk = await sessionKey(key, secret, modern);
  const whole = { ...lib.config, ...config, aeadChunkSizeByte: 10 }; // chunks of 64 KiB
  const packets = lib as unknown as Packets;
  const listOf = (p: unknown): List => {
    const list = new packets.PacketList();
    list.push(p);
    return list;
  };
  const size = (content: number, withKey: boolean) => {
    const plain = packetSize(6 + content);
    const body = modern ? 4 + 32 + plain + (Math.ceil(plain / 65536) + 1) * 16 : 1 + 16 + 2 + plain + 22;
    return packetSize(body) + (withKey ? pkesk.length : 0);
  };
  const letter = async (content: Bytes, withKey: boolean) => {
    const literal = new packets.LiteralDataPacket(new Date(0));
    literal.setBytes(content, lib.enums.literal.binary);
    const data = packets.SymEncryptedIntegrityProtectedDataPacket.fromObject(modern ? { version: 2, aeadAlgorithm: gcm } : { version: 1 });
    data.packets = listOf(literal);
    await data.encrypt(aes256, secret, whole);
    data.encrypted = await collected(data.encrypted);
    const sealed = listOf(data).write();
    const made = withKey ? concat(pkesk, sealed) : copy(sealed);
    if (made.length !== size(content.length, withKey)) throw new VaultError("bad-input"); // a fault of ours: never a letter that is not padded
    return made;
  };
  return { pkesk, size, letter };
}

// An expired key still seals, as at the server: refusing would lose mail. A revoked one does not.
async function sessionKey(key: PublicKey, secret: Bytes, modern: boolean): Promise<Bytes> {
  const { lib, config } = await openpgp();
  const wrap = async (date?: Date) =>
    copy((await lib.encryptSessionKey({
      data: secret, algorithm: "aes256", encryptionKeys: key, format: "binary", config: config as PartialConfig,
      ...(modern ? { aeadAlgorithm: "gcm" as const } : {}), ...(date ? { date } : {}),
    })) as Uint8Array);
  try {
    return await wrap();
  } catch {
    const end = await key.getExpirationTime().catch(() => null);
    const ends = [end, ...(await Promise.all(key.subkeys.map((s) => s.getExpirationTime().catch(() => null))))].filter((d): d is Date => d instanceof Date);
    if (ends.length === 0) throw new VaultError("no-key");
    return wrap(new Date(Math.min(...ends.map((d) => d.getTime())) - 1000)).catch(() => Promise.reject(new VaultError("no-key")));
  }
}

// The library gives version 2 in pieces.
async function collected(e: Uint8Array | Pieces): Promise<Uint8Array> {
  if (e instanceof Uint8Array) return e;
  const reader = e.getReader();
  const parts: Uint8Array[] = [];
  for (let r = await reader.read(); !r.done; r = await reader.read()) parts.push(r.value!);
  return concat(...parts);
}

function packetSize(n: number): number {
  return n < 192 ? 2 + n : n < 8384 ? 3 + n : 6 + n;
}
