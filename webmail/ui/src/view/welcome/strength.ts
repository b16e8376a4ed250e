// Judges a passphrase honestly with few rules: what a guesser who knows people would try
// first counts little. It errs on the low side; it knows no big dictionary and says bits.

export type Grade = "empty" | "weak" | "fair" | "good" | "strong";

export interface Strength {
  bits: number;
  grade: Grade;
  enough: boolean;
  // What weighed most against it: a key of the texts, or "".
  hint: "" | "short" | "common" | "repeats" | "rows" | "yours" | "one-word";
}

// Below floor a passphrase is refused: at the 64 MiB that each guess costs, 2^40 guesses
// are within what a rich thief of a device pays.
export const floor = 45;

const common = new Set(
  ("password passwort passphrase letmein welcome monkey dragon football baseball master shadow superman batman " +
    "iloveyou princess sunshine flower hello freedom whatever trustno login admin root secret changeme default " +
    "qwerty qwertz azerty summer winter spring autumn january february march april june july august september " +
    "october november december monday tuesday wednesday thursday friday saturday sunday love money test sealpost " +
    "mail email server correct horse battery staple").split(" "),
);
const rows = ["abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "azertyuiop", "01234567890"];
const lookalike: { [c: string]: string } = { "0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i" };

// strength takes what the guesser knows of the person (address, name) as known.
export function strength(passphrase: string, known: string[] = []): Strength {
  const text = passphrase.normalize("NFKC").trim();
  if (text === "") return { bits: 0, grade: "empty", enough: false, hint: "short" };
  const mine = new Set(known.flatMap((k) => k.toLowerCase().split(/[^\p{L}\p{N}]+/u)).filter((k) => k.length > 2));
  const seen = new Map<string, number>();
  let bits = 0;
  let hint: Strength["hint"] = "";
  const pieces = split(text);
  for (const piece of pieces) {
    const one = judge(piece, mine);
    const times = (seen.get(piece.toLowerCase()) ?? 0) + 1;
    seen.set(piece.toLowerCase(), times);
    bits += times > 1 && /[\p{L}\p{N}]/u.test(piece) ? 1 : one.bits;
    if (times > 1 && piece.length > 1 && hint === "") hint = "repeats";
    if (one.why !== "" && hint === "") hint = one.why;
  }
  bits = Math.floor(bits);
  const grade: Grade = bits < floor ? "weak" : bits < 55 ? "fair" : bits < 70 ? "good" : "strong";
  if (grade !== "weak") hint = "";
  else if (hint === "") hint = pieces.filter((p) => /\p{L}/u.test(p)).length < 2 ? "one-word" : "short";
  return { bits, grade, enough: bits >= floor, hint };
}

// split takes words, numbers and what stands between them apart.
function split(text: string): string[] {
  return text.match(/[\p{L}\p{M}]+|\p{N}+|[^\p{L}\p{M}\p{N}]+/gu) ?? [];
}

function judge(piece: string, mine: Set<string>): { bits: number; why: Strength["hint"] } {
  const low = piece.toLowerCase();
  const plain = [...low].map((c) => lookalike[c] ?? c).join("");
  if (mine.has(low) || mine.has(plain)) return { bits: 2, why: "yours" };
  if (common.has(low) || common.has(plain)) return { bits: 4, why: "common" };
  if (/^(.)\1+$/u.test(piece)) return { bits: 3 + Math.log2(piece.length), why: piece.length > 2 ? "repeats" : "" };
  if (piece.length > 2 && rows.some((r) => r.includes(low) || reverse(r).includes(low))) return { bits: 4, why: "rows" };
  if (/^\p{N}+$/u.test(piece)) return { bits: /^(19|20)\d\d$/.test(piece) ? 6 : 3.3 * piece.length, why: "" };
  if (/^[^\p{L}\p{M}\p{N}]+$/u.test(piece)) return { bits: piece === " " || piece === "-" ? 0.5 : 4 * new Set(piece).size, why: "" };
  return { bits: word(piece), why: "" };
}

// word counts letters as somebody's word until they cannot be one: about 11 bits for the
// common words of a language, more where vowels are missing or cases mix.
function word(piece: string): number {
  const odd = !pronounceable(piece);
  const mixed = /\p{Ll}/u.test(piece.slice(1)) && /\p{Lu}/u.test(piece.slice(1));
  if (odd) return piece.length * (mixed ? 5.2 : 4.4);
  const letters = Math.min(piece.length, 24);
  return Math.min(2.2 * letters, 10 + 0.35 * letters) + (/^\p{Lu}/u.test(piece) ? 0.5 : 0) + (mixed ? 3 : 0);
}

function pronounceable(piece: string): boolean {
  const plain = piece.normalize("NFD").toLowerCase();
  if (!/[a-z]/.test(plain)) return true; // scripts whose words this cannot tell
  return /[aeiouy]/.test(plain) && !/[bcdfghjklmnpqrstvwxz]{5}/.test(plain) && !/[aeiouy]{5}/.test(plain);
}

function reverse(text: string): string {
  return [...text].reverse().join("");
}

// suggest makes a passphrase of count words out of list (2,048 words: 11 bits each).
export function suggest(list: readonly string[], count = 6): string {
  const picks = crypto.getRandomValues(new Uint32Array(count));
  return Array.from(picks, (n) => list[n % list.length] ?? "").join(" ");
}
