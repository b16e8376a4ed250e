// Files of drafts that leave as links: put into the drive while one still writes. The draft
// keeps where each stands, never its bytes; what is on its way is known to this page alone.

import { signal, type ReadonlySignal } from "@preact/signals";
import { cleanName } from "../../files/names.ts";
import { ApiError, newKey } from "../../wire/http.ts";
import type { DraftContent, DraftFile, DraftHandle, LinkedFile } from "../types.ts";
import { FOLDER, entryOf, storedOf, type Placed, type Store } from "./store.ts";

export interface Upload {
  state: "going" | "stopped" | "failed";
  sent: number; // of total, bytes
  total: number;
  word: string; // why it failed
}
// Drafts by their ids: a file may arrive when its draft is closed.
export interface StoredDrafts {
  readonly open: ReadonlySignal<readonly DraftHandle[]>;
  content(id: string): DraftContent | undefined;
  put(d: DraftContent): Promise<void>;
}
interface Running { file: Blob; stop: AbortController; done: Promise<void> }

const AT_ONCE = 2;

export class Attaching {
  readonly #uploads = signal<ReadonlyMap<string, Upload>>(new Map());
  readonly #running = new Map<string, Running>();
  readonly #blobs = new Map<string, Blob>(); // what was chosen here, for as long as this page lives
  #lanes: (() => void)[] = [];
  #busy = 0;

  constructor(readonly store: () => Promise<Store>, private readonly drafts: StoredDrafts) {}

  get uploads(): ReadonlySignal<ReadonlyMap<string, Upload>> {
    return this.#uploads;
  }

  // Shown in the draft at once; its content follows.
  add(draft: DraftHandle, file: { name: string; type: string; modified?: number; data: Blob }): DraftFile {
    const f: DraftFile = {
      id: newKey().slice(0, 16), name: cleanName(file.name), type: typeOf(file.type), size: file.data.size, content_id: "", inline: false,
      linked: { folder: "", own: true, entry: null },
    };
    draft.update({ files: [...draft.content.peek().files, f] });
    this.#start(draft, f, file.data, file.modified ?? 0);
    return f;
  }

  // A file of the drive: nothing is sent again, and it stays when the draft goes.
  fromDrive(draft: DraftHandle, at: Placed): DraftFile {
    const { entry } = at;
    const f: DraftFile = { id: newKey().slice(0, 16), name: entry.name, type: entry.type, size: entry.length, content_id: "", inline: false, linked: { folder: at.folder, own: false, entry: storedOf(entry) } };
    draft.update({ files: [...draft.content.peek().files, f] });
    return f;
  }

  // A copy of it, as an attachment.
  async wholeFromDrive(draft: DraftHandle, at: Placed): Promise<void> {
    const { name, type, length } = at.entry;
    const blob = await (await this.store()).blob(at.entry, length);
    await draft.attach({ name, type: type || "application/octet-stream", data: await blob.arrayBuffer() });
  }

  // Whether it can go on here: what another page chose, this one does not have.
  canResume(id: string): boolean {
    return this.#blobs.has(id);
  }
  resume(draft: DraftHandle, id: string): void {
    const f = fileOf(draft, id), blob = this.#blobs.get(id);
    if (f?.linked && !f.linked.entry && blob && !this.#running.has(id)) this.#start(draft, f, blob, 0);
  }
  stop(id: string): void {
    this.#running.get(id)?.stop.abort();
  }

  // Out of the draft, and out of the drive if it was put there for it.
  async remove(draft: DraftHandle, id: string): Promise<void> {
    const f = fileOf(draft, id);
    const running = this.#running.get(id);
    running?.stop.abort();
    await running?.done;
    const now = fileOf(draft, id) ?? f; // it may have got there in that moment
    await draft.detach(id);
    this.#forget(id);
    if (now) await this.removeFiles([now]).catch(() => {}); // it stays among the files of the drive, where its owner sees it
  }

  // Files of a draft that is no more.
  async removeFiles(files: readonly DraftFile[]): Promise<void> {
    for (const { linked } of files) if (linked?.own && linked.entry) await (await this.store()).remove(linked.folder, linked.entry.id);
  }

  // Answers those that could not be revoked.
  async revoke(links: readonly string[]): Promise<string[]> {
    const store = await this.store();
    const done = await Promise.all(links.map((id) => store.revoke(id).then(() => "", () => id)));
    return done.filter(Boolean);
  }

  // An attachment becomes a link: same place in the list.
  async toLink(draft: DraftHandle, id: string): Promise<void> {
    const f = fileOf(draft, id), data = f && !f.linked ? await draft.file(id) : null;
    if (!f || !data) return;
    const next: DraftFile = { ...f, id: newKey().slice(0, 16), name: cleanName(f.name), type: typeOf(f.type), content_id: "", inline: false, linked: { folder: "", own: true, entry: null } };
    const blob = new Blob([data], { type: f.type });
    draft.update({ files: draft.content.peek().files.flatMap((x) => (x.id === id ? [x, next] : [x])) });
    await draft.detach(id);
    this.#start(draft, next, blob, 0);
  }
  // And a link an attachment, if it is not too large for one; false: it could not be fetched.
  async toAttachment(draft: DraftHandle, id: string, most: number): Promise<boolean> {
    const f = fileOf(draft, id);
    if (!f?.linked || f.size > most) return false;
    const data = await this.bytes(f, most).catch(() => null);
    if (!data) return false;
    await draft.attach({ name: f.name, type: f.type || "application/octet-stream", data });
    await this.remove(draft, id);
    return true;
  }
  async bytes(f: DraftFile, most: number): Promise<ArrayBuffer | null> {
    const here = this.#blobs.get(f.id);
    if (here) return here.arrayBuffer();
    if (!f.linked?.entry) return null;
    return (await (await this.store()).blob(entryOf(f, f.linked.entry), most)).arrayBuffer();
  }

  // What a draft still waits for.
  waiting(d: DraftContent): { going: DraftFile[]; stuck: DraftFile[] } {
    const open = d.files.filter((f) => f.linked && !f.linked.entry);
    const going = open.filter((f) => this.#uploads.value.get(f.id)?.state === "going");
    return { going, stuck: open.filter((f) => !going.includes(f)) };
  }
  // Resolves when nothing of it is on its way: true if all of it is there.
  async settled(draft: DraftHandle): Promise<boolean> {
    for (;;) {
      const running = draft.content.peek().files.flatMap((f) => this.#running.get(f.id)?.done ?? []);
      if (running.length === 0) break;
      await Promise.all(running);
    }
    return draft.content.peek().files.every((f) => !f.linked || f.linked.entry !== null);
  }

  #start(draft: DraftHandle, f: DraftFile, file: Blob, modified: number): void {
    const stop = new AbortController();
    this.#blobs.set(f.id, file);
    this.#say(f.id, { state: "going", sent: this.#uploads.peek().get(f.id)?.sent ?? 0, total: file.size, word: "" });
    const done = this.#put(draft, f, file, modified, stop.signal).finally(() => this.#running.delete(f.id));
    this.#running.set(f.id, { file, stop, done });
  }
  async #put(draft: DraftHandle, f: DraftFile, file: Blob, modified: number, signal: AbortSignal): Promise<void> {
    await this.#lane();
    try {
      signal.throwIfAborted();
      const store = await this.store();
      const folder = await store.path([FOLDER]);
      const placed = await store.put(file, {
        folder, name: f.name, type: f.type, modified, beside: true, signal,
        onProgress: (sent, total) => this.#say(f.id, { state: "going", sent, total, word: "" }),
      });
      await this.#arrived(draft, f, placed, store);
    } catch (e) {
      const was = this.#uploads.peek().get(f.id);
      const word = signal.aborted ? "" : wordOf(e);
      this.#say(f.id, { state: signal.aborted ? "stopped" : "failed", sent: was?.sent ?? 0, total: file.size, word });
    } finally {
      this.#busy--;
      this.#lanes.shift()?.();
    }
  }
  async #arrived(draft: DraftHandle, f: DraftFile, placed: Placed, store: Store): Promise<void> {
    const linked: LinkedFile = { folder: placed.folder, own: true, entry: storedOf(placed.entry) };
    const open = this.drafts.open.peek().find((h) => h.id === draft.id);
    const d = open ? open.content.peek() : this.drafts.content(draft.id);
    if (!d?.files.some((x) => x.id === f.id)) return void (await store.remove(placed.folder, placed.entry.id)); // nobody wants it any more
    const files = d.files.map((x) => (x.id === f.id ? { ...x, linked } : x));
    if (open) {
      open.update({ files });
      await open.save().catch(() => {}); // it is saved a moment later
    } else await this.drafts.put({ ...d, files, changed: Date.now() });
    this.#drop(f.id);
  }
  // Its draft was discarded: what is on its way stops.
  abandon(d: DraftContent): void {
    for (const f of d.files) this.#running.get(f.id)?.stop.abort();
  }
  async #lane(): Promise<void> {
    if (this.#busy >= AT_ONCE) await new Promise<void>((go) => this.#lanes.push(go));
    this.#busy++;
  }
  #say(id: string, u: Upload): void {
    this.#uploads.value = new Map(this.#uploads.peek()).set(id, u);
  }
  #drop(id: string): void {
    const all = new Map(this.#uploads.peek());
    all.delete(id);
    this.#uploads.value = all;
  }
  #forget(id: string): void {
    this.#drop(id);
    this.#blobs.delete(id);
  }
}

const fileOf = (draft: DraftHandle, id: string) => draft.content.peek().files.find((f) => f.id === id);
const wordOf = (e: unknown): string => (e instanceof ApiError ? (e.temporary ? "offline" : e.word) : "failed");
// As heads of files take one; else none is said.
const typeOf = (type: string): string => (/^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,127}$/.test(type.toLowerCase()) ? type.toLowerCase() : "");
