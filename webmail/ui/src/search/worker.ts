// The search worker: one TextIndex, asked by messages in order.

import { TextIndex, type Need, type Sealable } from "./textindex.ts";

export type Ask =
  | { do: "load"; name: string; bytes: ArrayBuffer }
  | { do: "drop"; names: string[] }
  | { do: "add"; mails: { id: string; terms: string[] }[] }
  | { do: "search"; leaves: Need[] }
  | { do: "pack"; rest: boolean }
  | { do: "settled"; ids: string[] }
  | { do: "unpack"; names: string[] }
  | { do: "clear" };

// ids are those that got a number since the last answer, in order.
export interface Answer { n: number; ok: boolean; ids: string[]; hits?: Uint8Array<ArrayBuffer>[]; packed?: Sealable[] }

let index = new TextIndex();
let told = 0;

function act(ask: Ask): Partial<Answer> {
  switch (ask.do) {
    case "load":
      index.load(ask.name, new Uint8Array(ask.bytes));
      return {};
    case "drop":
      ask.names.forEach((name) => index.drop(name));
      return {};
    case "add":
      ask.mails.forEach((m) => index.add(m.id, m.terms));
      return {};
    case "search":
      return { hits: ask.leaves.map((need) => index.search([need])) };
    case "pack":
      return { packed: index.pack(ask.rest) };
    case "settled":
      index.settled(ask.ids);
      return {};
    case "unpack":
      index.unpack(ask.names);
      return {};
    case "clear":
      index = new TextIndex();
      told = 0;
      return {};
  }
}

self.onmessage = (e: MessageEvent<{ n: number; ask: Ask }>) => {
  const answer: Answer = { n: e.data.n, ok: true, ids: [] };
  try {
    Object.assign(answer, act(e.data.ask));
  } catch {
    answer.ok = false; // a damaged segment: its caller drops it
  }
  answer.ids = index.ids.slice(told);
  told = index.ids.length;
  const moved = [...(answer.hits ?? []).map((h) => h.buffer), ...(answer.packed ?? []).map((p) => p.bytes.buffer)];
  (self as unknown as DedicatedWorkerGlobalScope).postMessage(answer, moved);
};
