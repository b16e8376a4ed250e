// Style of a mail, taken apart by the browser's own parser and put together again from
// what is harmless. Nothing is matched in what the sender wrote, only in what the
// parser made of it: escapes, comments and unfinished rules are gone by then.

export interface Style {
  text: string;
  images: number; // references to pictures elsewhere
  other: number; // imports, fonts and what else would load
  dark: boolean; // it has rules of its own for dark mode
}

const maxText = 512 << 10;
const maxRules = 4000;

// Functions that load something, or that hide what does.
const loads = /(?:url|image|image-set|cross-fade|element|paint|src|var|env|attr|expression|canvas)\(/i;
const innocent = /^url\("data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"\)$/;

// Properties that reach out of the text, or for which parts are dropped anyway.
const refused = /^(?:--|animation|transition|behavior|-moz-binding|position-|anchor-|view-transition|timeline|scroll-)/;

function isRefused(name: string, value: string): boolean {
  if (refused.test(name)) return true;
  if (name === "position") return value !== "static" && value !== "relative" && value !== "absolute";
  return loads.test(value) && !innocent.test(value);
}

// Removes what loads from a declaration block. seen is told each value that named
// something to load.
export function cleanDeclarations(style: CSSStyleDeclaration, seen: (name: string, value: string) => void): void {
  for (const name of Array.from(style)) {
    const value = style.getPropertyValue(name);
    if (!isRefused(name, value)) continue;
    if (loads.test(value)) seen(name, value);
    style.removeProperty(name);
  }
  if (!loads.test(withoutInnocent(style.cssText))) return;
  for (const name of Array.from(style)) if (style.getPropertyValue(name) === "") style.removeProperty(name); // a shorthand with var()
  if (loads.test(withoutInnocent(style.cssText))) style.cssText = "";
}

function withoutInnocent(text: string): string {
  return text.replace(/url\("data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"\)/g, "");
}

// May a declaration block load anything? A quick look that errs on the safe side.
export function isSuspect(text: string): boolean {
  return /[\\(@]|--|position|animation/i.test(text);
}

// Only groups whose condition is about the reader, and rules.
function cleanRules(rules: CSSRuleList, style: Style, budget: { rules: number }): string {
  let out = "";
  for (const rule of Array.from(rules)) {
    if (budget.rules-- <= 0) return out;
    const kind = rule.constructor.name;
    if (kind === "CSSStyleRule") out += cleanRule(rule as CSSStyleRule, style);
    else if (kind === "CSSMediaRule") out += cleanMedia(rule as CSSMediaRule, style, budget);
    else if (kind === "CSSSupportsRule") out += cleanRules((rule as CSSSupportsRule).cssRules, style, budget);
    else style.other += loads.test(rule.cssText) ? 1 : 0;
  }
  return out;
}

function cleanMedia(rule: CSSMediaRule, style: Style, budget: { rules: number }): string {
  const condition = rule.media.mediaText;
  if (/[<{}]/.test(condition)) return "";
  if (/prefers-color-scheme\s*:\s*dark/i.test(condition)) style.dark = true;
  const inner = cleanRules(rule.cssRules, style, budget);
  return inner ? `@media ${condition}{${inner}}\n` : "";
}

function cleanRule(rule: CSSStyleRule, style: Style): string {
  const selector = rule.selectorText;
  if (/[<{}]|:has\(|::?highlight/i.test(selector) || selector.length > 4000) return "";
  cleanDeclarations(rule.style, () => style.images++);
  const text = rule.style.cssText;
  return text && !text.includes("<") ? `${selector}{${text}}\n` : "";
}

// A whole sheet. view is the frame's window: its parser, its realm.
export function cleanSheet(source: string, view: Window & typeof globalThis): Style {
  const style: Style = { text: "", images: 0, other: 0, dark: false };
  if (source.length > maxText) return { ...style, other: 1 };
  style.other += source.match(/@import\b/gi)?.length ?? 0; // a sheet made like this drops them
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(source);
  style.text = cleanRules(sheet.cssRules, style, { rules: maxRules });
  return style;
}
