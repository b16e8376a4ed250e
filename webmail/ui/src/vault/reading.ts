// Opening mail: from letters to what a page shows. Each document that is shown comes from
// one entity alone: nothing that was decrypted is ever joined with what stood around it
// (ATTACKS B01, EFAIL).

import { type Bytes, equal, fromBase64, latin1, looseText } from "./bytes.ts";
import { VaultError, closed } from "./errors.ts";
import { type Field, addresses, all, date, first, ids, readSection, sameAddress, text, typed } from "./header.ts";
import { openCard, sealCard, tagOf } from "./hpke.ts";
import { type IsCut, emptyBody, fileName, readBody } from "./mime.ts";
import { parseStubPart } from "../files/stub.ts";
import { purposeKey } from "./keys.ts";
import { type Decrypted, type PublicKey, decrypt } from "./openpgp.ts";
import { walkMessage } from "./packets.ts";
import { checkAnswer } from "./parcel.ts";
import { type Verdict, noVerdict, readVerdict } from "./results.ts";
import { type HeaderLetter, type Seal, belongs, readHeaderLetter, readPlaces, readSeal, restore, restoreEndToEnd } from "./sealed.ts";
import type { Session } from "./session.ts";
import { decodeText } from "./transfer.ts";
import { type Part, readTree } from "./tree.ts";
import type { Card, CutPlace, OpenedMail, SignatureVerdict, Vault } from "./vault.ts";
import { keysOf, partly, signedPart, unsigned, verdict, verifyDetached } from "./verify.ts";

type Reader = Pick<Vault, "openCards" | "openMail" | "part" | "source" | "cuts" | "forget" | "openTerms" | "sealCard">;

type Place = ReturnType<typeof readPlaces>[number];

const maxMails = 40; // kept open; the oldest goes first
const maxTerms = 8 << 20; // bytes of a terms letter, and of what is in it
const maxInline = 1 << 20; // octets
const callsPerSecond = 30; // of one mail's parts and source (ATTACKS C05)

interface Kept {
  data: (() => Bytes)[];
  names: Omit<Awaited<ReturnType<Vault["part"]>>, "data">[];
  listed: number[]; // by a card
  source: () => Bytes;
  places: { at: number; length: number }[]; // of stubs, in the source
  calls: number[];
}

// What is displayed, and what is known of where it comes from.
interface View {
  content: Uint8Array;
  shown: Part | null; // of the content; null: it is not within bounds, or plain
  plain: string | null;
  fields: Field[]; // that are believed for display
  outer: Field[] | null; // the header that travelled outside, of end-to-end mail
  signature: SignatureVerdict;
  inside: boolean; // From, as it is shown, stood within what the sender encrypted or signed
}

export class Reading implements Reader {
  private readonly mails = new Map<number, Kept>();
  private next = 1;

  constructor(private readonly session: Session) {}

  async openCards(o: { ids: string[]; cards: ArrayBuffer[] }): Promise<(Card | null)[]> {
    const { list } = this.session.open();
    return Promise.all(o.cards.map((c, i) => (c.byteLength === 0 ? null : openCard(list, o.ids[i] ?? "", new Uint8Array(c)))));
  }

  async sealCard(card: Card): Promise<ArrayBuffer> {
    return (await sealCard(this.session.open().list, card)).buffer;
  }

  async openTerms(terms: ArrayBuffer[]): Promise<(string[] | null)[]> {
    const key = await this.session.key();
    return Promise.all(
      terms.map(async (t) => {
        if (t.byteLength === 0 || t.byteLength > maxTerms) return null;
        try {
          const letter = new Uint8Array(t);
          walkMessage(letter);
          const { data } = await decrypt(letter, key, []);
          return data.length > maxTerms ? null : looseText(data).split("\n").filter((w) => w !== "").slice(0, 50_000);
        } catch {
          return null;
        }
      }),
    );
  }

  async part(handle: number, index: number): ReturnType<Vault["part"]> {
    const m = this.use(handle);
    const at = index < 0 ? (m.listed[-1 - index] ?? -1) : index;
    const data = m.data[at];
    if (data === undefined) throw new VaultError("bad-input");
    return { ...m.names[at]!, data: data().buffer };
  }

  async source(handle: number): Promise<ArrayBuffer> {
    return this.use(handle).source().slice().buffer;
  }

  async cuts(handle: number): Promise<CutPlace[]> {
    const m = this.use(handle);
    if (m.places.length === 0) return [];
    const source = m.source();
    return m.places.flatMap(({ at, length }) => {
      const s = parseStubPart(source.subarray(at, at + length));
      return s === null ? [] : [{ at, length, part: { name: s.name, size: s.length, object: s.object, secret: s.secret, hash: s.hash, header: s.header, coding: s.coding } }];
    });
  }

  async forget(handle: number): Promise<void> {
    this.mails.delete(handle);
  }

  forgetAll(): void {
    this.mails.clear();
  }

  private use(handle: number): Kept {
    const m = this.mails.get(handle);
    const now = Date.now();
    if (m === undefined) throw new VaultError("bad-input");
    m.calls = m.calls.filter((t) => now - t < 1000);
    if (m.calls.length >= callsPerSecond) throw new VaultError("too-large");
    m.calls.push(now);
    return m;
  }

  private keep(k: Omit<Kept, "calls">): number {
    const handle = this.next++;
    this.mails.set(handle, { ...k, calls: [] });
    for (const old of this.mails.keys()) if (this.mails.size > maxMails) this.mails.delete(old);
    return handle;
  }

  // ---- A mail ----------------------------------------------------------------------------

  async openMail(o: Parameters<Vault["openMail"]>[0]): Promise<OpenedMail> {
    const key = await this.session.key();
    const keys = await keysOf(o.verify);
    if (o.message.byteLength === 0 && o.body !== undefined) return this.openBody(new Uint8Array(o.body), key, o.card);
    const letter = new Uint8Array(o.message);
    const pkesks = letter.subarray(0, walkMessage(letter).head);
    const opened = await decrypt(letter, key, keys);
    const around = o.header === undefined ? null : await this.openHeader(new Uint8Array(o.header), key, pkesks, letter.length);
    const matches = o.card !== undefined && (await cardMatches(o.card, pkesks));
    const seal = readSeal(opened.data);
    if (seal !== null) return this.sealedMail(opened.data, seal, around === null ? null : { around, letter }, matches, keys, key);
    return this.endToEnd(opened, around, letter, matches, keys);
  }

  private async openHeader(letter: Bytes, key: Awaited<ReturnType<Session["key"]>>, pkesks: Uint8Array, length: number): Promise<HeaderLetter> {
    walkMessage(letter);
    const header = readHeaderLetter((await decrypt(letter, key, [])).data);
    if (!(await belongs(header, pkesks, length))) throw closed();
    return header;
  }

  // A mail that a server sealed. Where it came inside a mail that was encrypted by its
  // sender (one that was stored again), the sender wrote our lines: they say what it was,
  // but no verdict of theirs is believed.
  private async sealedMail(
    content: Bytes, seal: Seal, inside: { around: HeaderLetter; letter: Uint8Array } | null, matches: boolean, keys: PublicKey[],
    key: Awaited<ReturnType<Session["key"]>>,
  ): Promise<OpenedMail> {
    const entity = content.subarray(seal.shown);
    const section = readSection(entity, 0);
    const source = () => (inside === null ? restore(content, seal) : restoreEndToEnd(inside.around, inside.letter));
    const front = seal.front - seal.shown;
    const trace = section?.fields.filter((f) => f.start < front) ?? [];
    // The mail's own fields; where its header is not clean, those that the server wrote.
    const own = section === null ? [] : section.end > front ? section.fields.filter((f) => f.start >= front) : trace;
    const view = await this.view(entity, own, null, keys, key);
    const shown = (await addresses(all(view.fields, "from"))).map((a) => a.address);
    const from = outerFrom(await addresses(all(own, "from")), shown);
    const judged = inside === null ? readVerdict(trace, from) : noVerdict;
    const opened = await this.show(view, { class: seal.class, matches, arrived: seal.time, verdict: judged, source, autocrypt: own, ...(inside === null && view.content === entity && { places: readPlaces(trace, seal) }) });
    return seal.class === "both" && key !== null ? { ...opened, inline: await inlinePart(opened.text, key) } : opened;
  }

  private async endToEnd(opened: Decrypted, around: HeaderLetter | null, letter: Uint8Array, matches: boolean, keys: PublicKey[]): Promise<OpenedMail> {
    const outer = around === null ? null : (readSection(around.prefix, 0)?.fields ?? []);
    const source = () => (around === null ? opened.data : restoreEndToEnd(around, letter));
    const kind = outer === null ? null : typed(first(outer, "content-type"));
    const inline = kind !== null && kind.type !== "multipart/encrypted";
    const view = inline ? plainView(opened.data, outer!, kind.params["charset"] ?? "") : await this.view(opened.data, null, outer, keys, null);
    const from = (await addresses(all(view.fields, "from"))).map((a) => a.address);
    if (opened.signatures.length > 0) view.signature = covering(await verdict(opened.signatures, keys, from), view.inside);
    const judged = around === null ? noVerdict : readVerdict(around.trace, outerFrom(await addresses(all(outer ?? [], "from")), from));
    const mail = await this.show(view, { class: "end-to-end", matches, arrived: around?.time ?? 0, verdict: judged, source, autocrypt: outer ?? [] });
    const answer = await checkAnswer(() => purposeKey(this.session.open().master, "parcels"), opened.data, from);
    return answer === null ? mail : { ...mail, answer };
  }

  // A large mail, of which only the displayable parts were fetched: the card says the rest.
  private async openBody(letter: Bytes, key: Awaited<ReturnType<Session["key"]>>, card: Card | undefined): Promise<OpenedMail> {
    const pkesks = letter.subarray(0, walkMessage(letter).head);
    const { data } = await decrypt(letter, key, []);
    const view = await this.view(data, [], null, [], null);
    const matches = card !== undefined && (await cardMatches(card, pkesks));
    const mail = await this.show(view, { class: card?.class ?? "sealed on arrival", matches, arrived: card?.arrived ?? 0, verdict: noVerdict, source: () => { throw new VaultError("bad-input"); }, autocrypt: [], ...(matches && card !== undefined && { cut: listedIn(card) }) });
    if (!matches || card === undefined) return { ...mail, incomplete: true };
    return {
      ...mail, incomplete: card.incomplete, parts: card.attachments.map((a, i) => ({ index: -1 - i, ...a, content_id: "", inline: false })), subject: card.subject, from: [{ name: card.from_name, address: card.from }], date: card.date, message_id: card.message_id,
      in_reply_to: card.in_reply_to, references: card.references, verified: card.verified, dmarc: card.dmarc, spf: card.spf, dkim: card.dkim,
    };
  }

  // Decides which entity is displayed and which header is believed.
  private async view(content: Uint8Array, own: Field[] | null, outer: Field[] | null, keys: PublicKey[], key: Awaited<ReturnType<Session["key"]>> | null): Promise<View> {
    const tree = readTree(content);
    if (tree === null) return { content, shown: null, plain: null, fields: own ?? outer ?? [], outer, signature: unsigned, inside: false };
    const fields = own ?? (outer === null ? tree.fields : protectedHeader(tree) ? completed(tree.fields, outer) : outer);
    const inside = own === null && (outer === null || protectedHeader(tree)) && first(tree.fields, "from") !== "";
    const inner = key === null ? null : await innerMessage(content, tree, key, keys);
    if (inner !== null) {
      const view = await this.view(inner.data, null, fields, keys, null);
      return { ...view, ...(await signedInside(inner, keys, view)) };
    }
    const signed = signedPart(tree);
    if (signed === null) return { content, shown: tree, plain: null, fields, outer, signature: partly(tree), inside };
    const from = (await addresses(all(fields, "from"))).map((a) => a.address);
    // Of a signature it is what stands in the signed part that counts.
    const within = protectedHeader(signed.part) ? (await addresses(all(signed.part.fields, "from"))).map((a) => a.address) : [];
    const same = within.length === 1 && from.length === 1 && sameAddress(within[0]!, from[0]!);
    const signature = covering(await verifyDetached(content, signed, keys, from), same);
    return { content, shown: signed.part, plain: null, fields, outer: outer ?? signedHeader(signed.part), signature, inside: inside || same };
  }

  private async show(v: View, o: { class: OpenedMail["class"]; matches: boolean; arrived: number; verdict: Verdict; source: () => Bytes; autocrypt: Field[]; cut?: IsCut; places?: Place[] }): Promise<OpenedMail> {
    const body = v.shown === null ? emptyBody(v.plain ?? "") : await readBody(v.content, v.shown, protectedHeader(v.shown), o.places ? placed(o.places) : o.cut);
    const handle = this.keep({ data: body.data, names: body.parts.map(({ name, type, size, cut }) => ({ name, type, ...(cut && { cut: { ...cut, size } }) })), listed: body.listed, source: o.source, places: o.places ?? [] });
    const f = v.fields;
    const autocrypt = all(o.autocrypt, "autocrypt");
    return {
      handle, class: o.class, card_matches: o.matches, arrived: o.arrived, ...o.verdict,
      ...(await people(f)),
      subject: await text(first(f, "subject")),
      date: date(first(f, "date")),
      message_id: ids(first(f, "message-id"), 1)[0] ?? "",
      in_reply_to: ids(first(f, "in-reply-to"), 1)[0] ?? "",
      references: ids(first(f, "references"), 50),
      html: body.html, text: body.text, calendar: body.calendar, parts: body.parts,
      signature: v.signature,
      list_unsubscribe: uris(first(f, "list-unsubscribe")),
      list_unsubscribe_post: /^\s*List-Unsubscribe=One-Click\s*$/i.test(first(f, "list-unsubscribe-post")),
      list_id: (await text(first(f, "list-id"))).slice(0, 250),
      autocrypt: autocrypt.length === 1 && autocrypt[0]!.length <= 10 << 10 ? autocrypt[0]! : "",
      sender_outside: o.class !== "sealed on arrival" && o.class !== "readable" && !v.inside,
      inline: "",
      differs: v.outer === null ? [] : await differing(f, v.outer),
      incomplete: v.plain === null && v.shown === null,
    };
  }
}

// A part is a stub of the server's where its own fields say that one stands, to the octet.
const placed = (places: Place[]): IsCut => (p) => places.some((at) => at.start === p.start && at.end === p.end);

// In the displayable parts alone no place is told: such a text is left out where the card, which
// is the server's too, names the file. What is fetched, the whole message says.
const listedIn = (card: Card): IsCut => (_, s) => card.attachments.some((a) => fileName(a.name) === fileName(s.name));

async function people(f: Field[]) {
  const of = (name: string) => addresses(all(f, name));
  return { from: await of("from"), sender: await of("sender"), reply_to: await of("reply-to"), to: await of("to"), cc: await of("cc"), bcc: await of("bcc") };
}

async function cardMatches(card: Card, pkesks: Uint8Array): Promise<boolean> {
  try {
    return equal(fromBase64(card.tag), fromBase64(await tagOf(pkesks)));
  } catch {
    return false;
  }
}

// RFC 9788, and what clients did before it: the root says that its header is protected.
function protectedHeader(root: Part): boolean {
  const { hp, "protected-headers": old } = root.content.params;
  return hp === "cipher" || hp === "clear" || old === "v1";
}

// A signed part may repeat the header: what differs outside is told.
function signedHeader(part: Part): Field[] | null {
  return protectedHeader(part) ? part.fields : null;
}

// A mail whose root is PGP/MIME once more, as "both" is. Only one message inside: pieces of
// ciphertext in a mail stay what they are, attachments (ATTACKS B03).
async function innerMessage(content: Uint8Array, root: Part, key: Awaited<ReturnType<Session["key"]>>, keys: PublicKey[]): Promise<Decrypted | null> {
  const [version, data, ...more] = root.parts;
  if (root.content.type !== "multipart/encrypted" || version?.content.type !== "application/pgp-encrypted" || data === undefined || more.length > 0) return null;
  try {
    const { unarmor } = (await (await import("./openpgp.ts")).openpgp()).lib;
    const { data: packets } = await unarmor(latin1(content.subarray(data.body, data.end)));
    const message = packets as unknown as Uint8Array;
    walkMessage(message);
    return await decrypt(message, key, keys);
  } catch {
    return null;
  }
}

async function signedInside(inner: Decrypted, keys: PublicKey[], view: View): Promise<{ signature?: SignatureVerdict }> {
  if (inner.signatures.length === 0) return {};
  const from = (await addresses(all(view.fields, "from"))).map((a) => a.address);
  return { signature: covering(await verdict(inner.signatures, keys, from), view.inside) };
}

function covering(s: SignatureVerdict, from: boolean): SignatureVerdict {
  return { ...s, from_signed: s.state === "good" && s.from_matches && from };
}

// Armor amid other text (a list's footer, say): what is in it is shown apart, never where it
// stood, and goes into no answer, snippet or index (ATTACKS B01, B03). Its signature says
// nothing of the mail around it.
async function inlinePart(around: string, key: Awaited<ReturnType<Session["key"]>>): Promise<string> {
  const block = /^-----BEGIN PGP MESSAGE-----\r?\n[^]{1,1000000}?^-----END PGP MESSAGE-----[ \t]*$/m.exec(around)?.[0];
  if (block === undefined) return "";
  try {
    const { unarmor } = (await (await import("./openpgp.ts")).openpgp()).lib;
    const packets = (await unarmor(block)).data as unknown as Uint8Array;
    walkMessage(packets);
    return looseText((await decrypt(packets, key, [])).data.subarray(0, maxInline));
  } catch {
    return "";
  }
}

function plainView(data: Uint8Array, outer: Field[], charset: string): View {
  const plain = decodeText(data, charset);
  return { content: data, shown: null, plain, fields: outer, outer: null, signature: unsigned, inside: false };
}

// Some programs protect the subject alone (mutt, K-9 Mail): the sender of such mail is the
// one outside, as of mail that protects nothing. A From inside stands without help.
function completed(inner: Field[], outer: Field[]): Field[] {
  if (first(inner, "from") !== "") return inner;
  return [...inner, ...outer.filter((f) => compared.includes(f.name) && first(inner, f.name) === "")];
}

// The server judged the From that travelled outside: it says nothing of another inside.
function outerFrom(outer: { address: string }[], shown: string[]): string[] {
  return outer.length === 1 && shown.length === 1 && sameAddress(outer[0]!.address, shown[0]!) ? shown : [];
}

const compared = ["from", "sender", "reply-to", "to", "cc", "date", "message-id", "in-reply-to", "references", "subject"];

// Fields that say something else outside than inside, unless the sender says (HP-Outer) that
// they wanted it so. From is told in any case (ATTACKS B09).
async function differing(inner: Field[], outer: Field[]): Promise<string[]> {
  const meant = inner.filter((f) => f.name === "hp-outer").map((f) => f.value.replace(/\s+/g, " "));
  const found: string[] = [];
  for (const name of compared) {
    const out = first(outer, name).replace(/\s+/g, " ");
    if (out === "") continue;
    const same = await sameField(name, first(inner, name).replace(/\s+/g, " "), out);
    const wanted = meant.some((m) => m.toLowerCase().startsWith(`${name}:`) && m.slice(name.length + 1).trim() === out);
    const hidden = name === "subject" && /^(\[\.\.\.\]|\.\.\.|Encrypted Message)$/i.test(out);
    if (!same && (name === "from" || !(wanted || hidden))) found.push(name);
  }
  return found;
}

async function sameField(name: string, inner: string, outer: string): Promise<boolean> {
  if (inner === outer) return true;
  if (name === "date") return date(inner) === date(outer);
  if (name === "subject") return (await text(inner)) === (await text(outer));
  if (!["from", "sender", "reply-to", "to", "cc"].includes(name)) return false;
  const [a, b] = [await addresses([inner]), await addresses([outer])];
  return a.length === b.length && a.every((x, i) => sameAddress(x.address, b[i]!.address));
}

function uris(value: string): string[] {
  return [...value.slice(0, 8192).matchAll(/<\s*((?:https:\/\/|mailto:)[^<>\s]{1,2000})\s*>/gi)].map((m) => m[1]!).slice(0, 10);
}

