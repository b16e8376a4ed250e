// Where an archive goes: into one file where the browser lets a page write files, else in
// parts that it saves one after the other.

import type { Sink, Target } from "../model/moving.ts";

const step = 1 << 20; // bytes written at once
const spill = 16 << 20; // bytes after which a part's beginning is handed to the browser's own store
export const partSize = 512 << 20;

interface SaveHandle { createWritable(): Promise<{ write(d: Uint8Array<ArrayBuffer>): Promise<void>; close(): Promise<void>; abort(): Promise<void> }> }
type Picker = (o: { suggestedName: string; types: { description: string; accept: { [type: string]: string[] } }[] }) => Promise<SaveHandle>;

const picker = (): Picker | undefined => (globalThis as { showSaveFilePicker?: Picker }).showSaveFilePicker;
export const savesOneFile = (): boolean => picker() !== undefined;

// null: its owner chose none.
export async function chooseTarget(name: string, save: (name: string, data: Blob) => void): Promise<Target | null> {
  const pick = picker();
  if (pick === undefined) return { part: partSize, open: async (n) => inParts((blob) => save(`${name}-${n}.zip`, blob)) };
  try {
    const handle = await pick({ suggestedName: `${name}.zip`, types: [{ description: "ZIP", accept: { "application/zip": [".zip"] } }] });
    return { part: 0, open: async () => buffered(await handle.createWritable()) };
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") return null;
    throw e;
  }
}

// Small pieces are written together.
export function buffered(to: Sink): Sink {
  let [held, size] = [[] as Uint8Array<ArrayBuffer>[], 0];
  const flush = async () => {
    const out = new Uint8Array(size);
    let at = 0;
    for (const p of held) {
      out.set(p, at);
      at += p.length;
    }
    [held, size] = [[], 0];
    if (out.length > 0) await to.write(out);
  };
  return {
    async write(d) {
      held.push(d);
      size += d.length;
      if (size >= step) await flush();
    },
    async close() {
      await flush();
      await to.close();
    },
    abort: () => to.abort(),
  };
}

function inParts(save: (blob: Blob) => void): Sink {
  let whole = new Blob([]);
  let [held, size] = [[] as Uint8Array<ArrayBuffer>[], 0];
  const gather = () => {
    whole = new Blob([whole, ...held]);
    [held, size] = [[], 0];
  };
  return {
    async write(d) {
      held.push(d);
      size += d.length;
      if (size >= spill) gather();
    },
    async close() {
      gather();
      save(whole);
    },
    async abort() {},
  };
}
