// What strangers bring: the head of their file, sealed to the key that the request named.

import { type Bytes, concat, hkdf, octets, utf8 } from "../vault/bytes.ts";
import { VaultError, closed } from "../vault/errors.ts";
import { type ListKey, importListKey, openWith, sealTo } from "../vault/hpke.ts";
import { type Head, decodeHead, encodeHead, objectId } from "./head.ts";
import { type Ask, type StoredObject, objectText } from "./link.ts";
import { sealedSize } from "./sizes.ts";

// outgoing stands for a request's id where the server made the file of a mail that a program
// of the owner's sent; its drop opens as a stranger's does.
export const outgoing = "c3VibWl0dGVkIGJ5IHlvdQ";

const info = "sealpost drop v1";
const most = 4 << 10;
const x25519 = octets("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20"); // PKCS #8 around a raw key (RFC 8410)

// The owner's key for what strangers bring. It comes from the master key, so all of the
// owner's devices have it, and nothing is stored for it.
export async function receiverOf(master: Uint8Array): Promise<ListKey> {
  const scalar = await hkdf(master, new Uint8Array(0), "sealpost receiver v1 drops", 32);
  return importListKey(concat(x25519, scalar));
}

const boundTo = (request: string, o: StoredObject) => utf8(`request=${request} ${objectText(o)}`);

export async function sealDrop(ask: Pick<Ask, "key">, request: string, object: StoredObject, head: Head): Promise<Bytes> {
  if (!objectId.test(request) || !objectId.test(object.id) || object.size !== sealedSize(head.length)) throw new VaultError("bad-input");
  return sealTo(ask.key, info, boundTo(request, object), encodeHead(head));
}

// Who brought it is not proved by anything.
export async function openDrop(key: ListKey, request: string, object: StoredObject, drop: Uint8Array): Promise<Head> {
  if (drop.length > most) throw closed();
  const head = decodeHead(await openWith(key, info, boundTo(request, object), drop));
  if (sealedSize(head.length) !== object.size) throw closed();
  return head;
}
