// Which mails a query means: the words were looked up in the index before, everything else
// is asked of the rows of the list.

import { plain } from "../fold.ts";
import type { Need } from "./textindex.ts";
import type { Query } from "./query.ts";

// A Row is what the list knows of a mail.
export interface Row {
  id: string;
  from: string;
  from_name: string;
  subject: string;
  snippet: string;
  files: readonly string[];
  attachments: number;
  date: number; // seconds
  size: number;
  flags: readonly string[];
  labels: readonly string[]; // their names
  mailboxes: readonly string[];
  end_to_end: boolean;
  snoozed: boolean;
  muted: boolean;
}

// A Leaf is one text of a query that the index is asked for.
export interface Leaf { text: string; prefix: boolean }

// leaves lists what the index must be asked, in the order that Hits have.
export function leaves(q: Query): Leaf[] {
  switch (q.kind) {
    case "and":
    case "or":
      return q.parts.flatMap(leaves);
    case "not":
      return leaves(q.part);
    case "words":
      return [{ text: q.text, prefix: !q.phrase }];
    case "field":
      return q.field === "to" ? [{ text: q.value, prefix: true }] : [];
  }
  return [];
}

export function needOf(terms: string[], leaf: Leaf): Need {
  return { terms, prefix: leaf.prefix };
}

// A Hit says whether the index has the n-th leaf in a mail; undefined: it does not know the mail.
export type Hit = (leaf: number, id: string) => boolean | undefined;

// A Test says whether a row is meant.
export type Test = (row: Row) => boolean;

export function compile(q: Query, hit: Hit): Test {
  let next = 0;
  const build = (part: Query): Test => {
    switch (part.kind) {
      case "all":
        return () => true;
      case "and": {
        const tests = part.parts.map(build);
        return (row) => tests.every((t) => t(row));
      }
      case "or": {
        const tests = part.parts.map(build);
        return (row) => tests.some((t) => t(row));
      }
      case "not": {
        const test = build(part.part);
        return (row) => !test(row);
      }
      case "words": {
        const leaf = next++;
        const word = plain(part.text);
        // The index has words, not their order: who asks confirms phrases (phrasesOf).
        return part.phrase ? (row) => hit(leaf, row.id) === true : (row) => hit(leaf, row.id) ?? onCard(row, word);
      }
      case "field": {
        const leaf = part.field === "to" ? next++ : -1;
        return field(part.field, part.value, (row) => hit(leaf, row.id) === true);
      }
      case "date":
        return part.op === "before" ? (row) => row.date < part.at : (row) => row.date >= part.at;
      case "size":
        return part.op === "larger" ? (row) => row.size > part.bytes : (row) => row.size < part.bytes;
      case "is":
        return state(part.what);
      case "attachment":
        return (row) => row.attachments > 0;
    }
  };
  return build(q);
}

// A mail that is not indexed yet is found by what its card shows.
function onCard(row: Row, word: string): boolean {
  return plain(row.subject).includes(word) || plain(row.from_name).includes(word) || plain(row.from).includes(word) || plain(row.snippet).includes(word);
}

function field(name: string, value: string, indexed: Test): Test {
  const want = plain(value);
  switch (name) {
    case "from":
      return (row) => plain(row.from).includes(want) || plain(row.from_name).includes(want);
    case "subject":
      return (row) => plain(row.subject).includes(want);
    case "filename":
      return (row) => row.files.some((f) => plain(f).includes(want));
    case "label":
      return (row) => row.labels.some((l) => plain(l) === want);
    case "in":
      return (row) => row.mailboxes.some((m) => inMailbox(plain(m), want));
    case "to":
      // The words of From stand in the index too: whom it is from is not whom it is to.
      return (row) => indexed(row) && !plain(row.from).includes(want);
  }
  return () => false;
}

function inMailbox(mailbox: string, want: string): boolean {
  return mailbox === want || mailbox.endsWith(`/${want}`) || mailbox.startsWith(`${want}/`);
}

function state(what: string): Test {
  switch (what) {
    case "unread":
      return (row) => !row.flags.includes("\\Seen");
    case "read":
      return (row) => row.flags.includes("\\Seen");
    case "flagged":
      return (row) => row.flags.includes("\\Flagged");
    case "answered":
      return (row) => row.flags.includes("\\Answered");
    case "encrypted":
      return (row) => row.end_to_end;
    case "snoozed":
      return (row) => row.snoozed;
    case "muted":
      return (row) => row.muted;
  }
  return () => false;
}
