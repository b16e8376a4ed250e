// The worker of its owner's files: it seals what is brought and opens what is fetched. It
// is told the secret of one file at a time, and knows no folder.
import { sealedSize } from "../files/index.ts";
import { Failure, type Fetch } from "../shared/fetching.ts";
import { Opened, type Port } from "../shared/opened.ts";
import type { Ask, Sent, Stored, Told } from "./line.ts";
import { type Shelf, noShelf } from "./shelf.ts";
import { Lanes, Upload } from "./upload.ts";
import type { Wire } from "./wire.ts";
import { Zipping } from "./zip.ts";

export class DriveKeeper {
  #open = new Map<number, Opened | Zipping>();
  #uploads = new Map<number, Upload>();
  #lanes = new Lanes();

  constructor(private readonly wire: Wire, private readonly say: (what: number, e: Told) => void, private readonly shelf: Shelf = noShelf) {}

  async do(ask: Ask, port?: Port): Promise<unknown> {
    switch (ask.do) {
      case "put": return this.#put(ask.what, ask.file);
      case "open": return void this.#open.set(ask.what, new Opened({ size: sealedSize(ask.of.length), head: ask.of, source: this.#source(ask.of) }, (e) => this.say(ask.what, e)));
      case "zip": return void this.#open.set(ask.what, new Zipping(ask.name, ask.parts, (of) => this.#source(of), (e) => this.say(ask.what, e)));
      case "read": return this.#file(ask.what).read(ask.from, ask.to);
      case "serve": return port && this.#serve(ask, port);
      case "pause": return this.#going(ask.what)?.pause(ask.on);
      case "stop": return this.#going(ask.what)?.stop();
      case "close": return this.#close(ask.what);
      case "wake": for (const one of [...this.#uploads.values(), ...this.#open.values()]) one.wake();
    }
  }

  async #put(what: number, file: Blob): Promise<Sent> {
    const upload = new Upload(file, this.wire, this.#lanes, (e) => this.say(what, e), this.shelf);
    this.#uploads.set(what, upload);
    try {
      return await upload.run();
    } finally {
      this.#uploads.delete(what);
    }
  }

  #source(of: Stored): () => Promise<Fetch> {
    return async () => (range, signal) => this.wire.range(`/files/${of.id}/content`, range, signal);
  }
  #file(what: number): Opened {
    const o = this.#open.get(what);
    if (!(o instanceof Opened)) throw new Failure("gone");
    return o;
  }
  async #serve(ask: Ask & { do: "serve" }, port: Port): Promise<void> {
    const o = this.#open.get(ask.what);
    if (o instanceof Zipping) o.serve(port);
    else await this.#file(ask.what).serve(ask, port);
  }
  #going(what: number): Upload | Opened | Zipping | undefined {
    return this.#uploads.get(what) ?? this.#open.get(what);
  }
  #close(what: number): void {
    this.#open.get(what)?.stop();
    this.#open.delete(what);
  }
}
