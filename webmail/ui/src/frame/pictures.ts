// Pictures of a mail: those that came with it, and those elsewhere that its reader
// wanted to see. Both become blobs of kinds that hold nothing but a picture.

import type { Clean, Remote } from "./sanitize.ts";

// Gets a picture for an address, such as through the server's proxy; null: there is none.
export type RemoteFetcher = (url: string) => Promise<Blob | null>;

const kinds = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "image/x-icon", "image/vnd.microsoft.icon"]);
const maxPictures = 300;
const maxOne = 20 << 20;
const maxAll = 80 << 20;
const atOnce = 4;
const nothing = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

// What is held back keeps the place that the mail gave it, and shows no broken picture.
function hold(image: Element, tracker: boolean): void {
  image.setAttribute("data-sp-blocked", "");
  const sides = ["width", "height"].map((s) => Number.parseInt(image.getAttribute(s) ?? "", 10));
  if (!tracker && sides.every((s) => s >= 24)) image.setAttribute("src", nothing);
}

export class Pictures {
  private urls: string[] = [];
  private bytes = 0;
  waiting: Remote[];

  constructor(private readonly clean: Clean, private readonly end: AbortSignal) {
    this.waiting = clean.remote;
    for (const r of clean.remote) if (r.kind === "image") hold(r.element, r.tracker);
    end.addEventListener("abort", () => {
      for (const url of this.urls) URL.revokeObjectURL(url);
      this.urls = [];
    }, { once: true });
  }

  private blobURL(blob: Blob): string | undefined {
    const type = blob.type.split(";")[0]?.trim().toLowerCase() ?? "";
    if (!kinds.has(type) || blob.size > maxOne || this.bytes + blob.size > maxAll || this.end.aborted) return undefined;
    this.bytes += blob.size;
    const url = URL.createObjectURL(new Blob([blob], { type }));
    this.urls.push(url);
    return url;
  }

  // Puts the mail's own parts where it names them by Content-ID.
  async embed(parts: readonly { content_id: string; type: string; data: () => Promise<ArrayBuffer> }[]): Promise<void> {
    const byId = new Map(parts.map((p) => [p.content_id, p]));
    const made = new Map<string, string | undefined>();
    for (const { element, id } of this.clean.parts.slice(0, maxPictures)) {
      const part = byId.get(id);
      if (!part || this.end.aborted) continue;
      if (!made.has(id)) made.set(id, await this.own(part));
      const url = made.get(id);
      if (url) element.setAttribute("src", url);
    }
  }

  private async own(part: { type: string; data: () => Promise<ArrayBuffer> }): Promise<string | undefined> {
    try {
      return this.blobURL(new Blob([await part.data()], { type: part.type }));
    } catch {
      return undefined;
    }
  }

  // Fetches what was blocked, each address once. What only counts readers stays away.
  async fetch(fetcher: RemoteFetcher): Promise<{ shown: number; failed: number }> {
    const byURL = new Map<string, Remote[]>();
    for (const r of this.waiting) if (!r.tracker) byURL.set(r.url, [...(byURL.get(r.url) ?? []), r]);
    const queue = [...byURL].slice(0, maxPictures);
    let failed = byURL.size - queue.length;
    let shown = 0;
    const work = async () => {
      for (let next = queue.shift(); next && !this.end.aborted; next = queue.shift()) {
        if (await this.one(next[0], next[1], fetcher)) shown++;
        else failed++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return { shown, failed };
  }

  private async one(url: string, places: Remote[], fetcher: RemoteFetcher): Promise<boolean> {
    const blob = await fetcher(url).catch(() => null);
    const local = blob ? this.blobURL(blob) : undefined;
    if (!local) return false;
    for (const { element, kind } of places) {
      if (kind === "image") {
        element.removeAttribute("data-sp-blocked");
        element.setAttribute("src", local);
      } else {
        element.style.backgroundImage = `url("${local}")`;
      }
    }
    this.waiting = this.waiting.filter((r) => r.url !== url);
    return true;
  }
}
