// The owner's upload requests, and what strangers brought by them: nobody has proved who
// they are. What comes is the owner's when he takes it over, into a folder of the drive.

import { signal, type ReadonlySignal } from "@preact/signals";
import { type Head, objectId } from "../../files/head.ts";
import { type FileEntry, root } from "../../files/folder.ts";
import { sealedSize } from "../../files/sizes.ts";
import { fromBase64, toBase64 } from "../../vault/bytes.ts";
import type { Vault } from "../../vault/vault.ts";
import type { File, FileRequest, FileRequests, Files, NewFileRequest } from "../../wire/api.ts";
import { ApiError, type Api } from "../../wire/http.ts";
import type { App, Cabinet, Desk } from "../types.ts";
import type { Drive } from "./drive.ts";
import { type AskNote, Notes } from "./notes.ts";

export interface AskView {
  id: string;
  title: string;
  note: string;
  folder: string; // of the drive, where what comes is put
  url: string; // whole; empty: this account's devices do not have it
  created: number; // ms, as all times
  ends: number;
  files: number; // that came or are on their way,
  mostFiles: number; // of so many
  bytes: number;
  mostBytes: number;
  state: FileRequest["state"];
}

/** A file that somebody brought and that was not taken over. */
export interface Came {
  id: string;
  request: string;
  created: number;
  size: number; // sealed
  head: Head | null; // null: it does not open, whoever made it
}

export interface NewAsk {
  title: string;
  note: string;
  files: number;
  bytes: number; // of content; what is stored is a little more
  folder: string;
  ends?: number; // ms; else the server's usual week
}

export interface AsksParts {
  api: Api;
  vault: Pick<Vault, "makeAsk" | "openDrop">;
  cabinet: Cabinet;
  drive(): Promise<Pick<Drive, "add">>;
  origin: string;
}

const mostPages = 100; // of what was brought, asked for one after the other

export class Asks {
  readonly #asks = signal<readonly AskView[] | null>(null);
  readonly #came = signal<readonly Came[] | null>(null);
  readonly #notes: Notes<AskNote>;

  constructor(private readonly parts: AsksParts) {
    this.#notes = Notes.ofRequests(parts.cabinet);
  }

  /** The newest first; null until load. */
  get asks(): ReadonlySignal<readonly AskView[] | null> {
    return this.#asks;
  }
  /** What came, the newest first; null until load. */
  get came(): ReadonlySignal<readonly Came[] | null> {
    return this.#came;
  }

  async load(): Promise<void> {
    await this.parts.cabinet.refresh().catch(() => {}); // offline it fails below
    const known = this.#notes.known();
    const [{ requests }, came] = await Promise.all([this.parts.api.get<FileRequests>("/requests"), this.#brought()]);
    const have = new Set(known.map((k) => k.id)), there = new Set(requests.map((r) => r.id));
    const notes = await this.#notes.readAll(requests.map((r) => r.id).filter((id) => have.has(id)));
    this.#asks.value = requests.map((r) => this.#view(r, notes.get(r.id) ?? null)).sort((a, b) => b.created - a.created);
    this.#came.value = came.sort((a, b) => b.created - a.created);
    // What the server has forgotten, and what nothing waits for any more.
    for (const k of known) if (!there.has(k.id) && !came.some((c) => c.request === k.id)) await this.#notes.drop(k.id);
  }

  #view(r: FileRequest, note: AskNote | null): AskView {
    return {
      id: r.id, title: note?.title ?? "", note: note?.note ?? "", folder: note?.folder ?? root, url: note ? `${this.parts.origin}/r/${r.id}#${note.fragment}` : "",
      created: Date.parse(r.created) || 0, ends: Date.parse(r.expires) || 0, files: r.files, mostFiles: r.most_files, bytes: r.bytes, mostBytes: r.most_bytes, state: r.state,
    };
  }

  async #brought(): Promise<Came[]> {
    const all: Came[] = [];
    for (let after = "", n = 0; n < mostPages; n++) {
      const page = await this.parts.api.get<Files>(`/files?brought=true${after && `&after=${after}`}`);
      for (const f of page.files) if (f.complete && f.request) all.push(await this.#open(f));
      after = page.files.at(-1)?.id ?? "";
      if (!page.more || !objectId.test(after)) break;
    }
    return all;
  }
  async #open(f: File): Promise<Came> {
    const request = f.request ?? "";
    let head: Head | null = null;
    try {
      head = await this.parts.vault.openDrop({ request, object: { id: f.id, size: f.size }, drop: fromBase64(f.head ?? "").buffer });
    } catch {
      // It is shown as what does not open.
    }
    return { id: f.id, request, created: Date.parse(f.created) || 0, size: f.size, head };
  }

  /** All or nothing: one that no device remembers is taken back. */
  async make(o: NewAsk): Promise<{ id: string; url: string }> {
    const { fragment, box } = await this.parts.vault.makeAsk({ title: o.title, note: o.note });
    const wish: NewFileRequest = { box: toBase64(new Uint8Array(box)), most_files: o.files, most_bytes: sealedSize(o.bytes), ...(o.ends && { expires: new Date(o.ends).toISOString() }) };
    const made = await this.parts.api.mutate<FileRequest>("POST", "/requests", wish);
    const note = { fragment, title: o.title, note: o.note, folder: o.folder };
    try {
      await this.#notes.keep(made.id, note);
    } catch (e) {
      await this.parts.api.mutate("DELETE", `/requests/${made.id}`).catch(() => {}); // nobody can be given it
      throw e;
    }
    const view = this.#view(made, note), now = this.#asks.peek();
    if (now) this.#asks.value = [view, ...now];
    return { id: made.id, url: view.url };
  }

  /** Takes nothing more by it, for good. What came stays. */
  async close(id: string): Promise<void> {
    const r = await this.parts.api.mutate<FileRequest>("PATCH", `/requests/${id}`, { revoked: true });
    this.#asks.value = this.#asks.peek()?.map((v) => (v.id === id ? { ...v, state: r.state } : v)) ?? null;
  }

  /** Forgets one. Its title stays as long as something that came by it waits. */
  async forget(id: string): Promise<void> {
    await this.parts.api.mutate("DELETE", `/requests/${id}`);
    this.#asks.value = this.#asks.peek()?.filter((v) => v.id !== id) ?? null;
    if (!this.#came.peek()?.some((c) => c.request === id)) await this.#notes.drop(id);
  }

  /**
   * Puts what came into its request's folder, under a name of its own: nothing of the owner's gets another content by it.
   * The folder comes first, since only there its secret is kept from then on; done once more it does no harm.
   */
  async take(c: Came): Promise<FileEntry> {
    if (!c.head) throw new Error("a file that opens was expected");
    const { name, type, length, secret, modified, hash } = c.head;
    const entry: FileEntry = { kind: "file", name, type, id: c.id, length, secret, modified: modified || c.created, hash, versions: [], trashed: 0 };
    const folder = this.#asks.peek()?.find((a) => a.id === c.request)?.folder ?? (await this.#notes.read(c.request))?.folder ?? root;
    const drive = await this.parts.drive();
    const placed = await drive.add(folder, entry, true).catch((e: unknown) => {
      if (folder === root || (e instanceof ApiError && e.temporary)) throw e;
      return drive.add(root, entry, true); // its folder is gone
    });
    await this.parts.api.mutate("POST", `/files/${c.id}/take`);
    this.#gone(c);
    return placed;
  }

  /** Deletes what came, for good; not what another device took over meanwhile: a folder leads there. */
  async refuse(c: Came): Promise<void> {
    await this.parts.api.mutate("DELETE", `/files/${c.id}?brought=true`).catch((e: unknown) => {
      if (!(e instanceof ApiError) || e.status !== 404) throw e;
    });
    this.#gone(c);
  }

  #gone(c: Came): void {
    this.#came.value = this.#came.peek()?.filter((x) => x.id !== c.id) ?? null;
  }
}

const made = new WeakMap<Desk, Asks>();

/** The one of a desk. */
export function asksOf(app: Pick<App, "api" | "vault">, desk: Desk, origin: string = location.origin): Asks {
  const asks = made.get(desk) ?? new Asks({ api: app.api, vault: app.vault, cabinet: desk.cabinet, drive: () => desk.drive(), origin });
  made.set(desk, asks);
  return asks;
}
