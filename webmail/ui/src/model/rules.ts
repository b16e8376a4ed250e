// The rules of arrival while their owner edits them: what a field can be asked, what is
// still missing, and how to save without undoing what another device saved.
import { computed, signal } from "@preact/signals";
import type { Action, Condition, Rule, Rules } from "../wire/api.ts";
import type { Api } from "../wire/http.ts";
import { ApiError } from "../wire/http.ts";
import { wordOf } from "./resource.ts";

export type Field = Condition["field"];
export type Op = Condition["op"];

// What can be asked of each field; the first is where a new condition starts.
export const asks: { [F in Field]: readonly Op[] } = {
  from: ["contains", "is", "ends"],
  to: ["contains", "is", "ends"],
  subject: ["contains", "is", "ends"],
  list: ["contains", "is", "ends"],
  size: ["over", "under"],
  attachment: ["is", "contains", "ends"], // is "yes": there is one; else its name
  class: ["is"],
};
export const fields = Object.keys(asks) as Field[];
export const classes = ["sealed on arrival", "end-to-end", "both"] as const;

// The server's bounds: to say them before it does.
export const bounds = { rules: 100, conditions: 20, actions: 10, value: 256, name: 100, subject: 200, text: 4000 };

export function newRule(): Rule {
  return { name: "", on: true, all: true, conditions: [newCondition("from")], actions: [{ do: "move", mailbox: "" }], stop: false };
}

export function newCondition(field: Field): Condition {
  const value = field === "size" ? "1000000" : field === "attachment" ? "yes" : field === "class" ? classes[0] : "";
  return { field, op: asks[field][0] ?? "contains", value };
}

export function newAction(what: Action["do"]): Action {
  switch (what) {
    case "move": return { do: "move", mailbox: "" };
    case "flag": return { do: "flag", flag: "\\Flagged" };
    case "forward": return { do: "forward", address: "" };
    case "discard": return { do: "discard" };
  }
}

export type Lack = "no-condition" | "no-action" | "empty-value" | "bad-size" | "no-mailbox" | "bad-address" | "bad-label" | "discard-and-more" | "too-long" | "too-many";

// vacationLacks: an answer needs a text and an end after its beginning.
export function vacationLacks(v: Rules["vacation"]): boolean {
  return (v.on && v.text.trim() === "") || (v.from !== undefined && v.until !== undefined && Date.parse(v.from) >= Date.parse(v.until));
}

// lacks says what keeps a rule from being one, the first thing first.
export function lacks(r: Rule): Lack[] {
  const found: Lack[] = [];
  if (r.conditions.length === 0) found.push("no-condition");
  if (r.actions.length === 0) found.push("no-action");
  if (r.conditions.length > bounds.conditions || r.actions.length > bounds.actions) found.push("too-many");
  if (r.name.length > bounds.name) found.push("too-long");
  for (const c of r.conditions) found.push(...lacksOf(c));
  for (const a of r.actions) {
    if (a.do === "move" && a.mailbox === "") found.push("no-mailbox");
    if (a.do === "forward" && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(a.address)) found.push("bad-address");
    if (a.do === "flag" && !/^(\\(Seen|Flagged)|[^\s\\(){%*"\]]{1,64})$/.test(a.flag)) found.push("bad-label");
  }
  if (r.actions.some((a) => a.do === "discard") && r.actions.length > 1) found.push("discard-and-more");
  return [...new Set(found)];
}

function lacksOf(c: Condition): Lack[] {
  if (c.field === "size") return /^[1-9][0-9]{0,11}$/.test(c.value) ? [] : ["bad-size"];
  if (c.value.trim() === "") return ["empty-value"];
  return c.value.length > bounds.value ? ["too-long"] : [];
}

export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(Math.max(0, Math.min(next.length, to)), 0, one);
  return next;
}

export function replaced<T>(list: readonly T[], at: number, one: T | undefined): T[] {
  return list.flatMap((l, i) => (i === at ? (one === undefined ? [] : [one]) : [l]));
}

// state of the page: "conflict" keeps what is edited and says that the server has newer rules.
export type Saving = "idle" | "saving" | "saved" | "conflict" | (string & {});

// keep is told of what the server took: a copy for the day when it has none.
export function createRules(api: Pick<Api, "rules" | "putRules">, keep: (rules: Rules) => void = () => {}) {
  const stored = signal<Rules | undefined>(undefined);
  const edited = signal<Rules | undefined>(undefined);
  const saving = signal<Saving>("idle");
  const failed = signal("");
  const dirty = computed(() => JSON.stringify(stored.value) !== JSON.stringify(edited.value));
  const broken = computed(() => edited.value !== undefined && (edited.value.rules.some((r) => lacks(r).length > 0) || vacationLacks(edited.value.vacation)));

  async function load(): Promise<void> {
    try {
      stored.value = edited.value = await api.rules();
      failed.value = "";
      saving.value = "idle";
    } catch (e) {
      failed.value = wordOf(e);
    }
  }

  function edit(change: (r: Rules) => Rules): void {
    if (!edited.value) return;
    edited.value = change(edited.value);
    if (saving.value !== "conflict") saving.value = "idle";
  }

  async function save(): Promise<boolean> {
    const mine = edited.value;
    if (!mine || broken.value || saving.value === "saving") return false;
    saving.value = "saving";
    try {
      const kept = await api.putRules(mine);
      stored.value = kept;
      keep(kept);
      if (edited.value === mine) edited.value = kept;
      saving.value = "saved";
      return true;
    } catch (e) {
      saving.value = e instanceof ApiError && (e.status === 409 || e.status === 412) ? "conflict" : wordOf(e);
      return false;
    }
  }

  // mine: puts this device's rules over the newer ones, knowing their version.
  async function settle(mine: boolean): Promise<void> {
    if (!mine) return load();
    try {
      const newer = await api.rules();
      stored.value = newer;
      if (edited.value) edited.value = { ...edited.value, version: newer.version };
      saving.value = "idle";
      await save();
    } catch (e) {
      saving.value = wordOf(e);
    }
  }

  // Puts a copy in the place of what is edited; saving it is another step.
  function restore(copy: Pick<Rules, "rules" | "vacation">): void {
    edit((r) => ({ ...r, rules: copy.rules, vacation: copy.vacation }));
  }

  return { restore, stored, edited, dirty, broken, saving, failed, load, edit, save, settle };
}

export type RulesModel = ReturnType<typeof createRules>;
