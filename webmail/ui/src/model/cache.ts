// What this browser keeps of an account in IndexedDB: only bytes that the server served
// sealed, or that the vault sealed here. Keys are numbers, ids and drawer names, never
// what somebody wrote. Losing all of it costs time, but for tables "queue", "pending"
// and "files": work that the server has not got yet.

import { padme } from "../vault/bytes.ts";
import type { Vault } from "../vault/vault.ts";

export const TABLES = ["state", "entries", "cards", "boxes", "letters", "queue", "pending", "files"] as const;
export type Table = (typeof TABLES)[number];

export interface Cache {
  get(table: Table, key: string): Promise<ArrayBuffer | undefined>;
  many(table: Table, keys: readonly string[]): Promise<(ArrayBuffer | undefined)[]>;
  all(table: Table): Promise<{ key: string; value: ArrayBuffer }[]>;
  keys(table: Table): Promise<string[]>;
  put(table: Table, rows: readonly (readonly [string, ArrayBuffer])[]): Promise<void>;
  remove(table: Table, keys: readonly string[]): Promise<void>;
  close(): void;
}
export interface Store {
  open(account: string): Promise<Cache>;
  forget(account: string): Promise<void>;
}

const wait = <T>(r: IDBRequest<T>): Promise<T> =>
  new Promise((done, failed) => {
    r.onsuccess = () => done(r.result);
    r.onerror = () => failed(r.error ?? new Error("the browser's store gave no reason"));
  });
const finished = (t: IDBTransaction): Promise<void> =>
  new Promise((done, failed) => {
    t.oncomplete = () => done();
    t.onabort = t.onerror = () => failed(t.error ?? new Error("the browser's store gave no reason"));
  });

const nameOf = (account: string) => `sealpost-${account}`;

export function createStore(factory: IDBFactory = indexedDB): Store {
  return {
    async open(account) {
      const r = factory.open(nameOf(account), 1);
      r.onupgradeneeded = () => {
        for (const t of TABLES) r.result.createObjectStore(t);
      };
      return new IdbCache(await wait(r));
    },
    async forget(account) {
      await wait(factory.deleteDatabase(nameOf(account)));
    },
  };
}

class IdbCache implements Cache {
  readonly #db: IDBDatabase;
  constructor(db: IDBDatabase) {
    this.#db = db;
    db.onversionchange = () => db.close(); // another tab signs out and forgets
  }
  #read(table: Table): IDBObjectStore {
    return this.#db.transaction(table, "readonly").objectStore(table);
  }
  async get(table: Table, key: string) {
    return (await wait(this.#read(table).get(key))) as ArrayBuffer | undefined;
  }
  async many(table: Table, keys: readonly string[]) {
    const store = this.#read(table);
    return (await Promise.all(keys.map((k) => wait(store.get(k))))) as (ArrayBuffer | undefined)[];
  }
  async all(table: Table) {
    const store = this.#read(table);
    const [keys, values] = await Promise.all([wait(store.getAllKeys()), wait(store.getAll())]);
    return keys.map((k, i) => ({ key: String(k), value: values[i] as ArrayBuffer }));
  }
  async keys(table: Table) {
    return (await wait(this.#read(table).getAllKeys())).map(String);
  }
  async put(table: Table, rows: readonly (readonly [string, ArrayBuffer])[]) {
    if (rows.length === 0) return;
    const t = this.#db.transaction(table, "readwrite", { durability: table === "queue" || table === "pending" || table === "files" ? "strict" : "relaxed" });
    for (const [key, value] of rows) t.objectStore(table).put(value, key);
    await finished(t);
  }
  async remove(table: Table, keys: readonly string[]) {
    if (keys.length === 0) return;
    const t = this.#db.transaction(table, "readwrite");
    for (const key of keys) t.objectStore(table).delete(key);
    await finished(t);
  }
  close() {
    this.#db.close();
  }
}

// A browser without IndexedDB (some private windows) works all the same, without memory.
export function createMemoryStore(): Store {
  const accounts = new Map<string, Map<string, ArrayBuffer>>();
  return {
    async open(account) {
      const rows = accounts.get(account) ?? new Map<string, ArrayBuffer>();
      accounts.set(account, rows);
      const of = (t: Table) => [...rows].filter(([k]) => k.startsWith(t + " ")).map(([k, value]) => ({ key: k.slice(t.length + 1), value }));
      return {
        get: async (t, k) => rows.get(`${t} ${k}`),
        many: async (t, ks) => ks.map((k) => rows.get(`${t} ${k}`)),
        all: async (t) => of(t),
        keys: async (t) => of(t).map((r) => r.key),
        put: async (t, list) => list.forEach(([k, v]) => rows.set(`${t} ${k}`, v)),
        remove: async (t, ks) => ks.forEach((k) => rows.delete(`${t} ${k}`)),
        close() {},
      };
    },
    async forget(account) {
      accounts.delete(account);
    },
  };
}

// Boxes that stay on this device are bound to their table and key under a purpose of
// their own, so that none of them can be passed off as a box of the cabinet.
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class SealedCache {
  readonly raw: Cache;
  readonly #vault: Vault;
  constructor(raw: Cache, vault: Vault) {
    this.raw = raw;
    this.#vault = vault;
  }

  async put(table: Table, key: string, value: unknown): Promise<void> {
    await this.putBytes(table, key, pad(encoder.encode(JSON.stringify(value))).buffer);
  }
  async putBytes(table: Table, key: string, data: ArrayBuffer): Promise<void> {
    await this.raw.put(table, [[key, await this.#vault.seal({ drawer: "device", name: place(table, key), version: 1, data })]]);
  }
  // undefined also where it does not open: a damaged cache is no cache.
  async get<T>(table: Table, key: string): Promise<T | undefined> {
    const data = await this.getBytes(table, key);
    return data && parse<T>(data);
  }
  async getBytes(table: Table, key: string): Promise<ArrayBuffer | undefined> {
    const box = await this.raw.get(table, key);
    return box && this.#open(table, key, box);
  }
  async all<T>(table: Table): Promise<{ key: string; value: T }[]> {
    const out: { key: string; value: T }[] = [];
    for (const row of await this.raw.all(table)) {
      const data = await this.#open(table, row.key, row.value);
      const value = data && parse<T>(data);
      if (value !== undefined) out.push({ key: row.key, value });
    }
    return out;
  }
  remove(table: Table, key: string): Promise<void> {
    return this.raw.remove(table, [key]);
  }
  async #open(table: Table, key: string, box: ArrayBuffer): Promise<ArrayBuffer | undefined> {
    try {
      return await this.#vault.openBox({ drawer: "device", name: place(table, key), version: 1, box });
    } catch {
      return undefined;
    }
  }
}

const place = (table: Table, key: string) => `${table}_${key}`.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64);

function parse<T>(data: ArrayBuffer): T | undefined {
  try {
    return JSON.parse(decoder.decode(data)) as T;
  } catch {
    return undefined;
  }
}

export function pad(json: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(padme(Math.max(json.length, 256))).fill(32);
  out.set(json);
  return out;
}
