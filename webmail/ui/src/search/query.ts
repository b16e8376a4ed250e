// What people type into the search field, taken apart.
//
//   words, "a phrase", -without, this OR that, (groups)
//   from: to: subject: filename: label: in:   has:attachment
//   before: after: (2026-11-22, 2026-11, 2026, 3d, 2w, 6m, 1y)   larger: smaller: (10k, 5m)
//   is:unread is:read is:flagged is:encrypted is:answered is:snoozed is:muted

export type Query =
  | { kind: "all" }
  | { kind: "and" | "or"; parts: Query[] }
  | { kind: "not"; part: Query }
  | { kind: "words"; text: string; phrase: boolean }
  | { kind: "field"; field: Field; value: string }
  | { kind: "date"; op: "before" | "after"; at: number } // seconds
  | { kind: "size"; op: "larger" | "smaller"; bytes: number }
  | { kind: "is"; what: State }
  | { kind: "attachment" };

export type Field = "from" | "to" | "subject" | "filename" | "label" | "in";
export type State = "unread" | "read" | "flagged" | "encrypted" | "answered" | "snoozed" | "muted";

const fields = new Set<string>(["from", "to", "subject", "filename", "label", "in"]);
const states = new Set<string>(["unread", "read", "flagged", "encrypted", "answered", "snoozed", "muted"]);

// A parsed query, and the words in it that nothing could be made of: shown, not dropped.
export interface Parsed { query: Query; problems: string[] }

const mostTokens = 100;

interface Token { text: string; quoted: boolean; key: string; minus: boolean; paren: "" | "(" | ")" }

// tokens splits at spaces, but not within quotes; key:"a value" is one token.
function tokens(text: string): Token[] {
  const out: Token[] = [];
  const pattern = /(-?)(?:([a-zA-Z]+):)?"([^"]*)"?|(-?)([()])|(-?)(?:([a-zA-Z]+):)?([^\s()"]+)/gu;
  for (const m of text.slice(0, 2000).matchAll(pattern)) {
    if (out.length === mostTokens) break;
    if (m[5]) out.push({ text: "", quoted: false, key: "", minus: m[4] === "-", paren: m[5] as "(" | ")" });
    else if (m[3] !== undefined) out.push({ text: m[3], quoted: true, key: (m[2] ?? "").toLowerCase(), minus: m[1] === "-", paren: "" });
    else out.push({ text: m[8] ?? "", quoted: false, key: (m[7] ?? "").toLowerCase(), minus: m[6] === "-", paren: "" });
  }
  return out;
}

// parse never fails: what makes no sense is searched for as words, and named in problems.
export function parse(text: string, now: number): Parsed {
  const list = tokens(text);
  const problems: string[] = [];
  let at = 0;

  const sequence = (depth: number): Query => {
    const either: Query[][] = [[]];
    while (at < list.length) {
      const token = list[at] as Token;
      if (token.paren === ")") {
        if (depth > 0) break;
        at++;
        continue;
      }
      at++;
      if (token.paren === "(") {
        const group: Query = depth < 10 ? sequence(depth + 1) : { kind: "all" };
        either[either.length - 1]?.push(token.minus ? { kind: "not", part: group } : group);
        if (list[at]?.paren === ")") at++;
      } else if (token.text === "OR" && !token.quoted && !token.key && !token.minus) either.push([]);
      else {
        const q = single(token, now, problems);
        if (q) either[either.length - 1]?.push(token.minus ? { kind: "not", part: q } : q);
      }
    }
    return join("or", either.filter((p) => p.length > 0).map((p) => join("and", p)));
  };
  return { query: sequence(0), problems };
}

function join(kind: "and" | "or", parts: Query[]): Query {
  if (parts.length === 0) return { kind: "all" };
  return parts.length === 1 ? (parts[0] as Query) : { kind, parts };
}

function single(token: Token, now: number, problems: string[]): Query | null {
  const { key, text } = token;
  const words = (all: string): Query | null => (all.trim() ? { kind: "words", text: all, phrase: token.quoted } : null);
  if (!key) return words(text);
  const made = operator(key, text, now);
  if (made) return made;
  if (known.has(key)) problems.push(`${key}:${text}`);
  return words(`${key}:${text}`);
}

const known = new Set([...fields, "has", "before", "after", "larger", "smaller", "is"]);

function operator(key: string, text: string, now: number): Query | null {
  if (fields.has(key)) return text ? { kind: "field", field: key as Field, value: text } : null;
  switch (key) {
    case "has":
      return text === "attachment" ? { kind: "attachment" } : null;
    case "is":
      return states.has(text) ? { kind: "is", what: text as State } : null;
    case "before":
    case "after": {
      const at = moment(text, now);
      return at === null ? null : { kind: "date", op: key, at };
    }
    case "larger":
    case "smaller": {
      const bytes = size(text);
      return bytes === null ? null : { kind: "size", op: key, bytes };
    }
  }
  return null;
}

// moment is the beginning of a day, month or year in local time, or so long ago.
function moment(text: string, now: number): number | null {
  const ago = /^(\d{1,4})([dwmy])$/u.exec(text);
  if (ago) {
    const days = Number(ago[1]) * ({ d: 1, w: 7, m: 30.44, y: 365.25 }[ago[2] as "d"] as number);
    return Math.floor(now - days * 86_400);
  }
  const date = /^(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?$/u.exec(text);
  if (!date) return null;
  const [year, month, day] = [Number(date[1]), Number(date[2] ?? 1), Number(date[3] ?? 1)];
  const at = new Date(year, month - 1, day);
  if (at.getMonth() !== month - 1 || at.getDate() !== day) return null;
  return Math.floor(at.getTime() / 1000);
}

function size(text: string): number | null {
  const m = /^(\d+(?:\.\d+)?)(k|m|g)?b?$/iu.exec(text);
  if (!m) return null;
  return Math.round(Number(m[1]) * ({ k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[(m[2] ?? "").toLowerCase()] ?? 1));
}

// wordsOf lists the texts to highlight: what must be there, not what must not.
export function wordsOf(q: Query): string[] {
  switch (q.kind) {
    case "and":
    case "or":
      return q.parts.flatMap(wordsOf);
    case "words":
      return [q.text];
    case "field":
      return q.field === "subject" || q.field === "from" ? [q.value] : [];
  }
  return [];
}

// phrasesOf lists the phrases that a mail must have, word after word.
export function phrasesOf(q: Query): string[] {
  if (q.kind === "and") return q.parts.flatMap(phrasesOf);
  return q.kind === "words" && q.phrase && /\s/u.test(q.text.trim()) ? [q.text] : [];
}
