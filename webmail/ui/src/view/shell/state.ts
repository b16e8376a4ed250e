// What only the pages' own look depends on, and not the mail.
import { computed, signal } from "@preact/signals";

/** What lies over the page: opened by key, menu or palette. */
export type Panel = "palette" | "help" | "move" | "label" | "snooze";
export const panel = signal<Panel | undefined>(undefined);

/** The drawer of mailboxes on narrow screens. */
export const drawer = signal(false);

/** Keys of the command that a mouse just did, shown for a moment. */
export const hint = signal<{ keys: string; words: string } | undefined>(undefined);

const media = (query: string) => {
  const list = typeof matchMedia === "undefined" ? undefined : matchMedia(query);
  const s = signal(list?.matches ?? false);
  list?.addEventListener("change", (e) => { s.value = e.matches; });
  return s;
};
export const narrow = media("(max-width: 47.99rem)"); // one column, a bar at the foot
export const middling = media("(max-width: 71.99rem)"); // at most two

/** The page is drawn dark: asked of the system, or of us. */
const systemDark = media("(prefers-color-scheme: dark)");
export const theme = signal<"system" | "light" | "dark">("system");
export const dark = computed(() => (theme.value === "system" ? systemDark.value : theme.value === "dark"));
