// Mail that is being brought in or taken out. It belongs to the desk, so that it goes on
// wherever its owner looks meanwhile; what does the work is loaded when it is asked for.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Account } from "../wire/api.ts";
import type { Api, Clock } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import type { Exporting } from "../move/exporting.ts";
import type { Importing } from "../move/importing.ts";
import type { Refusal } from "../move/source.ts";
import type { SealedCache } from "./cache.ts";
import type { Cabinet, ContactsModel, PinsModel, SettingsModel, SyncModel } from "./types.ts";

// waiting: after a reload, until the same files are chosen again. stalled: it tries again by itself.
export interface ImportRun {
  state: "running" | "paused" | "waiting" | "done";
  names: readonly string[]; // of the files
  bytes: number; // of all files
  read: number; // of those
  brought: number;
  encrypted: number; // of those: their senders encrypted them
  already: number; // were here before
  refused: { readonly [why in Refusal]?: number };
  failures: readonly { number: number; why: Refusal; about: string }[]; // the first hundred
  rate: number; // mails a second
  fault: string; // why it waits or pauses: a word, or ""
}
export interface ExportRun {
  state: "running" | "paused" | "waiting" | "done";
  form: ExportForm;
  of: number; // mails
  done: number; // mails written
  closed: number; // of those: did not open, and stand sealed
  missing: number; // could not be had
  bytes: number;
  part: number; // files so far
  fault: string;
}
export type ExportForm = "eml" | "mbox" | "sealed";
export interface ExportWish {
  mailboxes: readonly number[]; // none: all
  form: ExportForm;
  readme: string; // what the archive says of itself
  passphrase: string; // of the secret key in the archive; "": it is left out
}
// Where an archive goes.
export interface Sink {
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}
export interface Target {
  part: number; // bytes: it is saved piece by piece, each a whole archive; 0: all in one
  open(part: number): Promise<Sink>;
}
export interface MovingModel {
  readonly importing: ReadonlySignal<ImportRun | null>;
  readonly exporting: ReadonlySignal<ExportRun | null>;
  // into: a mailbox for mail that names none; folders: those of the source are kept.
  bringIn(files: readonly File[], o: { into: string; folders: boolean }): Promise<void>;
  again(files: readonly File[]): Promise<boolean>; // after a reload; false: these are other files
  pauseImport(on: boolean): void;
  stopImport(): Promise<void>; // what came stays
  takeOut(wish: ExportWish, target: Target): Promise<void>;
  goOn(target: Target): Promise<void>; // after a reload, with the next part
  pauseExport(on: boolean): void;
  stopExport(): Promise<void>;
}
export interface MovingParts {
  api: Api;
  vault: Vault;
  cache: SealedCache;
  clock: Clock;
  account: Account;
  sync: SyncModel;
  cabinet: Cabinet;
  settings: SettingsModel;
  contacts: ContactsModel;
  pins: PinsModel;
  host: string; // our server's name, as its verdicts have it
}

export class Moving implements MovingModel {
  readonly importing: Signal<ImportRun | null> = signal(null);
  readonly exporting: Signal<ExportRun | null> = signal(null);
  readonly #parts: MovingParts;
  #in: Importing | null = null;
  #out: Exporting | null = null;

  constructor(parts: MovingParts) {
    this.#parts = parts;
  }

  // Whether something was broken off by a reload.
  async load(): Promise<void> {
    if (await this.#parts.cache.raw.get("state", "import").catch(() => undefined)) await (await this.#importing()).load();
    if (await this.#parts.cache.raw.get("state", "export").catch(() => undefined)) await (await this.#exporting()).load();
  }
  async #importing(): Promise<Importing> {
    const { Importing } = await import("../move/importing.ts");
    return (this.#in ??= new Importing(this.#parts, this.importing));
  }
  async #exporting(): Promise<Exporting> {
    const { Exporting } = await import("../move/exporting.ts");
    return (this.#out ??= new Exporting(this.#parts, this.exporting));
  }
  async bringIn(files: readonly File[], o: { into: string; folders: boolean }): Promise<void> {
    await (await this.#importing()).begin(files, o);
  }
  async again(files: readonly File[]): Promise<boolean> {
    return (await this.#importing()).again(files);
  }
  pauseImport(on: boolean): void {
    this.#in?.pause(on);
  }
  async stopImport(): Promise<void> {
    await this.#in?.stop();
  }
  async takeOut(wish: ExportWish, target: Target): Promise<void> {
    await (await this.#exporting()).begin(wish, target);
  }
  async goOn(target: Target): Promise<void> {
    await (await this.#exporting()).goOn(target);
  }
  pauseExport(on: boolean): void {
    this.#out?.pause(on);
  }
  async stopExport(): Promise<void> {
    await this.#out?.stop();
  }
  close(): void {
    this.#in?.close();
    this.#out?.close();
  }
}
