// While the page is built: what a translation lacks is said in English, so that a page
// fetches one language and no second one behind it.
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

type Catalogue = Record<string, string>;

/** words and, for keys that they lack, English. */
export const filled = (words: Catalogue, english: Catalogue): Catalogue => ({ ...Object.fromEntries(Object.entries(english).filter(([key]) => !(key in words))), ...words });

const translation = /^(.*\/src\/words\/)([a-z]+)\.json(?:\?part=(first|rest))?$/;

// Words of rooms that are fetched when somebody goes there: nobody waits for them to see
// the list. A room waits for them (pages.ts); whatever drew one before is drawn again.
const rooms = /^(?:admin|alias|appearance|approve|begin|compare|compose|contacts|devices|domains|filters|invite|keys|letter|letters|moving|organise|own|peers|privacy|profile|programs|protect|queue|reading|reports|reseal|rule|security|settings|shared|shortcuts|subkeys|trust|vacation|writing)\./;
export const part = (words: Catalogue, name: string | undefined): Catalogue => (name ? Object.fromEntries(Object.entries(words).filter(([key]) => rooms.test(key) === (name === "rest"))) : words);

/** The language that a module holds the words of, or nothing; with "-rest" if only those of rooms. */
export function languageOf(id: string | null): string | undefined {
  const [, , lang, which] = translation.exec(id ?? "") ?? [];
  return lang && (which === "rest" ? `${lang}-rest` : lang);
}

export function gaps(): Plugin {
  return {
    name: "gaps",
    enforce: "pre",
    transform(code, id) {
      const [, dir, lang, which] = translation.exec(id) ?? [];
      if (!dir) return null;
      this.addWatchFile(`${dir}en.json`);
      const english = JSON.parse(readFileSync(`${dir}en.json`, "utf8")) as Catalogue;
      const words = JSON.stringify(part(lang === "en" ? english : filled(JSON.parse(code) as Catalogue, english), which));
      return which ? { code: `export default JSON.parse(${JSON.stringify(words)});`, map: null, moduleType: "js" as const } : { code: words, map: null };
    },
  };
}
