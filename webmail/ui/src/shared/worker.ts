// The worker of a link's page.
import { Keeper, type Port, wordOf } from "./keeper.ts";
import type { Answer, Call } from "./line.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;
const keeper = new Keeper((...a) => fetch(...a), (event) => scope.postMessage({ event } satisfies Answer));

scope.onmessage = async (e: MessageEvent<Call>) => {
  const { n, ask } = e.data;
  try {
    const value = await keeper.do(ask, e.ports[0] as Port | undefined);
    scope.postMessage({ n, value } satisfies Answer, value instanceof ArrayBuffer ? [value] : []);
  } catch (err) {
    scope.postMessage({ n, word: wordOf(err) } satisfies Answer);
  }
};
