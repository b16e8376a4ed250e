// Marks words of a search in a shown mail, without touching its nodes: where the index finds
// them, at the beginning of words, in any case and without marks.

import { plain } from "../fold.ts";
import { highlight } from "../search/highlight.ts";
import type { FrameWindow } from "./sanitize.ts";

const most = 500;

export function highlightIn(root: HTMLElement, view: FrameWindow, terms: readonly string[]): number {
  const registry = view.CSS?.highlights;
  if (!registry) return 0;
  registry.delete("found");
  const wanted = terms.flatMap((t) => plain(t).split(/[^\p{L}\p{N}]+/u)).filter((t) => t.length > 1);
  if (wanted.length === 0) return 0;
  const ranges: Range[] = [];
  const walker = view.document.createTreeWalker(root, view.NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < most; node = walker.nextNode()) {
    const text = node.nodeValue ?? "";
    const folded = plain(text);
    if (!wanted.some((w) => folded.includes(w))) continue;
    let at = 0;
    for (const span of highlight(text, terms)) {
      if (span.hit && ranges.length < most) {
        const range = view.document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + span.text.length);
        ranges.push(range);
      }
      at += span.text.length;
    }
  }
  registry.set("found", new view.Highlight(...ranges));
  return ranges.length;
}
