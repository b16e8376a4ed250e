// The whole page: what is drawn depends on whether somebody is signed in.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { App, Desk } from "../../model/types.ts";
import { route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { AppContext, DeskContext, Lazy, Questions, Seal, Spinner, Toasts, Tooltips } from "../kit/index.ts";
import { useLooks } from "./looks.ts";
import { pages } from "./pages.ts";
import { Shell } from "./shell.tsx";
import { startShortcuts } from "./shortcuts.ts";

export function Root({ app }: { app: App }) {
  useEffect(() => startShortcuts(() => app.desk.peek()), [app]);
  useEffect(() => watch(app), [app]);
  return (
    <AppContext.Provider value={app}>
      <Phase app={app} />
      <Questions />
      <Toasts />
      <Tooltips />
    </AppContext.Provider>
  );
}

function Phase({ app }: { app: App }) {
  const phase = app.session.phase.value, desk = app.desk.value;
  if (route.value.page === "letter") return <Lazy load={pages.letter} app={app} />;
  if (phase === "open" && desk) return <Signed desk={desk}><Shell /></Signed>;
  if (phase === "starting" || phase === "open") return <Splash />;
  return <Lazy load={pages.door} app={app} session={app.session} />;
}

function Signed({ desk, children }: { desk: Desk; children: ComponentChildren }) {
  useLooks(desk);
  return <DeskContext.Provider value={desk}>{children}</DeskContext.Provider>;
}

function Splash() {
  return <main class="splash"><Seal size={56} /><h1 class="unseen">sealpost</h1><Spinner label={t("shell.opening")} /></main>;
}

/** Tells the session that somebody is here, so that it does not lock itself. */
function watch(app: App): () => void {
  let last = 0;
  const here = () => {
    const now = Date.now();
    if (now - last < 5000) return;
    last = now;
    app.session.active();
  };
  const stop = new AbortController();
  for (const name of ["pointerdown", "keydown", "wheel", "touchmove"]) addEventListener(name, here, { passive: true, capture: true, signal: stop.signal });
  return () => stop.abort();
}
