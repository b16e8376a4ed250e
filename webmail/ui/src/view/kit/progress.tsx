import { percent } from "../../words/index.ts";
import "./progress.css";

/** Something is going on; say elsewhere what. With a label it is read aloud. */
export function Spinner({ label }: { label?: string }) {
  return <span class="spinner" role={label ? "status" : undefined} aria-label={label} aria-hidden={label ? undefined : true} />;
}

/** How far something is; value from 0 to 1, undefined while nobody knows. */
export function Progress({ value, label, show }: { value?: number | undefined; label: string; show?: boolean }) {
  return (
    <div class="progress">
      {show && <div class="progress-words"><span>{label}</span>{value !== undefined && <span>{percent(value)}</span>}</div>}
      <progress aria-label={label} max={1} {...(value !== undefined && { value })} />
    </div>
  );
}

/** Parts of a whole, such as what fills the storage. */
export function Meter({ value, max, label, warn = 0.9 }: { value: number; max: number; label: string; warn?: number }) {
  const share = max > 0 ? Math.min(1, value / max) : 0;
  return <div class={"meter" + (share >= warn ? " meter-warn" : "")} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={max} aria-valuenow={value}><div style={{ inlineSize: `${share * 100}%` }} /></div>;
}
