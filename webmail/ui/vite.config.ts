import { defineConfig } from "vitest/config";
import { integrity } from "./integrity.ts";
import { gaps, languageOf } from "./src/words/gaps.ts";

// Vitest's reporter wants it; Node 20 has not got it.
Map.groupBy ??= (items, key) => {
  const groups = new Map();
  let i = 0;
  for (const item of items) {
    const k = key(item, i++);
    groups.set(k, [...(groups.get(k) ?? []), item]);
  }
  return groups;
};

// Names are hashes, nothing is inlined, and what stands in dist is the same whoever
// builds it, wherever.
export default defineConfig({
  base: "/",
  plugins: [gaps(), integrity()],
  oxc: { jsx: { importSource: "preact" } },
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    cssCodeSplit: false, // one style, so that its hash can stand in the page
    reportCompressedSize: false,
    rollupOptions: {
      input: { index: "index.html", stranger: "stranger.html", sw: "src/sw.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
        // The service worker knows languages by their names, to keep only the one in use.
        chunkFileNames: (chunk) => {
          const language = languageOf(chunk.facadeModuleId);
          return language ? `assets/language-${language}-[hash].js` : "assets/[name]-[hash].js";
        },
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  worker: {
    format: "es",
    rollupOptions: {
      output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js", assetFileNames: "assets/[name]-[hash][extname]" },
    },
  },
  // Node takes the packages' own builds, but this one has one for browsers only.
  test: { alias: { "openpgp/lightweight": new URL("node_modules/openpgp/dist/lightweight/openpgp.min.mjs", import.meta.url).pathname }, environment: "node", setupFiles: ["src/words/english.ts", "src/model/testing/buffers.ts"], testTimeout: 60_000, hookTimeout: 60_000, include: ["src/**/*.test.{ts,tsx}"] },
});
