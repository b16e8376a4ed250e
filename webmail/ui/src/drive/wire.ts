// Requests about files that a worker makes itself: octets never pass through the page.
import { Failure, refusal } from "../shared/fetching.ts";
import type { Bytes } from "../vault/bytes.ts";

/** Not now: the same again may work later. */
export class Later extends TypeError {
  constructor(readonly wait = 0) {
    super("not now");
  }
}

export interface Wire {
  json<T>(method: string, path: string, o?: { body?: unknown; key?: string; signal?: AbortSignal }): Promise<T>;
  part(path: string, content: Bytes | Blob, digest: string, o: { signal: AbortSignal; sent(n: number): void }): Promise<void>;
  range(path: string, range: string, signal: AbortSignal): Promise<Response>;
}

const stall = 60_000; // ms in which nothing moves
const patience = 300_000; // for a part that does not say whether it moves
const base = "/api/v1";

/** An answer that is no yes, as an error: final, or one to wait for. */
export function judge(status: number, word: string, wait: number): Error {
  if (status === 401) return new Failure("signed-out");
  if (status === 507) return new Failure("over-quota");
  if (status === 413 || status === 422) return new Failure("too-large");
  if (word === "too-many") return new Failure("too-many");
  if (status === 429 || status >= 500 || status === 400 || word === "digest" || word === "in-progress") return new Later(wait); // 400: it broke off
  return refusal(status)?.word === "gone" ? new Failure("gone") : new Failure("refused");
}

const waitOf = (text: string | null): number => 1000 * Math.min(60, Number(text) || 0);

function wordIn(text: string): string {
  try {
    const type = (JSON.parse(text) as { type?: unknown }).type;
    return typeof type === "string" ? type.replace(/^urn:sealpost:problem:/, "") : "";
  } catch {
    return ""; // a proxy's page, not ours
  }
}

/** credentials: whether the server is to know whose session this browser has. */
export function fetched(fetch: typeof globalThis.fetch, credentials: "same-origin" | "omit"): Wire {
  const common: RequestInit = { credentials, cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" };
  const judged = async (r: Response): Promise<string> => {
    const text = await r.text();
    if (!r.ok) throw judge(r.status, wordIn(text), waitOf(r.headers.get("Retry-After")));
    return text;
  };
  return {
    async json<T>(method: string, path: string, o: { body?: unknown; key?: string; signal?: AbortSignal } = {}): Promise<T> {
      const headers = { Accept: "application/json", ...(o.body !== undefined && { "Content-Type": "application/json" }), ...(o.key && { "Idempotency-Key": o.key }) };
      const r = await fetch(base + path, { ...common, method, headers, ...(o.body !== undefined && { body: JSON.stringify(o.body) }), ...(o.signal && { signal: o.signal }) });
      const text = await judged(r);
      return (text === "" ? undefined : JSON.parse(text)) as T;
    },
    async part(path, body, digest, { signal, sent }) {
      const headers = { "Content-Type": "application/octet-stream", "Content-Digest": digest };
      await judged(await fetch(base + path, { ...common, method: "PUT", headers, body, signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]) }));
      sent(body instanceof Blob ? body.size : body.length);
    },
    async range(path, range, signal) {
      const r = await fetch(base + path, { ...common, headers: { Range: range }, signal });
      if (r.status === 401) throw new Failure("signed-out");
      return r;
    },
  };
}

// fetch does not say how far a body has gone; this does, and always with credentials.
export function browserWire(): Wire {
  return {
    ...fetched((...a) => fetch(...a), "same-origin"),
    part: (path, content, digest, { signal, sent }) => new Promise((done, fail) => {
      const x = new XMLHttpRequest();
      let timer = setTimeout(() => x.abort(), stall);
      const alive = () => { clearTimeout(timer); timer = setTimeout(() => x.abort(), stall); };
      const leave = () => x.abort();
      signal.addEventListener("abort", leave, { once: true });
      x.onloadend = () => { clearTimeout(timer); signal.removeEventListener("abort", leave); };
      x.upload.onprogress = (e) => { alive(); sent(e.loaded); };
      x.onload = () => (x.status >= 200 && x.status < 300 ? done() : fail(judge(x.status, wordIn(x.responseText), waitOf(x.getResponseHeader("Retry-After")))));
      x.onerror = x.onabort = () => fail(new Later());
      x.open("PUT", base + path);
      x.setRequestHeader("Content-Type", "application/octet-stream");
      x.setRequestHeader("Content-Digest", digest);
      if (signal.aborted) fail(new Later());
      else x.send(content);
    }),
  };
}
