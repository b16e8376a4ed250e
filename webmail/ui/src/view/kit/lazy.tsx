// A view that is fetched when it is first drawn. A failed fetch (a new release has other
// names, or there is no network) offers to try again instead of a blank page.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { EmptyState } from "./badge.tsx";
import { Button } from "./button.tsx";
import { Spinner } from "./progress.tsx";

const kept = new WeakMap<object, ComponentType<never>>();

export function Lazy<P extends object>({ load, quiet, ...props }: { load: () => Promise<{ default: ComponentType<P> }>; quiet?: boolean } & P) {
  const [, came] = useState(0);
  const [failed, fail] = useState<object>();
  useEffect(() => {
    if (kept.has(load)) return;
    let gone = false;
    load().then((m) => {
      kept.set(load, m.default as ComponentType<never>);
      if (!gone) came((n) => n + 1);
    }, () => { if (!gone) fail(() => load); });
    return () => { gone = true; };
  }, [load]);
  const View = kept.get(load) as ComponentType<P> | undefined; // of what is asked for now, not of what stood here before
  if (View) return <View {...(props as unknown as P)} />;
  if (quiet && failed !== load) return null;
  if (failed === load) return <EmptyState art="offline" title={t("kit.notloaded")} action={<Button icon="refresh" onClick={() => location.reload()}>{t("kit.reload")}</Button>}>{t("kit.notloaded.why")}</EmptyState>;
  return <div class="lazy"><Spinner label={t("kit.loading")} /></div>;
}
