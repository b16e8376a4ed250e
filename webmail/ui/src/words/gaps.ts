// While the page is built: what a translation lacks is said in English, so that a page
// fetches one language and no second one behind it.
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

type Catalogue = Record<string, string>;

/** words and, for keys that they lack, English. */
export const filled = (words: Catalogue, english: Catalogue): Catalogue => ({ ...Object.fromEntries(Object.entries(english).filter(([key]) => !(key in words))), ...words });

const translation = /^(.*\/src\/words\/)([a-z]+)\.json$/;

/** The language that a module holds the words of, or nothing. */
export const languageOf = (id: string | null): string | undefined => translation.exec(id ?? "")?.[2];

export function gaps(): Plugin {
  return {
    name: "gaps",
    enforce: "pre",
    transform(code, id) {
      const [, dir, lang] = translation.exec(id) ?? [];
      if (!dir || lang === "en") return null;
      this.addWatchFile(`${dir}en.json`);
      return { code: JSON.stringify(filled(JSON.parse(code) as Catalogue, JSON.parse(readFileSync(`${dir}en.json`, "utf8")) as Catalogue)), map: null };
    },
  };
}
