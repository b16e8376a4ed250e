// The page's side of the search worker.

import type { Hit } from "./evaluate.ts";
import type { Need, Sealable } from "./textindex.ts";
import type { Answer, Ask } from "./serve.ts";

// A Port is a worker, or in tests what stands for one.
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((e: MessageEvent<Answer>) => void) | null;
  terminate(): void;
}

export class SearchClient {
  private readonly numbers = new Map<string, number>();
  private readonly waiting = new Map<number, (a: Answer) => void>();
  private n = 0;

  constructor(private readonly port: Port) {
    port.onmessage = (e) => {
      for (const id of e.data.ids) this.numbers.set(id, this.numbers.size);
      this.waiting.get(e.data.n)?.(e.data);
      this.waiting.delete(e.data.n);
    };
  }

  private ask(ask: Ask, transfer: Transferable[] = []): Promise<Answer> {
    const n = ++this.n;
    return new Promise((resolve) => {
      this.waiting.set(n, resolve);
      this.port.postMessage({ n, ask }, transfer);
    });
  }

  has(id: string): boolean {
    return this.numbers.has(id);
  }

  // load says whether it was a segment.
  async load(name: string, bytes: ArrayBuffer): Promise<boolean> {
    return (await this.ask({ do: "load", name, bytes }, [bytes])).ok;
  }

  async drop(names: string[]): Promise<void> {
    await this.ask({ do: "drop", names });
  }

  async add(mails: { id: string; terms: string[] }[]): Promise<void> {
    await this.ask({ do: "add", mails });
  }

  async pack(rest: boolean): Promise<Sealable[]> {
    return (await this.ask({ do: "pack", rest })).packed ?? [];
  }

  async settled(ids: string[]): Promise<void> {
    await this.ask({ do: "settled", ids });
  }

  async unpack(names: string[]): Promise<void> {
    await this.ask({ do: "unpack", names });
  }

  // search gives, for each leaf, who has it.
  async search(leaves: Need[]): Promise<Hit> {
    const hits = (await this.ask({ do: "search", leaves })).hits ?? [];
    return (leaf, id) => {
      const number = this.numbers.get(id);
      return number === undefined ? undefined : hits[leaf]?.[number] === 1;
    };
  }

  close(): void {
    this.port.terminate();
  }
}
