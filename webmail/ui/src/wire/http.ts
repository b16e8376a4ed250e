// One function for each endpoint of /api/v1. An error is an ApiError with the problem's
// word; neither its text nor a URL ever holds a subject, an address or a name.

import type * as t from "./api.ts";

export class ApiError extends Error {
  readonly word: string; // of urn:sealpost:problem:WORD; "offline" and "timeout" are ours
  readonly status: number; // 0: no answer came
  readonly detail: string;
  readonly methods: string[];
  readonly wait: number; // seconds the server asked for, or 0

  constructor(word: string, status: number, more: { detail?: string; methods?: string[]; wait?: number } = {}) {
    super(`the server answered ${status}: ${word}`);
    this.name = "ApiError";
    this.word = word;
    this.status = status;
    this.detail = more.detail ?? "";
    this.methods = more.methods ?? [];
    this.wait = more.wait ?? 0;
  }

  // Nothing reached a server that could say no: the same request may work later.
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.word === "in-progress";
  }
}

export interface Frame {
  uid: number;
  data: ArrayBuffer; // empty: the mail has no such letter
}

export interface Clock {
  now(): number; // milliseconds
  after(ms: number, f: () => void): () => void; // answers what cancels it
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, f) {
    const timer = setTimeout(f, ms);
    return () => clearTimeout(timer);
  },
};

export const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((done) => clock.after(ms, done));

export interface HttpOptions {
  fetch?: typeof fetch;
  base?: string; // "" is this origin
  clock?: Clock;
}

export type Letter = "message" | "header" | "terms" | "body" | "card";

// 401 to somebody who is only about to sign in; any other means that the session has ended.
const AT_THE_DOOR = new Set(["wrong-sign-in", "second-factor"]);

const READ = 30_000;
const WRITE = 60_000;
const LONG = 600_000;
const RETRIES = [300, 1_500];

interface Call {
  method?: string;
  json?: unknown;
  body?: BodyInit;
  type?: string;
  headers?: { [name: string]: string };
  key?: string; // Idempotency-Key
  outlive?: boolean; // the page
  free?: boolean; // does not wait for the guard
  proof?: boolean; // a session alone is not enough: the token of what was proved goes with it
  timeout?: number;
  signal?: AbortSignal | undefined;
}

export const newKey = (): string => {
  const b = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
};

// "1:50,60": how the API takes UIDs. They come sorted.
export function ranges(uids: readonly number[]): string {
  const out: string[] = [];
  for (let i = 0; i < uids.length; ) {
    let j = i;
    while (j + 1 < uids.length && uids[j + 1] === uids[j]! + 1) j++;
    out.push(i === j ? `${uids[i]}` : `${uids[i]}:${uids[j]}`);
    i = j + 1;
  }
  return out.join(",");
}

// Frames as docs of api.ts has them. A cut one is an error: half an answer never looks whole.
export function parseFrames(buffer: ArrayBuffer): Frame[] {
  const view = new DataView(buffer);
  const frames: Frame[] = [];
  for (let at = 0; at < buffer.byteLength; ) {
    if (at + 8 > buffer.byteLength) throw new ApiError("bad-answer", 0, { detail: "a frame is cut" });
    const uid = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (at + 8 + length > buffer.byteLength) throw new ApiError("bad-answer", 0, { detail: "a frame is cut" });
    frames.push({ uid, data: buffer.slice(at + 8, at + 8 + length) });
    at += 8 + length;
  }
  return frames;
}

class Http {
  #fetch: typeof fetch;
  #base: string;
  #clock: Clock;
  onLost: () => void = () => {};
  onReach: (reached: boolean) => void = () => {};
  guard: (() => Promise<void>) | null = null;
  proof = ""; // the token of what its owner proved; the server ends it after five minutes

  constructor(o: HttpOptions) {
    this.#fetch = o.fetch ?? ((...a) => fetch(...a));
    this.#base = o.base ?? "";
    this.#clock = o.clock ?? realClock;
  }

  // Reads are tried three times, and so is a mutation with a key: the server answers it once.
  async call(path: string, c: Call = {}): Promise<Response> {
    const again = (c.method ?? "GET") === "GET" || c.key !== undefined;
    if (!c.free) await this.guard?.();
    for (let n = 0; ; n++) {
      try {
        return await this.#once(path, c);
      } catch (e) {
        const wait = RETRIES[n];
        if (!(e instanceof ApiError) || !again || wait === undefined || !retriable(e) || c.signal?.aborted) throw e;
        await sleep(this.#clock, Math.max(wait, e.wait * 1000));
      }
    }
  }

  async #once(path: string, c: Call): Promise<Response> {
    const headers: { [name: string]: string } = { Accept: "application/json, application/problem+json, */*", ...c.headers };
    let body = c.body;
    if (c.json !== undefined) {
      body = JSON.stringify(c.json);
      headers["Content-Type"] = "application/json";
    } else if (c.type) headers["Content-Type"] = c.type;
    if (c.key) headers["Idempotency-Key"] = c.key;
    if (c.proof && this.proof !== "") headers["Sealpost-Proof"] = this.proof;
    const stop = new AbortController();
    let late = false;
    const cancel = this.#clock.after(c.timeout ?? (c.method && c.method !== "GET" ? WRITE : READ), () => {
      late = true;
      stop.abort();
    });
    const leave = () => stop.abort();
    c.signal?.addEventListener("abort", leave, { once: true });
    try {
      const r = await this.#fetch(this.#base + "/api/v1" + path, {
        method: c.method ?? "GET",
        headers,
        ...(body === undefined ? {} : { body }),
        signal: stop.signal,
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        ...(c.outlive ? { keepalive: true } : {}),
      });
      this.onReach(true);
      if (!r.ok) throw await this.#problem(r);
      // The body counts into the time too: a server that stalls in the middle is no answer.
      const whole = r.status === 204 ? null : await r.arrayBuffer();
      return new Response(whole, { status: r.status, headers: r.headers });
    } catch (e) {
      if (e instanceof ApiError) throw e;
      if (c.signal?.aborted) throw new ApiError("aborted", 0);
      if (!late) this.onReach(false);
      throw new ApiError(late ? "timeout" : "offline", 0);
    } finally {
      cancel();
      c.signal?.removeEventListener("abort", leave);
    }
  }

  async #problem(r: Response): Promise<ApiError> {
    let p: Partial<t.Problem> = {};
    try {
      p = (await r.json()) as Partial<t.Problem>;
    } catch {
      // a proxy's page, not ours
    }
    const word = typeof p.type === "string" && p.type.startsWith("urn:sealpost:problem:") ? p.type.slice(21) : `http-${r.status}`;
    if (r.status === 401 && !AT_THE_DOOR.has(word)) this.onLost();
    const wait = Number(r.headers.get("Retry-After"));
    return new ApiError(word, r.status, {
      detail: typeof p.detail === "string" ? p.detail.slice(0, 300) : "",
      methods: Array.isArray(p.methods) ? p.methods.filter((m) => typeof m === "string") : [],
      wait: Number.isFinite(wait) && wait > 0 ? wait : 0,
    });
  }

  async json<T>(path: string, c: Call = {}): Promise<T> {
    const r = await this.call(path, c);
    try {
      return (r.status === 204 ? undefined : await r.json()) as T;
    } catch {
      throw new ApiError("bad-answer", r.status, { detail: "expected JSON" });
    }
  }

  async bytes(path: string, c: Call = {}): Promise<ArrayBuffer> {
    return (await this.call(path, c)).arrayBuffer();
  }
}

function retriable(e: ApiError): boolean {
  if (e.word === "aborted" || e.word === "bad-answer") return false;
  return e.status === 0 || e.word === "in-progress" || e.status === 502 || e.status === 503 || e.status === 504 || (e.status === 429 && e.wait > 0 && e.wait <= 5);
}

const seg = encodeURIComponent;

export function createApi(o: HttpOptions = {}) {
  const http = new Http(o);
  const get = <T>(path: string, c?: Call) => http.json<T>(path, c);
  const send = <T = void>(method: string, path: string, json?: unknown, c: Call = {}) =>
    http.json<T>(path, { method, ...(json === undefined ? {} : { json }), ...c });
  // Mutations carry a key of their own where the caller does not keep one.
  const mutate = <T = void>(method: string, path: string, json?: unknown, c: Call = {}) => send<T>(method, path, json, { key: newKey(), ...c });

  return {
    // Called when the server says that the session has ended.
    set onSessionLost(f: () => void) {
      http.onLost = f;
    },
    set onReach(f: (reached: boolean) => void) {
      http.onReach = f;
    },
    // While there is one, every request waits for it, but those that ask who is signed in.
    set guard(f: (() => Promise<void>) | null) {
      http.guard = f;
    },

    // -- signing up and in: never repeated by itself, each try counts at the server
    server: () => get<t.Server>("/server", { free: true }),
    signInBegin: (address: string) => send<t.SignInParameters>("POST", "/sign-in/begin", { address }),
    signIn: (b: t.SignIn) => send<t.Session>("POST", "/sign-in", b),
    session: () => get<t.Session>("/session", { free: true }),
    invitation: (token: string) => send<t.Invitation>("POST", "/invitation", { token }),
    join: (b: t.Join) => send<t.Session>("POST", "/join", b),
    newPassphrase: (b: t.NewPassphrase) => send<t.Keyring>("PUT", "/keyring/passphrase", b),
    newKit: (b: t.NewKit) => send<t.Keyring>("PUT", "/keyring/kit", b),
    newOwnKey: (b: t.NewKey) => send<t.Keyring>("PUT", "/keyring/key", b),
    putContainer: (name: string, b: t.NewContainer) => send<t.Keyring>("PUT", `/keyring/containers/${seg(name)}`, b),
    deleteContainer: (name: string, version: number) => send<t.Keyring>("DELETE", `/keyring/containers/${seg(name)}?version=${version}`),
    sessions: () => get<{ sessions: t.SessionLine[] }>("/sessions").then((r) => r.sessions),
    // Whoever closes the page, or loads it anew, at that moment has signed out all the same.
    endSession: (id: string) => mutate("DELETE", `/sessions/${seg(id)}`, undefined, { outlive: true }),
    signIns: () => get<{ sign_ins: t.SignInLine[] }>("/sign-ins").then((r) => r.sign_ins),
    requestAccess: (b: { address: string; public_key: string; device: string }) => send<t.AccessRequest>("POST", "/sign-in/requests", b),
    // undefined while it waits
    pollAccess: async (id: string, secret: string): Promise<t.Granted | undefined> => {
      const r = await http.call(`/sign-in/requests/${seg(id)}`, { method: "POST", json: { secret } });
      return r.status === 202 ? undefined : ((await r.json()) as t.Granted);
    },
    accessRequests: () => get<{ requests: t.WaitingRequest[] }>("/access-requests").then((r) => r.requests),
    grantAccess: (id: string, sealed: string) => mutate("POST", `/access-requests/${seg(id)}/grant`, { sealed }),
    refuseAccess: (id: string) => mutate("DELETE", `/access-requests/${seg(id)}`),
    secondFactors: () => get<t.SecondFactors>("/second-factors"),
    // Who asks proves anew who they are: until the server says otherwise the token goes with
    // what needs it. "" forgets it.
    proofBegin: () => send<unknown>("POST", "/proof/begin"),
    prove: async (b: t.NewProof): Promise<void> => {
      http.proof = (await send<t.Proof>("POST", "/proof", b)).token;
    },
    forgetProof(): void {
      http.proof = "";
    },
    account: () => get<t.AccountSettings>("/account"),
    changeAccount: (b: t.AccountChange) => mutate<t.AccountSettings>("PATCH", "/account", b),
    attachments: () => get<t.Attachments>("/attachments"),
    putAttachments: (b: t.Attachments) => mutate<t.Attachments>("PUT", "/attachments", b),
    addAlias: (address: string) => mutate<t.AccountSettings>("POST", "/account/aliases", { address }),
    removeAlias: (address: string) => mutate<t.AccountSettings>("DELETE", `/account/aliases/${seg(address)}`),
    putCertificate: (certificate: t.Base64) => send<t.AccountSettings>("PUT", "/account/certificate", { certificate }, { proof: true }),
    newTotp: () => send<t.NewTotp>("POST", "/second-factors/totp", undefined, { proof: true }),
    confirmTotp: (code: string) => send("PUT", "/second-factors/totp", { code }),
    removeTotp: () => send("DELETE", "/second-factors/totp", undefined, { proof: true }),
    passkeyBegin: () => send<unknown>("POST", "/passkeys/begin", undefined, { proof: true }),
    addPasskey: (b: t.NewPasskey) => send<t.PasskeyLine>("POST", "/passkeys", b, { proof: true }),
    removePasskey: (id: string, version?: number) => send("DELETE", `/passkeys/${seg(id)}${version === undefined ? "" : `?version=${version}`}`, undefined, { proof: true }),
    passkeySignInBegin: (address?: string) => send<unknown>("POST", "/sign-in/passkey/begin", address === undefined ? {} : { address }),
    passkeySignIn: (b: { credential: unknown; device: string }) => send<t.Session>("POST", "/sign-in/passkey", b),
    appPasswords: () => get<{ app_passwords: t.AppPassword[] }>("/app-passwords").then((r) => r.app_passwords),
    newAppPassword: (b: { name: string; scopes: string[]; file_sent?: boolean; limit?: number }) => send<t.AppPassword>("POST", "/app-passwords", b, { proof: true }),
    removeAppPassword: (name: string) => mutate("DELETE", `/app-passwords/${seg(name)}`),

    // -- mail
    mailboxes: () => get<t.Mailboxes>("/mailboxes"),
    entries: (box: number, q: { since: number; after?: number; limit?: number }, signal?: AbortSignal) =>
      get<t.Entries>(
        `/mailboxes/${box}/entries?since=${q.since}${q.after === undefined ? "" : `&after=${q.after}`}&limit=${q.limit ?? 20_000}`,
        { signal },
      ),
    cards: async (box: number, uids: readonly number[], signal?: AbortSignal): Promise<Frame[]> =>
      parseFrames(await http.bytes(`/mailboxes/${box}/cards?uids=${ranges(uids)}`, { signal })),
    terms: async (box: number, uids: readonly number[], signal?: AbortSignal): Promise<Frame[]> =>
      parseFrames(await http.bytes(`/mailboxes/${box}/terms?uids=${ranges(uids)}`, { signal })),
    keys: async (box: number, uids: readonly number[], signal?: AbortSignal): Promise<Frame[]> =>
      parseFrames(await http.bytes(`/mailboxes/${box}/keys?uids=${ranges(uids)}`, { signal })),
    reseal: (box: number, mails: readonly t.ResealMail[]) => mutate<t.Resealed>("POST", `/mailboxes/${box}/reseal`, { mails }, { timeout: LONG }),
    message: (box: number, uid: number) => get<t.Message>(`/mailboxes/${box}/messages/${uid}`),
    letter: (box: number, uid: number, letter: Letter, signal?: AbortSignal): Promise<ArrayBuffer> =>
      http.bytes(`/mailboxes/${box}/messages/${uid}/${letter}`, { timeout: LONG, signal }),
    eml: (box: number, uid: number, signal?: AbortSignal) => http.bytes(`/mailboxes/${box}/messages/${uid}.eml`, { timeout: LONG, signal }),
    append: (
      box: number,
      mail: Uint8Array<ArrayBuffer> | Blob,
      q: { flags?: string[]; received?: number; key?: string; signal?: AbortSignal } = {},
    ): Promise<t.Appended> => {
      const query = new URLSearchParams();
      for (const f of q.flags ?? []) query.append("flags", f);
      if (q.received !== undefined) query.set("received", `${q.received}`);
      const tail = query.size ? `?${query}` : "";
      return http.json(`/mailboxes/${box}/messages${tail}`, {
        method: "POST", body: mail, type: "message/rfc822", key: q.key ?? newKey(), timeout: LONG, signal: q.signal,
      });
    },
    // Mails that the vault sealed (Vault.sealMail), one after the other.
    appendSealed: (box: number, mails: Blob, key: string, signal?: AbortSignal): Promise<t.AddedMails> =>
      http.json(`/mailboxes/${box}/sealed`, { method: "POST", body: mails, type: "application/octet-stream", key, timeout: LONG, signal }),
    putLetter: (box: number, uid: number, letter: "card" | "terms", data: ArrayBuffer): Promise<void> =>
      http.json(`/mailboxes/${box}/messages/${uid}/${letter}`, { method: "PUT", body: data, type: "application/octet-stream", key: newKey() }),
    changes: (changes: t.Change[], key: string = newKey()): Promise<t.ChangeEvent[]> =>
      send<{ events: t.ChangeEvent[] }>("POST", "/changes", { changes }, { key }).then((r) => r.events),
    usage: () => get<t.Usage>("/usage"),
    // Octets go through the worker of files (src/drive).
    file: (id: string) => get<t.File>(`/files/${seg(id)}`),
    removeFile: (id: string) => mutate("DELETE", `/files/${seg(id)}`),
    // At most 256. What was not there is gone, too.
    removeFiles: (ids: readonly string[]) => mutate<t.Removed>("DELETE", `/files/batch?ids=${ids.map(seg).join(",")}`),

    // -- to the world outside, through the server: it sees the address, the sender sees only the server
    image: async (url: string, signal?: AbortSignal): Promise<Blob> => {
      const r = await http.call(`/images?url=${seg(url)}`, { signal });
      const type = r.headers.get("Content-Type") ?? "";
      if (!/^image\/(png|jpeg|gif|webp)$/.test(type)) throw new ApiError("bad-answer", r.status, { detail: "expected a picture" });
      return new Blob([await r.arrayBuffer()], { type });
    },
    pushKey: () => get<t.PushKey>("/push"),
    push: (endpoint: string) => send("POST", "/push", { endpoint }),
    noPush: (endpoint: string) => send("DELETE", "/push", { endpoint }),
    unsubscribe: (url: string) => send("POST", "/unsubscribe", { url }),

    // -- the cabinet
    cabinet: (since: number) => get<t.CabinetList>(`/cabinet?since=${since}`),
    box: async (drawer: string, name: string): Promise<{ version: number; data: ArrayBuffer }> => {
      const r = await http.call(`/cabinet/${seg(drawer)}/${seg(name)}`);
      const version = Number((r.headers.get("ETag") ?? "").replace(/^W\//, "").replaceAll('"', ""));
      if (!Number.isSafeInteger(version) || version < 1) throw new ApiError("bad-answer", r.status, { detail: "expected an ETag with a version" });
      return { version, data: await r.arrayBuffer() };
    },
    // was: the version that is replaced, 0 for a new one. 412 "conflict".
    putBox: (drawer: string, name: string, was: number, data: ArrayBuffer, key: string = newKey()): Promise<t.CabinetItem> =>
      http.json(`/cabinet/${seg(drawer)}/${seg(name)}`, {
        method: "PUT", body: data, type: "application/octet-stream", key, timeout: LONG,
        headers: was === 0 ? { "If-None-Match": "*" } : { "If-Match": `"${was}"` },
      }),
    deleteBox: (drawer: string, name: string, was: number, key: string = newKey()): Promise<void> =>
      http.json(`/cabinet/${seg(drawer)}/${seg(name)}`, { method: "DELETE", key, headers: { "If-Match": `"${was}"` } }),

    // -- parcels: whoever has a link, with no session
    parcel: (account: string, name: string): Promise<ArrayBuffer> => http.bytes(`/parcels/${seg(account)}/${seg(name)}`, { timeout: LONG }),
    // The certificate that holds now; the parcel has that of the day it was made.
    parcelKey: (account: string, name: string, proof: string): Promise<ArrayBuffer> => http.bytes(`/parcels/${seg(account)}/${seg(name)}/key`, { headers: { "Parcel-Proof": proof } }),
    // The same octets are taken once, however often they come.
    answerParcel: (account: string, name: string, mail: Uint8Array<ArrayBuffer>, proof: string): Promise<void> =>
      http.json(`/parcels/${seg(account)}/${seg(name)}/answers`, { method: "POST", body: mail, type: "message/rfc822", headers: { "Parcel-Proof": proof }, key: newKey(), timeout: LONG }),

    // -- sending
    send: (envelope: t.Envelope, mail: Uint8Array<ArrayBuffer>, key: string): Promise<t.OutboxItem> => {
      // Made by hand: a repeated request must be the same to the byte, and a browser's own
      // form has another boundary each time.
      const boundary = `sealpost-${key}`;
      const part = (name: string, type: string) => `\r\n--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`;
      const body = new Blob([part("envelope", "application/json").slice(2), JSON.stringify(envelope), part("mail", "message/rfc822"), mail, `\r\n--${boundary}--\r\n`]);
      return http.json("/outbox", { method: "POST", body, type: `multipart/form-data; boundary=${boundary}`, key, timeout: LONG });
    },
    outbox: () => get<{ items: t.OutboxItem[] }>("/outbox").then((r) => r.items),
    takeBack: (id: string) => mutate("DELETE", `/outbox/${seg(id)}`),
    reschedule: (id: string, at: string) => mutate<t.OutboxItem>("PATCH", `/outbox/${seg(id)}`, { at }),
    recipients: (addresses: string[]) => send<{ recipients: t.Recipient[] }>("POST", "/recipients", { addresses }).then((r) => r.recipients),
    pinKey: (address: string, certificate: string) => mutate("PUT", `/keys/${seg(address)}`, { certificate }),
    acceptKey: (address: string, fingerprint: string) => mutate("POST", `/keys/${seg(address)}/accept`, { fingerprint }),
    forgetKey: (address: string) => mutate("DELETE", `/keys/${seg(address)}`),
    rules: () => get<t.Rules>("/rules"),
    putRules: (r: t.Rules) => mutate<t.Rules>("PUT", "/rules", r),

    // The room that draws a page the model has no state for (settings, admin) asks here.
    get: <T>(path: string, timeout?: number) => get<T>(path, timeout === undefined ? {} : { timeout }),
    mutate: <T = void>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown) => mutate<T>(method, path, body),
  };
}

export type Api = ReturnType<typeof createApi>;
