// A session key sealed to another of the owner's keys. The PKESK packets at the head of a
// letter are exchanged, what they open stays as it is (docs/formats.md, "Sealing anew").

import type { Key, PrivateKey, Subkey } from "openpgp";
import { type Bytes, concat, copy, fromBase64, latin1, octets, toHex } from "./bytes.ts";
import { crc24 } from "./compose.ts";
import { closed } from "./errors.ts";
import { tagOf } from "./hpke.ts";
import { decrypt, openpgp, type OpenPGP } from "./openpgp.ts";
import { definite, splitKeys, walkMessage } from "./packets.ts";
import { belongs, readHeaderLetter } from "./sealed.ts";

interface SessionKey {
  key: Uint8Array;
  algorithm: number | null; // version 6 says it in the SEIPD packet
  version: number;
}
export interface Exchanged {
  packets: Bytes;
  session: SessionKey;
}
interface Pkesk {
  version: number;
  publicKeyID: { toHex(): string; isWildcard(): boolean };
  publicKeyAlgorithm: number;
  publicKeyFingerprint: Uint8Array | null;
  sessionKey: Uint8Array | null;
  sessionKeyAlgorithm: number | null;
  read(b: Uint8Array): void;
  decrypt(key: unknown): Promise<void>;
  encrypt(key: unknown): Promise<void>;
}
type Holder = Key | Subkey;

// The packets of head with those to the owner's keys replaced by one to the key that others
// encrypt to now. null: there is nothing to do.
export async function exchange(head: Uint8Array, key: PrivateKey, to: string): Promise<Exchanged | null> {
  const { lib } = await openpgp();
  const own = [key, ...key.subkeys] as Holder[];
  const target = own.find((k) => k.getFingerprint().toUpperCase() === to);
  if (target === undefined) throw closed();
  const out: Uint8Array[] = [];
  let at = -1;
  let session: SessionKey | null = null;
  let old = false;
  const all = splitKeys(head);
  for (const whole of all) {
    const p = readPkesk(lib, whole);
    const mine = own.find((k) => k.getKeyID().toHex() === p.publicKeyID.toHex());
    if (mine === undefined) {
      out.push(whole);
      continue;
    }
    if (at < 0) at = out.push(new Uint8Array(0)) - 1;
    old ||= mine !== target;
    session ??= await opened(p, mine);
  }
  if (at < 0) return hidden(lib, all, own, target);
  if (!old) return null;
  if (session === null) throw closed();
  out[at] = await sealTo(lib, session, target);
  return { packets: concat(...out), session };
}

// Where none of the packets names the owner, the one that opens, of those that name nobody,
// gives way to one with a name.
async function hidden(lib: OpenPGP, all: readonly Uint8Array[], own: readonly Holder[], target: Holder): Promise<Exchanged | null> {
  for (const [at, whole] of all.entries()) {
    for (const k of [target, ...own.filter((o) => o !== target)]) {
      const p = readPkesk(lib, whole);
      const session = p.publicKeyID.isWildcard() && p.publicKeyAlgorithm === k.keyPacket.algorithm ? await opened(p, k) : null;
      if (session === null) continue;
      return k === target ? null : { packets: concat(...all.slice(0, at), await sealTo(lib, session, target), ...all.slice(at + 1)), session };
    }
  }
  throw closed();
}

function readPkesk(lib: OpenPGP, whole: Uint8Array): Pkesk {
  try {
    const p = new lib.PublicKeyEncryptedSessionKeyPacket() as unknown as Pkesk;
    p.read(bodyOf(whole));
    return p;
  } catch {
    throw closed();
  }
}

// A packet without its header: splitKeys let definite lengths pass only.
function bodyOf(b: Uint8Array): Uint8Array {
  if ((b[0]! & 0x40) === 0) return b.subarray(1 + [1, 2, 4][b[0]! & 3]!);
  return b.subarray(b[1]! < 192 ? 2 : b[1]! < 224 ? 3 : 6);
}

async function opened(p: Pkesk, by: Holder): Promise<SessionKey | null> {
  try {
    await p.decrypt(by.keyPacket);
    return p.sessionKey && { key: p.sessionKey, algorithm: p.sessionKeyAlgorithm, version: p.version };
  } catch {
    return null; // its secret is gone: another packet may open
  }
}

async function sealTo(lib: OpenPGP, s: SessionKey, to: Holder): Promise<Bytes> {
  const make = lib.PublicKeyEncryptedSessionKeyPacket as unknown as { fromObject(o: object): Pkesk };
  const p = make.fromObject({ version: s.version, encryptionKeyPacket: to.keyPacket, anonymousRecipient: false, sessionKey: s.key, sessionKeyAlgorithm: s.algorithm });
  await p.encrypt(to.keyPacket);
  return written(lib, p);
}

function written(lib: OpenPGP, packet: object): Bytes {
  const list = new lib.PacketList();
  list.push(packet as never);
  return copy(list.write());
}

// The header letter of an end-to-end mail names its message letter by tag and length, and
// holds the checksum of its armor: all of it is of the new one. Its own session key stays,
// since the terms stand under it.
export async function remakeHeader(o: { header: Uint8Array; message: Uint8Array; packets: Bytes; key: PrivateKey; to: string }): Promise<Bytes> {
  const { head } = walkMessage(o.header);
  const oldHead = walkMessage(o.message).head;
  const { data } = await decrypt(o.header, o.key, []);
  const was = readHeaderLetter(data);
  if (!(await belongs(was, o.message.subarray(0, oldHead), o.message.length))) throw closed();
  const now = concat(o.packets, o.message.subarray(oldHead));
  const tag = toHex(fromBase64(await tagOf(o.packets)));
  const end = data.indexOf(10) + 1;
  const line = latin1(data.subarray(0, end)).replace(/; raw=\d{10};/, `; raw=${String(now.length).padStart(10, "0")};`).replace(/; message=[0-9a-f]{32};/, `; message=${tag};`);
  const content = concat(octets(line), data.subarray(end, data.length - was.suffix.length), checksummed(was.suffix, now));
  const exchanged = (await exchange(o.header.subarray(0, head), o.key, o.to)) ?? (await unchanged(o.header.subarray(0, head), o.key));
  return concat(exchanged.packets, await resealed(content, exchanged.session, o.header.subarray(head)));
}

// A header letter that is under the new key already, of a message letter that is not.
async function unchanged(head: Uint8Array, key: PrivateKey): Promise<Exchanged> {
  const { lib } = await openpgp();
  const own = [key, ...key.subkeys] as Holder[];
  const p = readPkesk(lib, splitKeys(head)[0]!);
  const mine = own.find((k) => k.getKeyID().toHex() === p.publicKeyID.toHex());
  const session = mine === undefined ? null : await opened(p, mine);
  if (session === null) throw closed();
  return { packets: copy(head), session };
}

function checksummed(suffix: Bytes, message: Uint8Array): Bytes {
  if (!/^=[A-Za-z0-9+/]{4}\r\n$/.test(latin1(suffix.subarray(0, 7)))) return suffix;
  return concat(octets(`=${crc24(copy(message))}`), suffix.subarray(5));
}

// Content under a session key, in a packet of the same kind as before.
async function resealed(content: Bytes, s: SessionKey, before: Uint8Array): Promise<Bytes> {
  const { lib, config } = await openpgp();
  const message = await lib.createMessage({ binary: content, filename: "", date: new Date(0) });
  const [version, cipher, aead, chunk] = bodyOf(before);
  const second = version === 2;
  const algorithm = second ? cipher! : s.algorithm;
  if (algorithm === null) throw closed();
  const sessionKey = { data: s.key, algorithm: lib.enums.read(lib.enums.symmetric, algorithm as never), ...(second ? { aeadAlgorithm: lib.enums.read(lib.enums.aead as never, aead as never) as string } : {}) };
  const made = await lib.encrypt({ message, sessionKey: sessionKey as never, format: "binary", config: { ...config, ...(second ? { aeadChunkSizeByte: chunk! } : {}) } });
  return definite(copy(made as Uint8Array)); // it writes pieces
}
