import type { Settings } from "../../model/types.ts";
import { clock, available, languages, t } from "../../words/index.ts";
import { Segments, Select, Switch } from "../kit/index.ts";
import { type Swipe, swipeWords, swipesOf } from "../list/swipe.ts";
import { Page, Section, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const themes: Settings["theme"][] = ["system", "light", "dark"];

export function Appearance({ desk }: Room) {
  const s = desk.settings.value.value;
  const set = (change: Partial<Settings>) => void desk.settings.set(change);
  const more = (change: Settings["more"]) => set({ more: { ...desk.settings.value.peek().more, ...change } });
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
      <Section title={t("appearance.time")}>
        <div class="room-form">
          <Select label={t("appearance.language")} value={s.locale} onValue={(locale) => set({ locale })}
            options={[{ value: "", label: t("appearance.browser") }, ...available().map((c) => ({ value: c, label: languages[c] ?? c }))]} />
          <Select label={t("appearance.clock")} hint={t("appearance.clock.example", { time: clock(Date.now() / 1000) })} value={typeof s.more["clock"] === "string" ? s.more["clock"] : ""} onValue={(v) => more({ clock: v })}
            options={[{ value: "", label: t("appearance.clock.auto") }, { value: "12", label: t("appearance.clock.12") }, { value: "24", label: t("appearance.clock.24") }]} />
        </div>
      </Section>
      <Section title={t("appearance.ease")}>
        <Sheet>
          <li class="sheet-row"><div class="sheet-words"><Switch label={t("appearance.contrast")} hint={t("appearance.contrast.hint")} checked={s.more["contrast"] === "more"} onValue={(on) => more({ contrast: on ? "more" : "" })} /></div></li>
          <li class="sheet-row"><div class="sheet-words"><Switch label={t("appearance.still")} hint={t("appearance.still.hint")} checked={s.more["motion"] === "less"} onValue={(on) => more({ motion: on ? "less" : "" })} /></div></li>
          <li class="sheet-row"><div class="sheet-words"><Switch label={t("appearance.hints")} hint={t("appearance.hints.hint")} checked={s.more["hints"] !== false} onValue={(hints) => more({ hints })} /></div></li>
        </Sheet>
      </Section>
      <Swiping desk={desk} more={more} />
    </Page>
  );
}

const swipes: Swipe[] = ["archive", "trash", "seen", "star", "snooze", "none"];

function Swiping({ desk, more }: Pick<Room, "desk"> & { more: (change: Settings["more"]) => void }) {
  void desk.settings.value.value;
  const now = swipesOf(desk);
  return (
    <Section title={t("appearance.swipe")} lead={t("appearance.swipe.lead")}>
      <div class="room-form">
        {(["end", "start"] as const).map((side) => (
          <Select key={side} label={t(`appearance.swipe.${side}`)} value={now[side]} onValue={(v) => more({ swipe: { ...now, [side]: v } })}
            options={swipes.map((w) => ({ value: w, label: w === "none" ? t("appearance.swipe.none") : t(swipeWords[w].words) }))} />
        ))}
      </div>
    </Section>
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
