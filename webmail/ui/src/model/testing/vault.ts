// A vault without cryptography, for tests of the model and for views without a server. It
// binds what it seals to its place as the real one does (anything moved, changed or of
// another version is "closed"), and what it seals shows no word of its content.

import { openDrop, receiverOf } from "../../files/drop.ts";
import { makeLink, newFragment, sealAsk } from "../../files/link.ts";
import type { Keyring } from "../../wire/api.ts";
import type { Card, Draft, KeyDescription, OpenedMail, SubkeyDescription, Vault, VaultErrorWord } from "../../vault/vault.ts";

export class FakeVaultError extends Error {
  readonly word: VaultErrorWord;
  constructor(word: VaultErrorWord) {
    super(word);
    this.name = "VaultError";
    this.word = word;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const fail = (word: VaultErrorWord): never => {
  throw new FakeVaultError(word);
};

function fnv(data: Uint8Array, seed = 2166136261): number {
  let h = seed;
  for (const b of data) h = Math.imul(h ^ b, 16777619) >>> 0;
  return h;
}

// mark 4 | check 4 | content xor stream(context)
export function fakeSeal(context: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const key = fnv(encoder.encode(context));
  const out = new Uint8Array(8 + data.length);
  new DataView(out.buffer).setUint32(0, 0x5ea1ed01);
  new DataView(out.buffer).setUint32(4, fnv(data, key));
  let x = key | 1;
  for (let i = 0; i < data.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[8 + i] = data[i]! ^ (x >>> 24);
  }
  return out;
}
export function fakeOpen(context: string, box: Uint8Array): Uint8Array<ArrayBuffer> {
  if (box.length < 8) fail("closed");
  const view = new DataView(box.buffer, box.byteOffset, box.length);
  const key = fnv(encoder.encode(context));
  const out = new Uint8Array(box.length - 8);
  let x = key | 1;
  for (let i = 0; i < out.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[i] = box[8 + i]! ^ (x >>> 24);
  }
  if (view.getUint32(0) !== 0x5ea1ed01 || view.getUint32(4) !== fnv(out, key)) fail("closed");
  return out;
}

export const b64 = (data: Uint8Array): string => {
  let s = "";
  for (const b of data) s += String.fromCharCode(b);
  return btoa(s);
};
export const unb64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export const emptyCard = (id: string): Card => ({
  id, tag: "", subject: "", from_name: "", from: "", recipients: 1, to: [], date: 0, arrived: 0, snippet: "", attachments: [], more_attachments: 0,
  message_id: "", in_reply_to: "", references: [], class: "sealed on arrival", incomplete: false, junk: "", verified: false, dmarc: "", spf: "", dkim: "",
});
export const emptyMail = (): OpenedMail => ({
  handle: 0, class: "sealed on arrival", card_matches: true, subject: "", from: [], sender: [], reply_to: [], to: [], cc: [], bcc: [], date: 0, arrived: 0,
  message_id: "", in_reply_to: "", references: [], html: "", text: "", parts: [],
  signature: { state: "none", fingerprint: "", from_matches: false, from_signed: false, at: 0 }, verified: false, dmarc: "", spf: "", dkim: "", list_unsubscribe: [],
  list_unsubscribe_post: false, list_id: "", autocrypt: "", differs: [], sender_outside: false, inline: "", calendar: "", incomplete: false,
});

// A card as the fake server keeps it: the tag stands in it, as in the real format.
export const sealFakeCard = (card: Card): ArrayBuffer => {
  const { id: _, ...rest } = card;
  return fakeSeal("card", encoder.encode(JSON.stringify(rest))).buffer;
};
export const sealFakeMail = (mail: OpenedMail, tag: string): ArrayBuffer =>
  fakeSeal("mail", encoder.encode(JSON.stringify({ mail, tag }))).buffer;
// sub: which encryption subkey it has.
export const fakeCertificate = (address: string, n = 1, sub = 1): { certificate: string; fingerprint: string } => {
  const fingerprint = (fnv(encoder.encode(address)).toString(16).padStart(8, "0").repeat(4) + n.toString(16).padStart(8, "0")).toUpperCase();
  return { fingerprint, certificate: b64(encoder.encode(`cert ${fingerprint} ${address}${sub > 1 ? ` #${sub}` : ""}`)) };
};

function described(fingerprint: string, identities: string[], sub: number, oldest = 1): KeyDescription {
  const subkeys = Array.from({ length: sub }, (_, i): SubkeyDescription => ({
    fingerprint: `${fingerprint}-${i + 1}`, algorithm: "fake", created: i + 1, expires: 0, revoked: i + 1 < sub ? i + 2 : 0, reason: i + 1 < sub ? "superseded" : "", use: "encrypt", secret: i + 1 >= oldest,
  }));
  return { fingerprint, identities, created: 1, expires: 0, algorithm: "fake", usable: true, encryption: `${fingerprint}-${sub}`, subkeys };
}

// What lasts of a fake vault over a reload of the page: give it to the next one.
export interface FakeDevice {
  secrets: Set<string>; // addresses whose account secret this browser has
  copy: string | null; // account whose device copy is here
  offline: { account: string; address: string; fingerprint: string; keyring: Keyring; facts: string } | null;
}
export const newDevice = (): FakeDevice => ({ secrets: new Set(), copy: null, offline: null });

export interface FakeVault extends Vault {
  opened: number; // cards that were opened: tests count work
  subkey: number; // the newest of the owner's
  oldest: number; // whose secret is here
}

const PASS = "correct horse";
export const fakePassphrase = PASS;
export const fakeWords = "abandon ability able about above absent absorb abstract absurd abuse access accident account accuse achieve acid acoustic acquire across act action actor actress actual";

export function createFakeVault(device: FakeDevice = newDevice()): FakeVault {
  let account = "";
  let address = "";
  let print = "";
  let proved: "passphrase" | "kit" | "passkey" | null = null;
  let proofOk = false;
  const handles = new Map<number, { mail: OpenedMail; raw: ArrayBuffer }>();
  let next = 1;
  const need = () => account || fail("locked");
  const box = (drawer: string, name: string, version: number) => `box\n${need()}\n${drawer}\n${name}\n${version}`;
  const proof = (what: string) => b64(encoder.encode(what.padEnd(32, ".").slice(0, 32)));
  const join = (o: { address: string; account: string }) => ({
    join: {
      address: o.address, account: o.account, certificate: fakeCertificate(o.address).certificate, list_key: proof("list"), salt: b64(new Uint8Array(16)),
      kdf: { name: "argon2id" as const, memory: 65536, iterations: 3, lanes: 1 }, proof: proof(PASS), containers: {},
    },
    words: fakeWords.split(" "),
    fingerprint: fakeCertificate(o.address).fingerprint,
  });
  const become = (o: { account: string; address: string; fingerprint: string }) => {
    account = o.account;
    address = o.address;
    print = o.fingerprint;
    device.copy = o.account;
    device.secrets.add(o.address);
  };

  const vault: FakeVault = {
    opened: 0,
    subkey: 1,
    oldest: 1,
    async create(o) {
      become({ ...o, fingerprint: fakeCertificate(o.address).fingerprint });
      return join(o);
    },
    async attach(o) {
      const id = o.invitation.account ?? "0000000000000000";
      become({ account: id, address: o.address, fingerprint: fakeCertificate(o.address).fingerprint });
      return join({ address: o.address, account: id });
    },
    async tryKit(words) {
      return words.trim() === fakeWords ? { kit_proof: proof("kit") } : fail("closed");
    },
    async proveByPassphrase(o) {
      if (o.parameters.kdf.memory < 65536) fail("weak");
      if (!device.secrets.has(o.address)) fail("no-key");
      proved = "passphrase";
      proofOk = o.passphrase === PASS;
      return { proof: proof(o.passphrase) };
    },
    async proveByKit(o) {
      proved = "kit";
      proofOk = o.words.trim() === fakeWords;
      return proofOk ? { proof: proof("kit") } : fail("bad-input");
    },
    async proveByPasskey() {
      proved = "passkey";
      proofOk = true;
    },
    async open(o) {
      if (!proved || !proofOk) fail("closed");
      proved = null;
      become(o);
    },
    async reopen(o) {
      if (device.copy !== o.account) fail("closed");
      become(o);
    },
    async keepOffline(o) {
      device.offline = { account: need(), address, fingerprint: print, ...o };
    },
    async offline(a) {
      const kept = device.offline;
      return kept?.address === a ? { account: kept.account, parameters: { salt: kept.keyring.salt, kdf: kept.keyring.kdf }, credentials: [] } : null;
    },
    async openOffline(of) {
      const kept = device.offline ?? fail("closed");
      if (!proved || !proofOk || kept.account !== of) fail("closed");
      proved = null;
      const copy = device.copy;
      become(kept);
      device.copy = copy;
      return { keyring: kept.keyring, facts: kept.facts };
    },
    async dropOffline(a, onlyThis) {
      if (device.offline?.address === a) device.offline = null;
      if (!onlyThis) device.copy = null;
    },
    async renew(o) {
      if (need() !== o.account) fail("closed");
      become(o);
      return false;
    },
    async knows(a) {
      return device.secrets.has(a);
    },
    async lock() {
      account = "";
      handles.clear();
    },
    async signOut(forget) {
      account = "";
      device.copy = null;
      handles.clear();
      if (forget) device.secrets.delete(address);
    },
    async state() {
      return { open: account !== "", mail: account !== "", list: account !== "", fingerprint: print };
    },
    async newPassphrase(o) {
      if (o.old !== PASS) fail("closed");
      return { version: o.keyring.version + 1, old_proof: proof(o.old), salt: o.keyring.salt, kdf: o.keyring.kdf, proof: proof(o.passphrase), container: "AA==" };
    },
    async proof(o) {
      if (o.passphrase !== PASS) fail("closed");
      return { proof: proof("passphrase") };
    },
    async withAddresses(o) {
      need();
      return { certificate: fakeCertificate(o.addresses.join(" ")).certificate, container: null };
    },
    async newKit(o) {
      if (o.passphrase !== PASS) fail("closed");
      return { words: fakeWords.split(" "), request: { version: o.keyring.version + 1, proof: proof(PASS), container: "AA==" } };
    },
    async passkeyContainer(o) {
      return { version: o.keyring.version + 1, container: "AA==" };
    },
    async requestAccess() {
      return { public_key: proof("public"), words: ["abandon", "ability", "able", "about", "above", "absent"] };
    },
    async grantAccess(o) {
      need();
      return o.words.trim() === "abandon ability able about above absent" ? { sealed: "AA==" } : fail("closed");
    },
    async acceptGrant(o) {
      become(o);
    },
    async exportKey() {
      need();
      return "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nfake\n-----END PGP PRIVATE KEY BLOCK-----\n";
    },
    async importKey() {},

    async openCards(o) {
      need();
      vault.opened += o.cards.length;
      return o.cards.map((c, i) => {
        try {
          return { ...(JSON.parse(decoder.decode(fakeOpen("card", new Uint8Array(c)))) as Card), id: o.ids[i]! };
        } catch {
          return null;
        }
      });
    },
    async openMail(o) {
      need();
      const { mail, tag, sub } = JSON.parse(decoder.decode(fakeOpen("mail", new Uint8Array(o.message.byteLength === 0 && o.body ? o.body : o.message)))) as { mail: OpenedMail; tag: string; sub?: number };
      if ((sub ?? 1) < vault.oldest) fail("closed");
      const handle = next++;
      const opened = { ...mail, handle, card_matches: !o.card || o.card.tag === tag };
      handles.set(handle, { mail: opened, raw: o.message });
      return opened;
    },
    async part(handle, index) {
      const h = handles.get(handle) ?? fail("bad-input");
      const p = h.mail.parts[index] ?? fail("bad-input");
      if (p.cut) return { name: p.name, type: p.type, data: new ArrayBuffer(0), cut: { ...p.cut, size: p.size } };
      return { name: p.name, type: p.type, data: encoder.encode("part " + index).buffer };
    },
    async source(handle) {
      const h = handles.get(handle) ?? fail("bad-input");
      return encoder.encode(`Subject: ${h.mail.subject}\r\n\r\n${h.mail.text}`).buffer;
    },
    async cuts() {
      return [];
    },
    async forget(handle) {
      handles.delete(handle);
    },
    async openTerms(terms) {
      return terms.map((t) => {
        try {
          return decoder.decode(fakeOpen("terms", new Uint8Array(t))).split("\n").filter(Boolean);
        } catch {
          return null;
        }
      });
    },
    async sealCard(card) {
      return sealFakeCard(card);
    },
    async restoreMail(o) {
      const { mail } = JSON.parse(decoder.decode(fakeOpen("mail", new Uint8Array(o.message)))) as { mail: OpenedMail };
      return encoder.encode(`Message-ID: ${mail.message_id}\r\nSubject: ${mail.subject}\r\n\r\n${mail.text}`).buffer;
    },
    // A mail in the fake's own clothes: its subject, text and id, with the raw mail as its text.
    async sealMail(o) {
      need();
      const raw = decoder.decode(o.mail);
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(raw)?.[1]?.trim() ?? "";
      const text = raw.slice(raw.indexOf("\r\n\r\n") + 4);
      if (text.includes("refuse-me")) fail("closed");
      const tag = b64(encoder.encode(String(fnv(new Uint8Array(o.mail))).padEnd(16, ".").slice(0, 16)));
      const about = { subject: field("Subject"), message_id: field("Message-ID"), date: Date.parse(field("Date")) / 1000 || 0 };
      const message = new Uint8Array(sealFakeMail({ ...emptyMail(), ...about, text, arrived: o.arrived }, tag));
      const card = new Uint8Array(sealFakeCard({ ...emptyCard(""), ...about, tag, arrived: o.arrived }));
      const head = encoder.encode(JSON.stringify({ flags: o.flags, received: o.arrived, header: "", class: "sealed on arrival", letters: [{ letter: "message", size: message.length }, { letter: "card", size: card.length }] }));
      const upload = new Uint8Array(4 + head.length + message.length + card.length);
      new DataView(upload.buffer).setUint32(0, head.length);
      upload.set(head, 4);
      upload.set(message, 4 + head.length);
      upload.set(card, 4 + head.length + message.length);
      return { upload: upload.buffer, class: "sealed on arrival", mark: fnv(new Uint8Array(o.mail)).toString(16).padStart(24, "0").slice(0, 24), ...about };
    },
    async fold(text) {
      return text.toLowerCase().split(/[^\p{L}\p{N}@.]+/u).filter((w) => w.length > 1);
    },

    async seal(o) {
      return fakeSeal(box(o.drawer, o.name, o.version), new Uint8Array(o.data)).buffer;
    },
    async openBox(o) {
      return fakeOpen(box(o.drawer, o.name, o.version), new Uint8Array(o.box)).buffer;
    },
    async encrypt(o) {
      need();
      const id = o.draft.message_id || `<${next++}@fake>`;
      return { mail: pack(o.draft, id, o.certificates.length > 0), sent: pack(o.draft, id, true), message_id: id };
    },
    async dropKey() {
      need();
      return (await receiverOf(new Uint8Array(32).fill(1))).raw.slice().buffer;
    },
    async openDrop(o) {
      need();
      return openDrop(await receiverOf(new Uint8Array(32).fill(1)), o.request, o.object, new Uint8Array(o.drop));
    },
    async makeLink(o) {
      need();
      const fragment = newFragment();
      const { kdf, box, check } = await makeLink({ ...o, password: "", fragment });
      return { fragment, kdf: o.password ? new Uint8Array(26).fill(1).buffer : kdf.buffer, box: box.buffer, check: check.buffer };
    },
    async makeAsk(o) {
      need();
      const fragment = newFragment();
      const key = (await receiverOf(new Uint8Array(32).fill(1))).raw;
      return { fragment, box: (await sealAsk(fragment, { ...o, key: new Uint8Array(key) })).buffer };
    },
    async sealParcel(o) {
      need();
      if (o.password === "") fail("bad-input");
      const name = `${o.ends.toString(16).padStart(8, "0")}${o.answers}${`parcel${next++}`.padEnd(o.answers > 0 ? 44 : 22, "_")}`;
      const plain = encoder.encode(JSON.stringify({ to: o.to, password: o.password, hint: o.hint, subject: o.draft.subject, text: o.draft.text, files: o.draft.attachments.map((a) => a.name) }));
      return { name, link: `${account.padStart(16, "0")}.${name}.${"s".repeat(43)}`, box: fakeSeal(`parcel ${name}`, plain).buffer };
    },
    parcelHint: async () => fail("closed"),
    openParcel: async () => fail("closed"),
    parcelFile: async () => fail("bad-input"),
    sealAnswer: async () => fail("bad-input"),
    async describeKey(certificate) {
      const [word, fingerprint = "", ...ids] = decoder.decode(certificate).split(" ");
      if (word !== "cert") fail("bad-input");
      return described(fingerprint, ids.filter((i) => !i.startsWith("#")), Number(ids.find((i) => i.startsWith("#"))?.slice(1) ?? 1));
    },
    async changeKey(o) {
      if (o.passphrase !== PASS) fail("closed");
      return { version: o.keyring.version + 1, proof: proof(PASS), certificate: b64(new Uint8Array(o.certificate)), container: "AA==" };
    },
    async ownKey() {
      return account === "" ? null : described(print, [], vault.subkey, vault.oldest);
    },
    async reseal(o) {
      const { mail, tag, sub } = JSON.parse(decoder.decode(fakeOpen("mail", new Uint8Array(o.keys)))) as { mail: OpenedMail; tag: string; sub?: number };
      if (sub === vault.subkey) return null;
      if ((sub ?? 1) < vault.oldest) fail("closed");
      const now = `${tag}*`;
      const message = fakeSeal("mail", encoder.encode(JSON.stringify({ mail, tag: now, sub: vault.subkey }))).buffer;
      const card = o.card && { ...o.card, tag: now, generation: (o.card.generation ?? 0) + 1 };
      return { message, ...(o.header ? { header: o.header } : {}), ...(card ? { card: { card, sealed: sealFakeCard(card) } } : {}) };
    },
  };
  return vault;
}

// What leaves: readable where nobody has a key, sealed otherwise.
function pack(d: Draft, id: string, encrypted: boolean): Uint8Array<ArrayBuffer> {
  const mail: OpenedMail = {
    ...emptyMail(), class: encrypted ? "end-to-end" : "readable", subject: d.subject, from: [d.from], to: d.to, cc: d.cc, text: d.text, html: d.html,
    date: d.date, message_id: id, in_reply_to: d.in_reply_to, references: d.references,
  };
  if (!encrypted) return encoder.encode(`Message-ID: ${id}\r\nSubject: ${d.subject}\r\n\r\n${d.text}${d.attachments.map((a) => `\r\n${a.name}\r\n${decoder.decode(a.data)}`).join("")}`);
  return new Uint8Array(sealFakeMail(mail, b64(encoder.encode(id.slice(0, 16)))));
}
