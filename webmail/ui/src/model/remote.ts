// An import from another server, which our server does by itself: here is asked for, and
// looked at while its page is open.

import { signal } from "@preact/signals";
import type { Import, NewImport } from "../wire/api.ts";
import type { Api, Clock } from "../wire/http.ts";
import { tries } from "./devices.ts";

const LOOK = 1_000;

export function createRemote(api: Pick<Api, "get" | "mutate">, clock: Clock) {
  const state = signal<Import | null>(null);
  const doing = tries();
  let open = true;
  let next = () => {};
  const look = async (): Promise<void> => {
    next();
    state.value = await api.get<Import>("/import").catch(() => state.peek());
    if (open && state.peek()?.state === "running") next = clock.after(LOOK, () => void look());
  };
  return {
    state,
    busy: doing.busy,
    failed: doing.failed,
    look,
    start: (wish: NewImport) => doing.run(async () => {
      state.value = await api.mutate<Import>("POST", "/import", wish);
      await look();
      return true;
    }),
    stop: () => doing.run(async () => {
      await api.mutate("DELETE", "/import");
      await look();
    }),
    close() {
      open = false;
      next();
    },
  };
}

export type Remote = ReturnType<typeof createRemote>;
