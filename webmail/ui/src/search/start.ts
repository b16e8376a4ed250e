// Starts the search of an account, with a worker of its own.

import { scriptURL } from "../trusted.ts";
import type { Search } from "../model/types.ts";
import type { Port } from "./client.ts";
import { createSearch, type SearchParts } from "./engine.ts";
import worker from "./worker.ts?worker&url";

export function startSearch(parts: Omit<SearchParts, "port">): Search {
  return createSearch({ ...parts, port: new Worker(scriptURL(worker), { type: "module", name: "search" }) as unknown as Port });
}
