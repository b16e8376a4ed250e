// The 24 words of a recovery kit while somebody types them: which are words of the list,
// which could be meant, and whether all of them fit together.

export const length = 24;

export type WordState = "empty" | "typing" | "known" | "unknown";

// fold takes what was pasted apart into words: numbers, dots and lines between them go.
export function fold(text: string): string[] {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((w) => w !== "");
}

export function stateOf(word: string, list: readonly string[]): WordState {
  const [w = ""] = fold(word);
  if (w === "") return "empty";
  if (list.includes(w)) return "known";
  return list.some((l) => l.startsWith(w)) ? "typing" : "unknown";
}

// complete says the words that may be meant, best first; of this list four letters name one.
export function complete(typed: string, list: readonly string[], most = 6): string[] {
  const [w = ""] = fold(typed);
  if (w === "") return [];
  const begins = list.filter((l) => l.startsWith(w));
  if (begins.length > 0) return begins.slice(0, most);
  return list.filter((l) => near(w, l)).slice(0, most);
}

// near: one letter changed, left out, added, or two swapped.
function near(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  const [x, y] = [a.slice(i), b.slice(i)];
  return (
    x.slice(1) === y.slice(1) || x.slice(1) === y || x === y.slice(1) ||
    (x.length > 1 && x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2))
  );
}

// fits checks the checksum of BIP-39: 256 bits, then the first 8 of their SHA-256.
export async function fits(words: readonly string[], list: readonly string[]): Promise<boolean> {
  if (words.length !== length) return false;
  const bytes = new Uint8Array(33);
  let bit = 0;
  for (const word of words) {
    const index = list.indexOf(word);
    if (index < 0) return false;
    for (let i = 10; i >= 0; i--, bit++) {
      if ((index >> i) & 1) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
    }
  }
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(0, 32)));
  return sum[0] === bytes[32];
}

// spread puts pasted words into the fields from the one that was pasted into.
export function spread(fields: readonly string[], at: number, pasted: string): string[] {
  const words = fold(pasted);
  const from = words.length >= length ? 0 : at;
  const next = [...fields];
  words.slice(0, length - from).forEach((w, i) => (next[from + i] = w));
  return next;
}

// asText is the kit as a file and on paper say it.
export function asText(words: readonly string[], o: { address: string; server: string; made: string }, lines: string[]): string {
  const rows: string[] = [];
  for (let i = 0; i < words.length; i += 4) {
    rows.push(words.slice(i, i + 4).map((w, k) => `${String(i + k + 1).padStart(2)}. ${w.padEnd(10)}`).join(" ").trimEnd());
  }
  return [lines[0] ?? "", "", o.address, o.server, o.made, "", ...rows, "", ...lines.slice(1), ""].join("\r\n");
}

// inQr is what the code on the kit says: capitals, so that it takes a third less room.
export function inQr(words: readonly string[]): string {
  return words.join(" ").toUpperCase();
}
