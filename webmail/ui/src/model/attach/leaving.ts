// What the outbox must know of files that leave as links; all else is loaded when somebody
// attaches one.

import type { DraftContent, DraftFile, Linking, SendResult } from "../types.ts";

export interface Group {
  to: string[];
  certificates: ArrayBuffer[];
  password?: true; // a letter behind a password, for one
}
// What a mail that did not leave, or a draft that was discarded, leaves in the drive.
export interface Filing {
  revoke(links: readonly string[]): Promise<string[]>; // answers those that it could not
  remove(files: readonly DraftFile[]): Promise<void>;
}

export const refused = (word: string, addresses: string[]): SendResult => ({ state: "refused", fault: { word }, addresses });

// Files that leave as links: all of them are there, and for who has no key somebody chose.
export function linksRefused(d: DraftContent, groups: readonly Group[], linking: Linking | undefined): SendResult | null {
  const linked = d.files.flatMap((f) => f.linked ?? []);
  if (linked.length === 0) return null;
  if (!linking || linked.some((l) => l.entry === null)) return refused("links-waiting", []);
  const readable = groups.filter((g) => g.certificates.length === 0 && !g.password).flatMap((g) => g.to);
  return readable.length > 0 && d.linksAs === "" ? refused("link-choice", readable) : null;
}
