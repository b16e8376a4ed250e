import type { Settings } from "../../model/types.ts";
import { available, languages, t } from "../../words/index.ts";
import { Segments, Select, Switch } from "../kit/index.ts";
import { Page, Section, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const themes: Settings["theme"][] = ["system", "light", "dark"];

export function Appearance({ desk }: Room) {
  const s = desk.settings.value.value;
  const set = (change: Partial<Settings>) => void desk.settings.set(change);
  return (
    <Page title={t("settings.part.appearance")}>
      <Section title={t("appearance.theme")}>
        <div class="themes" role="radiogroup" aria-label={t("appearance.theme")}>
          {themes.map((theme) => (
            <label key={theme} class="theme">
              <input class="unseen" type="radio" name="theme" checked={s.theme === theme} onChange={() => set({ theme })} />
              <Picture theme={theme} /><span>{t(`appearance.theme.${theme}`)}</span>
            </label>
          ))}
        </div>
      </Section>
      <Section title={t("appearance.list")}>
        <Sheet>
          <li class="sheet-row"><span class="sheet-words"><strong>{t("appearance.density")}</strong></span>
            <Segments label={t("appearance.density")} value={s.density} onValue={(density) => set({ density })}
              options={[{ value: "comfortable", label: t("appearance.comfortable") }, { value: "compact", label: t("appearance.compact") }]} /></li>
          <li class="sheet-row"><span class="sheet-words"><strong>{t("appearance.panes")}</strong><small>{t("appearance.panes.hint")}</small></span>
            <Segments label={t("appearance.panes")} value={String(s.panes)} onValue={(v) => set({ panes: Number(v) as Settings["panes"] })}
              options={[1, 2, 3].map((n) => ({ value: String(n), label: String(n) }))} /></li>
          <li class="sheet-row"><div class="sheet-words"><Switch label={t("appearance.conversations")} hint={t("appearance.conversations.hint")} checked={s.conversations} onValue={(conversations) => set({ conversations })} /></div></li>
        </Sheet>
      </Section>
      <Section title={t("appearance.language")}>
        <div class="room-form">
          <Select label={t("appearance.language")} bare value={s.locale} onValue={(locale) => set({ locale })}
            options={[{ value: "", label: t("appearance.browser") }, ...available().map((c) => ({ value: c, label: languages[c] ?? c }))]} />
        </div>
      </Section>
    </Page>
  );
}

/** A little window in the colours of a theme; half and half for the system's. */
function Picture({ theme }: { theme: Settings["theme"] }) {
  const halves = theme === "system" ? (["light", "dark"] as const) : ([theme] as const);
  const colours = { light: { paper: "#f6f2ea", sheet: "#fffdf8", line: "#d8ccb8" }, dark: { paper: "#171410", sheet: "#2a251e", line: "#4a4136" } };
  const width = 120 / halves.length;
  return (
    <svg viewBox="0 0 120 72" aria-hidden="true">
      {halves.map((h, i) => (
        <g key={h} transform={`translate(${i * width} 0)`}>
          <rect width={width} height="72" fill={colours[h].paper} />
          <rect x="8" y="10" width={width - 16} height="52" rx="4" fill={colours[h].sheet} />
          {[20, 32, 44].map((y) => <rect key={y} x="14" y={y} width={width - 28} height="4" rx="2" fill={colours[h].line} />)}
          <circle cx="17" cy="54" r="4" fill="#a52a2c" />
        </g>
      ))}
    </svg>
  );
}
