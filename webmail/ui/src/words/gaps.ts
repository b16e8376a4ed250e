// While the page is built: what a translation lacks is said in English, so that a page
// fetches one language and no second one behind it.
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

type Catalogue = Record<string, string>;

/** words and, for keys that they lack, English. */
export const filled = (words: Catalogue, english: Catalogue): Catalogue => ({ ...Object.fromEntries(Object.entries(english).filter(([key]) => !(key in words))), ...words });

const translation = /^(.*\/src\/words\/)([a-z]+)\.json(?:\?part=(first|rest|outside))?$/;

// Words of rooms that are fetched when somebody goes there: nobody waits for them to see
// the list. A room waits for them (pages.ts); whatever drew one before is drawn again.
const rooms = /^(?:admin|alias|appearance|approve|asked|attach|attachments|begin|browse|compare|compose|contacts|devices|domains|drive|filters|invite|keys|letter|letters|linked|moving|organise|own|peers|privacy|profile|programs|protect|queue|reading|reports|reseal|rule|saveto|security|settings|share|shared|shortcuts|subkeys|trust|vacation|writing)\./;
// Words of the pages that strangers open, which fetch no others (outside.ts).
export const strangers = /^(?:asked|kit|shared)\.|^letter\.(?:again|answer\.slow|failed\.text|fault|password|reload|wrong)$|^files\.(?:cut|nolook|nolook\.why|pdf|pdf\.open|pdf\.why|risky|risky\.why|save)$|^compose\.detach$|^reader\.decrypting$/;
const wanted: { [part: string]: (key: string) => boolean } = { first: (key) => !rooms.test(key), rest: (key) => rooms.test(key), outside: (key) => strangers.test(key) };
export const part = (words: Catalogue, name: string | undefined): Catalogue => (name ? Object.fromEntries(Object.entries(words).filter(([key]) => wanted[name]?.(key))) : words);

/** The language that a module holds the words of, or nothing; with its part, where it is not the first. */
export function languageOf(id: string | null): string | undefined {
  const [, , lang, which] = translation.exec(id ?? "") ?? [];
  return lang && (which && which !== "first" ? `${lang}-${which}` : lang);
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
