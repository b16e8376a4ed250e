import { defineConfig } from "vitest/config";

// Measures, not tests: run by hand on a machine in peace.
export default defineConfig({ test: { environment: "node", include: ["bench/*.bench.ts"], fileParallelism: false } });
