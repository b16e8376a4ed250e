// @vitest-environment happy-dom
import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { App, Desk, RulesCopy } from "../../model/types.ts";
import type { Rules } from "../../wire/api.ts";
import en from "../../words/en.json";
import { Filters } from "./filters.tsx";
import { sentence } from "./rule.tsx";
import { day, time } from "./vacation.tsx";

let root: HTMLElement;
let server: Rules;
const putRules = vi.fn(async (r: Rules) => (server = { ...r, version: r.version + 1 }));
const copy = signal<RulesCopy | null>(null);
const keepRules = vi.fn(async () => {});
const app = { api: { rules: async () => server, putRules } } as unknown as App;
const desk = { sync: { mailboxes: signal([{ name: "INBOX" }, { name: "Lists" }]) }, settings: { value: signal({ labels: [{ keyword: "$bills", name: "Bills", colour: 1 }] }), rulesCopy: copy, keepRules } } as unknown as Desk;

beforeEach(async () => {
  server = { version: 1, rules: [], vacation: { on: false, subject: "", text: "" } };
  putRules.mockClear();
  root = document.createElement("div");
  document.body.append(root);
  act(() => render(<Filters app={app} desk={desk} />, root));
  await settle();
});
afterEach(() => {
  act(() => render(null, root));
  root.remove();
});

const settle = async () => { for (let i = 0; i < 4; i++) await act(async () => void (await new Promise((done) => setTimeout(done, 2)))); };
const button = (name: string) => [...root.querySelectorAll("button")].find((b) => (b.getAttribute("aria-label") ?? b.textContent) === name) as HTMLButtonElement | undefined;
const press = async (name: string) => { await act(() => void button(name)?.click()); await settle(); };
const labelled = (name: string) => {
  const id = [...root.querySelectorAll("label")].find((l) => l.textContent === name)?.htmlFor;
  return root.querySelector(`[id="${id}"]`) as HTMLInputElement | HTMLSelectElement;
};
const put = async (name: string, value: string, event: "input" | "change") => {
  const el = labelled(name);
  el.value = value;
  await act(() => void el.dispatchEvent(new Event(event, { bubbles: true })));
  await settle();
};

test("the page says that the server can read the rules", () => {
  expect(root.textContent).toContain(en["filters.readable"]);
  expect(root.textContent).toContain(en["filters.readable.text"]);
});

test("a rule is made, says itself, and is sent only when it is whole", async () => {
  await press(en["filters.new"]);
  expect(button(en["settings.save"])?.disabled).toBe(true);
  expect(root.textContent).toContain(en["rule.lack.empty-value"]);
  await put(en["rule.value"], "@lists.example", "input");
  await put(en["rule.verb"], "not-ends", "change");
  await put(en["rule.mailbox"], "Lists", "change");
  expect(root.textContent).toContain("When the sender does not end with “@lists.example”: move to Lists.");
  expect(button(en["settings.save"])?.disabled).toBe(false);
  await press(en["settings.save"]);
  expect(putRules).toHaveBeenCalledTimes(1);
  expect(server.rules).toEqual([{ name: "", on: true, all: true, stop: false, conditions: [{ field: "from", op: "ends", value: "@lists.example", not: true }], actions: [{ do: "move", mailbox: "Lists" }] }]);
});

test("changing what is looked at leaves no value that means something else", async () => {
  await press(en["filters.new"]);
  await put(en["rule.value"], "x", "input");
  await put(en["rule.what"], "attachment", "change");
  await put(en["rule.mailbox"], "Lists", "change");
  expect(root.textContent).toContain("When an attachment is there: move to Lists.");
  await put(en["rule.verb"], "ends", "change");
  expect(root.textContent).toContain(en["rule.lack.empty-value"]);
});

test("a rule reads as one would say it", () => {
  const rule = { name: "", on: true, all: false, stop: false, conditions: [{ field: "size", op: "over", value: "20000000" }, { field: "class", op: "is", value: "end-to-end", not: true }], actions: [{ do: "flag", flag: "$bills" }, { do: "forward", address: "b@c.example" }] } as const;
  expect(sentence({ ...rule, conditions: [...rule.conditions], actions: [...rule.actions] }, desk.settings.value.value.labels)).toBe("When the size is over 20 MB or the protection is not end-to-end: label Bills and forward to b@c.example.");
});

test("the last day away is a day away", () => {
  const until = time("2026-07-31", true) ?? "";
  expect(day(until)).toBe("2026-08-01");
  expect(day(new Date(Date.parse(until) - 1000).toISOString())).toBe("2026-07-31");
  expect(day(time("2026-07-01", false))).toBe("2026-07-01");
  expect(time("", false)).toBeUndefined();
});

test("a server without rules is offered the copy; who has some is not", async () => {
  const rule = { name: "Lists", on: true, all: true, conditions: [], actions: [{ do: "discard" as const }], stop: false };
  expect(root.textContent).not.toContain(en["filters.copy"]);
  act(() => { copy.value = { at: 1_790_000_000, rules: [rule], vacation: { on: false, subject: "", text: "" } }; });
  await settle();
  expect(root.textContent).toContain(en["filters.copy"]);
  act(() => { [...root.querySelectorAll("button")].find((b) => b.textContent === en["filters.copy.go"])!.click(); });
  await settle();
  expect(root.textContent).toContain("Lists");
  expect(root.textContent).not.toContain(en["filters.copy"]);
  expect(putRules).not.toHaveBeenCalled(); // its owner saves it
  copy.value = null;
});
