// Fields for words of the list: a recovery kit's 24 or a device's six. Each field says
// whether its word is one; a paste into any of them is spread over all.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Icon } from "../kit/index.ts";
import { complete, fits, fold, spread, stateOf, type WordState } from "./kit.ts";
import "./words.css";

export function useList(): readonly string[] {
  const [list, setList] = useState<readonly string[]>([]);
  useEffect(() => {
    let over = false;
    void import("../../vault/wordlist.ts").then((m) => over || setList(m.words));
    return () => void (over = true);
  }, []);
  return list;
}

export const noWords = (count: number): string[] => Array.from({ length: count }, () => "");

interface Props { words: string[]; onWords: (words: string[]) => void; label: string; list: readonly string[] }

export function Words({ words, onWords, label, list }: Props) {
  const [at, setAt] = useState(0);
  const box = useRef<HTMLOListElement>(null);
  const id = useId();
  const focus = (i: number) => box.current?.querySelectorAll("input")[Math.max(0, Math.min(i, words.length - 1))]?.focus();
  const put = (i: number, word: string) => onWords(words.map((w, k) => (k === i ? word : w)));
  const take = (i: number, word: string) => {
    put(i, word);
    setTimeout(() => focus(i + 1));
  };
  const key = (i: number, e: KeyboardEvent) => {
    const typed = words[i] ?? "";
    const [best] = complete(typed, list);
    if ((e.key === " " || e.key === "Enter") && typed !== "") {
      e.preventDefault();
      take(i, stateOf(typed, list) === "known" ? (fold(typed)[0] ?? "") : best ?? typed);
    } else if (e.key === "Tab" && !e.shiftKey && stateOf(typed, list) === "typing" && best) put(i, best);
    else if (e.key === "Backspace" && typed === "") {
      e.preventDefault();
      focus(i - 1);
    }
  };
  const paste = (i: number, e: ClipboardEvent) => {
    const text = e.clipboardData?.getData("text") ?? "";
    if (fold(text).length < 2) return;
    e.preventDefault();
    onWords(spread(words, i, text));
  };
  const hints = list.length > 0 && stateOf(words[at] ?? "", list) !== "known" ? complete(words[at] ?? "", list) : [];
  return (
    <fieldset class="words">
      <legend class="unseen">{label}</legend>
      <ol ref={box} class={`words-grid words-${words.length}`}>
        {words.map((w, i) => {
          const state = list.length > 0 ? stateOf(w, list) : "empty";
          const wrong = state === "unknown" || (state === "typing" && at !== i);
          return (
            <li key={i} class={`words-one words-${wrong ? "unknown" : state}`}>
              <label for={`${id}-${i}`}><span class="unseen">{t("words.nth", { number: i + 1 })}</span><span aria-hidden="true">{i + 1}</span></label>
              <input id={`${id}-${i}`} type="text" value={w} autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck={false} enterkeyhint="next"
                aria-invalid={wrong || undefined} aria-describedby={at === i ? `${id}-hints` : undefined}
                onFocus={() => setAt(i)} onKeyDown={(e) => key(i, e)} onPaste={(e) => paste(i, e)} onInput={(e) => put(i, e.currentTarget.value)} />
              {state === "known" && <Icon name="check" />}
              {wrong && <Icon name="wrong" />}
            </li>
          );
        })}
      </ol>
      <div class="words-hints" id={`${id}-hints`}>
        {hints.length > 0 && <span>{t(stateOf(words[at] ?? "", list) === "unknown" ? "words.meant" : "words.perhaps", { number: at + 1 })}</span>}
        {hints.map((h) => <button key={h} type="button" tabIndex={-1} onPointerDown={(e) => e.preventDefault()} onClick={() => take(at, h)}>{h}</button>)}
      </div>
    </fieldset>
  );
}

export type Whole = "more" | "wrong-word" | "no-fit" | "fits";

/** What can be said of all the words together, without knowing which are right. */
export function useWhole(words: string[], list: readonly string[], checked: boolean): Whole {
  const [whole, setWhole] = useState<Whole>("more");
  const joined = words.join(" ");
  useEffect(() => {
    let over = false;
    const states = words.map((w): WordState => stateOf(w, list));
    if (list.length === 0 || states.some((s) => s === "empty" || s === "typing")) setWhole("more");
    else if (states.includes("unknown")) setWhole("wrong-word");
    else if (!checked) setWhole("fits");
    else void fits(words.map((w) => fold(w)[0] ?? ""), list).then((ok) => over || setWhole(ok ? "fits" : "no-fit"));
    return () => void (over = true);
  }, [joined, list, checked]);
  return whole;
}

export function WholeWords({ whole, words }: { whole: Whole; words: string[] }) {
  const n = words.filter((w) => w.trim() !== "").length;
  return (
    <p class={`words-whole words-whole-${whole}`} role="status">
      {whole === "fits" ? <Icon name="check" /> : whole !== "more" && <Icon name="warn" />}
      <span>{whole === "more" ? t("words.count", { n, of: words.length }) : whole === "fits" ? t("words.fits") : whole === "no-fit" ? t("words.nofit") : t("words.wrong")}</span>
    </p>
  );
}
