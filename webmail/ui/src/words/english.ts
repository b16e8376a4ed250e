// Tests speak English: vitest reads this before each file of them.
import { setLanguage } from "./index.ts";

await setLanguage("en", []);
