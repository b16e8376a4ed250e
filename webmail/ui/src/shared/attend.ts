// A worker's side of what its page asks (client.ts).
import type { Answer, Call } from "./line.ts";
import { type Port, wordOf } from "./opened.ts";

interface Keeper<A> { do(ask: A, port?: Port): Promise<unknown> }

/** Answers what the page asks for as long as the worker lives. */
export function attend<A, E>(begin: (say: (event: E) => void) => Keeper<A>): void {
  const scope = self as unknown as DedicatedWorkerGlobalScope;
  const answer = (a: Answer<E>, transfer: Transferable[] = []) => scope.postMessage(a, transfer);
  const keeper = begin((event) => answer({ event }));
  scope.onmessage = async (e: MessageEvent<Call<A>>) => {
    const { n, ask } = e.data;
    try {
      const value = await keeper.do(ask, e.ports[0] as Port | undefined);
      answer({ n, value }, value instanceof ArrayBuffer ? [value] : []);
    } catch (err) {
      answer({ n, word: wordOf(err) });
    }
  };
}
