// The parts of a mail, by their octets, within bounds. It decides whether the mail is given
// to the MIME parser at all, and shows a signature's reader which octets were signed.

import { latin1 } from "./bytes.ts";
import { type Field, type Typed, first, lineEnd, readSection, typed } from "./header.ts";

export interface Part {
  fields: Field[];
  content: Typed;
  start: number; // of its header section
  body: number;
  end: number; // without the line break that belongs to the boundary
  parts: Part[];
}

const maxParts = 1000;
const maxDepth = 20;
const maxHeaders = 1 << 20; // bytes of all header sections together

interface Open {
  part: Part;
  boundary: string; // "--" and the boundary
}

// null: the mail is not within bounds.
export function readTree(b: Uint8Array, start = 0): Part | null {
  const root = partAt(b, start);
  if (root === null) return null;
  const open: Open[] = [];
  let count = 1;
  let headers = root.body - start;
  let at = root.body;
  let leaf: Part | null = root;
  const enter = (p: Part) => {
    const boundary = boundaryOf(p);
    if (boundary !== null) open.push({ part: p, boundary });
    return open.length <= maxDepth;
  };
  if (!enter(root)) return null;
  while (at < b.length && open.length > 0) {
    const lf = b.indexOf(10, at);
    const next = lf < 0 ? b.length : lf + 1;
    const hit = b[at] === 0x2d && b[at + 1] === 0x2d ? boundaryAt(b, at, lineEnd(b, at, next), open) : null;
    if (hit === null) {
      at = next;
      continue;
    }
    const whole = open[hit.level]!.part;
    close(open.splice(hit.level + (hit.last ? 0 : 1)), leaf, bodyEnd(b, at, leaf));
    if (hit.last) {
      leaf = whole; // it ends where the next part of what holds it begins
      at = next;
      continue;
    }
    const part = partAt(b, next);
    if (part === null || ++count > maxParts || (headers += part.body - next) > maxHeaders) return null;
    open[hit.level]!.part.parts.push(part);
    leaf = part;
    if (!enter(part)) return null;
    at = part.body;
  }
  close(open, leaf, b.length);
  root.end = b.length;
  return root;
}

function partAt(b: Uint8Array, start: number): Part | null {
  const section = readSection(b, start);
  if (section === null) return null;
  return { fields: section.fields, content: typed(first(section.fields, "content-type")), start, body: section.end, end: b.length, parts: [] };
}

function close(open: Open[], leaf: Part | null, end: number): void {
  for (const o of open) o.part.end = end;
  if (leaf !== null) leaf.end = end;
}

function boundaryOf(p: Part): string | null {
  const boundary = p.content.params["boundary"];
  return p.content.type.startsWith("multipart/") && boundary ? `--${boundary}` : null;
}

function boundaryAt(b: Uint8Array, at: number, end: number, open: Open[]): { level: number; last: boolean } | null {
  if (end - at > 300) return null;
  const line = latin1(b.subarray(at, end)).replace(/[ \t]+$/, "");
  for (let level = open.length - 1; level >= 0; level--) {
    const boundary = open[level]!.boundary;
    if (line === boundary) return { level, last: false };
    if (line === `${boundary}--`) return { level, last: true };
  }
  return null;
}

// The line break in front of a boundary belongs to it.
function bodyEnd(b: Uint8Array, at: number, leaf: Part | null): number {
  const end = lineEnd(b, 0, at);
  return leaf === null ? end : Math.max(leaf.body, end);
}

export function some(p: Part, is: (p: Part) => boolean): boolean {
  return is(p) || p.parts.some((child) => some(child, is));
}
