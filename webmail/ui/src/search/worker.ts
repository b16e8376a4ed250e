// The search worker. Words of mail are in its memory only.

import { createServer, type Ask } from "./serve.ts";

const serve = createServer();
const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = (e: MessageEvent<{ n: number; ask: Ask }>) => {
  const answer = serve(e.data.n, e.data.ask);
  scope.postMessage(answer, [...(answer.hits ?? []), ...(answer.packed ?? []).map((p) => p.bytes)].map((b) => b.buffer));
};
