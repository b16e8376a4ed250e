// @vitest-environment happy-dom
import { signal } from "@preact/signals";
import { expect, test, vi } from "vitest";
import type { Desk } from "../../model/types.ts";
import { go } from "../../router.ts";
import { startShortcuts } from "./shortcuts.ts";

test("a key does nothing to mail where no list is seen", () => {
  const trash = vi.fn(), undo = vi.fn();
  const desk = {
    settings: { value: signal({ keys: {} }) }, sync: { role: () => undefined }, actions: { trash, undo },
    list: { selected: signal(new Set()), chosen: () => [{ mailbox: 1, uid: 1, id: "a" }], clearSelection: () => {}, row: () => undefined },
    mail: { key: signal(null), mails: signal([]) },
  } as unknown as Desk;
  const stop = startShortcuts(() => desk), press = (key: string) => dispatchEvent(new KeyboardEvent("keydown", { key }));
  go({ page: "settings", part: "reading" });
  press("#");
  expect(trash).not.toHaveBeenCalled();
  press("z");
  expect(undo).toHaveBeenCalledOnce();
  go({ page: "mail", list: { kind: "special", name: "inbox" } });
  press("#");
  expect(trash).toHaveBeenCalledOnce();
  stop();
});
