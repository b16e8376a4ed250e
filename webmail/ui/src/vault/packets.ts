// Just enough of OpenPGP's framing (RFC 9580, section 4.2) to see what a message is made
// of before the library is given it.

import { type Bytes, concat } from "./bytes.ts";
import { closed } from "./errors.ts";

const pkesk = 1;
const seipd = 18;
const maxPackets = 1000;

export interface Walked {
  head: number; // bytes of the PKESK packets in front
}

// The PKESK packets at the head of a letter, each whole; behind them may stand nothing, or
// one packet of another kind.
export function splitKeys(b: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < b.length && out.length < maxPackets; ) {
    const p = packetAt(b, at);
    if (p.tag !== pkesk) break;
    out.push(b.subarray(at, p.next));
    at = p.next;
  }
  if (out.length === 0) throw closed();
  return out;
}

interface Packet {
  tag: number;
  body: number; // where its body begins
  next: number; // where the next packet begins
}

// Accepts one or more PKESK, then exactly one SEIPD to the end: no SED (ATTACKS B02), no
// SKESK, nothing in front, between or behind.
export function walkMessage(b: Uint8Array): Walked {
  let at = 0;
  for (let i = 0; i < maxPackets; i++) {
    const p = packetAt(b, at);
    if (p.tag === seipd) {
      if (at === 0 || p.next !== b.length) throw closed();
      return { head: at };
    }
    if (p.tag !== pkesk) throw closed();
    at = p.next;
  }
  throw closed();
}

// One packet with one definite length, the shortest that holds it, as every packet of ours.
export function definite(b: Uint8Array): Bytes {
  const first = b[0];
  if (first === undefined || (first & 0xc0) !== 0xc0) throw closed();
  const parts: Uint8Array[] = [];
  for (let at = 1, partial = true; partial; ) {
    const l = lengthAt(b, at);
    partial = l.partial;
    at += l.size + l.length;
    if (at > b.length || (!partial && at !== b.length)) throw closed();
    parts.push(b.subarray(at - l.length, at));
  }
  const body = concat(...parts);
  const n = body.length;
  const length = n < 192 ? [n] : n < 8384 ? [((n - 192) >> 8) + 192, (n - 192) & 255] : [255, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  return concat(Uint8Array.of(first, ...length), body);
}

function packetAt(b: Uint8Array, at: number): Packet {
  const first = b[at];
  if (first === undefined || (first & 0x80) === 0) throw closed();
  const p = (first & 0x40) !== 0 ? newFormat(b, at, first & 0x3f) : oldFormat(b, at, first);
  if (p.next > b.length || p.next <= at) throw closed();
  return p;
}

function oldFormat(b: Uint8Array, at: number, first: number): Packet {
  const tag = (first >> 2) & 0x0f;
  const size = [1, 2, 4][first & 3];
  if (size === undefined) return { tag, body: at + 1, next: b.length }; // to the end
  const body = at + 1 + size;
  return { tag, body, next: body + number(b, at + 1, size) };
}

function newFormat(b: Uint8Array, at: number, tag: number): Packet {
  let place = at + 1;
  const body = place;
  for (let i = 0; i <= b.length; i++) {
    const { size, length, partial } = lengthAt(b, place);
    place += size + length;
    if (!partial) return { tag, body, next: place };
    if (tag === pkesk) throw closed(); // only data may be partial
  }
  throw closed();
}

function lengthAt(b: Uint8Array, at: number): { size: number; length: number; partial: boolean } {
  const n = number(b, at, 1);
  if (n < 192) return { size: 1, length: n, partial: false };
  if (n < 224) return { size: 2, length: ((n - 192) << 8) + number(b, at + 1, 1) + 192, partial: false };
  if (n < 255) return { size: 1, length: 2 ** (n & 0x1f), partial: true };
  return { size: 5, length: number(b, at + 1, 4), partial: false };
}

function number(b: Uint8Array, at: number, size: number): number {
  if (at + size > b.length) throw closed();
  let n = 0;
  for (let i = 0; i < size; i++) n = n * 256 + b[at + i]!;
  return n;
}
