// Long work in slices, so that the page never stands still: await the answer of slicer()
// between pieces of some milliseconds at most.

interface Yielding {
  scheduler?: { yield?: () => Promise<void> };
}

export const breathe = (): Promise<void> => {
  const s = (globalThis as Yielding).scheduler;
  return s?.yield ? s.yield() : new Promise((done) => setTimeout(done, 0));
};

// What was changed until now is on the screen; not long where nobody looks, and frames are
// not drawn.
export const drawn = (): Promise<void> =>
  new Promise((done) => {
    if (typeof requestAnimationFrame !== "function") return done();
    const late = setTimeout(done, 100);
    requestAnimationFrame(() => setTimeout(() => {
      clearTimeout(late);
      done();
    }));
  });

export function slicer(budget = 8): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < budget) return undefined;
    return breathe().then(() => {
      began = performance.now();
    });
  };
}

// A merge sort that lets the page breathe. Answers a new array; equal ones stay in order.
export async function sorted<T>(list: readonly T[], compare: (a: T, b: T) => number, rest: () => Promise<void> | undefined): Promise<T[]> {
  const RUN = 2_048;
  let from = list.slice();
  if (from.length <= RUN) return from.sort(compare);
  for (let i = 0; i < from.length; i += RUN) {
    const run = from.slice(i, i + RUN).sort(compare);
    for (let k = 0; k < run.length; k++) from[i + k] = run[k]!;
    await rest();
  }
  let to = new Array<T>(from.length);
  for (let width = RUN; width < from.length; width *= 2) {
    for (let low = 0; low < from.length; low += 2 * width) {
      const mid = Math.min(low + width, from.length);
      const high = Math.min(low + 2 * width, from.length);
      for (let i = low, j = mid, k = low; k < high; k++) {
        to[k] = i < mid && (j >= high || compare(from[i]!, from[j]!) <= 0) ? from[i++]! : from[j++]!;
        if ((k & 2047) === 2047) await rest();
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
