// Several files as one archive that is written while it is saved: no more of it is in
// memory than one piece, and its size is known before it begins.
import { sealedSize } from "../files/index.ts";
import { ZipWriter } from "../move/zip.ts";
import { Failure } from "../shared/fetching.ts";
import { Opened, type Port, type Stored as Source, give } from "../shared/opened.ts";
import { utf8 } from "../vault/bytes.ts";
import type { Event, Stored, ZipPart } from "./line.ts";

const perEntry = 50 + 24 + 46 + 28; // as move/zip.ts writes them, without the name that stands there twice
const atEnd = 56 + 20 + 22;

export const zipSize = (parts: readonly ZipPart[]): number =>
  parts.reduce((sum, p) => sum + perEntry + 2 * utf8(p.path).length + (p.of?.length ?? 0), atEnd);

export class Zipping {
  #now: Opened | null = null;
  #paused = false;
  #stopped = false;

  constructor(private readonly name: string, private readonly parts: ZipPart[], private readonly source: (of: Stored) => Source["source"], private readonly say: (e: Event) => void) {}

  pause(on: boolean): void {
    this.#paused = on;
    this.#now?.pause(on);
  }
  wake(): void {
    this.#now?.wake();
  }
  stop(): void {
    this.#stopped = true;
    this.#now?.stop();
  }

  serve(port: Port): void {
    const size = zipSize(this.parts);
    give(port, { save: true, type: "", name: this.name, size, from: 0, to: size, part: false }, this.#write(), () => this.stop());
  }

  async *#write(): AsyncGenerator<Uint8Array> {
    let out: Uint8Array[] = [], before = 0, over = false;
    const zip = new ZipWriter(async (data) => { out.push(data); });
    const drain = () => { const all = out; out = []; return all; };
    try {
      for (const p of this.parts) {
        await zip.begin(p.path, Math.floor(p.modified / 1000));
        for await (const piece of p.of ? this.#file(p.of, before) : []) {
          await zip.more(piece);
          yield* drain();
        }
        before += p.of?.length ?? 0;
        await zip.end();
        yield* drain();
      }
      await zip.finish();
      yield* drain();
      over = true;
      this.say({ state: "done", have: before });
    } finally {
      if (!over && this.#stopped) this.say({ state: "stopped", have: before, word: "stopped" });
    }
  }

  #file(of: Stored, before: number): AsyncGenerator<Uint8Array> {
    if (this.#stopped) throw new Failure("stopped");
    const source = { size: sealedSize(of.length), head: of, source: this.source(of) };
    this.#now = new Opened(source, (e) => { if (e.state !== "done") this.say({ ...e, have: before + e.have }); });
    this.#now.pause(this.#paused);
    return this.#now.whole();
  }
}
