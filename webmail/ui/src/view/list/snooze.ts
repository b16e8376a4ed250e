// When a mail may come back: times that make sense from now on.
import type { Key } from "../../words/index.ts";

export interface SnoozeTime { id: string; words: Key; at: number }

export function snoozes(now: Date): SnoozeTime[] {
  const on = (days: number, hour: number) => Math.floor(new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour).getTime() / 1000);
  const day = now.getDay(), saturday = (6 - day + 7) % 7 || 7, monday = (1 - day + 7) % 7 || 7;
  const all: SnoozeTime[] = [
    { id: "later", words: "snooze.later", at: Math.floor((now.getTime() / 1000 + 3 * 3600) / 900) * 900 },
    { id: "evening", words: "snooze.evening", at: on(0, 19) },
    { id: "tomorrow", words: "snooze.tomorrow", at: on(1, 8) },
    { id: "weekend", words: "snooze.weekend", at: on(saturday, 9) },
    { id: "week", words: "snooze.week", at: on(monday, 8) },
  ];
  // Not this evening once it is evening; not "later today" where that is tomorrow.
  return all.filter((s) => (s.id === "evening" ? now.getHours() < 17 : s.id === "later" ? now.getHours() < 20 : s.id === "weekend" ? day >= 1 && day <= 4 : true));
}
