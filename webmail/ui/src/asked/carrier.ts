// The worker of an upload request's page: it seals files to the key that stands under the
// request's secret, and brings them as the drive's owner brings his (drive/upload.ts).
import { type Shelf, noShelf } from "../drive/shelf.ts";
import { Lanes, type Place, Upload } from "../drive/upload.ts";
import { type Wire, fetched } from "../drive/wire.ts";
import { type Ask as Wanted, cleanName, isFragment, openAsk, sealDrop } from "../files/index.ts";
import { validTime, validType } from "../files/head.ts";
import { Failure } from "../shared/fetching.ts";
import { fromBase64, toBase64 } from "../vault/bytes.ts";
import type { Drop } from "../wire/api.ts";
import type { Ask, Event, Told } from "./line.ts";

interface Open { id: string; ask: Wanted }

export class Carrier {
  #open: Open | null = null;
  #uploads = new Map<number, Upload>();
  #lanes = new Lanes();
  #wire: Wire;

  // Who brings a file is not told by a session that this browser may have here.
  constructor(fetch: typeof globalThis.fetch, private readonly say: (e: Event) => void, private readonly shelf: Shelf = noShelf) {
    this.#wire = fetched(fetch, "omit");
  }

  async do(ask: Ask): Promise<unknown> {
    switch (ask.do) {
      case "look": return this.#look(ask.id, ask.secret);
      case "bring": return this.#bring(ask.n, ask.file);
      case "stop": return this.#uploads.get(ask.n)?.stop();
      case "wake": return this.#uploads.forEach((u) => u.wake());
    }
  }

  async #look(id: string, secret: string): Promise<Told> {
    if (!isFragment(secret)) throw new Failure("gone");
    const d = await this.#wire.json<Drop>("GET", `/drops/${id}`).catch((e: unknown) => { throw e instanceof Failure && e.word === "gone" ? e : new Failure("offline"); });
    // A box that another key sealed is a link that is not whole: there is no request for it.
    const ask = await openAsk(secret, fromBase64(d.box)).catch(() => { throw new Failure("gone"); });
    this.#open = { id, ask };
    return { title: ask.title, note: ask.note, expires: Date.parse(d.expires) / 1000, files: d.files, bytes: d.bytes, report: d.report ?? "" };
  }

  async #bring(n: number, file: File): Promise<void> {
    if (!this.#open) throw new Failure("gone");
    const upload = new Upload(file, this.#wire, this.#lanes, (e) => { if (e.state !== "began") this.say({ n, state: e.state, have: e.have }); }, this.shelf, place(this.#open, file));
    this.#uploads.set(n, upload);
    try {
      await upload.run();
    } finally {
      this.#uploads.delete(n);
    }
  }
}

// To a request, with what its owner is to know of the file.
function place({ id, ask }: Open, file: File): Place {
  const type = file.type.toLowerCase();
  return {
    path: `/drops/${id}/files`, asks: false,
    last: async ({ id: object, size, length, secret }) => ({
      head: toBase64(await sealDrop(ask, id, { id: object, size }, {
        name: cleanName(file.name) || "_", type: validType(type) ? type : "", length, secret, modified: validTime(file.lastModified) ? file.lastModified : 0, hash: null,
      })),
    }),
  };
}
