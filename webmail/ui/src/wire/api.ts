// The types of /api/v1. Names are the API's own: snake_case, times as RFC 3339 in UTC
// unless a name says seconds, bytes as standard base64 unless a place is raw octets.

export type Base64 = string;
export type Time = string;

// An error (RFC 9457, application/problem+json). type is urn:sealpost:problem:WORD.
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  methods?: string[]; // second-factor: which would do: totp, passkey
  passkey?: unknown; // second-factor: WebAuthn request options (JSON form), if a passkey would do
  address?: string; // refused: the recipient that was
}

// ---- Signing up and in -------------------------------------------------------------

export interface Kdf {
  name: "argon2id";
  memory: number; // KiB
  iterations: number;
  lanes: number;
}

// GET /api/v1/server: what a page needs before anybody signed in.
export interface Server {
  hostname: string;
  domains: string[]; // that accounts can be opened in
  open: boolean; // anybody may sign up
  version: string;
}

// POST /api/v1/sign-in/begin {address}
export interface SignInParameters {
  salt: Base64; // 16 bytes; for unknown addresses a stable false one
  kdf: Kdf;
}

// POST /api/v1/sign-in; 401 "wrong-sign-in", 401 "second-factor", 429 "slow-down".
// It sets the session cookie and answers Session.
export interface SignIn {
  address: string;
  method: "passphrase" | "kit";
  proof: Base64; // 32 bytes
  code?: string; // TOTP
  assertion?: unknown; // WebAuthn, as PublicKeyCredential.toJSON gives it
  device: string; // what to call this browser in lists, at most 64 characters
}

// GET /api/v1/session, and the answer to every way of signing in.
export interface Session {
  id: string;
  account: Account;
  keyring: Keyring;
  share: Base64; // 32 bytes: this session's half of what opens the device's copy of the master key
  created: Time;
  expires: Time;
}

export interface Account {
  id: string; // 16 hex digits
  addresses: string[]; // the first is its name
  certificate: Base64; // binary OpenPGP certificate
  fingerprint: string; // upper-case hex
  profile: "compat" | "modern";
  level: "open" | "baseline" | "shy" | "minimal";
  encrypt: "when-all-have-keys" | "require" | "never";
  list_key?: Base64; // 32 bytes, public half
  operator: boolean; // may use /api/v1/admin
  quota: number; // bytes, 0: none
  created: Time;
}

// What the server keeps for the owner's clients and cannot open.
// Names of containers: "master.passphrase", "master.kit", "master.passkey.ID",
// "openpgp.FINGERPRINT", "list", "secret".
export interface Keyring {
  version: number; // grows by one with every change
  salt: Base64;
  kdf: Kdf;
  containers: { [name: string]: Base64 };
}

// POST /api/v1/invitation {token}; GET has no place for secrets.
export interface Invitation {
  address?: string; // fixed by the operator, or the invited chooses
  domains: string[];
  attach: boolean; // it gives a sign-in to an account that exists
  certificate?: Base64; // attach: its certificate
  account?: string; // attach: its id
  expires: Time;
}

// POST /api/v1/join: opens an account (or attaches a sign-in to one), signs in, answers Session.
export interface Join {
  token?: string; // of an invitation; absent: open registration
  address: string;
  account: string; // id, 16 hex digits: containers are bound to it. Random; attach: the invitation's
  certificate: Base64;
  list_key: Base64;
  profile?: "compat" | "modern";
  salt: Base64;
  kdf: Kdf;
  proof: Base64;
  kit_proof: Base64; // made from the words as they were typed back
  containers: { [name: string]: Base64 };
  device: string;
}

// PUT /api/v1/keyring/passphrase: 409 "conflict" if version is not the stored one plus one.
export interface NewPassphrase {
  version: number;
  old_proof: Base64;
  salt: Base64;
  kdf: Kdf;
  proof: Base64;
  container: Base64; // master.passphrase
}

// What changes how an account is entered needs more than a session: a token in the header
// Sealpost-Proof; without one that counts: 403 "proof". It is of one session, for five minutes.
// POST /api/v1/proof {proof} or {assertion} -> Proof; POST /api/v1/proof/begin -> WebAuthn request
// options, 404 where there is no passkey for this host. It is asked for at: POST second-factors/totp,
// DELETE second-factors/totp, POST passkeys/begin, POST passkeys, DELETE passkeys/ID, POST app-passwords,
// PUT account/certificate.
export interface NewProof {
  proof?: Base64; // of the passphrase or of the kit
  assertion?: unknown; // of a passkey, for the options of proof/begin
}
export interface Proof {
  token: Base64;
  expires: Time;
}

// GET /api/v1/account -> AccountSettings; PATCH (AccountChange): 403 "locked"; POST /api/v1/account/aliases
// {address}: 409 "taken", "too-many", 422 "reserved", "domain", "alias"; DELETE /api/v1/account/aliases/ADDRESS.
// PUT /api/v1/account/certificate {certificate}: adds what the owner's client made; the key stays.
// All answer AccountSettings, and the event "account" tells other browsers.
export interface AccountSettings {
  account: Account;
  aliases: number; // beside its name, that its owner may add
  former: string[]; // given up: nobody else gets them
  locked: string[]; // that only the operator sets: encrypt, headers (level)
}
export interface AccountChange {
  level?: "open" | "baseline" | "shy" | "minimal";
  encrypt?: "when-all-have-keys" | "require" | "never";
}

// GET /api/v1/attachments -> Attachments, also with an app password; PUT (a session): the same, and the event "account".
export interface Attachments {
  over: number; // bytes that make an attachment large: 100,000 to 1,000,000,000
  outgoing: "plain" | "link"; // of mail that a program submits and that leaves readable
  incoming: "off" | "stub" | "whole"; // of mail that arrives unsigned: left, cut out, or cut out while IMAP serves the whole mail
  key?: Base64; // the owner's (vault.dropKey): the server seals to it how files open that it made; left out, it stays
}

// PUT /api/v1/keyring/kit
export interface NewKit {
  version: number;
  proof: Base64; // of the passphrase
  kit_proof: Base64;
  container: Base64; // master.kit
}

// PUT /api/v1/keyring/containers/NAME with this, DELETE with ?version=
export interface NewContainer {
  version: number;
  container: Base64;
}

// PUT /api/v1/keyring/key: the account's OpenPGP key with another subkey or expiry. The container is
// stored first, so no mail is sealed to a key that is nowhere; no session ends, and other devices
// hear "account". 409 "conflict"; 422 "no-key": the server would not seal to it.
export interface NewKey {
  version: number; // of the keyring with the container
  proof: Base64; // of the passphrase
  certificate: Base64; // of the same primary key
  container?: Base64; // openpgp.FINGERPRINT; absent: the secret key is kept elsewhere
}

// GET /api/v1/sessions; DELETE /api/v1/sessions/ID
export interface SessionLine {
  id: string;
  device: string;
  created: Time;
  used: Time;
  expires: Time;
  current: boolean;
}

// GET /api/v1/sign-ins: newest first, at most 100
export interface SignInLine {
  at: Time;
  how: "passphrase" | "kit" | "passkey" | "approval" | "join" | "app-password";
  ok: boolean;
  device: string; // of an app password: its name
  door?: "imap" | "smtp" | "api"; // of app passwords
  network?: string; // of app passwords: /24, or /48 of IPv6
}

// POST /api/v1/sign-in/requests {address, public_key, device}: a new device asks to be let in.
export interface AccessRequest {
  id: string;
  secret: Base64; // shown only to who asked; it polls with it
}
// POST /api/v1/sign-in/requests/ID {secret}: 202 while it waits, then Granted and the session cookie
export interface Granted {
  session: Session;
  sealed: Base64; // HPKE to public_key: master key and account secret
}
// GET /api/v1/access-requests; POST /api/v1/access-requests/ID/grant {sealed}; DELETE
export interface WaitingRequest {
  id: string;
  device: string;
  public_key: Base64; // 32 bytes, X25519
  at: Time;
}

// GET /api/v1/second-factors
export interface SecondFactors {
  totp: boolean;
  passkeys: PasskeyLine[];
}
export interface PasskeyLine {
  id: string; // base64url credential id
  name: string;
  created: Time;
  used?: Time;
  unlocks: boolean; // it has a container of the master key (PRF)
  second_factor: boolean; // a passphrase alone does not sign in any more
}
// POST /api/v1/second-factors/totp -> NewTotp; PUT /api/v1/second-factors/totp {code}; DELETE {proof}
export interface NewTotp {
  secret: string; // base32
  uri: string; // otpauth://
}
// POST /api/v1/passkeys/begin -> WebAuthn creation options (JSON form); POST /api/v1/passkeys
export interface NewPasskey {
  name: string;
  credential: unknown; // PublicKeyCredential.toJSON() without clientExtensionResults.prf.results: those open the master key, and are refused
  container?: Base64; // master.passkey.ID
  version?: number; // of the keyring with it
  second_factor?: boolean; // a passphrase alone shall not sign in any more; absent: if it has no container
}
// POST /api/v1/sign-in/passkey/begin -> WebAuthn request options; POST /api/v1/sign-in/passkey {credential, device} -> Session

// GET, POST /api/v1/app-passwords; DELETE /api/v1/app-passwords/NAME
// DELETE /api/v1/app-password: the one that asks, by a program that is done
export interface AppPassword {
  name: string;
  created: Time;
  used?: Time; // to the day
  file_sent: boolean;
  limit: number;
  scopes: string[]; // imap, smtp, api
  password?: string; // in the answer to POST only
  uses: AppPasswordUse[]; // where it was used from lately, the newest first
}
export interface AppPasswordUse {
  door: "imap" | "smtp" | "api";
  network?: string;
  last: Time; // to the day
}

// ---- Mail --------------------------------------------------------------------------

// GET /api/v1/mailboxes -> {modseq, mailboxes}
export interface Mailboxes {
  modseq: number; // highest given to any change of this account
  mailboxes: Mailbox[];
}
export interface Mailbox {
  id: number;
  name: string; // "/" between levels, INBOX in capitals
  use: string; // "\\Sent" and so on, or ""
  uid_validity: number;
  uid_next: number;
  modseq: number;
  subscribed: boolean;
  messages: number;
  unseen: number;
  bytes: number;
}

// GET /api/v1/mailboxes/ID/entries?since=MODSEQ&after=UID&limit=N (limit up to 20,000)
// Columns of one length, by uid (since 0) or by modseq.
export interface Entries {
  modseq: number; // ask with this as since next time; of a listing with after the first part's counts
  complete: boolean; // false: since is so old that expunges were forgotten; ask again with 0
  more: boolean; // there is more: since 0: ask with after = last uid, else with since = modseq
  uids: number[];
  modseqs: number[];
  ids: string[]; // 32 hex digits each: the mail's id, kept over copies and moves
  received: number[]; // seconds
  sizes: number[];
  flags: number[]; // index into flag_sets
  flag_sets: string[][];
  letters: number[]; // bit set: 1 message, 2 header, 4 terms, 8 body, 16 card
  classes: number[]; // 0 unknown, 1 sealed on arrival, 2 end-to-end, 3 both
  gone: number[]; // uids expunged since
}

// GET /api/v1/mailboxes/ID/cards?uids=1:50,60 and .../terms?uids=...: raw octets, frames of
// uid (4, big-endian), length (4), content. A mail without that letter has length 0; one
// that is not there has no frame. terms frames begin with the PKESK packets.
// GET /api/v1/mailboxes/ID/messages/UID/LETTER: raw letter; ranges and ETag as in HTTP.
//   LETTER: message, header, terms, body (the last two with their PKESK in front), card
// GET /api/v1/mailboxes/ID/messages/UID.eml: as IMAP serves it
// GET /api/v1/mailboxes/ID/messages/UID -> Message
export interface Message {
  uid: number;
  id: string;
  modseq: number;
  received: Time;
  size: number;
  flags: string[];
  class: "sealed on arrival" | "end-to-end" | "both" | "";
  letters: { [letter: string]: number }; // sizes
  header: string; // the visible header section
}

// POST /api/v1/mailboxes/ID/messages?flags=\Seen&received=SECONDS, body message/rfc822 -> Appended.
// A mail encrypted to the owner is kept as it is; any other is sealed.
export interface Appended {
  mailbox: number;
  uid: number;
  uid_validity: number;
  modseq: number;
  id: string;
}
// POST /api/v1/mailboxes/ID/sealed: mails that the client sealed (docs/formats.md, "Mail that a
// client seals"), 200 at most, all or none; 422 "not-sealed" -> AddedMails.
export interface AddedMails {
  mailbox: number;
  uids: number[];
  uid_validity: number;
  modseq: number;
}
// PUT /api/v1/mailboxes/ID/messages/UID/card and .../terms: raw octets, sealed by the client
// (docs/formats.md, "Letters that a client puts"); 422 "not-sealed" -> ChangeEvent.
// At most 12 of entries, frames, letters and appends at the same time for one account: 429.

// GET /api/v1/mailboxes/ID/keys?uids=...: frames of the PKESK packets at the head of message letters.
// POST /api/v1/mailboxes/ID/reseal {mails: ResealMail[]} -> Resealed: at most 100 messages get other PKESK
// packets, to the key that mail is sealed to now. Each is a new message (another uid) with the same id, flags
// and date in the place of the old one, all or none; those that are gone are passed over. 422 "not-sealed".
export interface ResealMail {
  uid: number;
  message: Base64; // PKESK packets for the message letter; those of other readers stay as they are
  header?: Base64; // the header letter, where there is one: it names the message letter
  terms?: Base64; // PKESK packets for the terms letter, where it has its own
  card?: Base64; // the card letter: it names the message letter
}
export interface Resealed {
  uids: number[];
  sources: number[]; // where uids came from
  modseq: number;
}

// POST /api/v1/changes {changes: Change[]}, all or none -> {events: ChangeEvent[]}; at most
// 1,000 changes of 20,000 messages. unless goes with one of add, remove, set; set stands alone.
export type Change =
  | { op: "flags"; mailbox: number; uids: number[]; add?: string[]; remove?: string[]; set?: string[]; unless?: number }
  | { op: "move" | "copy"; mailbox: number; to: number; uids: number[] }
  | { op: "expunge"; mailbox: number; uids: number[] }
  | { op: "shed"; mailbox: number; uids: number[]; letters: ("card" | "terms")[] } // they are folded into pages and segments
  | { op: "create"; name: string; use?: string }
  | { op: "rename"; from: string; name: string }
  | { op: "remove"; name: string }
  | { op: "subscribe"; name: string; on: boolean };
export interface ChangeEvent {
  mailbox: number;
  uids: number[];
  sources: number[];
  failed: number[];
  modseq: number;
}

// POST /api/v1/unsubscribe {url}: RFC 8058, section 3.1: the server POSTs
// List-Unsubscribe=One-Click to an https URL, under the same caps; 204, or 422 "refused".

// GET /api/v1/usage
export interface Usage {
  bytes: number; // of mail and files
  messages: number;
  quota: number;
  cabinet: number; // bytes of what clients sealed
  files: number; // of bytes, those of files
}

// GET /api/v1/events: text/event-stream. Events "mail" {modseq}, "cabinet" {version},
// "outbox" {}, "brought" {}, "account" {}, "bye" {}. id: MODSEQ.VERSION; Last-Event-ID or ?last= resumes.
// Who knows nothing is told both numbers at once. After an hour the server ends the stream.

// ---- The cabinet: what the owner's clients sealed for each other ----------------------
// Drawers: settings, contacts, drafts, pages, segments, pins, searches, templates, files, parcels, receipts, drive.
// GET /api/v1/cabinet?since=N -> CabinetList
export interface CabinetList {
  version: number;
  complete?: boolean; // false: since is too old, or a backup was restored; ask with 0 and compare
  items: CabinetItem[];
}
export interface CabinetItem {
  drawer: string;
  name: string; // 1 to 64 of A-Za-z0-9_-
  version: number; // of this item, from 1
  size: number;
  change: number; // of the cabinet
  modified: Time;
  gone: boolean;
}
// GET /api/v1/cabinet/DRAWER/NAME: raw octets, ETag "VERSION"
// PUT: raw octets up to 16 MiB with If-Match: "VERSION" or If-None-Match: * -> CabinetItem; 412 "conflict"
// with the version that is there as ETag. A box that was removed comes back with If-Match and its last
// version: versions never fall. 422 "not-sealed", 507 "over-quota".
// DELETE with If-Match -> CabinetItem

// ---- Parcels: letters behind a password, for somebody outside ---------------------------
// A box in drawer "parcels", put once and never replaced. Its name is END (8 hex digits, seconds; at most 62 days from now),
// ANSWERS (a digit), 22 random characters and, where there may be answers, 22 of what proves one. 422 "name"; 409 "too-many": 100 at a time.
// GET /api/v1/parcels/ACCOUNT/NAME: raw octets, for anybody. 404 if it ended, was taken back, or never was; 429.
// POST /api/v1/parcels/ACCOUNT/NAME/answers: message/rfc822, encrypted to ACCOUNT, with From, To, Subject: [...], Date, Message-ID,
// In-Reply-To and the fields of PGP/MIME outside, and Parcel-Proof (base64): 204, or 404, 422 "not-sealed", 409 "too-many", 413. At most 16 MiB.

// ---- Files: sealed files, links to them, and requests for them ---------------------------
// The server keeps octets that clients sealed; names, types and folders stand in the cabinet. Ids are 22 of A-Za-z0-9_-.
// POST /api/v1/files NewFile -> 201 File: declares a file and reserves its room; 507 "over-quota", 409 "too-many".
// PUT /api/v1/files/ID/parts/N (octets, Content-Digest: sha-256=:BASE64:): 204, in any order, at most 8 at a time; the same part again does
// no harm, another one is 409 "conflict"; 422 "digest". Part N begins at N * part; all but the last are part long.
// POST /api/v1/files/ID/complete -> File; 409 "missing". From then on it does not change. GET /api/v1/files/ID -> File; DELETE: 204.
// GET /api/v1/files?after=ID&limit=N&brought=true -> Files. GET|HEAD /api/v1/files/ID/content: octets, one range, ETag "ID".
// POST /api/v1/files/batch (octets, Content-Digest) -> 201 Files: up to 256 small files, complete at once, all or none. Frames of id (16 random
// bytes; in text they begin with a letter or a digit), length (4 bytes, big-endian; 1 MiB at most, 4 MiB in all) and content. Once more does no harm;
// 409 "conflict": an id has another content; 422 "digest"; 507 "over-quota"; four at a time. GET /api/v1/files/batch?ids=ID,ID: such frames of up to
// 256 small files; one that is not there has none, a damaged one length 0.
// POST /api/v1/files/ID/take -> File: takes over what a stranger brought, or what the server made of mail.
export interface NewFile {
  size: number; // sealed and padded
}
export interface File {
  id: string;
  size: number;
  part: number;
  parts: number;
  created: Time;
  complete: boolean;
  have: string; // of one on its way: the parts that are there, such as 0:4,7
  expires?: Time; // of one on its way: when it is given up
  request?: string; // by which a stranger brought it; outgoing: the server made it of mail that was sent
  mail?: boolean; // cut out of a mail that arrived (docs/formats.md, Attachments): it goes when the mail does, unless it is taken over
  head?: Base64; // that the stranger sealed for its owner
}
export interface Files {
  files: File[];
  more: boolean; // ask with after and the last id
}
// DELETE /api/v1/files/batch?ids=ID,ID -> Removed, at most 256.
export interface RemovedFile {
  id: string;
  outcome: "gone" | "later"; // gone: or it never was; later: ask again
}
export interface Removed {
  files: RemovedFile[]; // in the order in which they were asked for
}

// POST /api/v1/links NewFileLink -> 201 FileLink. GET /api/v1/links -> FileLinks; GET /api/v1/links/ID -> FileLink;
// PATCH FileLinkChange -> FileLink; DELETE: 204.
export interface NewFileLink {
  file: string;
  box: Base64; // at most 4 KiB, for who has the link's secret
  kdf?: Base64; // how its password is derived (docs/formats.md, Files)
  check?: Base64; // SHA-256("sealpost link check v1" | proof): box and octets are for who sends Link-Proof (base64)
  expires?: Time; // at most 90 days from now; else in 7
  most?: number; // downloads; 0: no limit
}
export interface FileLink {
  id: string;
  file: string;
  box: Base64;
  kdf?: Base64;
  checked: boolean;
  created: Time;
  expires: Time;
  most: number;
  count: number;
  downloads: Time[]; // the last 50, the newest first
  state: "open" | "expired" | "used-up" | "revoked" | "killed";
}
export interface FileLinkChange {
  expires?: Time;
  most?: number;
  revoked?: boolean;
}
export interface FileLinks {
  links: FileLink[];
}
// For anybody: GET /api/v1/shared/ID (Link-Proof) -> SharedFile; POST /api/v1/shared/ID/download (Link-Proof) -> SharedDownload, which counts;
// GET|HEAD /api/v1/shared/ID/content with Link-Ticket: octets, one range, for 12 hours. All that cannot be had is the same 404.
export interface SharedFile {
  file: string; // which the box is bound to
  size: number;
  box?: Base64; // not there where a proof is asked for and none came
  kdf?: Base64;
  checked: boolean;
  expires: Time;
  left?: number; // downloads; not there: no limit, or no proof came
  report?: string; // where abuse may be reported
}
export interface SharedDownload {
  ticket: string;
  until: Time;
}
// POST /api/v1/requests NewFileRequest -> 201 FileRequest. GET /api/v1/requests -> FileRequests. PATCH /api/v1/requests/ID FileRequestChange ->
// FileRequest; DELETE: 204, and what came stays.
export interface NewFileRequest {
  box: Base64; // the words of its page and the owner's key; at most 4 KiB, for who has the request's secret
  expires?: Time;
  most_files: number;
  most_bytes: number;
}
export interface FileRequest {
  id: string;
  box: Base64;
  created: Time;
  expires: Time;
  most_files: number;
  most_bytes: number;
  files: number;
  bytes: number;
  state: "open" | "expired" | "revoked";
}
export interface FileRequestChange {
  expires?: Time;
  most_files?: number;
  most_bytes?: number;
  revoked?: boolean;
}
export interface FileRequests {
  requests: FileRequest[];
}
// For anybody: GET /api/v1/drops/ID -> Drop; POST /api/v1/drops/ID/files NewFile -> 201 File; GET /api/v1/drops/ID/files/FILE -> File;
// DELETE of the same: 204, gives up what is on its way. PUT /api/v1/drops/ID/files/FILE/parts/N as above; POST /api/v1/drops/ID/files/FILE/complete DropHead: 204.
export interface Drop {
  box: Base64;
  expires: Time;
  files: number; // that may still come
  bytes: number; // that they may have in all
  report?: string;
}
export interface DropHead {
  head: Base64; // at most 4 KiB, sealed for the owner
}

// ---- Sending -----------------------------------------------------------------------

// POST /api/v1/outbox: multipart/form-data, part "envelope" (JSON Envelope), part "mail" (message/rfc822)
export interface Envelope {
  from: string;
  to: string[];
  delay?: number; // seconds until it leaves: undo
  at?: Time; // or when it leaves
  encrypted: boolean; // the client encrypted it: send nothing if it is readable
  id?: string; // of this sending, 16 to 64 of A-Za-z0-9_-: it leaves once, for a week at least. 409 "in-doubt":
  // a crash broke it off while it left, and nobody knows whether it did
}
export interface OutboxItem {
  id: string;
  at: Time;
  to: number; // recipients
  size: number;
  created: Time;
  sending?: boolean; // it is leaving, and cannot be taken back
  attempts?: number; // that were put off
  reply?: string; // why the last one was: an enhanced status code
}
// An item that left at once has an id by which nothing is found any more. POST: 422 "not-encrypted", "refused" (address: the recipient that was),
// 409 "strict" (this server holds back no mail that it could read: send it at once, or encrypted), "outbox-full".
// GET /api/v1/outbox -> {items}; DELETE /api/v1/outbox/ID -> 204, or 409 "gone-out"; PATCH {at}

// POST /api/v1/recipients {addresses} -> {recipients}
export interface Recipient {
  address: string;
  state: "key" | "none" | "unsure" | "revoked" | "expired" | "invalid";
  local: boolean; // an address of this server
  source?: "local" | "wkd" | "autocrypt" | "manual";
  certificate?: Base64;
  fingerprint?: string;
  changed?: boolean; // another key was offered later
  offered?: { fingerprint: string; certificate: Base64; source: string; at: Time }[];
}
// PUT /api/v1/keys/ADDRESS {certificate} pins; POST /api/v1/keys/ADDRESS/accept {fingerprint}; DELETE

// PUT, accept and DELETE of keys, and PUT of rules, are for sessions: not for app passwords.

// GET /api/v1/images?url=: a picture of a mail, fetched by the server and painted anew: image/png or image/jpeg.
// 422 "no-picture", 502 "not-fetched".
// GET /api/v1/push -> PushKey; POST, DELETE /api/v1/push {endpoint}: a push without words when mail came into INBOX
export interface PushKey {
  key: string; // base64url, applicationServerKey
}

// GET, PUT /api/v1/rules: version is that of the rules they were made from; 409 "conflict": there are newer ones.
// "discard" moves to Trash. A mail that could not be forwarded has the keyword $NotForwarded.
export interface Rules {
  version: number;
  rules: Rule[];
  vacation: Vacation;
}
export interface Rule {
  name: string;
  on: boolean;
  all: boolean; // all conditions, or any
  conditions: Condition[];
  actions: Action[];
  stop: boolean;
}
export interface Condition {
  field: "from" | "to" | "subject" | "list" | "size" | "attachment" | "class";
  op: "contains" | "is" | "ends" | "over" | "under";
  value: string;
  not?: boolean;
}
export type Action =
  | { do: "move"; mailbox: string }
  | { do: "flag"; flag: string } // \Seen, \Flagged or a keyword (label)
  | { do: "forward"; address: string } // only encrypted
  | { do: "discard" };
export interface Vacation {
  on: boolean;
  from?: Time;
  until?: Time;
  subject: string;
  text: string;
}

// ---- For operators: /api/v1/admin ------------------------------------------------------

export interface AdminAccount {
  id: string;
  addresses: string[];
  created: Time;
  bytes: number;
  messages: number;
  quota: number;
  operator: boolean;
  sign_in: boolean; // it has a sign-in here
  fingerprint: string;
  key_expires?: Time;
}
export interface AdminInvitation {
  id: string;
  address?: string;
  created: Time;
  expires: Time;
  attach: boolean;
  link?: string; // in the answer to POST only; the token stands in its fragment
}
export interface AdminDomain {
  domain: string;
  records: { name: string; type: string; value: string; state: "ok" | "missing" | "wrong" | "unsure"; found?: string; why?: string }[];
}
export interface AdminQueueItem {
  id: string;
  account?: string;
  created: Time;
  expires: Time;
  size: number;
  held: boolean;
  sending: boolean;
  recipients: { domain: string; attempts: number; next: Time; reply: string }[];
}
// GET /api/v1/admin/overview
export interface AdminOverview {
  version: string;
  hostname: string;
  began: Time; // when the server started: traffic counts from here
  healthy: boolean;
  certificate_expires?: Time;
  accounts: number;
  messages: number;
  bytes: number; // sealed, of all accounts
  disk_free: number; // 0 with disk_size 0: not known
  disk_size: number;
  queue: { waiting: number; held: number };
  traffic: AdminTraffic;
  days?: ({ day: string } & AdminTraffic)[]; // oldest first, at most 90, where the server keeps them
}
export interface AdminTraffic {
  received: number; // mails that were stored, junk among them
  junk: number;
  refused: number;
  sent: number; // recipients that took a mail
  deferred: number;
  failed: number;
}
// GET /api/v1/admin/hours: mail by the hour, columns of one length
export interface AdminHours {
  from: Time; // the first hour
  received: number[];
  junk: number[];
  refused: number[];
  sent: number[];
  deferred: number[];
  failed: number[];
}
// GET /api/v1/admin/reports -> {reports}, newest first: what other servers said of our domains
export interface AdminReport {
  id: string;
  kind: "dmarc" | "failure" | "tls";
  domain: string;
  by: string; // whose report
  day: string;
  came: Time;
  all: number; // mails (dmarc) or sessions (tls)
  well: number;
}
// GET accounts -> {accounts}, invitations -> {invitations}, domains -> {domains}, queue -> {items}.
// POST accounts {address, certificate, quota?}: who has no certificate is invited; PATCH accounts/ID {quota?, operator?};
// DELETE accounts/ID?confirm=ADDRESS (its name; else 412 "confirm"). 409 "yourself": another operator must do it.
// DELETE accounts/ID/sign-in: takes the sign-in away: what its keyring held is gone for ever;
//   old mail opens again only with the key or the recovery kit of its owner. Answers AdminInvitation (attach).
// POST invitations {address?, account?, days} -> AdminInvitation with link; DELETE invitations/ID
// POST queue/ID/retry, POST queue/ID/hold {held}, DELETE queue/ID

// ---- Moving -----------------------------------------------------------------------------

// GET, POST (NewImport), DELETE /api/v1/import: mail from another server, by IMAP
export interface NewImport {
  host: string;
  port?: number; // 993, or 143 with starttls
  starttls?: boolean;
  user: string;
  password: string; // held in memory while the import runs, and nowhere else
  skip?: string[];
}
export interface Import {
  state: "none" | "running" | "done" | "ended"; // ended: asked for again, it goes on
  since?: Time;
  done: number;
  total: number;
  behind: number;
  trouble?: "unreachable" | "sign-in" | "over-quota" | "stopped" | "broken-off" | "left"; // left: by the server that had the password
  finished?: Time;
}
