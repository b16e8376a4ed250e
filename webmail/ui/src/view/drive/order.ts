// How a folder is sorted, and what is carried from one to another.
import { signal } from "@preact/signals";
import type { Entry } from "../../model/drive/drive.ts";
import { locale } from "../../words/index.ts";

export type By = "name" | "changed" | "size";
export const order = signal<{ by: By; down: boolean }>({ by: "name", down: false });

/** Chosen once it is sorted so; once more it is turned over. Dates and sizes begin with the most. */
export function sortBy(by: By): void {
  const o = order.peek();
  order.value = o.by === by ? { by, down: !o.down } : { by, down: by !== "name" };
}

let collator: { of: string; compare: (a: string, b: string) => number } | undefined;
export function byName(a: string, b: string): number {
  if (collator?.of !== locale.peek()) collator = { of: locale.peek(), compare: new Intl.Collator(locale.peek(), { numeric: true, sensitivity: "base" }).compare };
  return collator.compare(a, b);
}

/** Folders first, then files. */
export function sorted(entries: readonly Entry[], o = order.value): Entry[] {
  const size = (e: Entry) => (e.kind === "file" ? e.length : 0);
  const compare = (a: Entry, b: Entry) => {
    const n = o.by === "size" ? size(a) - size(b) : o.by === "changed" ? a.modified - b.modified : 0;
    return (n || byName(a.name, b.name)) * (o.down ? -1 : 1);
  };
  return [...entries].sort((a, b) => (a.kind === b.kind ? compare(a, b) : a.kind === "folder" ? -1 : 1));
}

// Nothing readable travels with the pointer: other windows learn that something was dragged.
export const dragged = signal<{ folder: string; entries: readonly Entry[] } | undefined>(undefined);
export const carries = "application/x-sealpost-drive";
