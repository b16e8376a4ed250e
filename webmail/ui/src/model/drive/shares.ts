// The owner's links to files: made here, counted and ended by the server, which has
// neither what stands behind the # nor a password. A password is kept nowhere.

import { signal, type ReadonlySignal } from "@preact/signals";
import { headOf, type FileEntry } from "../../files/folder.ts";
import { sealedSize } from "../../files/sizes.ts";
import { toBase64 } from "../../vault/bytes.ts";
import type { Vault } from "../../vault/vault.ts";
import type { FileLink, FileLinkChange, FileLinks, NewFileLink } from "../../wire/api.ts";
import type { Api } from "../../wire/http.ts";
import type { App, Cabinet, Desk } from "../types.ts";
import { type LinkNote, Notes } from "./notes.ts";

export interface LinkView {
  id: string;
  file: string; // id of the object
  name: string; // as who opens it sees it; empty: another program made it, and kept nothing
  length: number;
  url: string; // whole; empty: this account's devices do not have it
  password: boolean;
  created: number; // ms, as all times
  ends: number;
  most: number; // downloads; 0: no limit
  count: number; // that were begun
  used: readonly number[]; // when, the last 50, the newest first
  state: FileLink["state"];
}

export interface Wish {
  ends?: number; // ms; else the server's usual week
  most?: number;
  password?: string;
}

export interface SharesParts {
  api: Api;
  vault: Pick<Vault, "makeLink">;
  cabinet: Cabinet;
  origin: string; // https://host
}

const time = (text: string): number => Date.parse(text) || 0;
const iso = (ms: number): string => new Date(ms).toISOString();

export class Shares {
  readonly #links = signal<readonly LinkView[] | null>(null);
  readonly #notes: Notes<LinkNote>;

  constructor(private readonly parts: SharesParts) {
    this.#notes = Notes.ofLinks(parts.cabinet);
  }

  /** The owner's links, the newest first; null until load. */
  get links(): ReadonlySignal<readonly LinkView[] | null> {
    return this.#links;
  }

  async load(): Promise<void> {
    await this.parts.cabinet.refresh().catch(() => {}); // offline it fails below
    const known = this.#notes.known();
    const { links } = await this.parts.api.get<FileLinks>("/links");
    const there = new Set(links.map((l) => l.id));
    const have = new Set(known.map((k) => k.id));
    const notes = await this.#notes.readAll(links.map((l) => l.id).filter((id) => have.has(id)));
    this.#links.value = links.map((l) => this.#view(l, notes.get(l.id) ?? null)).sort((a, b) => b.created - a.created);
    for (const k of known) if (!there.has(k.id)) await this.#notes.drop(k.id); // the server has forgotten it
  }

  #view(l: FileLink, note: LinkNote | null): LinkView {
    return {
      id: l.id, file: l.file, name: note?.name ?? "", length: note?.length ?? 0, url: note ? this.#url(l.id, note.fragment) : "",
      password: (l.kdf ?? "") !== "", created: time(l.created), ends: time(l.expires), most: l.most, count: l.count, used: l.downloads.map(time), state: l.state,
    };
  }
  #url(id: string, fragment: string): string {
    return `${this.parts.origin}/f/${id}#${fragment}`;
  }

  /** A link to the newest content of a file. All or nothing: one that no device remembers is taken back. */
  async makeLink(entry: FileEntry, o: Wish = {}): Promise<{ id: string; url: string }> {
    const object = { id: entry.id, size: sealedSize(entry.length) };
    const { fragment, kdf, box, check } = await this.parts.vault.makeLink({ object, head: headOf(entry), password: o.password ?? "" });
    const wish: NewFileLink = {
      file: entry.id, box: base64(box), check: base64(check), ...(kdf.byteLength > 0 && { kdf: base64(kdf) }),
      ...(o.ends && { expires: iso(o.ends) }), ...(o.most && { most: o.most }),
    };
    const made = await this.parts.api.mutate<FileLink>("POST", "/links", wish);
    const note = { fragment, name: entry.name, length: entry.length };
    try {
      await this.#notes.keep(made.id, note);
    } catch (e) {
      await this.parts.api.mutate("DELETE", `/links/${made.id}`).catch(() => {}); // nobody has it: what stands behind its # is gone
      throw e;
    }
    const now = this.#links.peek();
    if (now) this.#links.value = [this.#view(made, note), ...now];
    return { id: made.id, url: this.#url(made.id, fragment) };
  }

  async change(id: string, o: { ends?: number; most?: number }): Promise<void> {
    await this.#patch(id, { ...(o.ends !== undefined && { expires: iso(o.ends) }), ...(o.most !== undefined && { most: o.most }) });
  }

  /** Ends it for good. It stays in the list, with its counts. */
  async revoke(id: string): Promise<void> {
    await this.#patch(id, { revoked: true });
  }

  async #patch(id: string, change: FileLinkChange): Promise<void> {
    const l = await this.parts.api.mutate<FileLink>("PATCH", `/links/${id}`, change);
    this.#links.value = this.#links.peek()?.map((v) => (v.id === id ? { ...this.#view(l, null), name: v.name, length: v.length, url: v.url } : v)) ?? null;
  }

  /** Ends it and forgets it, with its counts. */
  async forget(id: string): Promise<void> {
    await this.parts.api.mutate("DELETE", `/links/${id}`);
    this.#links.value = this.#links.peek()?.filter((v) => v.id !== id) ?? null;
    await this.#notes.drop(id);
  }
}

const base64 = (b: ArrayBuffer): string => toBase64(new Uint8Array(b));

const made = new WeakMap<Desk, Shares>();

/** The one of a desk. */
export function sharesOf(app: Pick<App, "api" | "vault">, desk: Desk, origin: string = location.origin): Shares {
  const shares = made.get(desk) ?? new Shares({ api: app.api, vault: app.vault, cabinet: desk.cabinet, origin });
  made.set(desk, shares);
  return shares;
}
