// Pages of the cabinet's drawer "pages": up to 1,000 cards that were folded into one box,
// since a thousand boxes of a page open in the time of one card.

import { textOf, utf8 } from "./bytes.ts";
import { VaultError } from "./errors.ts";
import { cardFrom, cardToJson } from "./hpke.ts";
import type { Card } from "./vault.ts";

export const cardsInPage = 1000;

// What to seal: Vault.seal pads it.
export function makePage(cards: Card[]): ArrayBuffer {
  if (cards.length > cardsInPage) throw new VaultError("too-large");
  return utf8(JSON.stringify({ v: 1, cards: cards.map((c) => ({ ...cardToJson(c), mid: c.id })) })).buffer;
}

// The cards of a page as Vault.openBox gives it. One that is damaged is left out.
export function openPage(page: Uint8Array): Card[] {
  const json = JSON.parse(textOf(page)) as { v?: unknown; cards?: unknown };
  if (json.v !== 1 || !Array.isArray(json.cards)) throw new VaultError("closed");
  return json.cards.slice(0, cardsInPage).flatMap((c: { mid?: unknown }) => {
    try {
      return typeof c.mid === "string" && /^[0-9a-f]{32}$/.test(c.mid) ? [cardFrom(c.mid, c)] : [];
    } catch {
      return [];
    }
  });
}
