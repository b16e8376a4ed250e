import { useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, say } from "../kit/index.ts";

/** Puts text on the clipboard and says so where the button is. */
export function Copy({ text, label, small }: { text: string; label?: string; small?: boolean }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    say(t("parts.copied"));
    setTimeout(() => setDone(false), 2500);
  };
  return (
    <Button icon={done ? "check" : "copy"} small={small ?? false} onClick={() => void copy().catch(() => say(t("parts.notcopied")))}>
      {done ? t("parts.copied") : (label ?? t("parts.copy"))}
    </Button>
  );
}

/** Hands a file to the person, made here: nothing is fetched. */
export function download(name: string, content: string | ArrayBuffer, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
