// Authentication-Results (RFC 8601) of our own server, inside the seal.

import { type Field, all, asciiDomain, domainOf } from "./header.ts";

export interface Verdict {
  verified: boolean;
  dmarc: string;
  spf: string;
  dkim: string;
}

export const noVerdict: Verdict = { verified: false, dmarc: "", spf: "", dkim: "" };

interface Result {
  method: string;
  result: string;
  properties: Map<string, string>;
}

// trace are the fields of the front block: what stands elsewhere is never ours. from are
// the addresses of From.
export function readVerdict(trace: readonly Field[], from: readonly string[]): Verdict {
  const results = all(trace, "authentication-results").flatMap(readResults);
  const of = (method: string) => results.filter((r) => r.method === method);
  const dmarc = of("dmarc")[0];
  const dkim = of("dkim");
  const domain = from.length === 1 ? domainOf(from[0]!) : "";
  return {
    verified: domain !== "" && proved(dmarc, dkim, domain),
    dmarc: dmarc?.result ?? "",
    spf: of("spf")[0]?.result ?? "",
    dkim: (dkim.find((r) => r.result === "pass") ?? dkim[0])?.result ?? "",
  };
}

// By DMARC or, where it publishes no policy, by a signature of that very domain.
function proved(dmarc: Result | undefined, dkim: Result[], domain: string): boolean {
  if (dmarc === undefined) return false;
  if (dmarc.result !== "none") return dmarc.result === "pass" && asciiDomain(dmarc.properties.get("header.from") ?? "") === domain;
  return dkim.some((r) => r.result === "pass" && asciiDomain(r.properties.get("header.d") ?? "") === domain && r.properties.get("reason") !== "key in testing");
}

function readResults(value: string): Result[] {
  return split(value, ";").slice(1).flatMap((part) => {
    const words = split(part.trim(), " \t");
    const [method, result] = cut(words[0] ?? "");
    if (result === "") return [];
    return [{ method: method.toLowerCase(), result: result.toLowerCase().replace(/[^a-z]/g, "").slice(0, 10), properties: new Map(words.slice(1).map(cut)) }];
  });
}

function cut(word: string): [string, string] {
  const i = word.indexOf("=");
  if (i < 0) return [word, ""];
  const value = word.slice(i + 1);
  return [word.slice(0, i), value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value];
}

// Splits where a separator stands outside of quotes.
function split(s: string, separators: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  for (let i = 0; i < s.length; i++) {
    if (s[i] === "\\" && quoted) i++;
    else if (s[i] === '"') quoted = !quoted;
    else if (!quoted && separators.includes(s[i]!)) {
      parts.push(s.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(s.slice(from));
  return parts.filter((p) => p.trim() !== "");
}
