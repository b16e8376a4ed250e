// Tests speak English: vitest reads this before each file of them.
import { allWords, setLanguage } from "./index.ts";

await setLanguage("en", []);
await allWords();
