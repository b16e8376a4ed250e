// A clock that moves when a test says so.

import type { Clock } from "../../wire/http.ts";

export class FakeClock implements Clock {
  #now: number;
  #timers: { at: number; f: () => void }[] = [];
  constructor(now = Date.UTC(2026, 10, 22, 9)) {
    this.#now = now;
  }
  now(): number {
    return this.#now;
  }
  after(ms: number, f: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), f };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }
  // Runs what is due, in order, and lets promises settle in between.
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now = Math.max(this.#now, next.at);
      next.f();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

// All that can happen without a clock happens.
export async function settle(turns = 12): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((done) => setTimeout(done, 0));
}
