// Names that want to be taken for others: mixed scripts, look-alikes, hidden characters.
// Pure functions over what a sender wrote.

// Letters of other scripts that look like Latin ones (the common part of Unicode's
// confusables), and digits that do.
const LOOKS: { [c: string]: string } = {
  а: "a", в: "b", с: "c", ԁ: "d", е: "e", ё: "e", һ: "h", і: "i", ї: "i", ј: "j", к: "k", ӏ: "l", м: "m", н: "h", о: "o", р: "p", ԛ: "q", г: "r", ѕ: "s", т: "t", у: "y", ѵ: "v", ԝ: "w", х: "x", ү: "y",
  α: "a", β: "b", ε: "e", η: "n", ι: "i", κ: "k", ν: "v", ο: "o", ρ: "p", τ: "t", υ: "u", χ: "x", γ: "y", ω: "w", σ: "o",
  օ: "o", ո: "n", ս: "u", հ: "h", ց: "g", ǀ: "l", ı: "i", ɑ: "a", ɡ: "g", ɩ: "i", ʟ: "l", ո̇: "n", "0": "o", "1": "l", "3": "e", "5": "s", "|": "l",
};
const PAIRS: [RegExp, string][] = [[/rn/g, "m"], [/vv/g, "w"], [/cl/g, "d"], [/ii/g, "u"]];

// Two names with one skeleton look alike.
export function skeleton(name: string): string {
  let out = "";
  for (const c of name.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "")) out += LOOKS[c] ?? c;
  for (const [from, to] of PAIRS) out = out.replace(from, to);
  return out.replaceAll("i", "l").replaceAll("-", "");
}

const SCRIPTS = ["Latin", "Cyrillic", "Greek", "Armenian", "Hebrew", "Arabic", "Devanagari", "Thai", "Georgian", "Cherokee", "Hangul", "Han", "Hiragana", "Katakana"] as const;
const TESTS = SCRIPTS.map((s) => [s, new RegExp(`\\p{Script=${s}}`, "u")] as const);
const EAST = new Set<string>(["Latin", "Han", "Hiragana", "Katakana", "Hangul"]); // are written together

export function mixesScripts(name: string): boolean {
  for (const part of name.split(/[.@\s_-]+/)) {
    const found = TESTS.filter(([, re]) => re.test(part)).map(([s]) => s);
    if (found.length > 1 && !found.every((s) => EAST.has(s))) return true;
  }
  return false;
}

// Characters that nobody sees and that change what is seen.
export const hides = (text: string): boolean => /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\u3164\ufeff\uffa0]/.test(text);

// Punycode (RFC 3492), decoding only: an address may be written with xn-- and look plain.
export function toUnicode(domain: string): string {
  return domain
    .split(".")
    .map((l) => (/^xn--/i.test(l) ? (decode(l.slice(4)) ?? l) : l))
    .join(".");
}
function decode(input: string): string | null {
  const out: number[] = [];
  const dash = input.lastIndexOf("-");
  for (let k = 0; k < dash; k++) out.push(input.charCodeAt(k));
  let n = 128;
  let bias = 72;
  let i = 0;
  for (let at = dash > 0 ? dash + 1 : 0; at < input.length; ) {
    const old = i;
    for (let w = 1, k = 36; ; k += 36) {
      if (at >= input.length) return null;
      const digit = parseInt(input[at]!, 36);
      if (Number.isNaN(digit)) return null;
      const d = digit < 10 ? digit + 26 : digit - 10;
      at++;
      i += d * w;
      if (i > 0x7fffffff) return null;
      const t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (d < t) break;
      w *= 36 - t;
    }
    const size = out.length + 1;
    let delta = old === 0 ? Math.floor((i - old) / 700) : (i - old) >> 1;
    delta += Math.floor(delta / size);
    let k = 0;
    for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
    bias = k + Math.floor((36 * delta) / (delta + 38));
    n += Math.floor(i / size);
    i %= size;
    if (n > 0x10ffff) return null;
    out.splice(i++, 0, n);
  }
  return String.fromCodePoint(...out);
}

export const domainOf = (address: string): string => toUnicode(address.slice(address.lastIndexOf("@") + 1).toLowerCase());

// The part that somebody registered, near enough without a list of suffixes.
export function registered(domain: string): string {
  const parts = domain.split(".");
  const two = parts.length > 2 && parts.at(-1)!.length === 2 && /^(?:co|com|org|net|ac|gov|edu|or|ne|go)$/.test(parts.at(-2)!);
  return parts.slice(two ? -3 : -2).join(".");
}

// One letter more, less, other, or two in the other order.
export function near(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  const x = a.slice(i);
  const y = b.slice(i);
  return x.slice(1) === y.slice(1) || x === y.slice(1) || x.slice(1) === y || (x.length > 1 && x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2));
}
