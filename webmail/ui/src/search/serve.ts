// What the search worker does: one TextIndex, asked by messages in order.

import { TextIndex, type Need, type Sealable } from "./textindex.ts";

export type Ask =
  | { do: "load"; name: string; bytes: ArrayBuffer }
  | { do: "drop"; names: string[] }
  | { do: "add"; mails: { id: string; terms: string[] }[] }
  | { do: "search"; leaves: Need[] }
  | { do: "pack"; rest: boolean }
  | { do: "settled"; ids: string[] }
  | { do: "unpack"; names: string[] };

// ids are those that got a number since the last answer, in order.
export interface Answer { n: number; ok: boolean; ids: string[]; hits?: Uint8Array<ArrayBuffer>[]; packed?: Sealable[] }

export function createServer(): (n: number, ask: Ask) => Answer {
  const index = new TextIndex();
  let told = 0;

  const act = (ask: Ask): Partial<Answer> => {
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
    }
  };

  return (n, ask) => {
    const answer: Answer = { n, ok: true, ids: [] };
    try {
      Object.assign(answer, act(ask));
    } catch {
      answer.ok = false; // a damaged segment: its caller passes over it
    }
    answer.ids = index.ids.slice(told);
    told = index.ids.length;
    return answer;
  };
}
