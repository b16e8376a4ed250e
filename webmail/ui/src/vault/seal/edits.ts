// What is put into a mail so that its header counts as protected, and what only we may say
// inside a seal is renamed (docs/formats.md, "Insertions"). Nothing is ever taken out.

import { latin1 } from "../bytes.ts";
import { type RawField, type Top, rawOf } from "./section.ts";

export interface Edit { at: number; text: string }

export const protection = 'hp="cipher"; protected-headers="v1"'; // RFC 9788, and its draft that clients read today
const forged = "X-Forged-";
const maxEdits = 64;

// typed: a Content-Type was there to mark. null: the header cannot be edited safely.
export function headerEdits(b: Uint8Array, top: Top, authserv: string): { edits: Edit[]; typed: boolean } | null {
  const mbox = startsLikeMbox(b, top);
  if (top.cut || (!top.clean && !mbox)) return null;
  const edits: Edit[] = mbox ? [{ at: 0, text: "X-Mbox: " }] : [];
  let typed = false;
  for (const f of top.fields) {
    const name = f.name.toLowerCase();
    if (oursAlone(name) || (name === "authentication-results" && claims(rawOf(b, f), authserv))) edits.push({ at: f.start, text: forged });
    else if (!typed && name === "content-type") {
      const marks = typeEdits(b, f);
      typed = marks !== null;
      edits.push(...(marks ?? [{ at: f.start, text: forged }])); // no type in it: readers take the default, and so do we
    }
  }
  edits.sort((x, y) => x.at - y.at);
  return edits.length <= maxEdits ? { edits, typed } : null;
}

function startsLikeMbox(b: Uint8Array, top: Top): boolean {
  const start = top.fields[0]?.start ?? 0;
  if (top.broken !== 1 || start === 0 || start > 1000) return false;
  const line = latin1(b.subarray(0, start));
  return line.startsWith("From ") && line.indexOf("\r\n") === line.length - 2;
}

// HP-Outer (RFC 9788) and Autocrypt-Gossip mean something only inside a seal (ATTACKS B11).
function oursAlone(name: string): boolean {
  return name.startsWith("sealpost-") || name === "hp-outer" || name === "autocrypt-gossip";
}

// An Authentication-Results that a reader could take for one of ours (RFC 8601, section 5).
function claims(raw: string, authserv: string): boolean {
  if (authserv === "") return false;
  const s = new Scanner(raw, raw.indexOf(":") + 1);
  s.skip();
  const id = s.token();
  s.skip();
  if (s.at("/") || id === "" || !(s.end() || s.at(";") || /\d/.test(raw[s.pos] ?? ""))) return true;
  return id.replace(/\.+$/, "").toLowerCase() === authserv.replace(/\.+$/, "").toLowerCase();
}

// Marks stand behind the media type, in front of all parameters: there no trailing
// semicolon, comment or broken quoting matters.
function typeEdits(b: Uint8Array, f: RawField): Edit[] | null {
  const raw = rawOf(b, f);
  const s = new Scanner(raw, raw.indexOf(":") + 1);
  s.skip();
  if (s.token() === "" || !s.take("/") || s.token() === "") return null;
  const mark = { at: f.start + s.pos, text: `;\r\n ${protection}` };
  s.skip();
  if (!s.end() && !s.at(";")) mark.text += ";";
  const edits = [mark];
  while (s.nextParameter()) {
    const at = f.start + s.pos;
    if (/^(hp|protected-headers|hp-legacy-display)$/.test(s.token().toLowerCase().split("*")[0]!)) edits.push({ at, text: "x-" });
  }
  return edits;
}

// A structured field body (RFC 5322, section 3.2), read in place.
class Scanner {
  constructor(
    private readonly s: string,
    public pos: number,
  ) {}
  end(): boolean {
    return this.pos >= this.s.length;
  }
  at(c: string): boolean {
    return this.s[this.pos] === c;
  }
  take(c: string): boolean {
    if (!this.at(c)) return false;
    this.pos++;
    return true;
  }
  token(): string {
    const start = this.pos;
    while (!this.end() && /[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]/.test(this.s[this.pos]!)) this.pos++;
    return this.s.slice(start, this.pos);
  }
  skip(): void { // comments and white space
    while (!this.end()) {
      if (/[ \t\r\n]/.test(this.s[this.pos]!)) this.pos++;
      else if (this.at("(")) this.comment();
      else return;
    }
  }
  private comment(): void {
    for (let depth = 0; !this.end(); this.pos++) {
      if (this.at("\\")) this.pos++;
      else if (this.at("(")) depth++;
      else if (this.at(")") && --depth === 0) {
        this.pos++;
        return;
      }
    }
    this.pos = this.s.length;
  }
  // Goes behind the next semicolon that is not quoted.
  nextParameter(): boolean {
    while (!this.end()) {
      if (this.take(";")) {
        this.skip();
        return !this.end();
      }
      if (this.at('"')) this.quoted();
      else if (this.at("(")) this.comment();
      else this.pos++;
    }
    return false;
  }
  private quoted(): void {
    for (this.pos++; !this.end(); this.pos++) {
      if (this.at("\\")) this.pos++;
      else if (this.at('"')) {
        this.pos++;
        return;
      }
    }
    this.pos = this.s.length;
  }
}
