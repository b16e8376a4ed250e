// The top header section as the server's sealing reads it (docs/formats.md, "message"): by
// lines, with nothing made of them yet.

import { latin1 } from "../bytes.ts";

export interface RawField {
  name: string; // as written
  start: number;
  end: number; // behind its last line end
}

export interface Top {
  fields: RawField[];
  end: number; // where the body begins
  broken: number; // lines that are no field and no fold
  clean: boolean; // begins with a field and has no broken line: more fields may stand in front
  cut: boolean; // over the bounds
  blank: boolean; // ended with an empty line, not with the mail
}

const maxTop = 256 << 10;
const maxFields = 5000;

export function readTop(b: Uint8Array): Top {
  const top: Top = { fields: [], end: 0, broken: 0, clean: false, cut: false, blank: false };
  const stop = Math.min(b.length, maxTop);
  let good: boolean | null = null; // the first line was a field
  let open: RawField | null = null;
  const close = (at: number) => {
    if (open !== null) top.fields.push({ ...open, end: at });
    open = null;
  };
  const finish = (at: number, end: number): Top => {
    close(at);
    return Object.assign(top, { end, clean: good === true && top.broken === 0 });
  };
  for (let at = 0; ; ) {
    const lf = b.indexOf(10, at);
    const next = lf < 0 ? b.length : lf + 1;
    if (at >= b.length) return finish(at, at);
    if (next > stop && stop < b.length) return Object.assign(finish(at, at), { cut: true });
    if (lf >= 0 && (next - at === 1 || (next - at === 2 && b[at] === 13))) {
      top.blank = true;
      return finish(at, next);
    }
    const fold = b[at] === 32 || b[at] === 9;
    if (!(fold && open !== null)) {
      close(at);
      if (top.fields.length >= maxFields) return Object.assign(finish(at, at), { cut: true });
      const name = nameAt(b, at, next);
      good ??= name !== "";
      if (name === "") top.broken++;
      else open = { name, start: at, end: next };
    }
    at = next;
  }
}

// White space before the colon is obsolete syntax (RFC 5322, section 4.5.8) and accepted.
function nameAt(b: Uint8Array, at: number, next: number): string {
  const colon = b.subarray(at, Math.min(next, at + 1000)).indexOf(58);
  if (colon < 1) return "";
  const name = latin1(b.subarray(at, at + colon)).replace(/[ \t]+$/, "");
  return /^[!-9;-~]+$/.test(name) ? name : "";
}

export function rawOf(b: Uint8Array, f: RawField): string {
  return latin1(b.subarray(f.start, f.end));
}

// The body of a field, unfolded, one character an octet.
export function valueOf(b: Uint8Array, f: RawField): string {
  const raw = rawOf(b, f);
  return raw.slice(raw.indexOf(":") + 1).replace(/\r?\n(?=[ \t])/g, "").replace(/[\r\n\0]/g, " ").trim();
}

export function valuesOf(b: Uint8Array, top: Top, name: string): string[] {
  return top.fields.filter((f) => f.name.toLowerCase() === name).map((f) => valueOf(b, f));
}
