// Attachments of drafts: sealed here first, then in the cabinet's drawer "files", in
// pieces that a box can hold.

import { ApiError } from "../wire/http.ts";
import type { SealedCache } from "./cache.ts";
import type { CabinetModel } from "./cabinet.ts";

const PIECE = 8 * 1024 * 1024;

export class DraftFiles {
  readonly #cache: SealedCache;
  readonly #cabinet: CabinetModel;
  readonly #going = new Map<string, Promise<void>>();
  constructor(cache: SealedCache, cabinet: CabinetModel) {
    this.#cache = cache;
    this.#cabinet = cabinet;
  }
  #names(id: string, size: number): string[] {
    return Array.from({ length: Math.max(1, Math.ceil(size / PIECE)) }, (_, i) => `draft-${id}-${i}`);
  }

  // Safe on this device when it answers.
  async put(id: string, data: ArrayBuffer): Promise<void> {
    for (const [i, name] of this.#names(id, data.byteLength).entries()) await this.#cache.putBytes("files", name, data.slice(i * PIECE, (i + 1) * PIECE));
  }
  async get(id: string, size: number): Promise<ArrayBuffer | null> {
    const out = new Uint8Array(size);
    for (const [i, name] of this.#names(id, size).entries()) {
      const piece = (await this.#cache.getBytes("files", name)) ?? (await this.#cabinet.read("files", name).catch(() => null));
      const want = Math.min(PIECE, size - i * PIECE);
      if (!piece || piece.byteLength < want) return null;
      out.set(new Uint8Array(piece, 0, want), i * PIECE); // boxes are padded
    }
    return out.buffer;
  }
  // To the server, for other devices. It may fail; the next save tries again.
  async upload(id: string, size: number): Promise<void> {
    const now = this.#going.get(id) ?? this.#upload(id, size).finally(() => this.#going.delete(id));
    this.#going.set(id, now);
    return now;
  }
  async #upload(id: string, size: number): Promise<void> {
    for (const name of this.#names(id, size)) {
      const line = this.#cabinet.line("files", name);
      if (line && !line.gone) continue;
      const piece = await this.#cache.getBytes("files", name);
      if (!piece) continue;
      try {
        await this.#cabinet.write("files", name, 0, piece);
      } catch (e) {
        if (!(e instanceof ApiError)) throw e;
        if (e.word !== "conflict") return; // it is there already, or it waits
      }
    }
  }
  async remove(id: string, size: number): Promise<void> {
    await this.#going.get(id);
    for (const name of this.#names(id, size)) {
      await this.#cache.remove("files", name);
      const line = this.#cabinet.line("files", name);
      if (!line || line.gone) continue;
      try {
        await this.#cabinet.remove("files", name, line.version);
      } catch (e) {
        if (!(e instanceof ApiError)) throw e;
      }
    }
  }
}
