// The light folding: how texts on a card, names of contacts and what is typed to find them
// are compared. Marks go, and case; the index folds further (vault/fold.ts, as the server).

export function plain(s: string): string {
  return /^[\0-\x7f]*$/u.test(s) ? s.toLowerCase() : s.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
