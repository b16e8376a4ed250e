// The vault as it stands in its worker: one object that can all that Vault says.

import { purposeKey } from "./keys.ts";
import { open, pad, seal } from "./box.ts";
import { Composing } from "./compose.ts";
import { VaultError } from "./errors.ts";
import { KeyChanges } from "./keychanges.ts";
import { methods } from "./methods.ts";
import { queryWords } from "./fold.ts";
import { Parcels } from "./parcels.ts";
import { Reading } from "./reading.ts";
import { Session } from "./session.ts";
import { Sealing } from "./seal/seal.ts";
import { SignIn } from "./signin.ts";
import type { Vault } from "./vault.ts";

const drawers = new Set(["settings", "contacts", "drafts", "pages", "segments", "pins", "searches", "templates", "files", "receipts", "drive", "device"]); // device: boxes that stay on it, of which no server has a copy
const itemName = /^[A-Za-z0-9_-]{1,64}$/;
const maxItem = (16 << 20) - (1 << 10); // bytes of the cabinet's, before it is sealed
const maxLocal = 64 << 20;

export function createEngine(): Vault {
  const session = new Session();
  const signIn = new SignIn(session);
  const reading = new Reading(session);
  const composing = new Composing(session);
  const parts: object[] = [signIn, reading, composing, new Sealing(session), new Cabinet(session), new Parcels(session), new KeyChanges(session, (...o) => signIn.confirm(...o))];
  const engine: { [name: string]: unknown } = {};
  for (const part of parts) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(part))) {
      if (!methods.has(name)) continue;
      const method = (part as { [name: string]: (...a: unknown[]) => unknown })[name]!;
      engine[name] = (...a: unknown[]) => method.apply(part, a);
    }
  }
  const whole = engine as unknown as Vault;
  const lock = whole.lock;
  const signOut = whole.signOut;
  whole.lock = () => (reading.forgetAll(), lock());
  whole.signOut = (forget) => (reading.forgetAll(), signOut(forget));
  return whole;
}

// The boxes of the cabinet, under keys that come from the master key.
class Cabinet implements Pick<Vault, "seal" | "openBox" | "fold" | "dropKey" | "openDrop" | "makeLink" | "makeAsk"> {
  constructor(private readonly session: Session) {}

  private async at(o: { drawer: string; name: string; version: number }) {
    const { master, id } = this.session.open();
    if (!drawers.has(o.drawer) || !itemName.test(o.name) || !Number.isSafeInteger(o.version) || o.version < 1) throw new VaultError("bad-input");
    return { key: await purposeKey(master, o.drawer), context: { account: id.account, purpose: o.drawer, name: o.name, version: o.version } };
  }

  async seal(o: Parameters<Vault["seal"]>[0]): Promise<ArrayBuffer> {
    if (o.data.byteLength > (o.drawer === "device" ? maxLocal : maxItem)) throw new VaultError("too-large");
    const { key, context } = await this.at(o);
    return (await seal(key, context, pad(o.drawer, new Uint8Array(o.data)))).buffer;
  }

  async openBox(o: Parameters<Vault["openBox"]>[0]): Promise<ArrayBuffer> {
    const { key, context } = await this.at(o);
    return (await open(key, context, new Uint8Array(o.box))).buffer;
  }

  async dropKey(): Promise<ArrayBuffer> {
    const { receiverOf } = await import("../files/drop.ts");
    return (await receiverOf(this.session.open().master)).raw.slice().buffer;
  }

  async openDrop(o: Parameters<Vault["openDrop"]>[0]): ReturnType<Vault["openDrop"]> {
    const { openDrop, receiverOf } = await import("../files/drop.ts");
    return openDrop(await receiverOf(this.session.open().master), o.request, o.object, new Uint8Array(o.drop));
  }

  async makeLink(o: Parameters<Vault["makeLink"]>[0]): ReturnType<Vault["makeLink"]> {
    const { makeLink, newFragment } = await import("../files/link.ts");
    const fragment = newFragment();
    const { kdf, box, check } = await makeLink({ ...o, fragment });
    // Copied: the page takes it over, and without a password it is a constant of the format's.
    return { fragment, kdf: kdf.slice().buffer, box: box.buffer, check: check.buffer };
  }

  async makeAsk(o: Parameters<Vault["makeAsk"]>[0]): ReturnType<Vault["makeAsk"]> {
    const { newFragment, sealAsk } = await import("../files/link.ts");
    const fragment = newFragment();
    return { fragment, box: (await sealAsk(fragment, { ...o, key: new Uint8Array(await this.dropKey()) })).buffer };
  }

  async fold(text: string): Promise<string[]> {
    return queryWords(text);
  }
}
