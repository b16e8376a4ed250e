// The owner's look, on the document: theme, density, language. Widths of panes belong to
// this screen and stay with it.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Desk, Settings } from "../../model/types.ts";
import { hours, choose, chosen, setLanguage } from "../../words/index.ts";
import { theme } from "./state.ts";

export function useLooks(desk: Desk): void {
  const s = desk.settings.value.value;
  const contrast = s.more["contrast"] === "more", still = s.more["motion"] === "less";
  useEffect(() => { hours.value = s.more["clock"] === "12" || s.more["clock"] === "24" ? s.more["clock"] : ""; }, [s.more["clock"]]);
  useEffect(() => look(s, contrast, still), [s.theme, s.density, contrast, still]);
  // The account's language stays on the device, so that its door speaks it too. An account
  // without one speaks what was chosen at the door.
  const before = useRef("");
  useEffect(() => {
    const had = before.current;
    before.current = s.locale;
    void (s.locale || had ? choose(s.locale) : setLanguage(chosen())).catch(() => {});
  }, [s.locale]);
}

function look(s: Settings, contrast: boolean, still: boolean): void {
  const root = document.documentElement.dataset;
  theme.value = s.theme;
  if (s.theme === "system") delete root["theme"];
  else root["theme"] = s.theme;
  root["density"] = s.density;
  root["contrast"] = contrast ? "more" : "";
  root["motion"] = still ? "less" : "";
}

interface Widths { side: number; list: number }
const usual: Widths = { side: 232, list: 400 };
const bounds = { side: [168, 380], list: [280, 760] } as const;
const place = "sealpost.widths";

function read(): Widths {
  try {
    const kept = JSON.parse(localStorage.getItem(place) ?? "{}") as Partial<Widths>;
    return { side: clamp("side", kept.side), list: clamp("list", kept.list) };
  } catch {
    return usual;
  }
}
function clamp(which: keyof Widths, px: unknown): number {
  const [least, most] = bounds[which];
  return typeof px === "number" && Number.isFinite(px) ? Math.round(Math.max(least, Math.min(most, px))) : usual[which];
}

export const widths = signal<Widths>(read());
export const limits = bounds;
export function setWidth(which: keyof Widths, px: number | undefined): void {
  widths.value = { ...widths.value, [which]: clamp(which, px) };
  try {
    localStorage.setItem(place, JSON.stringify(widths.value));
  } catch { /* a browser without storage keeps them until it closes */ }
}
