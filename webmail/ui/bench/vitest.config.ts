import { defineConfig } from "vitest/config";
import tests from "../vite.config.ts";

// Measures, not tests: run by hand on a machine in peace.
export default defineConfig({ ...tests, test: { ...tests.test, include: ["bench/*.bench.ts"], fileParallelism: false } });
