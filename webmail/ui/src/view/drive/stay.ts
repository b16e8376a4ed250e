// While files are on their way the browser asks before it leaves the page, and neither the
// page locks nor a phone sleeps by itself, wherever in the page its owner is meanwhile.
import { effect } from "@preact/signals";
import type { Drive } from "../../model/drive/drive.ts";
import type { App } from "../../model/types.ts";
import { hold } from "../shell/hold.ts";

const watched = new WeakSet<Drive>();

export function stay(app: App, drive: Drive): void {
  if (watched.has(drive)) return;
  watched.add(drive);
  let leave: (() => void) | null = null;
  effect(() => {
    const busy = drive.transfers.all.value.some((x) => ["running", "waiting", "queued"].includes(x.now.value.state));
    if (busy) leave ??= hold(app);
    else {
      leave?.();
      leave = null;
    }
  });
}
