// What may come into the account and what did: browsers that are signed in, those that
// ask to be let in, second factors, app passwords, the history of sign-ins.
import { signal } from "@preact/signals";
import type { AppPassword, NewTotp, SecondFactors, SessionLine, SignInLine, WaitingRequest } from "../wire/api.ts";
import type { Api } from "../wire/http.ts";
import { resource, wordOf } from "./resource.ts";
import type { ProofModel } from "./types.ts";

export const scopes = ["imap", "smtp", "api"] as const;

// tries runs what a button does: its failure is a word beside it and nothing else.
export function tries() {
  const busy = signal(false);
  const failed = signal("");
  async function run<T>(what: () => Promise<T>): Promise<T | undefined> {
    if (busy.value) return undefined;
    busy.value = true;
    failed.value = "";
    try {
      return await what();
    } catch (e) {
      failed.value = wordOf(e);
      return undefined;
    } finally {
      busy.value = false;
    }
  }
  return { busy, failed, run };
}

// proven asks the owner to prove who they are where the server wants it.
export function createDevices(api: Api, proven: ProofModel["with"] = (f) => f()) {
  const sessions = resource<SessionLine[]>(async () =>
    (await api.sessions()).sort((a, b) => Number(b.current) - Number(a.current) || b.used.localeCompare(a.used)));
  const history = resource<SignInLine[]>(() => api.signIns());
  const requests = resource<WaitingRequest[]>(() => api.accessRequests());
  const factors = resource<SecondFactors>(() => api.secondFactors());
  const passwords = resource<AppPassword[]>(() => api.appPasswords());
  const doing = tries();

  return {
    sessions, history, requests, factors, passwords,
    busy: doing.busy,
    failed: doing.failed,

    end: (id: string) => doing.run(async () => {
      await api.endSession(id);
      await sessions.load();
    }),
    // All but this one; each is asked for, so that one that fails leaves no doubt which.
    endOthers: () => doing.run(async () => {
      for (const s of sessions.value.value ?? []) if (!s.current) await api.endSession(s.id);
      await sessions.load();
    }),
    refuse: (id: string) => doing.run(async () => {
      await api.refuseAccess(id);
      await requests.load();
    }),
    beginTotp: (): Promise<NewTotp | undefined> => doing.run(() => proven(() => api.newTotp())),
    confirmTotp: (code: string) => doing.run(async () => {
      await api.confirmTotp(code.replace(/\s/g, ""));
      await factors.load();
      return true;
    }),
    removeTotp: () => doing.run(async () => {
      await proven(() => api.removeTotp());
      await factors.load();
      return true;
    }),
    removePasskey: (id: string, version?: number) => doing.run(async () => {
      await proven(() => api.removePasskey(id, version));
      await factors.load();
      return true;
    }),
    newPassword: (o: { name: string; scopes: string[]; file_sent: boolean }) => doing.run(async () => {
      const made = await proven(() => api.newAppPassword(o));
      await passwords.load();
      return made;
    }),
    removePassword: (name: string) => doing.run(async () => {
      await api.removeAppPassword(name);
      await passwords.load();
      return true;
    }),
  };
}

export type Devices = ReturnType<typeof createDevices>;
