// While work would be broken off the browser asks before it leaves the page, and neither the page
// locks nor a phone sleeps by itself.
import type { App } from "../../model/types.ts";

/** From now on, until what it returns is called. */
export function hold(app: App): () => void {
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
