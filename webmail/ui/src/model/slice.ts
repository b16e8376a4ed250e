// Long work in slices, so that the page never stands still: await the answer of slicer()
// between pieces of some milliseconds at most.

interface Yielding {
  scheduler?: { yield?: () => Promise<void> };
}

export const breathe = (): Promise<void> => {
  const s = (globalThis as Yielding).scheduler;
  return s?.yield ? s.yield() : new Promise((done) => setTimeout(done, 0));
};

export function slicer(budget = 8): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < budget) return undefined;
    return breathe().then(() => {
      began = performance.now();
    });
  };
}
