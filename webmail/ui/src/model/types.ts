// What the page knows, as views see it. Views read signals and call functions here, and
// decide nothing. Nothing in this folder is module state: createApp (app.ts) builds one
// App, and signing out or locking drops everything that was readable with its Desk.

import type { ReadonlySignal, Signal } from "@preact/signals";
import type { Account, Entries, Invitation, Mailbox, OutboxItem, Recipient, Rules, Server, Session } from "../wire/api.ts";
import type { Api, Clock } from "../wire/http.ts";
import type { Address, Card, Draft, OpenedMail, Vault } from "../vault/vault.ts";

import type { Drive } from "./drive/drive.ts";
import type { MovingModel } from "./moving.ts";

export type { Address, Api, Card, Clock, OpenedMail, Vault };

// A fault in words: view shows t("fault." + word). It never holds what somebody typed.
export interface Fault {
  word: string;
  wait?: number; // seconds
}

// ---- The whole page -----------------------------------------------------------------

export interface App {
  readonly api: Api;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly session: SessionModel;
  readonly desk: ReadonlySignal<Desk | null>; // null unless session.phase is "open"
  readonly online: ReadonlySignal<boolean>;
  readonly alarms: Alarms; // outlive the desk: shown until somebody looked
  start(): Promise<void>;
  stop(): void;
}

// All that lies on the desk of who is signed in. A new one for each opening.
export interface Desk {
  readonly account: Account; // as it is now: a view that reads it is drawn again
  readonly sync: SyncModel;
  readonly list: ListModel;
  readonly mail: MailModel;
  readonly actions: ActionsModel;
  readonly cabinet: Cabinet;
  readonly settings: SettingsModel;
  readonly contacts: ContactsModel;
  readonly pins: PinsModel;
  readonly drafts: DraftsModel;
  readonly outbox: OutboxModel;
  readonly parcels: ParcelsModel;
  readonly search: SearchSeam;
  readonly moving: MovingModel;
  readonly reseal: ResealModel;
  drive(): Promise<Drive>; // loaded when it is first asked for
  close(): void;
}

export type KeyChange = Parameters<Vault["changeKey"]>[0]["change"];

// Old mail sealed to the newest subkey, in the background.
export interface ResealView {
  state: "none" | "running" | "paused" | "stopped" | "done" | "failed";
  done: number;
  of: number;
  failed: number; // mails that this key does not open
  inner: number; // mails whose sender encrypted them to the old key, inside of what was sealed anew
  here: boolean; // this device does it
  word: string; // why it failed
}
export interface ResealModel {
  readonly view: ReadonlySignal<ResealView>;
  start(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

// Something a hostile server or sender may have done. Shown until it was confirmed.
export interface Alarm {
  id: string; // the same alarm comes once
  word: "rolled-back" | "own-key-changed" | "own-key-old" | "peer-key-changed" | "damaged-box" | "card-swapped";
  about: string; // for the eye only: an address, or a drawer's name; "" if none
  at: number; // seconds
}
export interface Alarms {
  readonly all: ReadonlySignal<readonly Alarm[]>;
  raise(a: Omit<Alarm, "at">): void;
  dismiss(id: string): void;
}

// ---- Signing in -----------------------------------------------------------------------

export type Phase = "starting" | "signed-out" | "joining" | "locked" | "open";

export type Need =
  | { kind: "second-factor"; methods: string[] } // call the same function again with a code or assertion
  | { kind: "unknown-device" }; // passphrase is not enough here: kit, passkey or approval

// Joining in steps: choose -> words (the kit is shown) -> retype -> done (phase "open").
export interface Joining {
  step: "choose" | "words" | "retype";
  invitation: Invitation | null; // null: open registration
  words: string[]; // only in step "words"
  fingerprint: string;
}

// The owner is asked who they are.
export interface Proving {
  busy: boolean;
  word: string; // of what went wrong, or ""
}

export interface JoiningModel {
  readonly state: ReadonlySignal<Joining | null>;
  begin(token: string): Promise<boolean>; // "" is open registration
  make(o: { address: string; name: string; passphrase: string; secretKey?: string; keyPassphrase?: string; keep?: boolean }): Promise<boolean>;
  wordsWritten(): void; // the kit was written down: now type it back
  showWordsAgain(): void;
  finish(words: string): Promise<boolean>;
  leave(): void;
}
export interface KeysModel {
  changePassphrase(old: string, passphrase: string): Promise<boolean>;
  changeKey(passphrase: string, change: KeyChange): Promise<boolean>; // the owner's OpenPGP key
  // A new kit: words to show; then retyped. null if the passphrase was wrong.
  newKit(passphrase: string): Promise<string[] | null>;
  confirmKit(words: string): Promise<boolean>;
  addPasskey(name: string): Promise<boolean>;
}
// What a session alone may not.
export interface ProofModel {
  readonly state: ReadonlySignal<Proving | null>;
  // Where the server asks for a proof, the owner is asked (state), and it is done once more.
  // It fails with an empty word if they did not want to.
  with<T>(f: () => Promise<T>): Promise<T>;
  give(o: { passphrase: string } | { passkey: true }): Promise<void>;
  stop(): void;
}

export interface SessionModel {
  readonly phase: ReadonlySignal<Phase>;
  readonly busy: ReadonlySignal<boolean>;
  readonly fault: ReadonlySignal<Fault | null>;
  readonly need: ReadonlySignal<Need | null>;
  readonly server: ReadonlySignal<Server | null>;
  readonly session: ReadonlySignal<Session | null>;
  readonly account: ReadonlySignal<Account | null>;
  readonly address: ReadonlySignal<string>; // the one that signs in, or was last signed in here
  readonly asking: ReadonlySignal<{ words: string[] } | null>; // waits for approval by another device
  readonly hasPasskeys: boolean; // this browser can
  readonly ended: ReadonlySignal<boolean>; // the server ended the session; signed out
  readonly offline: {
    readonly own: ReadonlySignal<boolean>; // this device is its owner's: it opens without a network
    readonly apart: ReadonlySignal<boolean>; // open, or to be opened, without the server having been asked
  };
  ownDevice(own: boolean): void;

  // Each answers whether it went well; if not, fault or need say what to do.
  signIn(o: { address: string; passphrase: string; code?: string; assertion?: unknown }): Promise<boolean>;
  signInWithKit(o: { address: string; words: string; code?: string; assertion?: unknown }): Promise<boolean>;
  signInWithPasskey(address?: string): Promise<boolean>;
  askAssertion(): Promise<unknown>; // a passkey as the second factor: give it to signIn
  askAnotherDevice(address: string): Promise<boolean>; // resolves when granted or given up
  stopAsking(): void;

  unlock(o: { passphrase: string } | { words: string } | { passkey: true }): Promise<boolean>;
  lock(): Promise<void>;
  signOut(forget?: boolean): Promise<void>;
  readonly joining: JoiningModel;
  readonly keys: KeysModel;
  readonly proof: ProofModel;
  // The account, as the server says that it is now.
  took(account: Account): void;
  approve(request: { id: string; public_key: string }, words: string): Promise<boolean>;
  // Somebody is here: moves auto-lock away. Views call it on input; it is cheap.
  active(): void;
  clearFault(): void;
}

// ---- Mailboxes and mail as rows ----------------------------------------------------------

export interface MailRef {
  mailbox: number;
  uid: number;
  id: string; // the mail's id, kept over moves
}

// One mailbox in columns, sorted by uid. Base state: what the server last said.
export interface Columns {
  length: number;
  uids: Uint32Array;
  modseqs: Float64Array;
  ids: string[];
  received: Float64Array; // seconds
  sizes: Float64Array;
  flags: Uint16Array; // index into flagSets
  letters: Uint8Array;
  classes: Uint8Array;
  flagSets: string[][];
}

export interface MailboxView extends Mailbox {
  // messages and unseen with what is still in the queue
  role: "inbox" | "sent" | "drafts" | "archive" | "junk" | "trash" | "all" | "";
  level: number; // of nesting, from 0
  leaf: string; // last part of name
}

export interface SyncModel {
  readonly mailboxes: ReadonlySignal<readonly MailboxView[]>;
  readonly state: ReadonlySignal<"starting" | "syncing" | "current" | "offline">;
  readonly progress: ReadonlySignal<{ done: number; of: number } | null>; // rows being opened; null: nothing to do
  readonly version: ReadonlySignal<number>; // grows with any change of entries, cards or the queue
  readonly arrived: ReadonlySignal<readonly MailRef[]>; // new and unseen in the inbox since the last look, for notices
  columns(mailbox: number): Columns | undefined;
  flagsOf(ref: MailRef): readonly string[];
  card(id: string): Card | undefined;
  cards(): Iterable<Card>; // all that are open here; do not walk in one go on the page's thread
  find(id: string): MailRef | undefined; // where a mail is now (any one of its copies)
  role(role: MailboxView["role"]): MailboxView | undefined;
  refresh(): Promise<void>; // now
  idle(): Promise<void>; // resolves when nothing is under way (tests, export)
}

export type Place =
  | { kind: "mailbox"; mailbox: number }
  | { kind: "label"; keyword: string }
  | { kind: "flagged" }
  | { kind: "snoozed" }
  | { kind: "all" }
  | { kind: "search"; text: string; within?: number };

export type SortBy = "date" | "from" | "subject" | "size";

export interface Filters {
  unread?: boolean;
  flagged?: boolean;
  attachments?: boolean;
  class?: "sealed on arrival" | "end-to-end" | "both";
}

export interface Row {
  key: string; // stable while the list lives: of the mail, or of the conversation
  ref: MailRef; // the newest here
  refs: readonly MailRef[]; // all of the conversation that are here, newest first
  card: Card | undefined; // of the newest; undefined: not opened yet (draw a grey line)
  closed: boolean; // it has no card that opens here
  senders: readonly { name: string; address: string; me: boolean }[];
  recipients: readonly { name: string; address: string; me: boolean }[]; // of what the owner wrote: shown in the senders' place; empty: show the senders
  more: number; // recipients that are not named
  subject: string;
  snippet: string;
  date: number; // seconds: the arrival
  size: number;
  unread: boolean; // any of them
  flagged: boolean;
  answered: boolean;
  attachments: number;
  labels: readonly string[]; // keywords
  class: 0 | 1 | 2 | 3;
  verified: boolean;
  muted: boolean;
  wakes: number; // snoozed until, seconds; 0: not
  waiting: boolean; // an action on it is not yet at the server
}

export interface ListModel {
  readonly place: ReadonlySignal<Place>;
  readonly sort: Signal<{ by: SortBy; up: boolean }>;
  readonly filters: Signal<Filters>;
  readonly conversations: Signal<boolean>;
  readonly count: ReadonlySignal<number>;
  readonly version: ReadonlySignal<number>; // rows changed: ask for them again
  readonly busy: ReadonlySignal<boolean>; // a search runs
  readonly fault: ReadonlySignal<Fault | null>;
  readonly words: ReadonlySignal<readonly string[]>; // what a search looked for: to be marked
  row(i: number): Row | undefined; // cheap; windowed views call it for what is seen
  indexOf(key: string): number;
  show(place: Place): void;

  readonly cursor: ReadonlySignal<number>; // keyboard; -1: none
  readonly selected: ReadonlySignal<ReadonlySet<string>>; // keys
  move(by: number): void;
  setCursor(i: number): void;
  select(i: number, how: "only" | "toggle" | "range"): void;
  selectAll(): void;
  clearSelection(): void;
  // What an action is about: the selection, or else the row under the cursor (or the mail that is open).
  chosen(): MailRef[];
}

// ---- Reading -----------------------------------------------------------------------------

export type TrustWord =
  // class
  | "class-arrival" | "class-end-to-end" | "class-both" | "class-readable"
  // signature
  | "signed-verified" | "signed-unverified" | "signed-sender-open" | "signed-other" | "signature-bad" | "signature-partial" | "signature-unknown-key"
  // domain
  | "domain-proven" | "domain-unproven" | "domain-failed"
  // sender
  | "sender-unprotected" | "sender-mixed-script" | "sender-look-alike" | "sender-name-spoof" | "reply-to-elsewhere" | "sender-differs" | "several-senders"
  // the rest
  | "answer-proved" | "answer-unproved"
  | "header-differs" | "card-swapped" | "incomplete" | "key-changed";

export interface TrustState {
  word: TrustWord; // view: t("trust." + word, values)
  tone: "good" | "plain" | "caution" | "bad";
  values: { [name: string]: string }; // for the sentence: addresses, domains. Text only, isolated
}
export interface Trust {
  class: TrustState;
  signature: TrustState | null; // null: not signed
  domain: TrustState | null; // null: nothing to say (own mail, end-to-end without verdict)
  sender: TrustState | null; // null: From is protected, or nothing of the mail is
  warnings: readonly TrustState[];
  worst: TrustState["tone"]; // of all of it
}

export interface MailView {
  ref: MailRef;
  card: Card | undefined;
  expanded: boolean; // in a conversation, which are shown in full
  state: "closed" | "loading" | "open" | "failed";
  fault: Fault | null;
  opened: OpenedMail | null;
  trust: Trust | null;
  remote: boolean; // remote content may be shown (asked for, or always for this sender)
}

export interface MailModel {
  readonly mails: ReadonlySignal<readonly MailView[]>; // conversation, oldest first
  readonly key: ReadonlySignal<string | null>; // row that is shown
  show(row: Row): Promise<void>;
  showRef(ref: MailRef): Promise<void>;
  close(): void;
  toggle(id: string): Promise<void>; // expand or fold one of the conversation
  showRemote(id: string, always: boolean): void;
  part(id: string, index: number): Promise<{ name: string; type: string; data: ArrayBuffer } | null>;
  source(id: string): Promise<ArrayBuffer | null>;
  // The source with what the server cut out of it put back; whole: all of it could be had.
  original(id: string): Promise<{ data: Blob; whole: boolean } | null>;
  // A large mail is shown by its text first; this answers it with all that its header says. null: it cannot be had now.
  complete(id: string): Promise<OpenedMail | null>;
  // Pictures that the text of such a mail shows; null: none. size: octets that fetching them costs.
  pictures(id: string): { size: number; fetch(): Promise<{ content_id: string; type: string; data: ArrayBuffer }[]> } | null;
  readonly fault: ReadonlySignal<Fault | null>;
}

// ---- Acting ---------------------------------------------------------------------------------

export interface Toast {
  id: number;
  word: string; // t("toast." + word, values)
  values: { [name: string]: string | number };
  undo: (() => void) | null;
  tone: "plain" | "bad";
  until: number; // ms
}

export interface ActionsModel {
  readonly toasts: ReadonlySignal<readonly Toast[]>;
  readonly waiting: ReadonlySignal<number>; // actions not yet at the server
  readonly canUndo: ReadonlySignal<boolean>;
  flag(refs: readonly MailRef[], on: boolean): void;
  seen(refs: readonly MailRef[], on: boolean, quiet?: boolean): void;
  answered(refs: readonly MailRef[]): void;
  move(refs: readonly MailRef[], mailbox: number): void;
  copy(refs: readonly MailRef[], mailbox: number): void;
  archive(refs: readonly MailRef[]): void;
  junk(refs: readonly MailRef[], on: boolean): void;
  trash(refs: readonly MailRef[]): void;
  expunge(refs: readonly MailRef[]): void; // for ever; held back while it can be undone
  label(refs: readonly MailRef[], keyword: string, on: boolean): void;
  snooze(refs: readonly MailRef[], until: number): void; // seconds; 0 wakes
  mute(refs: readonly MailRef[], on: boolean): void; // whole conversations
  undo(): void;
  dismiss(toast: number): void;
  say(word: string, values?: Toast["values"], o?: { undo?: () => void; tone?: Toast["tone"] }): void;
  createMailbox(name: string): Promise<boolean>;
  renameMailbox(from: string, name: string): Promise<boolean>;
  removeMailbox(name: string): Promise<boolean>;
  subscribeMailbox(name: string, on: boolean): Promise<boolean>;
  emptyMailbox(mailbox: number): void;
}

// ---- The cabinet ----------------------------------------------------------------------------

export interface Item<T> {
  name: string;
  version: number; // at the server; 0: not there yet
  value: T;
  waiting: boolean; // changed here, not yet stored there
}

// A drawer of JSON items: whole in memory, sealed everywhere else. Two devices that write
// at once meet in merge; nothing is lost by who comes first.
export interface Drawer<T> {
  readonly items: ReadonlySignal<ReadonlyMap<string, Item<T>>>;
  readonly ready: ReadonlySignal<boolean>; // read from the cache, or from the server
  put(name: string, value: T): Promise<void>; // resolves when it is safe on this device
  remove(name: string): Promise<void>;
}
export interface DrawerOptions<T> {
  parse: (json: unknown) => T; // throws if it is not one
  // base: the last both knew (undefined: none); mine null: removed here; null answers "remove".
  merge: (base: T | undefined, mine: T | null, theirs: T | null, name: string) => T | null;
  only?: (name: string) => boolean; // which boxes of the drawer are such items
  permanent?: boolean; // nobody ever removes one: a server that says so is not believed
}
export interface Cabinet {
  drawer<T>(name: string, o: DrawerOptions<T>): Drawer<T>; // before the desk is opened
  // Binary boxes, by hand: pages, segments, attachments of drafts.
  list(drawer: string): readonly { name: string; version: number; size: number; change: number }[];
  read(drawer: string, name: string): Promise<ArrayBuffer | null>; // null: not there
  write(drawer: string, name: string, was: number, data: ArrayBuffer): Promise<number>; // the new version; ApiError "conflict"
  remove(drawer: string, name: string, was: number): Promise<void>;
  readonly version: ReadonlySignal<number>; // grows with every change seen
  refresh(): Promise<void>; // reads what changed there, stores what waits here
}

// ---- Settings ---------------------------------------------------------------------------------

export interface Label { keyword: string; name: string; colour: number; hidden?: boolean } // colour: 0 to 11; hidden: not in the sidebar
export interface Signature { id: string; name: string; html: string; text: string }
export interface SavedSearch { id: string; name: string; text: string }
export interface Template { id: string; name: string; subject: string; html: string; text: string }

export interface Settings {
  locale: string; // "": as the browser
  theme: "system" | "light" | "dark";
  density: "comfortable" | "compact";
  panes: 1 | 2 | 3;
  conversations: boolean;
  autoLock: number; // minutes, 0: never
  undoSend: number; // seconds: 0, 5, 10, 15, 20
  seenAfter: number; // seconds; -1: only by hand
  remote: "ask" | "proxy";
  remoteSenders: string[]; // addresses whose remote content is always shown
  offlineDays: number;
  signatures: Signature[];
  signatureFor: { [address: string]: string };
  plainText: boolean; // write without formatting
  sign: boolean; // sign what is encrypted
  labels: Label[];
  muted: string[]; // message ids that begin a muted conversation
  snoozed: { [mailId: string]: { until: number; from: number } }; // from: mailbox
  keys: { [command: string]: string }; // remapped shortcuts
  notices: boolean;
  more: { [name: string]: unknown }; // what other views keep; a name each
}
export interface RulesCopy { at: number; rules: Rules["rules"]; vacation: Rules["vacation"] } // at: seconds
export interface SettingsModel {
  readonly value: ReadonlySignal<Settings>;
  readonly ready: ReadonlySignal<boolean>;
  set(change: Partial<Settings>): Promise<void>;
  // Lists in drawers of their own.
  readonly searches: ReadonlySignal<readonly SavedSearch[]>;
  saveSearch(s: { id?: string; name: string; text: string }): Promise<void>;
  removeSearch(id: string): Promise<void>;
  orderSearches(ids: readonly string[]): Promise<void>;
  // What was last stored as rules at the server, which is in no backup of it.
  readonly rulesCopy: ReadonlySignal<RulesCopy | null>;
  keepRules(rules: Rules): Promise<void>;
  readonly templates: ReadonlySignal<readonly Template[]>;
  saveTemplate(s: Omit<Template, "id"> & { id?: string }): Promise<void>;
  removeTemplate(id: string): Promise<void>;
  newLabel(name: string, colour: number): Promise<Label>;
}

// ---- Contacts -----------------------------------------------------------------------------------

export interface Contact {
  id: string;
  name: string;
  addresses: { address: string; label: string }[];
  phones: { number: string; label: string }[];
  organisation: string;
  notes: string;
  keys: string[]; // certificates, base64
  encrypt: "default" | "always" | "never";
  collected: boolean; // from mail that was sent, not entered
  uid: string; // of vCard
  changed: number; // seconds
}
export interface Suggestion { name: string; address: string; contact: string | null }
export interface ContactsModel {
  readonly all: ReadonlySignal<readonly Contact[]>; // by name
  readonly ready: ReadonlySignal<boolean>;
  byAddress(address: string): Contact | undefined;
  save(c: Partial<Contact> & { id?: string }): Promise<Contact>;
  remove(id: string): Promise<void>;
  complete(typed: string, limit?: number): Suggestion[];
  used(addresses: readonly Address[]): Promise<void>; // mail was sent to them
  importCards(vcf: string): Promise<{ added: number; merged: number; skipped: number }>;
  exportCards(ids?: readonly string[]): string; // vCard 4
}

// ---- Keys of others -------------------------------------------------------------------------------

export interface Pin {
  address: string;
  fingerprint: string;
  certificate: string; // base64
  first: number; // seconds
  verified: number; // seconds: the owner compared fingerprints; 0: not
  source: string;
  refused: string[]; // fingerprints of other keys that were offered and not taken
}
export type PinState = "none" | "pinned" | "verified" | "changed";
export interface PinsModel {
  readonly all: ReadonlySignal<ReadonlyMap<string, Pin>>;
  readonly ready: ReadonlySignal<boolean>;
  of(address: string): Pin | undefined;
  // What the server says of a recipient, against what this owner has seen. Pins a first key.
  check(r: Recipient): Promise<{ state: PinState; pin: Pin | null; offered: { fingerprint: string; certificate: string } | null }>;
  accept(address: string, fingerprint: string, certificate: string): Promise<void>; // the owner takes the new key
  verify(address: string, typed: string): Promise<boolean>; // compares a fingerprint; true marks it verified
  refuse(address: string, fingerprint: string): Promise<void>; // keeps the pinned key; the other is not asked about again
  unverify(address: string): Promise<void>;
  forget(address: string): Promise<void>;
}

// ---- Writing ----------------------------------------------------------------------------------------

export interface DraftFile { id: string; name: string; type: string; size: number; content_id: string; inline: boolean; linked?: LinkedFile }
// A file that leaves as a link: where its content stands in the drive. Its bytes are not among
// those of drafts.
export interface LinkedFile {
  folder: string; // of the drive
  own: boolean; // put there for this draft: it goes with it
  entry: StoredFile | null; // null: it is not there yet
}
export interface StoredFile { id: string; secret: string; length: number; modified: number; hash: string } // secret, hash: base64
// What who has no key gets of such a file: its link, a link with a password, or the file itself.
export type LinkWay = "link" | "password" | "plain";
export interface Protection {
  password: string;
  hint: string; // "": none
  hours: number; // it can be opened so long after it left
  answers: boolean; // it may be answered
}
export interface DraftContent {
  id: string;
  from: Address;
  to: Address[];
  cc: Address[];
  bcc: Address[];
  reply_to: Address[];
  subject: string;
  html: string; // "" in plain mode
  text: string;
  files: DraftFile[];
  in_reply_to: string;
  references: string[];
  message_id: string; // chosen once, so that a mail sent twice is one mail
  answers: MailRef | null; // gets \Answered (or $Forwarded) when this leaves
  how: "new" | "reply" | "reply-all" | "forward";
  sign: boolean | null; // null: as settings say
  encrypt: boolean | null; // null: when all have keys
  passwords: { [address: string]: Protection }; // who has no key gets a letter behind a password; addresses in lower case
  linksAs: LinkWay | ""; // "": not chosen
  linkDays: number; // that links lead to files after it left
  links: string[]; // ids of links that were made for it, lead nowhere any more, and could not be revoked yet
  at: number; // scheduled, seconds; 0: when sent
  changed: number; // ms, on the device that wrote it
  conflict: boolean; // a copy of what another device wrote at the same time
  left: { ids: string[]; at: number; sent: MailRef | null; parcels?: string[]; links?: string[]; until?: number; discarded?: true } | null; // given to the outbox (or discarded), and may come back until then (ms); until: seconds, when the first of its links ends
}
export type DraftState = "saved" | "unsaved" | "saving" | "offline" | "conflict";
export interface DraftHandle {
  readonly id: string;
  readonly content: ReadonlySignal<DraftContent>;
  readonly state: ReadonlySignal<DraftState>;
  readonly savedAt: ReadonlySignal<number>; // ms; 0: never
  update(change: Partial<DraftContent>): void; // cheap; saved within 5 s
  take: () => void; // set by a view that hands on late what is typed: it does so now
  attach(file: { name: string; type: string; data: ArrayBuffer; inline?: boolean; content_id?: string }): Promise<DraftFile>;
  detach(id: string): Promise<void>;
  file(id: string): Promise<ArrayBuffer | null>;
  save(): Promise<void>; // now
  close(): Promise<void>; // saves; an empty one is removed
  discard(): Promise<void>; // undoable by a toast
}
export interface DraftLine { id: string; to: Address[]; subject: string; snippet: string; changed: number; files: number; conflict: boolean; waiting: boolean }
export interface DraftsModel {
  readonly all: ReadonlySignal<readonly DraftLine[]>; // newest first
  readonly open: ReadonlySignal<readonly DraftHandle[]>;
  readonly recovered: ReadonlySignal<readonly string[]>; // found after a crash
  create(start?: Partial<DraftContent>, quote?: { html: string; text: string }): Promise<DraftHandle>;
  edit(id: string): Promise<DraftHandle | null>;
  reply(mail: OpenedMail, ref: MailRef, how: "reply" | "reply-all" | "forward", quote?: { html: string; text: string }): Promise<DraftHandle>;
}

export type RecipientState =
  | "checking"
  | "verified" // end-to-end, fingerprint compared
  | "encrypted" // end-to-end
  | "password" // password link
  | "readable" // readable by their provider
  | "blocked" // the key changed: nothing leaves until the owner decided
  | "invalid"; // no address
export interface RecipientView {
  address: string;
  state: RecipientState;
  why: string; // i18n key, "" if plain
  fingerprint: string;
  local: boolean;
  offered: { fingerprint: string; certificate: string } | null; // blocked: the other key
}
export interface OutboxModel {
  readonly items: ReadonlySignal<readonly (OutboxItem & { subject: string; people: readonly Address[] })[]>; // waiting at the server; subject "" and nobody if another device sent it
  // Live states for a composer: call with what stands in the fields; keeps one signal.
  check(addresses: readonly string[], anew?: boolean): void; // anew: also what was asked a moment ago
  readonly recipients: ReadonlySignal<ReadonlyMap<string, RecipientView>>;
  // Sends a draft. "sent" shows a toast with undo; on failure the draft stays.
  // notice says what the mail that brings a link to a letter behind a password says; without it none leaves.
  // linking makes what stands for files that leave as links; without it none of those leaves.
  send(draft: DraftHandle, o?: { at?: number; readable?: boolean; notice?: Notice; linking?: Linking }): Promise<SendResult>;
  takeBack(id: string): Promise<boolean>;
  reschedule(id: string, at: number): Promise<boolean>;
  refresh(): Promise<void>;
}
// For whom a copy is: "sealed" opens with keys, "letter" with a letter's password, "readable" for all on its way.
export type Reader = "sealed" | "letter" | "readable";
export interface LinkedCopy {
  ids: string[]; // of the links that were made
  ends: number; // seconds: when the first of them ends; 0: there is none
  html: string; // of the whole mail, as its text
  text: string;
  attachments: Draft["attachments"]; // besides those of the draft
}
export type Linking = (d: DraftContent, reader: Reader, at: number) => Promise<LinkedCopy>;
export type Notice = (o: { link: string; ends: number; from: Address }) => { subject: string; text: string };

// ---- Letters behind a password ----------------------------------------------------------------------

export interface Receipt { to: string; subject: string; password: string; hint: string; created: number; answers: boolean }
export interface ParcelLine extends Receipt {
  name: string;
  ends: number; // seconds
  open: boolean; // it can be opened now
}
export interface ParcelsModel {
  readonly all: ReadonlySignal<readonly ParcelLine[]>; // newest first
  revoke(name: string): Promise<boolean>; // nobody opens it any more
}

export type SendResult =
  | { state: "sent"; ids: string[] }
  | { state: "queued" } // offline: leaves when the network is back
  | { state: "refused"; fault: Fault; addresses: string[] }; // e.g. blocked, readable though required

// ---- Search: filled by src/search ------------------------------------------------------------------

export interface Search {
  // Ids of mails, best first. within: mailbox.
  query(text: string, o?: { within?: number; signal?: AbortSignal }): Promise<{ ids: string[]; words: string[] }>;
  readonly progress: ReadonlySignal<{ done: number; of: number } | null>;
  readonly version: ReadonlySignal<number>; // grows when the same question may have another answer
  // What a mail says that only its owner's client could open: it can be searched for then.
  learn(id: string, text: string): void;
  stop(): void;
}
export interface SearchSeam extends Search {
  use(s: Search): void; // the index, once it is loaded
}
export type { Entries };
