// What a long task waits at while it is paused, and how it ends.

export class Stopped extends Error {}

export class Gate {
  private waiting: (() => void)[] = [];
  private shut = false;
  private readonly stopper = new AbortController();
  readonly signal = this.stopper.signal;

  pause(on: boolean): void {
    this.shut = on;
    if (!on) this.wake();
  }
  get paused(): boolean {
    return this.shut;
  }
  stop(): void {
    this.stopper.abort();
    this.wake();
  }
  private wake(): void {
    for (const f of this.waiting.splice(0)) f();
  }
  // Goes through when it is open; throws when it is over.
  async pass(): Promise<void> {
    while (this.shut && !this.signal.aborted) await new Promise<void>((done) => this.waiting.push(done));
    if (this.signal.aborted) throw new Stopped();
  }
}
