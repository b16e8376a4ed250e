// The worker of a link's page: it opens the link, and gives the file to whoever may have
// it, piece by piece. The secrets of link and file do not leave it.
import { OpenedLink, type Head, isFragment } from "../files/index.ts";
import { fromBase64, toBase64 } from "../vault/bytes.ts";
import type { SharedDownload, SharedFile } from "../wire/api.ts";
import { Failure, type Fetch } from "./fetching.ts";
import type { Ask, Event, Told } from "./line.ts";
import { Opened, type Port } from "./opened.ts";

export { type Port, cut, wordOf } from "./opened.ts";

const patience = 60_000; // ms, for a few words

interface Open { id: string; proof: string; size: number; head: Head }

export class Keeper {
  #opened: Opened | null = null;
  #ticket: Promise<string> | null = null;

  constructor(private readonly fetch: typeof globalThis.fetch, private readonly say: (e: Event) => void) {}

  async do(ask: Ask, port?: Port): Promise<unknown> {
    switch (ask.do) {
      case "look": return this.#look(ask.id, ask.secret, ask.password);
      case "read": return this.#whole().read(ask.from, ask.to);
      case "serve": return port && this.#whole().serve(ask, port);
      case "pause": return this.#opened?.pause(ask.on);
      case "wake": return this.#opened?.wake();
      case "stop": return this.#opened?.stop();
    }
  }

  async #look(id: string, secret: string, password: string): Promise<Told> {
    if (!isFragment(secret)) throw new Failure("gone");
    const seen = await this.#json<SharedFile>(`/${id}`, "GET", {});
    const kdf = seen.kdf ? fromBase64(seen.kdf) : new Uint8Array(0);
    if (kdf.length > 0 && password === "") throw new Failure("password");
    const link = await OpenedLink.with(secret, password, kdf);
    const proof = toBase64(link.proof);
    try {
      const told = seen.box ? seen : await this.#json<SharedFile>(`/${id}`, "GET", { "Link-Proof": proof });
      const head = await link.head({ id: told.file, size: told.size }, fromBase64(told.box ?? ""));
      const o = { id, proof, size: told.size, head };
      this.#opened = new Opened({ ...o, source: () => this.#source(o) }, this.say);
      return { name: head.name, type: head.type, length: head.length, expires: Date.parse(told.expires) / 1000, left: told.left ?? null, report: told.report ?? "", password: kdf.length > 0 };
    } catch (e) {
      if (e instanceof Failure && e.word !== "gone") throw e;
      // There is a link, and it does not open: the password is another, or else the secret.
      throw new Failure(kdf.length > 0 ? "wrong" : "gone");
    }
  }

  // One for as long as the page is open: it is one download, however often it breaks.
  #pass(o: Open): Promise<string> {
    this.#ticket ??= this.#json<SharedDownload>(`/${o.id}/download`, "POST", { "Link-Proof": o.proof }).then((d) => d.ticket);
    this.#ticket.catch(() => (this.#ticket = null));
    return this.#ticket;
  }

  async #json<T>(path: string, method: string, headers: Record<string, string>): Promise<T> {
    try {
      const r = await this.fetch(`/api/v1/shared${path}`, { ...asked(headers), method, signal: AbortSignal.timeout(patience) });
      if (r.status === 404) throw new Failure("gone");
      if (!r.ok) throw new Failure(r.status === 429 ? "slow-down" : "offline");
      return (await r.json()) as T;
    } catch (e) {
      throw e instanceof Failure ? e : new Failure("offline");
    }
  }

  async #source(o: Open): Promise<Fetch> {
    const ticket = await this.#pass(o);
    return (range, signal) => this.fetch(`/api/v1/shared/${o.id}/content`, { ...asked({ "Link-Ticket": ticket, Range: range }), signal });
  }

  #whole(): Opened {
    if (!this.#opened) throw new Failure("gone");
    return this.#opened;
  }
}

const asked = (headers: Record<string, string>): RequestInit => ({ headers, credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" });
