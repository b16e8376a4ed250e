import "./parts.css";

/** A fingerprint in groups of four, as people read them aloud; in the text it is one run. */
export function Fingerprint({ hex, large }: { hex: string; large?: boolean }) {
  const groups = hex.toUpperCase().match(/.{1,4}/g) ?? [];
  return (
    <code class={`fingerprint${large ? " fingerprint-large" : ""}`}>
      {groups.map((g, i) => <span key={i}>{g}</span>)}
    </code>
  );
}
