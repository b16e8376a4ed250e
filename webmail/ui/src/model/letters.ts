// Letters of mail as the server serves them: sealed. Recent ones stay on this device, for
// reading without a network.

import type { Api } from "../wire/http.ts";
import type { Letter } from "../wire/http.ts";
import type { SealedCache } from "./cache.ts";
import type { Box } from "./columns.ts";
import type { MailRef } from "./types.ts";

const KEEP = 2 * 1024 * 1024; // larger ones are asked for each time
const BITS = { message: 1, header: 2, terms: 4, body: 8, card: 16 } as const;

export class Letters {
  readonly #api: Api;
  readonly #cache: SealedCache;
  readonly #opened = new Set<string>(); // ids read in this session: they stay too
  readonly #generation: (id: string) => number;
  constructor(api: Api, cache: SealedCache, generation: (id: string) => number = () => 0) {
    this.#api = api;
    this.#cache = cache;
    this.#generation = generation;
  }
  // A mail that was sealed anew has other letters under the same id.
  #key(id: string, letter: Letter): string {
    const g = this.#generation(id);
    return `${id}${g > 0 ? `.${g}` : ""}-${letter}`;
  }
  // What a key that is gone had opened is fetched again.
  async clear(): Promise<void> {
    await this.#cache.raw.remove("letters", await this.#cache.raw.keys("letters"));
  }
  // Of one mail. Answers whether anything of it was kept.
  async drop(id: string): Promise<boolean> {
    const kept = (await this.#cache.raw.keys("letters")).filter((k) => k.startsWith(id));
    await this.#cache.raw.remove("letters", kept);
    return kept.length > 0;
  }

  has(letters: number, letter: Letter): boolean {
    return (letters & BITS[letter]) !== 0;
  }
  async get(ref: MailRef, letter: Letter, signal?: AbortSignal): Promise<ArrayBuffer> {
    const key = this.#key(ref.id, letter);
    this.#opened.add(ref.id);
    const here = await this.#cache.raw.get("letters", key).catch(() => undefined);
    if (here) return here;
    const data = await this.#api.letter(ref.mailbox, ref.uid, letter, signal);
    // A full store is no reason not to show the mail.
    if (data.byteLength <= KEEP) await this.#cache.raw.put("letters", [[key, data.slice(0)]]).catch(() => {});
    return data;
  }

  // Fetches what is younger than so many days in a mailbox, and lets go of the rest.
  async keep(boxes: readonly Box[], inbox: number, since: number, stop: () => boolean): Promise<void> {
    const wanted = new Map<string, MailRef & { letters: number }>();
    for (const c of boxes) {
      if (c.id !== inbox) continue;
      for (let i = c.length - 1; i >= 0 && wanted.size < 1_000; i--)
        if (c.received[i]! >= since && c.sizes[i]! < KEEP) wanted.set(c.ids[i]!, { mailbox: c.id, uid: c.uids[i]!, id: c.ids[i]!, letters: c.letters[i]! });
    }
    const keys = await this.#cache.raw.keys("letters");
    const here = new Set(keys);
    await this.#cache.raw.remove("letters", keys.filter((k) => !wanted.has(k.slice(0, 32)) && !this.#opened.has(k.slice(0, 32))));
    for (const m of wanted.values()) {
      for (const letter of ["message", "header"] as const) {
        if (stop()) return;
        if (!this.has(m.letters, letter) || here.has(this.#key(m.id, letter))) continue;
        const data = await this.#api.letter(m.mailbox, m.uid, letter);
        await this.#cache.raw.put("letters", [[this.#key(m.id, letter), data]]);
      }
    }
  }
}

// The tag of a mail (docs/formats.md): SHA-256 over the PKESK packets at its head, its
// first 16 bytes, in base64. "" if it does not begin with one.
export async function tagOf(message: ArrayBuffer): Promise<string> {
  const b = new Uint8Array(message);
  let end = 0;
  for (let next = packet(b, 0); next && next.tag === 1; next = packet(b, next.end)) end = next.end;
  if (end === 0) return "";
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", b.slice(0, end)));
  return btoa(String.fromCharCode(...sum.subarray(0, 16)));
}

const ARMOR = "-----BEGIN PGP MESSAGE-----\r\n\r\n";
const HEAD = 64 << 10; // characters: PKESK packets of an owner's own copy are far shorter

// The same, of a mail that holds those packets in armor, as what leaves does.
export async function tagOfMail(mail: ArrayBuffer): Promise<string> {
  const text = new TextDecoder("latin1").decode(mail.slice(0, 4 * HEAD));
  const at = text.indexOf(ARMOR);
  if (at < 0) return tagOf(mail);
  const lines = (text.slice(at + ARMOR.length, at + ARMOR.length + HEAD).split(/\r\n[=-]/)[0] ?? "").replace(/[^A-Za-z0-9+/]/g, "");
  const packets = Uint8Array.from(atob(lines.slice(0, lines.length - (lines.length % 4))), (c) => c.charCodeAt(0));
  return tagOf(packets.buffer);
}

function packet(b: Uint8Array, at: number): { tag: number; end: number } | null {
  const head = b[at];
  const one = b[at + 1];
  if (head === undefined || one === undefined || !(head & 0x80)) return null;
  let tag = head & 63;
  let body: number;
  let length: number;
  if (head & 0x40) {
    if (one < 192) [body, length] = [at + 2, one];
    else if (one < 224) [body, length] = [at + 3, ((one - 192) << 8) + (b[at + 2] ?? 0) + 192];
    else if (one === 255) [body, length] = [at + 6, new DataView(b.buffer, b.byteOffset).getUint32(Math.min(at + 2, b.length - 4))];
    else return { tag, end: b.length }; // partial: not a PKESK's
  } else {
    tag = (head >> 2) & 15;
    const size = head & 3;
    if (size === 3) return { tag, end: b.length };
    const bytes = 1 << size;
    length = 0;
    for (let i = 0; i < bytes; i++) length = length * 256 + (b[at + 1 + i] ?? 0);
    body = at + 1 + bytes;
  }
  return body + length <= b.length ? { tag, end: body + length } : null;
}
