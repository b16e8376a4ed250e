// Calls over postMessage. What crosses is plain data; large results are transferred.

import { VaultError } from "./errors.ts";
import { methods } from "./methods.ts";
import type { Vault, VaultErrorWord } from "./vault.ts";

interface Call {
  n: number;
  method: string;
  given: unknown[];
}

interface Answer {
  n: number;
  value?: unknown;
  error?: VaultErrorWord;
}

// One end of a channel: a worker, the worker's own scope, or in tests a MessagePort.
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((e: MessageEvent) => void) | null;
}

const maxWaiting = 10_000; // calls

// The page's side.
export function createClient(port: Port): Vault {
  const waiting = new Map<number, { resolve(v: unknown): void; reject(e: VaultError): void }>();
  let n = 0;
  port.onmessage = (e: MessageEvent<Answer>) => {
    const { n, value, error } = e.data;
    const w = waiting.get(n);
    waiting.delete(n);
    if (error === undefined) w?.resolve(value);
    else w?.reject(new VaultError(error));
  };
  const call = (method: string) => (...given: unknown[]) =>
    new Promise((resolve, reject) => {
      if (waiting.size >= maxWaiting) return reject(new VaultError("too-large"));
      n++;
      waiting.set(n, { resolve, reject });
      port.postMessage({ n, method, given } satisfies Call, []);
    });
  return Object.fromEntries([...methods].map((m) => [m, call(m)])) as unknown as Vault;
}

// The worker's side. Any failure is one word, so that nothing of it tells more than that.
export function serve(port: Port, engine: Vault): void {
  port.onmessage = async (e: MessageEvent<Call>) => {
    const { n, method, given } = e.data;
    try {
      if (!methods.has(method)) throw new VaultError("bad-input");
      const value = await (engine as unknown as { [m: string]: (...a: unknown[]) => Promise<unknown> })[method]!(...given);
      port.postMessage({ n, value } satisfies Answer, buffers(value));
    } catch (err) {
      port.postMessage({ n, error: err instanceof VaultError ? err.word : "closed" } satisfies Answer, []);
    }
  };
}

// The buffers in a result, each once: they are the caller's from now on.
function buffers(value: unknown, depth = 0): Transferable[] {
  if (value instanceof ArrayBuffer) return [value];
  if (value instanceof Uint8Array) return [value.buffer as ArrayBuffer];
  if (typeof value !== "object" || value === null || depth > 2 || Array.isArray(value)) return [];
  return [...new Set(Object.values(value).flatMap((v) => buffers(v, depth + 1)))];
}
