// Mails that are to leave, sealed in this device's store until they have.

import { newKey } from "../wire/http.ts";
import type { SealedCache } from "./cache.ts";

const PIECE = 8 * 1024 * 1024;

export class KeptMails {
  constructor(private readonly cache: SealedCache) {}

  // Answers the name by which it is found.
  async keep(mail: Uint8Array<ArrayBuffer>): Promise<string> {
    const name = "send-" + newKey().slice(0, 16);
    const data = mail.slice().buffer;
    const n = Math.max(1, Math.ceil(data.byteLength / PIECE));
    for (let i = 0; i < n; i++) {
      const piece = data.slice(i * PIECE, (i + 1) * PIECE);
      const box = new Uint8Array(8 + piece.byteLength); // its length in front: what is sealed is padded
      new DataView(box.buffer).setUint32(0, n);
      new DataView(box.buffer).setUint32(4, piece.byteLength);
      box.set(new Uint8Array(piece), 8);
      await this.cache.putBytes("files", `${name}-${i}`, box.buffer);
    }
    return name;
  }
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const out: Uint8Array[] = [];
    for (let i = 0, n = 1; i < n; i++) {
      const box = await this.cache.getBytes("files", `${name}-${i}`);
      if (!box) throw new Error("what was to be sent is not on this device");
      n = new DataView(box).getUint32(0);
      out.push(new Uint8Array(box, 8, new DataView(box).getUint32(4)));
    }
    return new Uint8Array(await new Blob(out as BlobPart[]).arrayBuffer());
  }
  async drop(kept: readonly string[]): Promise<void> {
    const names = new Set(kept);
    const keys = (await this.cache.raw.keys("files")).filter((k) => names.has(k.slice(0, k.lastIndexOf("-"))));
    await this.cache.raw.remove("files", keys);
  }
}
