// Where the words of a query stand in a text that is shown.

import { plain } from "../fold.ts";

export interface Span { text: string; hit: boolean }

// highlight cuts a text into spans. Words match at the beginning of words, in any case and
// without marks, as the index finds them.
export function highlight(text: string, words: readonly string[]): Span[] {
  const { folded, from } = fold(text);
  const marks = new Uint8Array(text.length);
  for (const word of words.flatMap((w) => [w, ...w.split(/[^\p{L}\p{N}\p{M}]+/u)]).slice(0, 50)) {
    const want = fold(word.trim()).folded;
    if (want.length < 2) continue;
    for (let at = folded.indexOf(want); at >= 0; at = folded.indexOf(want, at + 1)) {
      if (at > 0 && /[\p{L}\p{N}]/u.test(folded[at - 1] as string) && !/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(want[0] as string)) continue;
      marks.fill(1, from[at] as number, from[at + want.length] ?? text.length);
    }
  }
  const spans: Span[] = [];
  for (let i = 0; i < text.length; ) {
    let end = i;
    while (end < text.length && marks[end] === marks[i]) end++;
    spans.push({ text: text.slice(i, end), hit: marks[i] === 1 });
    i = end;
  }
  return spans;
}

// fold folds lightly and remembers from where in the text each character came.
function fold(text: string): { folded: string; from: number[] } {
  let folded = "";
  const from: number[] = [];
  let at = 0;
  for (const char of text) {
    const light = plain(char);
    for (let i = 0; i < light.length; i++) from.push(at);
    folded += light;
    at += char.length;
  }
  from.push(text.length);
  return { folded, from };
}
