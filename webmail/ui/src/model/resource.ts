// A thing of the server that a page shows: what was read, whether it is being read, and
// how that failed, as signals.
import { type ReadonlySignal, signal } from "@preact/signals";
import { ApiError } from "../wire/http.ts";

export interface Resource<T> {
  value: ReadonlySignal<T | undefined>;
  failed: ReadonlySignal<string>; // a problem's word, or ""
  busy: ReadonlySignal<boolean>;
  load(): Promise<void>;
  set(value: T): void;
}

export function resource<T>(read: () => Promise<T>): Resource<T> {
  const value = signal<T | undefined>(undefined);
  const failed = signal("");
  const busy = signal(false);
  let turn = 0;
  return {
    value,
    failed,
    busy,
    set: (v) => void (value.value = v),
    // The last call wins: an answer that comes late never covers a newer one.
    async load() {
      const mine = ++turn;
      busy.value = true;
      try {
        const v = await read();
        if (mine !== turn) return;
        value.value = v;
        failed.value = "";
      } catch (e) {
        if (mine === turn) failed.value = wordOf(e);
      } finally {
        if (mine === turn) busy.value = false;
      }
    },
  };
}

// wordOf is how a failure is named in the texts: a problem's word, a vault's word, or "fault".
export function wordOf(e: unknown): string {
  if (e instanceof ApiError) return e.word;
  const word = (e as { word?: unknown } | null)?.word;
  return typeof word === "string" ? word : "fault";
}
