// Which way a text runs: as its first letter does.
const right = /^[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

/** The direction of a text, or nothing if it has no letters. */
export function direction(text: string): "rtl" | "ltr" | undefined {
  const first = /\p{L}/u.exec(text)?.[0];
  return first === undefined ? undefined : right.test(first) ? "rtl" : "ltr";
}
