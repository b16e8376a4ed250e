// Deleting for good: what is doomed, with all that is in it. Nobody is led there any more
// when this begins; objects go many at a time, and then the folders that held them.

import { type Entry, maxDepth } from "../../files/index.ts";
import { ApiError, type Api } from "../../wire/http.ts";
import type { Boxes } from "./boxes.ts";
import * as tree from "./tree.ts";
import { DriveError } from "./tree.ts";

const MOST = 256; // objects in one request
const SWAPS = 20;

interface Emptied { id: string; version: number; above: readonly string[] } // a folder all of whose entries are doomed

export class Removal {
  #ids: string[] = [];
  #boxes: Emptied[] = [];
  #swaps = 0;

  constructor(private readonly api: Api, private readonly boxes: Boxes, private readonly now: () => number) {}

  async entry(e: Entry, above: readonly string[]): Promise<void> {
    if (e.kind === "file") {
      this.#ids.push(...tree.idsOf(e));
      if (this.#ids.length >= MOST) await this.flush();
      return;
    }
    if (above.includes(e.id) || above.length > maxDepth) throw new DriveError("damaged");
    await this.#folder(e.id, above);
  }

  // All in it is doomed before any of it goes: another device that is moving a file out of
  // it finds that it is not what it was, and leaves it there.
  async #folder(id: string, above: readonly string[]): Promise<void> {
    let now: { value: Entry[]; version: number };
    try {
      now = await this.boxes.changed(id, (f) => tree.doom(f, null, this.now()));
    } catch (e) {
      if (e instanceof DriveError && e.word === "gone") return; // it went before
      throw e;
    }
    for (const below of now.value) await this.entry(below, [...above, id]);
    this.#boxes.push({ id, version: now.version, above });
    if (this.#boxes.length >= MOST) await this.flush();
  }

  /** Deletes what was gathered: objects, then the folders that were emptied by that. */
  async flush(): Promise<void> {
    const ids = this.#ids, boxes = this.#boxes;
    [this.#ids, this.#boxes] = [[], []];
    while (ids.length > 0) {
      const some = ids.splice(0, MOST), { files } = await this.api.removeFiles(some);
      const later = files.filter((f) => f.outcome !== "gone" && some.includes(f.id)).map((f) => f.id);
      if (later.length >= some.length) throw new DriveError("busy");
      ids.unshift(...later);
    }
    for (const [i, b] of boxes.entries()) {
      try {
        await this.boxes.drop(b.id, b.version);
      } catch (e) {
        if (!(e instanceof ApiError) || e.word !== "conflict" || ++this.#swaps > SWAPS) throw e;
        await this.#folder(b.id, b.above); // another device put something into it
        this.#boxes.push(...boxes.slice(i + 1));
        return this.flush();
      }
    }
  }
}
