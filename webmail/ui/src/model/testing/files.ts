// The files of a server in memory, and a worker of files on a network that can be cut.

import { DriveKeeper } from "../../drive/keeper.ts";
import type { FilesClient, Heard } from "../../drive/line.ts";
import { fetched } from "../../drive/wire.ts";
import { Failure } from "../../shared/fetching.ts";
import { type Port, wordOf } from "../../shared/opened.ts";
import type * as t from "../../wire/api.ts";
import { type TransferHost } from "../drive/transfers.ts";
import type { FakeClient } from "./server.ts";

interface Stored { size: number; parts: (Uint8Array | undefined)[]; complete: boolean }
const problem = (status: number, word: string): Response => new Response(JSON.stringify({ type: `urn:sealpost:problem:${word}`, status }), { status });
const json = (v: unknown, status = 200): Response => new Response(JSON.stringify(v), { status, headers: { "Content-Type": "application/json" } });

export class FakeFiles {
  readonly all = new Map<string, Stored>();
  part = 8 << 20;
  room = Infinity;
  #next = 0;

  get used(): number {
    return [...this.all.values()].reduce((n, f) => n + f.size, 0);
  }
  octets(id: string): Uint8Array {
    const f = this.all.get(id)!, out = new Uint8Array(f.size);
    f.parts.forEach((p, i) => p && out.set(p, i * this.part));
    return out;
  }
  #line(id: string, f: Stored): t.File {
    return { id, size: f.size, part: this.part, parts: f.parts.length, created: "", complete: f.complete, have: f.parts.flatMap((p, i) => (p ? [i] : [])).join() };
  }

  answer(method: string, p: string[], headers: Headers, body: ArrayBuffer, sent: Record<string, unknown>, query = new URLSearchParams()): Response {
    if (p[1] === "batch" && method === "DELETE") {
      const ids = (query.get("ids") ?? "").split(",");
      if (ids.length > 256) return problem(422, "bad-input");
      return json({ files: ids.map((id) => { this.all.delete(id); return { id, outcome: "gone" }; }) });
    }
    if (p.length === 1) {
      const size = Number(sent["size"]), id = `f${++this.#next}`.padEnd(22, "A");
      if (this.used + size > this.room) return problem(507, "over-quota");
      this.all.set(id, { size, parts: Array.from({ length: Math.ceil(size / this.part) }), complete: false });
      return json(this.#line(id, this.all.get(id)!), 201);
    }
    const id = p[1]!, f = this.all.get(id);
    if (!f) return problem(404, "not-found");
    if (p[2] === "parts") {
      const n = Number(p[3]);
      if (body.byteLength !== Math.min(this.part, f.size - n * this.part)) return problem(400, "bad-input");
      f.parts[n] = new Uint8Array(body);
      return new Response(null, { status: 204 });
    }
    if (p[2] === "complete") {
      if (f.parts.includes(undefined)) return problem(409, "missing");
      f.complete = true;
    }
    if (method === "DELETE") {
      this.all.delete(id);
      return new Response(null, { status: 204 });
    }
    if (p[2] === "content") {
      const all = this.octets(id), [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.get("Range") ?? "") ?? [];
      const last = to === "" ? all.length - 1 : Number(to);
      return new Response(all.slice(Number(from), last + 1), { status: 206, headers: { "Content-Range": `bytes ${from}-${last}/${all.length}` } });
    }
    return json(this.#line(id, f));
  }
}

/** The worker of files in this process. */
export function fakeHost(net: Pick<FakeClient, "fetch">): TransferHost & { kept: { name: string; content: Blob }[] } {
  let hear: (e: Heard) => void = () => {};
  const keeper = new DriveKeeper(fetched(net.fetch, "same-origin"), (what, told) => hear({ what, told }));
  const client: FilesClient = {
    ask: <T>(ask: Parameters<DriveKeeper["do"]>[0], port?: MessagePort) => keeper.do(ask, port as unknown as Port | undefined).catch((e: unknown) => { throw e instanceof Failure ? e : new Failure(wordOf(e)); }) as Promise<T>,
    on: (f) => { hear = f; },
    close: () => {},
  };
  const kept: { name: string; content: Blob }[] = [];
  return { client, bringer: async () => null, onFile: () => () => {}, save: () => {}, keep: (name, content) => void kept.push({ name, content }), kept };
}
