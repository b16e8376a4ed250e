// Made from the API's Go types: go test ./webmail/api -run TestTypeScript -update
// Do not edit. api.ts is for reading; agree.ts holds both to each other.

export interface AcceptKeyRequest {
  fingerprint: string;
}

export interface AccessRequest {
  id: string;
  secret: string;
}

export interface Account {
  addresses: string[];
  certificate: string;
  created: string;
  encrypt: "when-all-have-keys" | "require" | "never";
  fingerprint: string;
  id: string;
  level: "open" | "baseline" | "shy" | "minimal";
  list_key?: string;
  operator: boolean;
  profile: "compat" | "modern";
  quota: number;
}

export interface AccountChange {
  encrypt?: "when-all-have-keys" | "require" | "never";
  level?: "open" | "baseline" | "shy" | "minimal";
}

export interface AccountSettings {
  account: Account;
  aliases: number;
  former: string[];
  locked: string[];
}

export interface Action {
  address?: string;
  do: string;
  flag?: string;
  mailbox?: string;
}

export interface AddAliasRequest {
  address: string;
}

export interface AddedMails {
  mailbox: number;
  modseq: number;
  uid_validity: number;
  uids: number[];
}

export interface AdminAddAccountRequest {
  address: string;
  certificate: string;
  quota?: number;
}

export interface AdminHoldRequest {
  held: boolean;
}

export interface AdminSetAccountRequest {
  operator?: boolean;
  quota?: number;
}

export interface AdminAccount {
  addresses: string[];
  bytes: number;
  created: string;
  fingerprint: string;
  id: string;
  key_expires?: string;
  messages: number;
  operator: boolean;
  quota: number;
  sign_in: boolean;
}

export interface AdminAccountList {
  accounts: AdminAccount[];
}

export interface AdminDay {
  day: string;
  deferred: number;
  failed: number;
  junk: number;
  received: number;
  refused: number;
  sent: number;
}

export interface AdminDomain {
  domain: string;
  records: AdminRecord[];
}

export interface AdminDomains {
  domains: AdminDomain[];
}

export interface AdminHours {
  deferred: number[];
  failed: number[];
  from: string;
  junk: number[];
  received: number[];
  refused: number[];
  sent: number[];
}

export interface AdminInvitation {
  address?: string;
  attach: boolean;
  created: string;
  expires: string;
  id: string;
  link?: string;
}

export interface AdminInvitationList {
  invitations: AdminInvitation[];
}

export interface AdminInvite {
  account?: string;
  address?: string;
  days: number;
}

export interface AdminOverview {
  accounts: number;
  began: string;
  bytes: number;
  certificate_expires?: string;
  days?: AdminDay[];
  disk_free: number;
  disk_size: number;
  healthy: boolean;
  hostname: string;
  messages: number;
  queue: AdminWaiting;
  traffic: AdminTraffic;
  version: string;
}

export interface AdminQueueItem {
  account?: string;
  created: string;
  expires: string;
  held: boolean;
  id: string;
  recipients: AdminRecipient[];
  sending: boolean;
  size: number;
}

export interface AdminQueueList {
  items: AdminQueueItem[];
}

export interface AdminRecipient {
  attempts: number;
  domain: string;
  next: string;
  reply: string;
}

export interface AdminRecord {
  found?: string;
  name: string;
  state: "ok" | "missing" | "wrong" | "unsure";
  type: string;
  value: string;
  why?: string;
}

export interface AdminReport {
  all: number;
  by: string;
  came: string;
  day: string;
  domain: string;
  id: string;
  kind: "dmarc" | "failure" | "tls";
  well: number;
}

export interface AdminReports {
  reports: AdminReport[];
}

export interface AdminTraffic {
  deferred: number;
  failed: number;
  junk: number;
  received: number;
  refused: number;
  sent: number;
}

export interface AdminWaiting {
  held: number;
  waiting: number;
}

export interface AppPassword {
  created: string;
  file_sent: boolean;
  limit: number;
  name: string;
  password?: string;
  scopes: string[];
  used?: string;
  uses: AppPasswordUse[];
}

export interface AppPasswordList {
  app_passwords: AppPassword[];
}

export interface AppPasswordUse {
  door: "imap" | "smtp" | "api";
  last: string;
  network?: string;
}

export interface Appended {
  id: string;
  mailbox: number;
  modseq: number;
  uid: number;
  uid_validity: number;
}

export interface AskAccessRequest {
  address: string;
  device: string;
  public_key: string;
}

export interface Attachments {
  incoming: "off" | "stub" | "whole";
  key?: string;
  outgoing: "plain" | "link";
  over: number;
}

export interface BeginPasskeySignInRequest {
  address?: string;
}

export interface CabinetItem {
  change: number;
  drawer: string;
  gone: boolean;
  modified: string;
  name: string;
  size: number;
  version: number;
}

export interface CabinetList {
  complete: boolean;
  items: CabinetItem[];
  version: number;
}

export interface Change {
  add?: string[];
  from?: string;
  letters?: ("card" | "terms")[];
  mailbox?: number;
  name?: string;
  on?: boolean;
  op: "flags" | "move" | "copy" | "expunge" | "shed" | "create" | "rename" | "remove" | "subscribe";
  remove?: string[];
  set?: string[];
  to?: number;
  uids?: number[];
  unless?: number;
  use?: string;
}

export interface ChangeEvent {
  failed: number[];
  mailbox: number;
  modseq: number;
  sources: number[];
  uids: number[];
}

export interface ChangeEvents {
  events: ChangeEvent[];
}

export interface Changes {
  changes: Change[];
}

export interface ComeBackRequest {
  secret: string;
}

export interface Condition {
  field: string;
  not?: boolean;
  op: string;
  value: string;
}

export interface ConfirmTotpRequest {
  code: string;
}

export interface Drop {
  box: string;
  bytes: number;
  expires: string;
  files: number;
  report?: string;
}

export interface DropHead {
  head: string;
}

export interface Entries {
  classes: number[];
  complete: boolean;
  flag_sets: string[][];
  flags: number[];
  gone: number[];
  ids: string[];
  letters: number[];
  modseq: number;
  modseqs: number[];
  more: boolean;
  received: number[];
  sizes: number[];
  uids: number[];
}

export interface File {
  complete: boolean;
  created: string;
  expires?: string;
  have: string;
  head?: string;
  id: string;
  mail?: boolean;
  part: number;
  parts: number;
  request?: string;
  size: number;
}

export interface FileLink {
  box: string;
  checked: boolean;
  count: number;
  created: string;
  downloads: string[];
  expires: string;
  file: string;
  id: string;
  kdf?: string;
  most: number;
  state: "open" | "expired" | "used-up" | "revoked" | "killed";
}

export interface FileLinkChange {
  expires?: string;
  most?: number;
  revoked?: boolean;
}

export interface FileLinks {
  links: FileLink[];
}

export interface FileRequest {
  box: string;
  bytes: number;
  created: string;
  expires: string;
  files: number;
  id: string;
  most_bytes: number;
  most_files: number;
  state: "open" | "expired" | "revoked";
}

export interface FileRequestChange {
  expires?: string;
  most_bytes?: number;
  most_files?: number;
  revoked?: boolean;
}

export interface FileRequests {
  requests: FileRequest[];
}

export interface Files {
  files: File[];
  more: boolean;
}

export interface GrantAccessRequest {
  sealed: string;
}

export interface Granted {
  sealed: string;
  session: Session;
}

export interface Import {
  behind: number;
  done: number;
  finished?: string;
  since?: string;
  state: "none" | "running" | "done" | "ended";
  total: number;
  trouble?: "unreachable" | "sign-in" | "over-quota" | "stopped" | "broken-off" | "left";
}

export interface Invitation {
  account?: string;
  address?: string;
  attach: boolean;
  certificate?: string;
  domains: string[];
  expires: string;
}

export interface InvitationRequest {
  token: string;
}

export interface Join {
  account: string;
  address: string;
  certificate: string;
  containers: { [name: string]: string };
  device: string;
  kdf: Kdf;
  kit_proof: string;
  list_key: string;
  profile?: "compat" | "modern";
  proof: string;
  salt: string;
  token?: string;
}

export interface Kdf {
  iterations: number;
  lanes: number;
  memory: number;
  name: "argon2id";
}

export interface Keyring {
  containers: { [name: string]: string };
  kdf: Kdf;
  salt: string;
  version: number;
}

export interface LeavingBody {
  url: string;
}

export interface Mailbox {
  bytes: number;
  id: number;
  messages: number;
  modseq: number;
  name: string;
  subscribed: boolean;
  uid_next: number;
  uid_validity: number;
  unseen: number;
  use: string;
}

export interface Mailboxes {
  mailboxes: Mailbox[];
  modseq: number;
}

export interface Message {
  class: "sealed on arrival" | "end-to-end" | "both" | "";
  flags: string[];
  header: string;
  id: string;
  letters: { [name: string]: number };
  modseq: number;
  received: string;
  size: number;
  uid: number;
}

export interface NewAppPasswordRequest {
  file_sent?: boolean;
  limit?: number;
  name: string;
  scopes?: string[];
}

export interface NewContainer {
  container: string;
  version: number;
}

export interface NewFile {
  size: number;
}

export interface NewFileLink {
  box: string;
  check?: string;
  expires?: string;
  file: string;
  kdf?: string;
  most?: number;
}

export interface NewFileRequest {
  box: string;
  expires?: string;
  most_bytes: number;
  most_files: number;
}

export interface NewImport {
  host: string;
  password: string;
  port?: number;
  skip?: string[];
  starttls?: boolean;
  user: string;
}

export interface NewKey {
  certificate: string;
  container?: string;
  proof: string;
  version: number;
}

export interface NewKit {
  container: string;
  kit_proof: string;
  proof: string;
  version: number;
}

export interface NewPasskey {
  container?: string;
  credential: unknown;
  name: string;
  second_factor?: boolean;
  version?: number;
}

export interface NewPassphrase {
  container: string;
  kdf: Kdf;
  old_proof: string;
  proof: string;
  salt: string;
  version: number;
}

export interface NewProof {
  assertion?: unknown;
  proof?: string;
}

export interface NewTotp {
  secret: string;
  uri: string;
}

export interface Offered {
  at: string;
  certificate: string;
  fingerprint: string;
  source: string;
}

export interface OutboxItem {
  at: string;
  attempts?: number;
  created: string;
  id: string;
  reply?: string;
  sending?: boolean;
  size: number;
  to: number;
}

export interface OutboxList {
  items: OutboxItem[];
}

export interface PasskeySignInRequest {
  credential: unknown;
  device: string;
}

export interface PasskeyLine {
  created: string;
  id: string;
  name: string;
  second_factor: boolean;
  unlocks: boolean;
  used?: string;
}

export interface PinKeyRequest {
  certificate: string;
}

export interface Problem {
  address?: string;
  detail?: string;
  methods?: string[];
  passkey?: unknown;
  status: number;
  title: string;
  type: string;
}

export interface Proof {
  expires: string;
  token: string;
}

export interface ProofInside {
  proof?: string;
}

export interface PushKey {
  key: string;
}

export interface PushPlaceBody {
  endpoint: string;
}

export interface PutCertificateRequest {
  certificate: string;
}

export interface Recipient {
  address: string;
  certificate?: string;
  changed?: boolean;
  fingerprint?: string;
  local: boolean;
  offered?: Offered[];
  source?: "local" | "wkd" | "autocrypt" | "manual";
  state: "key" | "none" | "unsure" | "revoked" | "expired" | "invalid";
}

export interface RecipientList {
  recipients: Recipient[];
}

export interface RecipientsRequest {
  addresses: string[];
}

export interface Removed {
  files: RemovedFile[];
}

export interface RemovedFile {
  id: string;
  outcome: "gone" | "later";
}

export interface RequestList {
  requests: WaitingRequest[];
}

export interface RescheduleRequest {
  at: string;
}

export interface Reseal {
  mails: ResealMail[];
}

export interface ResealMail {
  card?: string;
  header?: string;
  message: string;
  terms?: string;
  uid: number;
}

export interface Resealed {
  modseq: number;
  sources: number[];
  uids: number[];
}

export interface Rule {
  actions: Action[];
  all: boolean;
  conditions: Condition[];
  name: string;
  on: boolean;
  stop: boolean;
}

export interface SecondFactors {
  passkeys: PasskeyLine[];
  totp: boolean;
}

export interface Server {
  domains: string[];
  hostname: string;
  open: boolean;
  version: string;
}

export interface Session {
  account: Account;
  created: string;
  expires: string;
  id: string;
  keyring: Keyring;
  share: string;
}

export interface SessionLine {
  created: string;
  current: boolean;
  device: string;
  expires: string;
  id: string;
  used: string;
}

export interface SessionList {
  sessions: SessionLine[];
}

export interface Set {
  rules: Rule[];
  vacation: Vacation;
  version: number;
}

export interface SharedDownload {
  ticket: string;
  until: string;
}

export interface SharedFile {
  box?: string;
  checked: boolean;
  expires: string;
  file: string;
  kdf?: string;
  left?: number;
  report?: string;
  size: number;
}

export interface SignInBeginRequest {
  address: string;
}

export interface SignIn {
  address: string;
  assertion?: unknown;
  code?: string;
  device: string;
  method: "passphrase" | "kit";
  proof: string;
}

export interface SignInLine {
  at: string;
  device: string;
  door?: "imap" | "smtp" | "api";
  how: "passphrase" | "kit" | "passkey" | "approval" | "join" | "app-password";
  network?: string;
  ok: boolean;
}

export interface SignInList {
  sign_ins: SignInLine[];
}

export interface SignInParameters {
  kdf: Kdf;
  salt: string;
}

export interface Usage {
  bytes: number;
  cabinet: number;
  files: number;
  messages: number;
  quota: number;
}

export interface Vacation {
  from?: string;
  on: boolean;
  subject: string;
  text: string;
  until?: string;
}

export interface WaitingRequest {
  at: string;
  device: string;
  id: string;
  public_key: string;
}
