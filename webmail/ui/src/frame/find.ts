// Marks words of a search in a shown mail, without touching its nodes.

import type { FrameWindow } from "./sanitize.ts";

const most = 500;

export function highlightIn(root: HTMLElement, view: FrameWindow, terms: readonly string[]): number {
  const registry = view.CSS?.highlights;
  if (!registry) return 0;
  registry.delete("found");
  const wanted = terms.map((t) => t.toLowerCase()).filter((t) => t !== "");
  if (wanted.length === 0) return 0;
  const ranges: Range[] = [];
  const walker = view.document.createTreeWalker(root, view.NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < most; node = walker.nextNode()) {
    const text = (node.nodeValue ?? "").toLowerCase();
    for (const term of wanted) {
      for (let at = text.indexOf(term); at >= 0 && ranges.length < most; at = text.indexOf(term, at + term.length)) {
        if (at + term.length > (node.nodeValue?.length ?? 0)) break; // letters whose lower case is longer
        const range = view.document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + term.length);
        ranges.push(range);
      }
    }
  }
  registry.set("found", new view.Highlight(...ranges));
  return ranges.length;
}
