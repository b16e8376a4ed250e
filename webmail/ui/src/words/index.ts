// Words, numbers and times in the reader's language. Keys are flat, one file a language,
// and a page fetches the one it shows; a count chooses among KEY.one, KEY.few … as
// Intl.PluralRules says. What a translation lacks is filled in with English when the page
// is built (gaps.ts).
import { signal } from "@preact/signals";
import { direction } from "./direction.ts";
import type en from "./en.json";

type Flat = keyof typeof en;
type Plural = Flat extends infer K ? (K extends `${infer B}.other` ? B : never) : never;
export type Key = Flat | Plural;
export type Params = { [name: string]: string | number };
type Catalogue = { [key: string]: string };

export type Files = { [name: string]: () => Promise<{ default: Catalogue }> };
const files: Files = import.meta.glob<{ default: Catalogue }>("./*.json", { query: "?part=first" });
const others = import.meta.glob<{ default: Catalogue }>("./*.json", { query: "?part=rest" });

// Each in its own words: whoever looks for a language reads that one.
export const languages: { [code: string]: string } = {
  en: "English", de: "Deutsch", fr: "Français", es: "Español", it: "Italiano", pt: "Português", nl: "Nederlands",
  pl: "Polski", ru: "Русский", ar: "العربية", he: "עברית", ja: "日本語", zh: "中文",
};
const rightToLeft = new Set(["ar", "he", "fa", "ur"]);

// What comes from elsewhere (an address, a subject, a folder's name) stands in its own
// direction, or it would pull the words around it out of their order. Its first letter
// says which one, also if that stands in an isolate of its own already.
const isolates = { rtl: "\u2067", ltr: "\u2066" };
function isolated(v: string): string {
  if (/^https?:/.test(v)) return v; // whoever finds a link in a text would take the mark behind it along
  const way = direction(v);
  return v && `${way ? isolates[way] : "\u2068"}${v}\u2069`;
}

export const language = signal("en"); // of the words
export const locale = signal("en"); // of dates and numbers, with its region

/** How hours are counted: "" as the language does. */
export const hours = signal<"" | "12" | "24">("");

let words: Catalogue = {};
let plural = new Intl.PluralRules("en");
let asked = 0;
let rest: Promise<void> = Promise.resolve();
const grown = signal(0); // words came after those of the first page

/** Once the words of rooms are here, too. */
export const allWords = (): Promise<void> => rest;

/** The languages that have a file. */
export const available = () => Object.keys(languages).filter((c) => `./${c}.json` in files);

/** What the browser asks for, as far as there are words for it. */
export function preferred(wanted: readonly string[] = navigator.languages): string {
  const have = available();
  return wanted.map((w) => w.toLowerCase().split("-")[0] ?? "").find((c) => have.includes(c)) ?? "en";
}

/** Which language was chosen on this device, at the door or with an account's settings. */
export interface Memory { get(): string | null; set(code: string | null): void }
const place = "sealpost.language";
const remembered: Memory = {
  get: () => { try { return localStorage.getItem(place); } catch { return null; } },
  set: (code) => { try { code ? localStorage.setItem(place, code) : localStorage.removeItem(place); } catch { /* forgotten with the page */ } },
};

/** The language to begin in: the one chosen on this device, else what the browser asks for. */
export function chosen(memory = remembered, wanted: readonly string[] = navigator.languages): string {
  const code = memory.get();
  return code && available().includes(code) ? code : preferred(wanted);
}

/** Shows a language and remembers it on this device; empty goes back to the browser's. */
export async function choose(code: string, memory = remembered): Promise<void> {
  memory.set(code || null);
  await setLanguage(code || preferred());
}

/** Loads a language and shows it; an unknown one is English. If it does not come, what was shown stays. It is done with the words of the first page: see allWords. from: of a page that has words of its own (outside.ts). */
export async function setLanguage(code: string, region: readonly string[] = navigator.languages, from: Files = files): Promise<void> {
  const turn = ++asked;
  const lang = available().includes(code) ? code : "en";
  const catalogue = await from[`./${lang}.json`]?.();
  if (turn !== asked || !catalogue) return; // another one was asked for meanwhile
  words = catalogue.default;
  rest = Promise.resolve(from === files ? others[`./${lang}.json`]?.() : undefined).then((more) => {
    if (turn !== asked || !more) return;
    words = { ...words, ...more.default };
    grown.value++;
  });
  rest.catch(() => {}); // a room asks again
  locale.value = region.find((r) => r.toLowerCase().split("-")[0] === lang) ?? lang;
  plural = new Intl.PluralRules(lang);
  formats.clear();
  if (typeof document !== "undefined") {
    document.documentElement.lang = lang;
    document.documentElement.dir = rightToLeft.has(lang) ? "rtl" : "ltr";
  }
  language.value = lang;
}

const find = (key: string, n: number | undefined): string | undefined =>
  n === undefined ? words[key] : words[`${key}.${plural.select(n)}`] ?? words[`${key}.other`] ?? words[key];

/** The words of a key. {name} takes a parameter; a number named n also chooses the plural. */
export function t(key: Key, params?: Params): string {
  void grown.value;
  void language.value; // whoever draws words draws them again when the language changes
  const n = params?.["n"];
  const text = find(key, typeof n === "number" ? n : undefined) ?? key;
  if (!params) return text;
  const own = rightToLeft.has(language.value) ? isolated : (v: string) => v;
  return text.replace(/\{(\w+)\}/g, (all, name: string) => {
    const v = params[name];
    return v === undefined ? all : typeof v === "number" ? number(v) : own(v);
  });
}

// Intl's makers are slow and their products are not: keep them.
const formats = new Map<string, unknown>();
function format<T>(name: string, make: (locale: string) => T): T {
  const l = locale.value;
  const key = name + l;
  let f = formats.get(key) as T | undefined;
  if (!f) formats.set(key, (f = make(l)));
  return f;
}
const dates = (name: string, o: Intl.DateTimeFormatOptions) => format(name + hours.value, (l) => new Intl.DateTimeFormat(l, withHours(o)));
const withHours = (o: Intl.DateTimeFormatOptions): Intl.DateTimeFormatOptions =>
  hours.value === "" || (o.hour === undefined && o.timeStyle === undefined) ? o : { ...o, hourCycle: hours.value === "12" ? "h12" : "h23" };

export const number = (n: number) => format("n", (l) => new Intl.NumberFormat(l)).format(n);
export const percent = (share: number) => format("%", (l) => new Intl.NumberFormat(l, { style: "percent" })).format(share);

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
/** A size as people say it: 1.2 MB. */
export function bytes(n: number): string {
  let i = 0;
  while (n >= 1000 && i < units.length - 1) (n /= 1000), i++;
  const unit = units[i] ?? "byte";
  const digits = i > 0 && n < 10 ? 1 : 0;
  return format(`b${unit}${digits}`, (l) => new Intl.NumberFormat(l, { style: "unit", unit, unitDisplay: i === 0 ? "long" : "short", maximumFractionDigits: digits })).format(n);
}

export const list = (items: string[]) => format("list", (l) => new Intl.ListFormat(l, { type: "conjunction" })).format(items);

const dayStart = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

/** As a row of the list has it: the time today, the weekday this week, the day this year. */
export function shortDate(seconds: number, now = Date.now()): string {
  if (!seconds) return "";
  const d = new Date(seconds * 1000), today = dayStart(new Date(now));
  if (d.getTime() >= today && d.getTime() < today + 86400e3) return dates("time", { hour: "numeric", minute: "2-digit" }).format(d);
  if (d.getTime() >= today - 6 * 86400e3 && d.getTime() < today) return dates("weekday", { weekday: "short", hour: "numeric", minute: "2-digit" }).format(d);
  if (d.getFullYear() === new Date(now).getFullYear()) return dates("day", { day: "numeric", month: "short" }).format(d);
  return dates("year", { day: "numeric", month: "short", year: "numeric" }).format(d);
}
export const fullDate = (seconds: number) => dates("full", { weekday: "short", day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit" }).format(new Date(seconds * 1000));
export const exactDate = (seconds: number) => dates("exact", { dateStyle: "full", timeStyle: "long" }).format(new Date(seconds * 1000));
export const dayDate = (seconds: number) => dates("daydate", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(new Date(seconds * 1000));
export const clock = (seconds: number) => dates("time", { hour: "numeric", minute: "2-digit" }).format(new Date(seconds * 1000));
export const weekTime = (seconds: number) => dates("weektime", { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }).format(new Date(seconds * 1000));
export const shortMonth = (seconds: number) => dates("shortmonth", { month: "short" }).format(new Date(seconds * 1000));
export const monthDate = (seconds: number) => dates("month", { month: "long", year: "numeric" }).format(new Date(seconds * 1000));

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
/** "3 hours ago", "in 2 days". */
export function relative(seconds: number, now = Date.now() / 1000): string {
  const gap = seconds - now;
  const [unit, size] = steps.find(([, s]) => Math.abs(gap) >= s) ?? ["second", 1];
  return format("rel", (l) => new Intl.RelativeTimeFormat(l, { numeric: "auto" })).format(Math.round(gap / size), unit);
}
