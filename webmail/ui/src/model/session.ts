// Who is signed in here, and how that came to be. The vault proves and opens, the server
// lets in; this decides what comes next. What was typed is never kept, logged, or put into
// a fault.

import { signal } from "@preact/signals";
import type { Account, Server, Session } from "../wire/api.ts";
import { ApiError, sleep } from "../wire/http.ts";
import { stop, Stopped, type SessionParts } from "./door.ts";
import { JoiningState } from "./joining.ts";
import { Keys } from "./keys.ts";
import { Offline } from "./offline.ts";
import { Proof } from "./proof.ts";
import type { Fault, Need, Phase, SessionModel } from "./types.ts";

const POLL = 2_500;
const ASKING = 15 * 60_000;
const LAST = "sealpost address";
const LOCKING = "sealpost locking"; // from the moment one locks until the device's copy is gone

export class SessionState implements SessionModel {
  readonly #parts: SessionParts;
  readonly phase = signal<Phase>("starting");
  readonly busy = signal(false);
  readonly fault = signal<Fault | null>(null);
  readonly need = signal<Need | null>(null);
  readonly server = signal<Server | null>(null);
  readonly session = signal<Session | null>(null);
  readonly account = signal<Account | null>(null);
  readonly address = signal("");
  readonly joining: JoiningState;
  readonly asking = signal<{ words: string[] } | null>(null);
  readonly ended = signal(false);
  readonly keys: Keys;
  readonly proof: Proof;
  readonly hasPasskeys: boolean;
  readonly offline: Offline;
  autoLock = 0; // minutes; the desk follows the settings
  #stopAsking = false;
  #lastActive = 0;
  #idle: (() => void) | null = null;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.hasPasskeys = parts.passkeys !== null;
    this.address.value = parts.memory.get(LAST) ?? "";
    const door = { parts, do: this.#do.bind(this), fresh: this.#fresh.bind(this), opening: this.#opening.bind(this) };
    this.proof = new Proof(door);
    this.keys = new Keys({ ...door, keyring: this.#keyring.bind(this), renewed: this.renewed.bind(this), proven: this.proof.with.bind(this.proof) });
    this.joining = new JoiningState({
      ...door,
      setAddress: this.#setAddress.bind(this),
      askServer: this.#askServer.bind(this),
      enter: this.#enter.bind(this),
      joining: () => {
        this.phase.value = "joining";
      },
      turnBack: () => {
        if (this.phase.peek() === "joining") this.phase.value = "signed-out";
        void parts.vault.lock();
      },
    });
    this.offline = new Offline({
      ...parts,
      met: (s) => {
        this.#take(s);
        this.#keepHere();
      },
      ended: (word) => {
        this.lost();
        if (word !== "signed-out") this.fault.value = { word };
      },
    });
  }

  // One thing at a time, with its failure in words.
  async #do(f: () => Promise<void>): Promise<boolean> {
    if (this.busy.peek()) return false;
    this.busy.value = true;
    this.fault.value = null;
    this.need.value = null;
    try {
      await f();
      return true;
    } catch (e) {
      this.#explain(e);
      return false;
    } finally {
      this.busy.value = false;
    }
  }
  #explain(e: unknown): void {
    if (e instanceof Stopped) return;
    if (e instanceof ApiError && e.word === "second-factor") this.need.value = { kind: "second-factor", methods: e.methods };
    else if (e instanceof ApiError) this.fault.value = { word: e.word, ...(e.wait ? { wait: e.wait } : {}) };
    else {
      const word = (e as { word?: unknown }).word;
      // The browser's own dialogue was left: that is no fault.
      if ((e as { name?: unknown }).name === "NotAllowedError") this.fault.value = { word: "passkey-stopped" };
      else this.fault.value = { word: typeof word === "string" ? word : "unknown" };
    }
  }
  clearFault(): void {
    this.fault.value = null;
    this.need.value = null;
  }

  // -- starting
  async start(): Promise<void> {
    await this.#do(async () => {
      let s: Session;
      try {
        s = await this.#parts.api.session();
      } catch (e) {
        // Without a network the session's share is missing, by intent: only a device that
        // its owner called his own opens then, by what he knows.
        if (e instanceof ApiError && e.temporary && (await this.offline.possible(this.address.peek()))) {
          this.offline.apart.value = true;
          this.phase.value = "locked";
          return;
        }
        this.phase.value = "signed-out";
        void this.#askServer();
        if (e instanceof ApiError && e.status === 401) return;
        throw e;
      }
      this.#take(s);
      try {
        if (this.#parts.memory.get(LOCKING)) await this.#dropCopy(); // the page was gone before it was
        await this.#parts.vault.reopen(this.#opening(s));
        this.#opened();
      } catch {
        this.phase.value = "locked";
      }
    });
    if (this.phase.peek() !== "open" && !this.offline.apart.peek()) await this.#askServer();
  }
  async #askServer(): Promise<void> {
    if (!this.server.peek()) this.server.value = await this.#parts.api.server().catch(() => null);
  }
  #opening(s: Session) {
    return { account: s.account.id, address: s.account.addresses[0] ?? "", fingerprint: s.account.fingerprint, keyring: s.keyring, share: s.share };
  }
  #take(s: Session): void {
    this.session.value = s;
    this.account.value = s.account;
    this.#setAddress(s.account.addresses[0] ?? "");
  }
  #setAddress(address: string): void {
    this.address.value = address;
    this.#parts.memory.set(LAST, address);
  }
  #opened(): void {
    this.ended.value = false;
    this.joining.state.value = null;
    this.#keepHere();
    this.phase.value = "open";
    this.#lastActive = this.#parts.clock.now();
    this.#watch();
  }
  #keepHere(): void {
    const s = this.session.peek();
    if (s && !this.offline.apart.peek()) void this.offline.keep(s).catch(() => {}); // without it, this device needs the server
  }
  // Whether this device opens without a network, from now on.
  ownDevice(own: boolean): void {
    this.offline.say(own);
    if (this.phase.peek() === "open") this.#keepHere();
  }
  // The server said yes and the keys did not open: not a session to keep.
  async #enter(s: Session, open: () => Promise<void>): Promise<void> {
    try {
      await open();
    } catch (e) {
      await this.#parts.api.endSession(s.id).catch(() => {});
      throw e;
    }
    this.#take(s);
    this.#opened();
  }

  // -- signing in
  signIn(o: { address: string; passphrase: string; code?: string; assertion?: unknown }): Promise<boolean> {
    const { api, vault, device } = this.#parts;
    const address = o.address.trim();
    return this.#do(async () => {
      this.#setAddress(address);
      if (!(await vault.knows(address))) {
        this.need.value = { kind: "unknown-device" };
        throw new Stopped();
      }
      const parameters = await api.signInBegin(address);
      const { proof } = await vault.proveByPassphrase({ address, passphrase: o.passphrase, parameters });
      const s = await api.signIn({ address, method: "passphrase", proof, device, ...factor(o) });
      await this.#enter(s, () => vault.open({ ...this.#opening(s), address }));
    });
  }
  signInWithKit(o: { address: string; words: string; code?: string; assertion?: unknown }): Promise<boolean> {
    const { api, vault, device } = this.#parts;
    const address = o.address.trim();
    return this.#do(async () => {
      this.#setAddress(address);
      const { proof } = await vault.proveByKit({ address, words: o.words });
      const s = await api.signIn({ address, method: "kit", proof, device, ...factor(o) });
      await this.#enter(s, () => vault.open({ ...this.#opening(s), address }));
    });
  }
  signInWithPasskey(address?: string): Promise<boolean> {
    const { api, vault, passkeys, device } = this.#parts;
    return this.#do(async () => {
      const host = passkeys ?? stop();
      const a = await host.get(await api.passkeySignInBegin(address?.trim() || undefined));
      const s = await api.passkeySignIn({ credential: a.credential, device });
      this.#take(s);
      if (!a.prf) {
        // It signs in and cannot unlock: the passphrase or the kit has to.
        this.phase.value = "locked";
        return;
      }
      const prf = a.prf;
      await this.#enter(s, async () => {
        await vault.proveByPasskey({ prf, credential: a.id });
        await vault.open(this.#opening(s));
      });
    });
  }
  async askAssertion(): Promise<unknown> {
    let out: unknown = null;
    await this.#do(async () => {
      const host = this.#parts.passkeys ?? stop();
      out = (await host.get(await this.#parts.api.passkeySignInBegin(this.address.peek() || undefined))).credential;
    });
    return out;
  }

  // -- a new device, let in by another
  askAnotherDevice(address: string): Promise<boolean> {
    const { api, vault, device, clock } = this.#parts;
    return this.#do(async () => {
      this.#setAddress(address.trim());
      this.#stopAsking = false;
      const { public_key, words } = await vault.requestAccess(address.trim());
      const r = await api.requestAccess({ address: address.trim(), public_key, device });
      this.asking.value = { words };
      try {
        for (const until = clock.now() + ASKING; clock.now() < until; ) {
          await sleep(clock, POLL);
          if (this.#stopAsking) throw new Stopped();
          const g = await api.pollAccess(r.id, r.secret).catch((e: unknown) => {
            if (e instanceof ApiError && e.temporary) return undefined;
            throw e;
          });
          if (!g) continue;
          const { session: s, sealed } = g;
          return await this.#enter(s, () => vault.acceptGrant({ ...this.#opening(s), address: address.trim(), sealed }));
        }
        throw new ApiError("not-granted", 0);
      } finally {
        this.asking.value = null;
      }
    });
  }
  stopAsking(): void {
    this.#stopAsking = true;
  }
  approve(request: { id: string; public_key: string }, words: string): Promise<boolean> {
    return this.#do(async () => {
      const { sealed } = await this.#parts.vault.grantAccess({ public_key: request.public_key, address: this.account.peek()?.addresses[0] ?? "", words });
      await this.#parts.api.grantAccess(request.id, sealed);
    });
  }

  // -- locking
  unlock(o: { passphrase: string } | { words: string } | { passkey: true }): Promise<boolean> {
    const { api, vault, passkeys } = this.#parts;
    return this.#do(async () => {
      let s: Session;
      try {
        s = await api.session();
      } catch (e) {
        if (!(e instanceof ApiError) || !e.temporary || !(await this.offline.possible(this.address.peek()))) throw e;
        s = await this.offline.unlock(this.address.peek(), o);
        this.offline.stayApart(s.account.id);
        this.#take(s);
        return this.#opened();
      }
      this.offline.join();
      const address = s.account.addresses[0] ?? "";
      if ("passphrase" in o) {
        if (!(await vault.knows(address))) {
          this.need.value = { kind: "unknown-device" };
          throw new Stopped();
        }
        await vault.proveByPassphrase({ address, passphrase: o.passphrase, parameters: { salt: s.keyring.salt, kdf: s.keyring.kdf } });
      } else if ("words" in o) await vault.proveByKit({ address, words: o.words });
      else {
        const a = await (passkeys ?? stop()).get(await api.passkeySignInBegin(address));
        if (!a.prf) throw Object.assign(new Error("the passkey has no PRF"), { word: "passkey-locked" });
        await vault.proveByPasskey({ prf: a.prf, credential: a.id });
      }
      await vault.open(this.#opening(s));
      this.#take(s);
      this.#opened();
    });
  }
  // The device's copy goes too: after a reload the passphrase is asked for, also of who
  // sits down at this browser with its tools.
  async lock(tell = true): Promise<void> {
    if (this.phase.peek() !== "open") return;
    await this.#parts.leaving().catch(() => {});
    this.#idle?.();
    this.#parts.api.forgetProof();
    this.#parts.memory.set(LOCKING, "yes");
    this.phase.value = "locked";
    await this.#dropCopy().catch(() => {}); // it is tried again before anything opens
    if (tell) this.#parts.tell("locked");
  }
  async #dropCopy(): Promise<void> {
    await this.#parts.vault.signOut(false);
    this.#parts.memory.set(LOCKING, null);
  }
  async signOut(forget = false): Promise<void> {
    if (this.phase.peek() === "open") await this.#parts.leaving().catch(() => {});
    const s = this.session.peek();
    const address = this.address.peek();
    this.#gone();
    // Asked for first: whoever closes the page now has signed out all the same.
    const ending = s ? this.#parts.api.endSession(s.id).catch(() => {}) : undefined;
    await this.offline.drop(address);
    await this.#parts.vault.signOut(forget).catch(() => {});
    if (forget && s) await this.#parts.forget(s.account.id).catch(() => {});
    if (forget) {
      this.#parts.memory.set(LAST, null);
      this.offline.say(false);
    }
    await ending;
    this.#parts.tell("signed-out");
    void this.#askServer();
  }
  #gone(): void {
    this.#idle?.();
    this.offline.join();
    this.#parts.api.forgetProof();
    this.proof.stop();
    this.phase.value = "signed-out";
    this.session.value = null;
    this.account.value = null;
    this.joining.state.value = null;
  }
  // The server ended the session (another device did, or it is over): keys leave memory, and
  // what opens without the server goes with them, whether or not it was open.
  lost(): void {
    if (this.phase.peek() !== "open" && this.phase.peek() !== "locked") return;
    const address = this.address.peek();
    this.#gone();
    this.ended.value = true;
    void this.#parts.vault.signOut(false).catch(() => {}).then(() => this.offline.drop(address));
    void this.#askServer();
  }
  // Another tab locked, or signed out.
  heard(word: "locked" | "signed-out"): void {
    if (word === "locked") void this.lock(false);
    else this.lost();
  }
  // The network is back while a device that was started without it is still locked.
  online(): void {
    if (this.phase.peek() === "locked" && this.offline.apart.peek())
      void this.#parts.api.session().then((s) => {
        this.#take(s);
        this.offline.join();
      }, () => {});
  }
  active(): void {
    this.#lastActive = this.#parts.clock.now();
  }
  #watch(): void {
    this.#idle?.();
    this.#idle = this.#parts.clock.after(15_000, () => {
      if (this.phase.peek() !== "open") return;
      const idle = this.#parts.clock.now() - this.#lastActive;
      if (this.autoLock > 0 && idle >= this.autoLock * 60_000) void this.lock();
      else this.#watch();
    });
  }
  stop(): void {
    this.#idle?.();
    this.#stopAsking = true;
  }

  // -- the account, as it became
  #keyring(k: Session["keyring"]): void {
    const s = this.session.peek();
    if (!s || !k?.containers) return;
    this.session.value = { ...s, keyring: k };
    this.#keepHere();
  }
  async #fresh(): Promise<Session> {
    const s = await this.#parts.api.session();
    this.#take(s);
    this.#keepHere();
    return s;
  }
  // What the server says of the account now, opened: another device may have changed the
  // key. Says whether it did.
  async renewed(s: Session): Promise<boolean> {
    const other = await this.#parts.vault.renew(this.#opening(s));
    if (this.session.peek()) this.session.value = s;
    this.account.value = s.account;
    this.#keepHere();
    return other;
  }
  took(account: Account): void {
    const s = this.session.peek();
    if (!s || s.account.id !== account.id) return;
    this.session.value = { ...s, account };
    this.account.value = account;
  }
}

const factor = (o: { code?: string; assertion?: unknown }) => ({
  ...(o.code === undefined ? {} : { code: o.code.replace(/\s+/g, "") }),
  ...(o.assertion === undefined ? {} : { assertion: o.assertion }),
});
