import { t, type Key } from "../../words/index.ts";
import { Note } from "../kit/index.ts";

/** A failure's word as people say it; one that has no words of its own is said in general. */
export function faultWords(word: string, wait = 0): string {
  const key = `fault.${word}`;
  const text = t(key as Key, { n: wait });
  return text === key ? t("fault.fault") : text;
}

/** Nothing while word is "". */
export function Failure({ word, wait }: { word: string; wait?: number | undefined }) {
  return word === "" ? null : <Note tone="bad">{faultWords(word, wait)}</Note>;
}
