// Sealed parts on this device's disk, from when they are full until the server has them.
// Chromium keeps what a request sent in memory until it happens to collect garbage, once
// more in the service worker, and does not count it as a reason to: a body from the disk
// is read as it goes. What lies here is what the server gets, and no key.
import type { Bytes } from "../vault/bytes.ts";

/** A part to be sent. reused: its octets are on the disk, and the memory they came in is free. */
export interface Body { content: Bytes | Blob; reused: boolean; done(): void }
export interface Shelf {
  put(octets: Bytes): Promise<Body>;
  clear(): Promise<void>; // when an upload is over: what nobody sends any more goes
}

/** For who has no disk, or little to send. */
export const noShelf: Shelf = {
  put: async (content) => ({ content, reused: false, done: () => {} }),
  clear: async () => {},
};

const folder = "sealed-parts";
const lockOf = (worker: string): string => `${folder} ${worker}`;
interface Disk { at: FileSystemDirectoryHandle; mine: string }

// This worker's places have a name that is locked while it lives: others', which nobody
// locks any more, were left by a tab that was closed.
async function open(): Promise<Disk> {
  const at = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  const mine = crypto.randomUUID();
  await new Promise<void>((held, fail) => void navigator.locks.request(lockOf(mine), () => { held(); return new Promise(() => {}); }).catch(fail));
  const names: string[] = [];
  for await (const name of (at as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
  const { held = [] } = await navigator.locks.query(), alive = new Set(held.map((l) => l.name)); // asked second: who has places has had the lock before
  for (const name of names) if (!alive.has(lockOf(name.slice(0, mine.length)))) await at.removeEntry(name).catch(() => {});
  return { at, mine };
}

/** Where the browser lends a disk; a private window may not, and one that is full stops doing so. */
export function browserShelf(): Shelf {
  const free: string[] = [];
  let disk: Promise<Disk> | null = null, made = 0, used = 0, broken = false;
  const write = async (name: string, octets: Bytes): Promise<Blob> => {
    const file = await (await disk!).at.getFileHandle(name, { create: true });
    const to = await file.createSyncAccessHandle();
    try {
      to.truncate(octets.length);
      if (to.write(octets, { at: 0 }) !== octets.length) throw new Error("not all of it was written");
    } finally {
      to.close();
    }
    const content = await file.getFile();
    if (content.size !== octets.length) throw new Error("another length was expected");
    return content;
  };
  return {
    async put(octets) {
      if (broken) return noShelf.put(octets);
      let name = "";
      try {
        const { mine } = await (disk ??= open());
        name = free.pop() ?? `${mine}-${made++}`;
        used++;
        const content = await write(name, octets);
        return { content, reused: true, done: () => { used--; free.push(name); } };
      } catch {
        broken = true; // it goes from memory, then
        if (name !== "") { used--; free.push(name); }
        return noShelf.put(octets);
      }
    },
    async clear() {
      const d = await disk?.catch(() => null);
      if (!d || used > 0) return;
      for (const name of free.splice(0)) await d.at.removeEntry(name).catch(() => {});
    },
  };
}
