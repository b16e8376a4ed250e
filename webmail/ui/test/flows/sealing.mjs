// The client's own code for sealing files, made ready for Node.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";

/** What src/files exports; its folder goes with the process, since parts of it are loaded late. */
export async function openSealing() {
  const outDir = mkdtempSync(join(tmpdir(), "sp-sealing-")), root = join(import.meta.dirname, "../..");
  process.once("exit", () => rmSync(outDir, { recursive: true, force: true }));
  await build({ root, configFile: false, logLevel: "error", ssr: { noExternal: true }, build: { ssr: join(root, "src/files/index.ts"), outDir, emptyOutDir: true, rollupOptions: { output: { entryFileNames: "sealing.mjs", chunkFileNames: "[name].mjs" } } } });
  return import(join(outDir, "sealing.mjs"));
}
