// Where the quote of an answered mail begins, and what is left when it is taken away.

import type { Node } from "prosemirror-model";

// lastQuote finds the quote at the end of a mail, with the line above it that says whose
// it is; null if there is none.
export function lastQuote(doc: Node): { from: number; to: number } | null {
  let last = doc.childCount - 1;
  while (last >= 0 && empty(doc.child(last))) last--;
  if (last < 0 || doc.child(last).type.name !== "blockquote") return null;
  let first = last;
  if (first > 0 && isIntroduction(doc.child(first - 1))) first--;
  let from = 0;
  for (let i = 0; i < first; i++) from += doc.child(i).nodeSize;
  return { from, to: doc.content.size };
}

const empty = (n: Node): boolean => n.type.name === "paragraph" && n.content.size === 0;

// "On …, X wrote:" in any language is a short line that ends in a colon.
const isIntroduction = (n: Node): boolean => n.type.name === "paragraph" && n.textContent.length < 300 && /[:：]\s*$/u.test(n.textContent);

// own is what the writer wrote: the text without quotes.
export function own(doc: Node): string {
  const parts: string[] = [];
  doc.forEach((n) => { if (n.type.name !== "blockquote") parts.push(n.textBetween(0, n.content.size, "\n", " ")); });
  return parts.join("\n");
}
