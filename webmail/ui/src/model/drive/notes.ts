// What the owner's devices remember of a link or an upload request: what stands behind its
// #, which no server has, and what it was made for. Boxes of drawer "drive" beside the
// folders, under names that no folder has (docs/formats.md, "Files"). Never a password.

import { numberOf, parse, stringOf, type Json } from "../../files/head.ts";
import { drawer, root } from "../../files/folder.ts";
import { isFragment } from "../../files/link.ts";
import { validName } from "../../files/names.ts";
import { maxLength } from "../../files/sizes.ts";
import { utf8 } from "../../vault/bytes.ts";
import { pad } from "../cache.ts";
import type { Cabinet } from "../types.ts";

export interface LinkNote { fragment: string; name: string; length: number }
export interface AskNote { fragment: string; title: string; note: string; folder: string } // folder: of the drive, where what comes is put

type Kind = "link" | "request";
const lanes = 6;
const nameOf = (kind: Kind, id: string) => `${kind}-${id}`;
const idOf = (kind: Kind, name: string) => new RegExp(`^${kind}-([\\w-]{16,64})$`).exec(name)?.[1];

function linkFrom(o: Json): LinkNote | null {
  const n = { fragment: stringOf(o, "fragment"), name: stringOf(o, "name"), length: numberOf(o, "length") };
  return isFragment(n.fragment) && validName(n.name) && n.length >= 0 && n.length <= maxLength ? n : null;
}

function askFrom(o: Json): AskNote | null {
  const n = { fragment: stringOf(o, "fragment"), title: stringOf(o, "title"), note: stringOf(o, "note"), folder: stringOf(o, "folder") || root };
  return isFragment(n.fragment) && [...n.title].length <= 200 && [...n.note].length <= 500 && (n.folder === root || /^[0-9a-f]{32}$/.test(n.folder)) ? n : null;
}

export class Notes<N extends LinkNote | AskNote> {
  private constructor(private readonly cabinet: Cabinet, private readonly kind: Kind, private readonly from: (o: Json) => N | null) {}

  static ofLinks = (cabinet: Cabinet) => new Notes<LinkNote>(cabinet, "link", linkFrom);
  static ofRequests = (cabinet: Cabinet) => new Notes<AskNote>(cabinet, "request", askFrom);

  async keep(id: string, note: N): Promise<void> {
    await this.cabinet.write(drawer, nameOf(this.kind, id), 0, pad(utf8(JSON.stringify({ v: 1, ...note }))).buffer);
  }

  // null: there is none (another program made it), or it does not open.
  async read(id: string): Promise<N | null> {
    const data = await this.cabinet.read(drawer, nameOf(this.kind, id));
    if (!data) return null;
    try {
      const o = parse(new Uint8Array(data));
      return o["v"] === 1 ? this.from(o) : null;
    } catch {
      return null;
    }
  }

  async readAll(ids: readonly string[]): Promise<Map<string, N>> {
    const out = new Map<string, N>();
    const queue = [...ids];
    const work = async () => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
        const note = await this.read(id);
        if (note) out.set(id, note);
      }
    };
    await Promise.all(Array.from({ length: lanes }, work));
    return out;
  }

  // Ids that this device knows notes of. Taken before the server is asked for its list, what
  // is only here belongs to what the server has forgotten.
  known(): { id: string; version: number }[] {
    return this.cabinet.list(drawer).flatMap((b) => {
      const id = idOf(this.kind, b.name);
      return id === undefined ? [] : [{ id, version: b.version }];
    });
  }

  async drop(id: string): Promise<void> {
    const at = this.known().find((k) => k.id === id);
    if (at) await this.cabinet.remove(drawer, nameOf(this.kind, id), at.version).catch(() => {}); // the next look tries again
  }
}
