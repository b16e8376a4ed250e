// What comes without a clock of ours: once all of it has settled, whatever else the machine does.

import { vi } from "vitest";

export const soon = <T>(f: () => T | Promise<T>): Promise<T> => vi.waitFor(f, { timeout: 50_000, interval: 20 });
