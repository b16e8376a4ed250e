import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { integrity } from "../../integrity.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The page of the tests, built and hashed as the product is.
export default defineConfig({
  root: here("."),
  publicDir: here("../../public"),
  plugins: [integrity()],
  oxc: { jsx: { importSource: "preact" } },
  build: { target: "es2023", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
});
