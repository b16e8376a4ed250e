// Words as terms have them (docs/formats.md, "terms"), so that a query meets what the
// server indexed. Vectors made by the server's own code stand in pgp/keyring/testdata.

// Nonspacing marks from U+0300 on with a combining class of 200 or more, or of 10 to 36,
// which regular expressions cannot ask for.
const diacritics = new RegExp(
  "[" +
    ("300-333 339-34e 350-36f 483-487 591-5bd 5bf-5bf 5c1-5c2 5c4-5c5 5c7-5c7 610-61a 64b-65f 670-670 6d6-6dc 6df-6e4 6e7-6e8 6ea-6ed " +
      "711-711 730-74a 7eb-7f3 7fd-7fd 816-819 81b-823 825-827 829-82d 859-85b 898-89f 8ca-8e1 8e3-8ff 951-954 9fe-9fe f18-f19 f35-f35 " +
      "f37-f37 f39-f39 f82-f83 f86-f87 fc6-fc6 108d-108d 135d-135f 17dd-17dd 18a9-18a9 1939-193b 1a17-1a18 1a75-1a7c 1a7f-1a7f 1ab0-1abd " +
      "1abf-1ace 1b6b-1b73 1cd0-1cd2 1cd5-1ce0 1ced-1ced 1cf4-1cf4 1cf8-1cf9 1dc0-1dff 20d0-20d1 20d4-20d7 20db-20dc 20e1-20e1 20e7-20e9 " +
      "20ec-20f0 2cef-2cf1 2de0-2dff 302a-302d a66f-a66f a674-a67d a69e-a69f a6f0-a6f1 a8e0-a8f1 a92b-a92d aab0-aab0 aab2-aab4 aab7-aab8 " +
      "aabe-aabf aac1-aac1 fb1e-fb1e fe20-fe2f 101fd-101fd 102e0-102e0 10376-1037a 10a0d-10a0d 10a0f-10a0f 10a38-10a38 10a3a-10a3a " +
      "10ae5-10ae6 10d24-10d27 10eab-10eac 10efd-10eff 10f46-10f50 10f82-10f85 11100-11102 11366-1136c 11370-11374 1145e-1145e 16b30-16b36 " +
      "1d17b-1d182 1d185-1d18b 1d1aa-1d1ad 1d242-1d244 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e08f-1e08f 1e130-1e136 " +
      "1e2ae-1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e8d0-1e8d6 1e944-1e949")
      .replace(/([0-9a-f]+)-([0-9a-f]+) ?/g, "\\u{$1}-\\u{$2}") +
    "]",
  "gu",
);

const ignorable = /[\u00ad\u034f\u200c\u200d\u2060\ufeff]/gu;
const unspaced = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}\u30fc\uff70]/u;
const joins = /[\p{L}\p{Nd}\p{M}]/u;
const cherokee = /\p{sc=Cherokee}/u;

// Full case folding of one character. Upper, then lower case is that for all but these.
export function foldCase(c: string): string {
  if (c === "ı") return c;
  if (c === "ẞ") return "ss";
  if (cherokee.test(c)) return c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase(); // as the server has it
  return [...c.toUpperCase()].map((u) => u.toLowerCase()).join("");
}

// A word in the form in which words are compared.
export function fold(word: string): string {
  const folded = [...word.normalize("NFKD")].map(foldCase).join("");
  return folded.normalize("NFKD").replace(ignorable, "").replace(diacritics, "").normalize("NFKC");
}

const longestQuery = 4096; // characters
const bytes = new TextEncoder();

const ascii = /^[\x00-\x7f]*$/;
const plainRun = /[A-Za-z0-9]+/g;

// The words of a text, folded, as they come; some come more than once.
export function eachWord(text: string, found: (word: string) => void): void {
  const add = (word: string) => {
    for (const w of fold(word).split(/[^\p{L}\p{Nd}\p{M}]+/u)) {
      const length = [...w].length;
      if (length >= 2 && length <= 40) found(w);
    }
  };
  let run = "";
  let before = ""; // the last character of a script without spaces
  const end = () => {
    if (run !== "" && bytes.encode(run).length <= 256) add(run);
    run = "";
  };
  for (const line of text.toWellFormed().replace(ignorable, "").split("\n")) {
    if (ascii.test(line)) { // most lines of most mail
      for (const [w] of line.matchAll(plainRun)) if (w.length >= 2 && w.length <= 40) found(w.toLowerCase());
      continue;
    }
    for (const c of line) {
      if (unspaced.test(c)) {
        end();
        if (before !== "") add(before + c);
        before = c;
        continue;
      }
      before = "";
      if (joins.test(c)) run += c;
      else end();
    }
    end();
    before = "";
  }
}

// The words of a query's text, sorted by their bytes and distinct.
export function words(text: string): string[] {
  const found = new Set<string>();
  eachWord(text.slice(0, longestQuery), (w) => found.add(w));
  return [...found].sort(byBytes);
}

// The order of the words' UTF-8, which that of UTF-16 is but for surrogates.
export function byBytes(a: string, b: string): number {
  const order = (unit: number) => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = order(a.charCodeAt(i)) - order(b.charCodeAt(i));
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

const addressWord = /[^\s<>()[\],;:"]{1,120}@[^\s<>()[\],;:"@]{1,120}/gu;

// The words of a query: an address in it is a word as a whole too.
export function queryWords(text: string): string[] {
  const whole = [...text.slice(0, longestQuery).matchAll(addressWord)].map((m) => fold(m[0])).filter((w) => [...w].length <= 40);
  return [...new Set([...words(text), ...whole])].sort(byBytes);
}
