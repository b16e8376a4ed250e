// What the vault does for the page. Keys live in its worker alone: nothing here takes or
// gives a private key, a session key or a master key as bytes, but where a comment says
// that the owner asked for it (the recovery kit, an export). Any failure to open is one
// VaultError "closed" without a reason: a hostile server learns nothing from it.
//
// The vault knows no network and no DOM. The page hands it what the server said.

import type { Head } from "../files/head.ts";
import type { Invitation, Join, Kdf, Keyring, NewContainer, NewKey, NewKit, NewPassphrase, SignInParameters } from "../wire/api.ts";

export type VaultErrorWord =
  | "closed" // it does not open: wrong passphrase or words, or damaged, or not ours
  | "weak" // KDF parameters below the floor, or weaker than this device has seen
  | "rolled-back" // older than this device has seen
  | "locked" // no master key
  | "no-key" // nobody to encrypt to, or no key of the owner
  | "bad-input"
  | "too-large";

export type Class = "sealed on arrival" | "end-to-end" | "both";

// A card as pgp.Card is, with words for names. Strings from a sender: show as text only.
export interface Card {
  id: string; // of the mail, 32 hex digits; the page's key for it
  tag: string; // base64, of the message letter's PKESK
  subject: string;
  from_name: string;
  from: string;
  recipients: number; // addresses in To and Cc
  to: Address[]; // the first of them, where the card says so: of mail that was sent
  date: number; // seconds, 0: none
  arrived: number;
  snippet: string;
  attachments: { name: string; type: string; size: number }[];
  more_attachments: number;
  message_id: string;
  in_reply_to: string;
  references: string[];
  class: Class;
  incomplete: boolean;
  junk: string;
  verified: boolean; // the domain of From was proved
  dmarc: string;
  spf: string;
  dkim: string;
  generation?: number; // how often its mail was sealed anew: the card with the highest counts
}

// A key as its packets say, every signature checked.
export interface KeyDescription {
  fingerprint: string;
  identities: string[];
  created: number;
  expires: number; // seconds, 0: never
  algorithm: string;
  usable: boolean;
  encryption: string; // fingerprint of the key that others encrypt to; "": none
  subkeys: SubkeyDescription[];
}
export interface SubkeyDescription {
  fingerprint: string;
  algorithm: string;
  created: number;
  expires: number;
  revoked: number; // when; 0: it is not
  reason: "" | "superseded" | "compromised" | "retired" | "none";
  use: "encrypt" | "sign" | "other";
  secret: boolean; // its secret half is here
}

export interface Address { name: string; address: string }

// What signatures inside a mail say. Only "good" with from_matches may be shown as signed.
export interface SignatureVerdict {
  state: "none" | "good" | "bad" | "unknown-key" | "partial";
  fingerprint: string; // of the key that made it, if known
  from_matches: boolean; // a user id of that key is exactly From's address
  from_signed: boolean; // and the From that is shown is part of what was signed (RFC 9788)
  at: number; // seconds
}

export interface Part {
  index: number; // for Vault.part; below 0: as the card lists it, for the handle of the whole mail
  name: string; // text, bidi controls escaped
  type: string;
  size: number; // bytes decoded
  content_id: string; // without <>
  inline: boolean;
  link?: LinkedPart; // it stands for a file of the file store (docs/formats.md, "Attachments as links")
  cut?: CutPart; // the owner's server took it out when the mail arrived: its content lies in the owner's drive
}

// Where a stub stands in a mail's source, and how its part was written.
export interface CutPlace {
  at: number;
  length: number;
  part: CutPart & { name: string; size: number; header: Uint8Array<ArrayBuffer>; coding: { name: "none" | "base64"; width: number; tail: string } };
}

// Where the content of such a part lies. Only the server can say that of a part, inside its seal.
export interface CutPart {
  object: string;
  secret: Uint8Array<ArrayBuffer>;
  hash: Uint8Array<ArrayBuffer>; // SHA-256 of the content
}

// Of a part that stands for a file: its link, to the letter of the format, and what its
// sender says of it. Name and type are then the file's, and size what is said here.
export interface LinkedPart {
  url: string;
  size: number; // 0: not said
  ends: number; // seconds; 0: not said
}

export interface OpenedMail {
  handle: number; // of the decrypted mail in the vault; Vault.forget frees it
  class: Class | "readable";
  card_matches: boolean; // the card that was given belongs to this mail
  subject: string;
  from: Address[];
  sender: Address[];
  reply_to: Address[];
  to: Address[];
  cc: Address[];
  bcc: Address[];
  date: number;
  arrived: number; // of the seal; 0: not known
  message_id: string;
  in_reply_to: string;
  references: string[];
  html: string; // as sent: goes through frame/ only
  text: string;
  parts: Part[]; // attachments and inline parts
  signature: SignatureVerdict;
  verified: boolean; // from our own Authentication-Results inside the seal
  dmarc: string; spf: string; dkim: string;
  list_unsubscribe: string[]; // URIs
  list_unsubscribe_post: boolean;
  list_id: string;
  autocrypt: string; // header field of a sealed mail, or ""
  sender_outside: boolean; // its sender encrypted it, and left From outside of that
  inline: string; // text that stood encrypted, in OpenPGP armor, amid the text of a mail; "": none
  differs: string[]; // names of header fields whose outer value differs from the inner (RFC 9788)
  calendar: string; // the first text/calendar, or ""
  incomplete: boolean; // a bound was met
  answer?: "proved" | "unproved"; // it says that it answers a parcel; proved: its writer could open the one that went to From's address
}

export interface Draft {
  from: Address;
  to: Address[];
  cc: Address[];
  bcc: Address[];
  reply_to: Address[];
  subject: string;
  html: string; // "" in plain mode
  text: string;
  // With link, a part that stands for a file of the file store: data is a page that leads there.
  attachments: { name: string; type: string; content_id: string; data: ArrayBuffer; link?: LinkedPart }[];
  in_reply_to: string;
  references: string[];
  date: number; // seconds
  message_id: string; // "" takes a new one
}

// A parcel that was opened with its link and password, by somebody who has no account.
export interface OpenedParcel {
  handle: number;
  from: Address;
  to: string; // whom it was for
  subject: string;
  text: string;
  html: string; // as its sender wrote it: goes through frame/ only
  date: number; // seconds
  ends: number;
  answers: boolean; // it may be answered
  proof: string; // what the server wants to see before it takes an answer or tells of a key; "" without answers
  parts: Part[];
}

export interface Encrypted {
  mail: Uint8Array<ArrayBuffer>; // what leaves: message/rfc822, CRLF
  sent: Uint8Array<ArrayBuffer>; // the Sent copy, encrypted to the owner
  message_id: string;
}

export interface NewIdentity {
  // what POST /api/v1/join needs but the token, the kit's proof and the device
  join: Omit<Join, "token" | "kit_proof" | "device">;
  words: string[]; // of the recovery kit: to show, once
  fingerprint: string;
}

// One raw mail, CRLF lines, and what the account wants (its certificate, profile and level).
export interface SealMail {
  mail: ArrayBuffer;
  certificate: ArrayBuffer; // the owner's own: another fingerprint is refused
  profile: "compat" | "modern";
  level: "open" | "baseline" | "shy" | "minimal";
  arrived: number; // seconds
  flags: string[];
  authserv: string; // of our server: verdicts in its name are renamed inside the seal
  whole?: boolean; // even if its sender encrypted it
}
export interface SealedMail {
  upload: ArrayBuffer; // what Api.appendSealed takes, several in a row
  class: Class;
  mark: string; // of these very bytes: 24 hex digits of SHA-256
  message_id: string;
  subject: string;
  date: number;
}

export interface Vault {
  // -- opening -----------------------------------------------------------------------
  // A new identity, all made here. The vault is open afterwards. kdf floors are compiled in.
  create(o: { address: string; name: string; passphrase: string; account: string }): Promise<NewIdentity>;
  // For an account that has a key of its own: secret_key is armored; with keep false it stays on this device.
  attach(o: { invitation: Invitation; address: string; passphrase: string; secret_key?: string; key_passphrase?: string; keep: boolean }): Promise<NewIdentity>;
  // The kit as it was typed back: its proof if these are the words, else "closed".
  tryKit(words: string): Promise<{ kit_proof: string }>;
  // Both halves of a sign-in: first the proof, then (with what the server answered) the opening.
  proveByPassphrase(o: { address: string; passphrase: string; parameters: SignInParameters }): Promise<{ proof: string }>;
  proveByKit(o: { address: string; words: string }): Promise<{ proof: string }>;
  proveByPasskey(o: { prf: ArrayBuffer; credential: string }): Promise<void>;
  // Opens the master key with what the last prove… left, then the keys. fingerprint is the account's.
  open(o: { account: string; address: string; fingerprint: string; keyring: Keyring; share: string }): Promise<void>;
  // After a reload: this device's own copy, opened with the session's share.
  reopen(o: { account: string; address: string; fingerprint: string; keyring: Keyring; share: string }): Promise<void>;
  // Without a network. keepOffline leaves on this device what opens it without the server's
  // share: the keyring, under the device's key, and facts for the page, under the master key.
  keepOffline(o: { keyring: Keyring; facts: string }): Promise<void>;
  // What is kept so of an address, as far as it is needed to prove anything; null: nothing.
  offline(address: string): Promise<{ account: string; parameters: SignInParameters; credentials: string[] } | null>;
  openOffline(account: string): Promise<{ keyring: Keyring; facts: string }>; // with what the last prove… left
  dropOffline(address: string, onlyThis?: boolean): Promise<void>; // and the device's copy, if not only this
  // The server is there again: checks its keyring against what this device has seen, and
  // keeps the device's copy under the new share.
  renew(o: { account: string; address: string; fingerprint: string; keyring: Keyring; share: string }): Promise<boolean>;
  // May this browser sign in to the address by passphrase alone (it knows the account secret)?
  knows(address: string): Promise<boolean>;
  lock(): Promise<void>; // forgets all keys in memory; the device's copy stays
  signOut(forget: boolean): Promise<void>; // and the device's copy; forget: the account secret and pins too
  state(): Promise<{ open: boolean; mail: boolean; list: boolean; fingerprint: string }>; // mail, list: that key is here

  // -- changing keys -----------------------------------------------------------------
  newPassphrase(o: { old: string; passphrase: string; keyring: Keyring; fingerprint: string }): Promise<Omit<NewPassphrase, never>>;
  newKit(o: { passphrase: string; keyring: Keyring; fingerprint: string }): Promise<{ words: string[]; request: Omit<NewKit, "kit_proof"> }>;
  // The proof of the passphrase, for what a session alone may not; "closed" if it is not the one.
  proof(o: { passphrase: string; keyring: Keyring; fingerprint: string }): Promise<{ proof: string }>;
  // The owner's certificate with a user id for each address, signed by its key: mail programs and
  // directories look for one. Addresses that it names already are left as they are.
  withAddresses(o: { name: string; addresses: string[]; keyring: Keyring; fingerprint: string }): Promise<{ certificate: string; container: NewContainer | null }>;
  passkeyContainer(o: { prf: ArrayBuffer; credential: string; keyring: Keyring; fingerprint: string }): Promise<NewContainer>;
  // A new device: its key and six words; and, on a device that is open, the grant.
  requestAccess(address: string): Promise<{ public_key: string; words: string[] }>;
  grantAccess(o: { public_key: string; address: string; words: string }): Promise<{ sealed: string }>; // "closed" if the words are others
  acceptGrant(o: { sealed: string; account: string; address: string; fingerprint: string; keyring: Keyring; share: string }): Promise<void>;
  // Armored, under a passphrase of its own: the owner asked for it. GnuPG and Thunderbird read
  // it; "newest" locks it with Argon2 and AEAD, which they do not.
  exportKey(o: { passphrase: string; for?: "all" | "newest" }): Promise<string>;
  // The owner's OpenPGP key, changed: what to send; renew takes it over. rotate: another
  // encryption subkey, those before it revoked as superseded; forget: without the secrets of
  // revoked ones; extend: until then, 0 for ever; publish: as it is. certificate is the one that
  // is published: user ids that only it has are kept. "no-key": the key is kept elsewhere.
  changeKey(o: {
    passphrase: string; keyring: Keyring; fingerprint: string; certificate: ArrayBuffer;
    change: { do: "rotate" } | { do: "forget" } | { do: "extend"; until: number } | { do: "publish" };
  }): Promise<NewKey>;
  ownKey(): Promise<KeyDescription | null>; // null: no secret key is here
  // Seals the session key of a mail to the newest subkey; null: it is already. keys: the PKESK
  // packets of the message letter. Of end-to-end mail header and the whole message letter too; terms
  // where they have packets of their own. card: the mail's, made anew.
  reseal(o: { keys: ArrayBuffer; header?: ArrayBuffer; message?: ArrayBuffer; terms?: ArrayBuffer; card?: Card }): Promise<{
    message: ArrayBuffer; header?: ArrayBuffer; terms?: ArrayBuffer; card?: { card: Card; sealed: ArrayBuffer };
  } | null>;
  // A key that only this browser has (bring your own).
  importKey(o: { secret_key: string; key_passphrase?: string; fingerprint: string }): Promise<void>;

  // -- mail --------------------------------------------------------------------------
  // frames: ids aligned with sealed cards; null where one does not open.
  openCards(o: { ids: string[]; cards: ArrayBuffer[] }): Promise<(Card | null)[]>;
  // header: of end-to-end mail, always. With an empty message and its body letter, the mail
  // shows what the card says and the body; its parts are those of the card.
  openMail(o: { message: ArrayBuffer; header?: ArrayBuffer; body?: ArrayBuffer; card?: Card; verify?: ArrayBuffer[] }): Promise<OpenedMail>;
  // With cut, data is empty: the content lies in the owner's drive.
  part(handle: number, index: number): Promise<{ name: string; type: string; data: ArrayBuffer; cut?: CutPart & { size: number } }>;
  source(handle: number): Promise<ArrayBuffer>; // the mail as it arrived, or with stubs for what the server cut out of it
  cuts(handle: number): Promise<CutPlace[]>; // where those stand in it
  forget(handle: number): Promise<void>;
  // The mail as it arrived, without showing it: for an export. What its sender encrypted stays so.
  restoreMail(o: { message: ArrayBuffer; header?: ArrayBuffer }): Promise<ArrayBuffer>;
  openTerms(terms: ArrayBuffer[]): Promise<(string[] | null)[]>;
  sealCard(card: Card): Promise<ArrayBuffer>; // to the owner's own list key
  sealMail(o: SealMail): Promise<SealedMail>; // as the server seals what arrives, which then never has it readable
  fold(text: string): Promise<string[]>; // the words of a query, folded as terms are (docs/formats.md)

  // -- the cabinet: boxes under keys that come from the master key ---------------------
  // drawer is one of the cabinet's, or "device" for what stays in this browser's store.
  seal(o: { drawer: string; name: string; version: number; data: ArrayBuffer }): Promise<ArrayBuffer>;
  openBox(o: { drawer: string; name: string; version: number; box: ArrayBuffer }): Promise<ArrayBuffer>;

  // -- files that strangers bring (docs/formats.md, "Files") -----------------------------
  dropKey(): Promise<ArrayBuffer>; // what a request tells them to seal to
  openDrop(o: { request: string; object: { id: string; size: number }; drop: ArrayBuffer }): Promise<Head>;

  // -- links to files, and requests for some: what the server is given, and what stands behind the # ---
  makeLink(o: { object: { id: string; size: number }; head: Head; password: string }): Promise<{ fragment: string; kdf: ArrayBuffer; box: ArrayBuffer; check: ArrayBuffer }>;
  makeAsk(o: { title: string; note: string }): Promise<{ fragment: string; box: ArrayBuffer }>;

  // -- sending -----------------------------------------------------------------------
  // One message, one set of readers: who gets a blind copy gets a message of their own, with
  // bcc empty. With bcc set, no key id is shown, which not every client can read.
  // certificates empty: a readable mail leaves (the Sent copy is encrypted all the same).
  encrypt(o: { draft: Draft; certificates: ArrayBuffer[]; sign: boolean }): Promise<Encrypted>;
  describeKey(certificate: ArrayBuffer): Promise<KeyDescription>;

  // -- parcels: for somebody outside, under a password ---------------------------------------
  // ends: seconds. link is ACCOUNT.NAME.SECRET, for the fragment of a URL and nothing else; box is what the server keeps.
  sealParcel(o: { to: string; draft: Draft; password: string; hint: string; ends: number; answers: number }): Promise<{ name: string; link: string; box: ArrayBuffer }>;
  // The rest works in a vault that is not open. The hint opens with the link alone.
  parcelHint(o: { link: string; box: ArrayBuffer }): Promise<string>;
  openParcel(o: { link: string; box: ArrayBuffer; password: string }): Promise<OpenedParcel>;
  parcelFile(handle: number, index: number): Promise<ArrayBuffer>;
  // A mail to the sender that only the sender opens, and what the server wants to see with it.
  // certificate: what the server says holds now; believed if it is the letter's own key, and newer.
  sealAnswer(o: { handle: number; name: string; text: string; files: { name: string; type: string; data: ArrayBuffer }[]; date: number; certificate?: ArrayBuffer }): Promise<{ mail: Uint8Array<ArrayBuffer>; proof: string }>;
}

export type { Kdf };
