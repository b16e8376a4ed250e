// Colours of a mail on dark paper: light grounds become dark, dark words light, and
// hues stay what they were. Only colours that the mail chose itself are touched.

export type Colour = [red: number, green: number, blue: number, alpha: number];

export function parseColour(text: string): Colour | undefined {
  const m = /^rgba?\((\d+(?:\.\d+)?)[, ]+(\d+(?:\.\d+)?)[, ]+(\d+(?:\.\d+)?)(?:[,/ ]+(\d*\.?\d+))?\)$/.exec(text);
  return m ? [Number(m[1]), Number(m[2]), Number(m[3]), m[4] === undefined ? 1 : Number(m[4])] : undefined;
}

// Relative luminance (WCAG 2.2).
export function luminance([r, g, b]: Colour): number {
  const linear = (v: number) => (v <= 10 ? v / 3294 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

// Turns lightness around in HSL between two ends.
function turned([r, g, b, a]: Colour, dark: number, light: number): string {
  const [x, y, z] = [r / 255, g / 255, b / 255];
  const max = Math.max(x, y, z);
  const min = Math.min(x, y, z);
  const l = (max + min) / 2;
  const d = max - min;
  const s = d === 0 ? 0 : d / (1 - Math.abs(2 * l - 1));
  let h = 0;
  if (d > 0) h = max === x ? ((y - z) / d + 6) % 6 : max === y ? (z - x) / d + 2 : (x - y) / d + 4;
  const to = dark + (1 - l) * (light - dark);
  return `hsla(${Math.round(h * 60)}, ${Math.round(Math.min(s, 0.85) * 100)}%, ${Math.round(to * 100)}%, ${a})`;
}

export function darkGround(c: Colour): string | undefined {
  return c[3] > 0.05 && luminance(c) > 0.18 ? turned(c, 0.11, 0.42) : undefined;
}

export function darkInk(c: Colour): string | undefined {
  return luminance(c) < 0.3 ? turned(c, 0.55, 0.92) : undefined;
}

const most = 8_000;

// Repaints everything below root. The old value of what it changed comes back from
// the function that it returns.
export function darken(root: HTMLElement, view: Window & typeof globalThis): () => void {
  const changes: [HTMLElement, string, string][] = [];
  const elements = [root, ...Array.from(root.querySelectorAll<HTMLElement>("*")).slice(0, most)];
  const seen = elements.map((e) => {
    const style = view.getComputedStyle(e);
    return { e, ground: parseColour(style.backgroundColor), ink: parseColour(style.color), border: parseColour(style.borderTopColor) };
  });
  const set = (e: HTMLElement, name: string, value: string | undefined) => {
    if (value) changes.push([e, name, value]);
  };
  for (const { e, ground, ink, border } of seen) {
    if (ground) set(e, "background-color", darkGround(ground));
    if (ink) set(e, "color", darkInk(ink));
    if (border && luminance(border) > 0.5) set(e, "border-color", darkGround(border));
  }
  const before = changes.map(([e]) => e.getAttribute("style"));
  for (const [e, name, value] of changes) e.style.setProperty(name, value, "important");
  return () => {
    for (let i = changes.length - 1; i >= 0; i--) {
      const e = changes[i]?.[0];
      const style = before[i];
      if (e && style) e.style.cssText = style;
      else e?.removeAttribute("style");
    }
  };
}
