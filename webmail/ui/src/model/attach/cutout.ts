// What the owner's server took out of a mail on its arrival: a file of the owner's drive
// that goes with its mail, unless its owner keeps it. Nothing is asked of any server before
// somebody wants it, and never the link that stands in the mail.

import type { FileEntry } from "../../files/folder.ts";
import { sealedSize } from "../../files/sizes.ts";
import { written } from "../../files/stub.ts";
import { equal } from "../../vault/bytes.ts";
import type { CutPart, CutPlace } from "../../vault/vault.ts";
import type { File } from "../../wire/api.ts";
import { ApiError, type Api } from "../../wire/http.ts";
import type { Drive } from "../drive/drive.ts";

export interface Wanted { name: string; type: string; size: number; cut: CutPart }
export interface CutOut {
  kept: boolean; // its owner took it over: it stands in a folder
  save(): Promise<void>; // to this device's disk, as it comes
  whole(most: number): Promise<Blob>; // compared with what was cut out
  keep(folder: string): Promise<void>; // puts it into the drive
}
type Doors = { api: Pick<Api, "get" | "mutate">; drive(): Promise<Drive> };

// gone: the file is not there any more, or is another.
export async function askCut({ api, drive }: Doors, p: Wanted): Promise<CutOut | "gone" | "failed"> {
  try {
    const file = await api.get<File>(`/files/${p.cut.object}`);
    if (!file.complete || file.size !== sealedSize(p.size)) return "gone";
    return cutOut(api, await drive(), p, !file.mail);
  } catch (e) {
    return e instanceof ApiError && e.status === 404 ? "gone" : "failed";
  }
}

function cutOut(api: Pick<Api, "mutate">, drive: Drive, p: Wanted, kept: boolean): CutOut {
  const entry: FileEntry = { kind: "file", name: p.name || "attachment", type: p.type, id: p.cut.object, secret: p.cut.secret, length: p.size, modified: Date.now(), hash: p.cut.hash, versions: [], trashed: 0 };
  const whole = async (most: number) => {
    const b = await drive.blob(entry, most);
    if (!equal(new Uint8Array(await crypto.subtle.digest("SHA-256", await b.arrayBuffer())), p.cut.hash)) throw new Error("it is not what was cut out");
    return b;
  };
  return {
    kept,
    whole,
    save: () => drive.save(entry),
    keep: async (folder) => {
      // One object stands in one folder: what was kept before comes again as a file of its own.
      if (kept) return void (await drive.put(await whole(mostKept), { folder, name: entry.name, type: p.type, beside: true }));
      await api.mutate("POST", `/files/${p.cut.object}/take`);
      kept = true;
      await drive.add(folder, entry, true);
    },
  };
}

const mostKept = 2 ** 31; // bytes that go through this page
export const mostWhole = 64 << 20; // bytes that are forwarded, looked at or put back in memory

// The mail as it arrived, octet for octet; null: not all of it can be had.
export async function putBack(source: ArrayBuffer, cuts: readonly CutPlace[], content: (p: Wanted) => Promise<Content>): Promise<Blob | null> {
  const out: BlobPart[] = [];
  let from = 0;
  for (const { at, length, part } of cuts) {
    const got = await content({ name: part.name, type: "", size: part.size, cut: part });
    if (typeof got === "string" || at < from) return null;
    out.push(source.slice(from, at), ...written(part, new Uint8Array(got.data)));
    from = at + length;
  }
  return new Blob([...out, source.slice(from)]);
}

export type Content = { name: string; type: string; data: ArrayBuffer } | "gone" | "failed";

export async function contentOf(doors: Doors, p: Wanted): Promise<Content> {
  const got = await askCut(doors, p);
  if (typeof got === "string") return got;
  try {
    return { name: p.name, type: p.type, data: await (await got.whole(mostWhole)).arrayBuffer() };
  } catch {
    return "failed";
  }
}
