// How long letters are, and what fills them (docs/formats.md, "Sizes").

// Padmé's sizes in steps of at most 16 KiB, but one byte more where that is a multiple of
// three: the armor of what we seal then ends in base64 padding.
export function bucket(n: number): number {
  for (let m = n - 1; ; m++) {
    m = padme(m);
    if (m % 3 === 0) m++;
    if (m >= n) return m;
  }
}

function padme(n: number): number {
  if (n < 2) return n;
  const e = Math.floor(Math.log2(n));
  const s = Math.floor(Math.log2(e)) + 1;
  const step = 2 ** Math.min(e - s, 14);
  return Math.ceil(n / step) * step;
}

// The smallest content of least bytes or more whose letter, of size(content) bytes, is
// exactly a bucket. Where size jumps over one, the next is taken.
export function fit(least: number, size: (n: number) => number): number {
  const first = size(least);
  for (let target = bucket(first); ; target = bucket(target + 1)) {
    let low = least;
    let high = least + (target - first) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (size(middle) > target) high = middle;
      else low = middle + 1;
    }
    if (size(low - 1) === target) return low - 1;
  }
}

const leastPadding = 21;

// None, or at least one field's worth.
export function paddingFor(content: number, size: (n: number) => number): number {
  const now = size(content);
  return bucket(now) === now ? 0 : fit(content + leastPadding, size) - content;
}

// Exactly n bytes of folded header fields, each under a kilobyte, in lines of at most 76.
export function padding(n: number): string {
  const out: string[] = [];
  while (n > 0) {
    let take = Math.min(n, 12 * 78);
    if (n - take > 0 && n - take < leastPadding) take -= leastPadding;
    out.push(paddingField(take));
    n -= take;
  }
  return out.join("");
}

function paddingField(n: number): string {
  let out = "";
  for (let prefix = "Sealpost-Padding: "; n > 0; prefix = " ") {
    let take = Math.min(n, 78);
    if (n - take > 0 && n - take < 4) take -= 4;
    out += `${prefix}${".".repeat(take - prefix.length - 2)}\r\n`;
    n -= take;
  }
  return out;
}
