// What operators see and do. Nothing here can read mail or take a key: the server has no
// answer that would hold one.
import type { AdminAccount, AdminDomain, AdminHours, AdminInvitation, AdminOverview, AdminQueueItem, AdminReport } from "../wire/api.ts";
import type { Api } from "../wire/http.ts";
import { tries } from "./devices.ts";
import { resource } from "./resource.ts";

export type Health = "ok" | "warn" | "bad" | "unsure";

// healthOf sums up the records of a domain: one that is missing or wrong is bad news.
export function healthOf(d: AdminDomain): Health {
  const states = d.records.map((r) => r.state);
  if (states.includes("wrong")) return "bad";
  if (states.includes("missing")) return "warn";
  return states.includes("unsure") ? "unsure" : "ok";
}

// found filters accounts by what is typed: a part of any address, or of the fingerprint.
export function found(accounts: readonly AdminAccount[], typed: string): AdminAccount[] {
  const q = typed.trim().toLowerCase();
  if (q === "") return [...accounts];
  const hex = q.replace(/\s/g, "");
  return accounts.filter((a) => a.addresses.some((x) => x.toLowerCase().includes(q)) || a.fingerprint.toLowerCase().includes(hex));
}

// share of a report's mails or sessions that went well, from 0 to 1; undefined: none were counted.
export function share(r: Pick<AdminReport, "all" | "well">): number | undefined {
  return r.all > 0 ? Math.min(1, r.well / r.all) : undefined;
}

// totals puts reports together by domain and kind, newest day last known.
export function totals(reports: readonly AdminReport[]): { domain: string; kind: AdminReport["kind"]; all: number; well: number; reports: number }[] {
  const by = new Map<string, { domain: string; kind: AdminReport["kind"]; all: number; well: number; reports: number }>();
  for (const r of reports) {
    const key = `${r.kind} ${r.domain}`;
    const t = by.get(key) ?? { domain: r.domain, kind: r.kind, all: 0, well: 0, reports: 0 };
    by.set(key, { ...t, all: t.all + r.all, well: t.well + r.well, reports: t.reports + 1 });
  }
  return [...by.values()].sort((a, b) => a.domain.localeCompare(b.domain) || a.kind.localeCompare(b.kind));
}

export interface Counted { at: number; received: number; junk: number; refused: number; sent: number; deferred: number; failed: number } // at: seconds

// spans puts the hours of the last so many together in so many columns, the oldest first;
// what was before the server counted is nothing.
export function spans(h: AdminHours, last: number, each: number): Counted[] {
  const from = Date.parse(h.from) / 1000, n = h.received.length;
  const first = n - last; // may lie before the first hour
  return Array.from({ length: Math.ceil(last / each) }, (_, i) => {
    const begin = first + i * each, end = Math.min(begin + each, n);
    const sum = (column: number[]) => column.slice(Math.max(0, begin), Math.max(0, end)).reduce((a, b) => a + b, 0);
    return {
      at: from + begin * 3600, received: sum(h.received), junk: sum(h.junk), refused: sum(h.refused), sent: sum(h.sent), deferred: sum(h.deferred), failed: sum(h.failed),
    };
  });
}

export function createAdmin(api: Pick<Api, "get" | "mutate">) {
  const of = (path: string) => `/admin/${path}`;
  const id = encodeURIComponent;
  const overview = resource(() => api.get<AdminOverview>(of("overview")));
  const hours = resource(() => api.get<AdminHours>(of("hours")));
  const accounts = resource(() => api.get<{ accounts: AdminAccount[] }>(of("accounts")).then((r) => r.accounts));
  const invitations = resource(() => api.get<{ invitations: AdminInvitation[] }>(of("invitations")).then((r) => r.invitations));
  const domains = resource(() => api.get<{ domains: AdminDomain[] }>(of("domains"), 70_000).then((r) => r.domains));
  const queue = resource(() => api.get<{ items: AdminQueueItem[] }>(of("queue")).then((r) => r.items));
  const reports = resource(() => api.get<{ reports: AdminReport[] }>(of("reports")).then((r) => r.reports));
  const doing = tries();
  const act = <T>(then: { load(): Promise<void> }, what: () => Promise<T>) => doing.run(async () => {
    const answer = await what();
    await then.load();
    return answer ?? true;
  });

  return {
    overview, hours, accounts, invitations, domains, queue, reports,
    busy: doing.busy,
    failed: doing.failed,
    changeAccount: (a: string, change: { quota?: number; operator?: boolean }) => act(accounts, () => api.mutate<void>("PATCH", of(`accounts/${id(a)}`), change)),
    // confirm is the account's first address, as the operator typed it.
    removeAccount: (a: string, confirm: string) => act(accounts, () => api.mutate<void>("DELETE", of(`accounts/${id(a)}?confirm=${id(confirm)}`))),
    addAccount: (o: { address: string; certificate: string }) => act(accounts, () => api.mutate<AdminAccount>("POST", of("accounts"), o)),
    // Answers the invitation with which its owner begins anew.
    resetSignIn: (a: string) => act(accounts, () => api.mutate<AdminInvitation>("DELETE", of(`accounts/${id(a)}/sign-in`))),
    invite: (o: { address?: string; account?: string; days: number }) => act(invitations, () => api.mutate<AdminInvitation>("POST", of("invitations"), o)),
    withdraw: (i: string) => act(invitations, () => api.mutate<void>("DELETE", of(`invitations/${id(i)}`))),
    retry: (q: string) => act(queue, () => api.mutate<void>("POST", of(`queue/${id(q)}/retry`))),
    hold: (q: string, held: boolean) => act(queue, () => api.mutate<void>("POST", of(`queue/${id(q)}/hold`), { held })),
    drop: (q: string) => act(queue, () => api.mutate<void>("DELETE", of(`queue/${id(q)}`))),
  };
}

export type Admin = ReturnType<typeof createAdmin>;
