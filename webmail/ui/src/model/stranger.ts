// A letter as somebody outside opens it: with a link, a password and no account. Nothing of
// it outlives the page.

import { signal } from "@preact/signals";
import { parseLink, parseName } from "../vault/parcelname.ts";
import type { OpenedParcel, Vault } from "../vault/vault.ts";
import { ApiError, type Api, type Clock } from "../wire/http.ts";
import type { Fault } from "./types.ts";

// gone: it ended, was taken back, or never was; the server does not say which.
export type LetterPhase = "fetching" | "failed" | "gone" | "closed" | "open";
export const ANSWER_LARGEST = 10 * 2 ** 20; // bytes of all files

export class StrangersLetter {
  readonly phase = signal<LetterPhase>("fetching");
  readonly busy = signal(false);
  readonly fault = signal<Fault | null>(null);
  readonly hint = signal("");
  readonly ends = signal(0); // seconds
  readonly opened = signal<OpenedParcel | null>(null);
  readonly answered = signal(0); // answers that arrived
  #box: ArrayBuffer | null = null;

  constructor(private readonly link: string, private readonly parts: { api: Api; vault: Vault; clock: Clock }) {}

  async fetch(): Promise<void> {
    const link = parseLink(this.link);
    const name = link && parseName(link.name);
    if (!link || !name) return void (this.phase.value = "gone");
    this.phase.value = "fetching";
    this.ends.value = name.ends;
    try {
      this.#box = await this.parts.api.parcel(link.account, link.name);
    } catch (e) {
      this.phase.value = e instanceof ApiError && e.status === 404 ? "gone" : "failed";
      return;
    }
    try {
      this.hint.value = await this.parts.vault.parcelHint({ link: this.link, box: this.#box.slice(0) });
      this.phase.value = "closed";
    } catch {
      this.phase.value = "gone"; // the link is not whole, or this is another letter
    }
  }

  async open(password: string): Promise<boolean> {
    if (this.busy.peek() || !this.#box || password.trim() === "") return false;
    return this.#do(async () => {
      this.opened.value = await this.parts.vault.openParcel({ link: this.link, box: this.#box!.slice(0), password: password.trim() });
      this.phase.value = "open";
    });
  }

  file(index: number): Promise<ArrayBuffer> {
    return this.parts.vault.parcelFile(this.opened.peek()?.handle ?? 0, index);
  }

  // Sealed here, to the sender alone. The server learns that there was an answer.
  async answer(o: { name: string; text: string; files: { name: string; type: string; data: ArrayBuffer }[] }): Promise<boolean> {
    const link = parseLink(this.link), opened = this.opened.peek();
    if (!link || !opened || this.busy.peek()) return false;
    return this.#do(async () => {
      // Its writer may have another key to encrypt to by now. Without an answer the letter's own will do.
      const certificate = await this.parts.api.parcelKey(link.account, link.name, opened.proof).catch(() => undefined);
      const made = await this.parts.vault.sealAnswer({ handle: opened.handle, ...o, date: Math.floor(this.parts.clock.now() / 1000), ...(certificate ? { certificate } : {}) });
      await this.parts.api.answerParcel(link.account, link.name, made.mail, made.proof);
      this.answered.value++;
    });
  }

  async #do(work: () => Promise<void>): Promise<boolean> {
    this.busy.value = true;
    this.fault.value = null;
    try {
      await work();
      return true;
    } catch (e) {
      this.fault.value = { word: e instanceof ApiError ? e.word : String((e as { word?: unknown }).word ?? "unknown") };
      return false;
    } finally {
      this.busy.value = false;
    }
  }
}
