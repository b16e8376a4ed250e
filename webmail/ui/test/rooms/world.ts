// An app without a server for drawing the rooms: enough of each model for every screen.
import { signal } from "@preact/signals";
import type { App, Contact, Desk, Joining, Need, Phase, Pin, Settings } from "../../src/model/types.ts";
import { words as list } from "../../src/vault/wordlist.ts";
import type { AdminOverview, Rules } from "../../src/wire/api.ts";

const hour = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * hour).toISOString();
const fingerprint = "7A1C0B52D9E34F6088A2C1D54E9F3B7706D2A8E1";
export const kit = [...list.filter((_, i) => i % 89 === 3).slice(0, 23), "art"];

const settings: Settings = {
  locale: "", theme: "system", density: "comfortable", panes: 3, conversations: true, autoLock: 30, undoSend: 10, seenAfter: 2, remote: "ask", remoteSenders: ["news@riverside.example"], offlineDays: 30,
  signatures: [{ id: "s1", name: "Work", html: "", text: "Ottoline Farquhar\nLamps and shades" }], signatureFor: { "ottoline@hollow.example": "s1" }, plainText: false, sign: true,
  labels: [{ keyword: "$bills", name: "Bills", colour: 2 }], muted: [], snoozed: {}, keys: {}, notices: false, more: { name: "Ottoline Farquhar" },
};

const rules: Rules = {
  version: 4,
  rules: [
    { name: "Choir", on: true, all: false, stop: true, conditions: [{ field: "list", op: "is", value: "choir.lists.example" }, { field: "from", op: "ends", value: "@choir.example" }], actions: [{ do: "move", mailbox: "Choir" }] },
    { name: "", on: true, all: true, stop: false, conditions: [{ field: "subject", op: "contains", value: "invoice" }, { field: "attachment", op: "is", value: "yes" }], actions: [{ do: "flag", flag: "$bills" }, { do: "forward", address: "books@hollow.example" }] },
    { name: "Big things", on: false, all: true, stop: false, conditions: [{ field: "size", op: "over", value: "20000000" }], actions: [{ do: "discard" }] },
  ],
  vacation: { on: true, from: ago(24), until: ago(-24 * 9), subject: "Away until Monday", text: "I am at the sea and read no mail." },
};

const overview: AdminOverview = {
  version: "0.4.0", hostname: "mail.hollow.example", began: ago(24 * 19), healthy: true, certificate_expires: ago(-24 * 61), accounts: 14, messages: 48211, bytes: 9.4e9, disk_free: 61e9, disk_size: 96e9, queue: { waiting: 3, held: 1 },
  traffic: { received: 4211, junk: 388, refused: 9120, sent: 1204, deferred: 31, failed: 7 },
  days: Array.from({ length: 30 }, (_, i) => ({ day: new Date(Date.now() - (29 - i) * 24 * hour).toISOString().slice(0, 10), received: 90 + ((i * 37) % 70), junk: 8 + ((i * 13) % 20), refused: 40 + ((i * 61) % 120), sent: 30 + ((i * 17) % 25), deferred: i % 4, failed: i % 9 === 0 ? 2 : 0 })),
};

const admin: { [path: string]: unknown } = {
  overview,
  accounts: { accounts: [["ottoline@hollow.example", true, 3.4e9], ["björn@hollow.example", false, 9.7e9], ["a.very.long.address.indeed@correspondence.hollow.example", false, 2e8]].map(([a, op, bytes], i) => ({ id: `${i}`, addresses: i === 0 ? [a, "choir@hollow.example"] : [a], created: ago(9000), bytes, messages: 1200 * (i + 1), quota: 1e10, operator: op, sign_in: i !== 2, fingerprint, ...(i === 1 ? { key_expires: ago(-24 * 12) } : {}) })) },
  invitations: { invitations: [{ id: "1", address: "sam@hollow.example", created: ago(30), expires: ago(-100), attach: false }, { id: "2", created: ago(300), expires: ago(10), attach: true }] },
  domains: { domains: [{ domain: "hollow.example", records: [
    { name: "hollow.example", type: "MX", value: "10 mail.hollow.example.", state: "ok" },
    { name: "hollow.example", type: "TXT", value: "v=spf1 mx -all", state: "wrong", found: "v=spf1 include:old.example ~all", why: "expected mx and -all" },
    { name: "s2026._domainkey.hollow.example", type: "TXT", value: `v=DKIM1; k=rsa; p=${"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA".repeat(7)}`, state: "ok" },
    { name: "_dmarc.hollow.example", type: "TXT", value: "v=DMARC1; p=reject; rua=mailto:postmaster@hollow.example", state: "missing" },
    { name: "_25._tcp.mail.hollow.example", type: "TLSA", value: "3 1 1 8d2f…", state: "unsure", why: "the zone is not signed" }] }, { domain: "lamps.example", records: [{ name: "lamps.example", type: "MX", value: "10 mail.hollow.example.", state: "ok" }] }] },
  queue: { items: [{ id: "q7f3a", created: ago(3), expires: ago(-110), size: 48211, held: false, sending: false, recipients: [{ domain: "slow.example", attempts: 4, next: ago(-1), reply: "451 4.7.1 Greylisted, try again in 300 seconds" }] }, { id: "q80b1", created: ago(0.1), expires: ago(-119), size: 2_400_000, held: true, sending: false, recipients: [{ domain: "riverside.example", attempts: 0, next: ago(0), reply: "" }] }] },
  reports: { reports: [["dmarc", "google.example", 212, 211], ["tls", "microsoft.example", 48, 48], ["dmarc", "yahoo.example", 40, 31]].map(([kind, by, all, well], i) => ({ id: `${i}`, kind, domain: "hollow.example", by, day: ago(24 * (i + 1)).slice(0, 10), came: ago(20 * (i + 1)), all, well })) },
};

const person = (id: string, name: string, address: string, o: Partial<Contact> = {}): Contact => ({ id, name, addresses: [{ address, label: "" }], phones: [], organisation: "", notes: "", keys: [], encrypt: "default", collected: false, uid: id, changed: 0, ...o });
const contacts = [
  person("1", "Ines Okafor", "ines@okafor.example", { organisation: "Riverside Lab", phones: [{ number: "+44 20 7946 0018", label: "work" }], notes: "Plays the cello.\nBirthday in May.", keys: ["AA=="] }),
  person("2", "Jonas Feld", "jonas@choir.example"), person("3", "", "jonas@choir.example", { collected: true }), person("4", "Björk Óskarsdóttir", "bjork@example.is"), person("5", "Aiko Tanaka", "a.tanaka@riverside-lab.example"),
];
const pins = new Map<string, Pin>([["ines@okafor.example", { address: "ines@okafor.example", fingerprint: "04F3D1E8A7C25B9960137DE2FF41B8C3A95E6D70", certificate: "", first: Date.now() / 1000 - 8e6, verified: Date.now() / 1000, source: "wkd", refused: [] }], ["jonas@choir.example", { address: "jonas@choir.example", fingerprint: "C3A95E6D7004F3D1E8A7C25B9960137DE2FF41B8", certificate: "", first: Date.now() / 1000 - 3e6, verified: 0, source: "autocrypt", refused: [] }]]);

const mailbox = (id: number, name: string, messages: number, bytes: number) => ({ id, name, leaf: name, use: "", uid_validity: 1, uid_next: 1, modseq: 1, subscribed: true, messages, unseen: 0, bytes, role: "", level: 0 });

function api() {
  const session = { id: "me", keyring: { version: 3, salt: "", kdf: {}, containers: {} } };
  return new Proxy({
    account: async () => ({ account: { addresses: ["ottoline@hollow.example", "choir@hollow.example"], level: "baseline", encrypt: "when-all-have-keys" }, aliases: 5, former: ["lamps@hollow.example"], locked: [] }),
    sessions: async () => [["1", "Firefox on Linux", true], ["2", "Chrome on Android", false]].map(([id, device, current]) => ({ id, device, current, created: ago(200), used: ago(current ? 0 : 30), expires: ago(-700) })),
    signIns: async () => [["passphrase", true], ["passphrase", false], ["approval", true], ["join", true]].map(([how, ok], i) => ({ at: ago(i * 31), how, ok, device: "Firefox on Linux" })),
    accessRequests: async () => [{ id: "r", device: "Safari on iPhone", public_key: "", at: ago(0.02) }],
    secondFactors: async () => ({ totp: false, passkeys: [{ id: "p", name: "Laptop", created: ago(500), used: ago(5), unlocks: true }, { id: "k", name: "Blue security key", created: ago(400), unlocks: false }] }),
    newTotp: async () => ({ secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", uri: "otpauth://totp/hollow.example:ottoline%40hollow.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=hollow.example" }),
    appPasswords: async () => [{ name: "Thunderbird on the laptop", created: ago(900), used: ago(10), file_sent: true, limit: 0, scopes: ["imap", "smtp"], uses: [{ door: "imap", last: ago(10), network: "192.0.2.0/24" }, { door: "smtp", last: ago(90) }] }],
    newAppPassword: async (o: object) => ({ ...o, created: ago(0), limit: 0, password: "kv7m-2xqd-9trw-h4pz-c6nb-w3yf" }),
    recipients: async (all: string[]) => all.map((address) => ({ address, state: "key", local: true, fingerprint })),
    usage: async () => ({ bytes: 3.42e9, messages: 5100, quota: 1e10, cabinet: 4e7 }), rules: async () => rules, putRules: async (r: Rules) => ({ ...r, version: r.version + 1 }), session: async () => session,
    get: async (path: string) => admin[path.replace("/admin/", "")],
    mutate: async (_: string, path: string, o?: { address?: string }) => (path.endsWith("invitations") ? { id: "n", ...o, created: ago(0), expires: ago(-168), attach: false, link: "https://mail.hollow.example/#/join/7Qm2xvT9fKpLr4Wz8NdYbHcS1aEuGj0o" } : undefined),
  } as Record<string, unknown>, { get: (o, k: string) => o[k] ?? (async () => []) });
}

const nothing = (of: object) => new Proxy(of as Record<string, unknown>, { get: (o, k: string) => o[k] ?? (async () => true) });

export function world(q: URLSearchParams): App {
  const fault = signal(q.get("fault") ? { word: q.get("fault") ?? "", wait: 30 } : null);
  const need = signal<Need | null>(q.get("need") === "device" ? { kind: "unknown-device" } : q.get("need") === "factor" ? { kind: "second-factor", methods: ["totp", "passkey"] } : null);
  const step = q.get("step") as Joining["step"] | null;
  const joining = signal<Joining | null>(step ? { step, invitation: { domains: ["hollow.example", "lamps.example"], attach: false, expires: ago(-1) }, words: kit, fingerprint } : null);
  const account = { id: "0123456789abcdef", addresses: ["ottoline@hollow.example", "choir@hollow.example"], certificate: "AAAA", fingerprint, profile: "compat", level: "baseline", encrypt: "when-all-have-keys", operator: true, quota: 1e10, created: ago(9000) };
  const asking = signal<{ words: string[] } | null>(null);
  const session = nothing({
    phase: signal<Phase>((q.get("phase") as Phase | null) ?? "signed-out"), busy: signal(false), fault, need, server: signal({ hostname: "mail.hollow.example", domains: ["hollow.example"], open: true, version: "0.4.0" }), session: signal(null), account: signal(account), address: signal(q.get("phase") ? account.addresses[0] : ""),
    joining, asking, hasPasskeys: true, ended: signal(q.has("ended")), clearFault: () => void (fault.value = null), stopAsking: () => void (asking.value = null), leaveJoin: () => {}, newKit: async () => kit,
    offline: { own: signal(false), apart: signal(false) }, proving: signal(null), proven: async (f: () => Promise<unknown>) => f(), ownDevice: () => {},
    askAnotherDevice: async () => void (asking.value = { words: ["velvet", "otter", "trim", "nine", "ladder", "quick"] }), wordsWritten: () => void (joining.value = joining.value && { ...joining.value, step: "retype" }), showWordsAgain: () => void (joining.value = joining.value && { ...joining.value, step: "words" }),
  });
  const value = signal(settings);
  const desk = {
    account, settings: nothing({ value, ready: signal(true), set: async (c: Partial<Settings>) => void (value.value = { ...value.value, ...c }), templates: signal([{ id: "t", name: "Offer", subject: "Your lamp", html: "", text: "" }]), searches: signal([]) }),
    sync: { mailboxes: signal([mailbox(1, "INBOX", 4102, 1.9e9), mailbox(2, "Sent", 804, 4e8), mailbox(3, "Archive", 9120, 9e8), mailbox(4, "Choir", 310, 1.2e8), mailbox(5, "Bills", 96, 6e7), mailbox(6, "Junk", 12, 4e6)]) },
    reseal: nothing({ view: signal({ state: "paused", done: 3100, of: 5100, failed: 0, inner: 12, here: true, word: "" }) }),
    contacts: nothing({ all: signal(contacts), ready: signal(true), exportCards: () => "" }), pins: nothing({ all: signal(pins), ready: signal(true), of: (a: string) => pins.get(a), verify: async (_: string, t: string) => t === "04F3D1E8A7C25B9960137DE2FF41B8C3A95E6D70" }),
  };
  const key = { fingerprint, identities: ["Ottoline Farquhar <ottoline@hollow.example>"], created: 1.72e9, expires: 0, algorithm: "Ed25519 and Curve25519 (v4)", usable: true, encryption: fingerprint, subkeys: [{ fingerprint, algorithm: "Curve25519", created: 1.79e9, expires: 0, revoked: 0, reason: "", use: "encrypt", secret: true }, { fingerprint: "04F3D1E8A7C25B9960137DE2FF41B8C3A95E6D70", algorithm: "Curve25519", created: 1.72e9, expires: 0, revoked: 1.79e9, reason: "superseded", use: "encrypt", secret: true }] };
  const vault = nothing({ describeKey: async () => key, ownKey: async () => key, state: async () => ({ open: true, mail: !q.has("bring"), list: true, fingerprint }) });
  return { api: api(), vault, session, desk: signal(desk as unknown as Desk), online: signal(true), alarms: { all: signal([]) } } as unknown as App;
}
