// Pictures of numbers, as SVG that says the same in words: every chart is an image with a
// name for whoever does not see it, and its numbers stand beside it as text.
import type { ComponentChildren } from "preact";
import { number } from "../../words/index.ts";
import "./chart.css";

export interface Slice { label: string; value: number; kind: string; text: string }

// Bar shows parts of a whole in one line. What is left of whole is drawn as empty.
export function Bar({ slices, whole, label }: { slices: Slice[]; whole: number; label: string }) {
  const total = Math.max(whole, sum(slices.map((s) => s.value)), 1);
  let at = 0;
  return (
    <figure class="chart">
      <svg role="img" aria-label={`${label}: ${slices.map((s) => `${s.label} ${s.text}`).join(", ")}`} viewBox="0 0 1000 28" preserveAspectRatio="none" class="chart-bar">
        <rect class="chart-empty" width="1000" height="28" />
        {slices.map((s) => {
          const width = (s.value / total) * 1000;
          const rect = <rect class={`chart-${s.kind}`} x={at} width={Math.max(width - 3, s.value > 0 ? 3 : 0)} height="28" />;
          at += width;
          return rect;
        })}
      </svg>
      <figcaption><Legend slices={slices} /></figcaption>
    </figure>
  );
}

export function Legend({ slices }: { slices: Slice[] }) {
  return (
    <ul class="chart-legend">
      {slices.map((s) => (
        <li key={s.label}>
          <svg viewBox="0 0 12 12" aria-hidden="true"><rect class={`chart-${s.kind}`} width="12" height="12" rx="3" /></svg>
          <span>{s.label}</span> <strong>{s.text}</strong>
        </li>
      ))}
    </ul>
  );
}

export interface Day { day: string; parts: { kind: string; value: number }[] }

const height = 120;

// Columns shows days side by side, parts of a day on top of each other.
export function Columns({ days, label, children }: { days: Day[]; label: string; children?: ComponentChildren }) {
  const top = nice(Math.max(1, ...days.map((d) => sum(d.parts.map((p) => p.value)))));
  const step = 1000 / Math.max(days.length, 1);
  return (
    <figure class="chart">
      <div class="chart-top" aria-hidden="true">{number(top)}</div>
      <svg role="img" aria-label={label} viewBox={`0 -4 1000 ${height + 8}`} preserveAspectRatio="none" class="chart-columns">
        {[0, 0.5, 1].map((s) => <line key={s} class="chart-rule" x1="0" x2="1000" y1={height * s} y2={height * s} />)}
        {days.map((d, i) => {
          let y = height;
          return d.parts.map((p) => {
            const h = (p.value / top) * height;
            y -= h;
            return <rect key={`${d.day}${p.kind}`} class={`chart-${p.kind}`} x={i * step + step * 0.14} width={step * 0.72} y={y} height={Math.max(0, h)} />;
          });
        })}
      </svg>
      <div class="chart-axis" aria-hidden="true"><span>{days[0]?.day}</span><span>{days[days.length - 1]?.day}</span></div>
      {children && <figcaption>{children}</figcaption>}
    </figure>
  );
}

export function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

// nice is the next round number up, so that a rule of the chart says something.
export function nice(n: number): number {
  const unit = 10 ** Math.floor(Math.log10(n));
  return (([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((s) => s * unit >= n) ?? 10) * unit);
}
