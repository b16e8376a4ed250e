// While files are on their way the browser asks before it leaves the page, and neither the
// page locks nor a phone sleeps by itself, wherever in the page its owner is meanwhile.
import { effect } from "@preact/signals";
import type { Drive } from "../../model/drive/drive.ts";
import type { App } from "../../model/types.ts";

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

function hold(app: App): () => void {
  const ask = (e: BeforeUnloadEvent) => e.preventDefault();
  addEventListener("beforeunload", ask);
  const awake = setInterval(() => app.session.active(), 10_000);
  const screen = navigator.wakeLock?.request("screen").catch(() => null);
  return () => {
    removeEventListener("beforeunload", ask);
    clearInterval(awake);
    void screen?.then((s) => s?.release());
  };
}
