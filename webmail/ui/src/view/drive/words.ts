// Failures of the drive as people say them.
import { wordOf } from "../../model/drive/transfers.ts";
import { t, type Key } from "../../words/index.ts";
import { toast } from "../kit/index.ts";
import { faultWords } from "../parts/fault.tsx";

const own = new Set(["taken", "gone", "inside", "rolled-back", "damaged", "busy", "full", "name", "changed", "no-stream", "too-large", "refused"]);

export const words = (word: string): string => (own.has(word) ? t(`drive.fault.${word}` as Key) : faultWords(word));

/** Does it, and says so if it failed; answers whether it did. */
export async function trying(f: () => Promise<unknown>): Promise<boolean> {
  try {
    await f();
    return true;
  } catch (e) {
    toast(words(wordOf(e)), { kind: "fault" });
    return false;
  }
}
