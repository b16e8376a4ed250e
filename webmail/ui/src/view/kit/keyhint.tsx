import "./keyhint.css";

const names: { [key: string]: string } = { Mod: "Ctrl", Enter: "↵", Escape: "Esc", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Delete: "Del", " ": "Space" };
const mac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
const nameOf = (k: string) => (mac && k === "Mod" ? "⌘" : names[k] ?? (k.length === 1 && /[a-z]/.test(k) ? k.toUpperCase() : k));

/** A shortcut as keys on a board: "Mod+k" is held together, "g i" is one after another. */
export function KeyHint({ keys }: { keys: string }) {
  return (
    <span class="keys" dir="ltr" aria-hidden="true">
      {keys.split(" ").map((chord, i) => <span key={i} class="keys-chord">{chord === "+" ? <kbd>+</kbd> : chord.split("+").map((k) => <kbd key={k}>{nameOf(k)}</kbd>)}</span>)}
    </span>
  );
}
