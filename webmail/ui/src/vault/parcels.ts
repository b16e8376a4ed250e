// Parcels as a page uses them: making one needs the owner's keys; opening and answering
// one needs a link and its password, and no account at all.

import { type Bytes, random, toBase64, toHex } from "./bytes.ts";
import { encrypted, headerOf } from "./compose.ts";
import { contentOf } from "./entity.ts";
import { VaultError, closed } from "./errors.ts";
import { addrSpec } from "./fields.ts";
import { fileName } from "./mime.ts";
import { readCertificate } from "./openpgp.ts";
import { type Letter, type Link, answerLineSize, answerProof, openHint, openParcel, parseLink, parseName, sealParcel, signAnswer } from "./parcel.ts";
import { purposeKey } from "./keys.ts";
import type { Session } from "./session.ts";
import { describe } from "./subkeys.ts";
import type { Draft, KeyDescription, OpenedParcel, Vault } from "./vault.ts";

type Handing = Pick<Vault, "sealParcel" | "parcelHint" | "openParcel" | "parcelFile" | "sealAnswer">;

const maxOpen = 3; // kept; the oldest goes first

export class Parcels implements Handing {
  private readonly opened = new Map<number, { link: Link; letter: Letter }>();
  private next = 1;

  constructor(private readonly session: Session) {}

  async sealParcel(o: Parameters<Vault["sealParcel"]>[0]): ReturnType<Vault["sealParcel"]> {
    const { master, id } = this.session.open();
    const d = o.draft;
    const { link, box } = await sealParcel({
      account: id.account, password: o.password, hint: o.hint, ends: o.ends, answers: o.answers, drawer: await purposeKey(master, "parcels"),
      certificate: o.answers > 0 ? (await this.session.key()).toPublic().write() : new Uint8Array(0),
      letter: {
        from: d.from, to: addrSpec(o.to), subject: d.subject, text: d.text, html: d.html, date: d.date, message_id: d.message_id,
        files: d.attachments.map((a) => ({ name: a.name, type: a.type, content_id: a.content_id, data: new Uint8Array(a.data) })),
      },
    });
    return { name: link.name, link: `${link.account}.${link.name}.${link.secret}`, box: box.buffer };
  }

  async parcelHint(o: { link: string; box: ArrayBuffer }): Promise<string> {
    return openHint(linkOf(o.link), new Uint8Array(o.box));
  }

  async openParcel(o: { link: string; box: ArrayBuffer; password: string }): Promise<OpenedParcel> {
    const link = linkOf(o.link);
    const letter = await openParcel(link, new Uint8Array(o.box), o.password);
    const handle = this.next++;
    this.opened.set(handle, { link, letter });
    for (const old of this.opened.keys()) if (this.opened.size > maxOpen) this.opened.delete(old);
    const { from, to, subject, text, html, date } = letter;
    return {
      handle, from, to, subject, text, html, date, ends: parseName(link.name)!.ends, answers: letter.answer !== null,
      proof: letter.answer === null ? "" : toBase64(await answerProof(letter.answer.key)),
      parts: letter.files.map((f, index) => ({
        index, name: fileName(f.name), type: f.type.toLowerCase(), size: f.data.length, content_id: f.content_id, inline: f.content_id !== "" && html.includes(`cid:${f.content_id}`),
      })),
    };
  }

  async parcelFile(handle: number, index: number): Promise<ArrayBuffer> {
    const f = this.opened.get(handle)?.letter.files[index];
    if (f === undefined) throw new VaultError("bad-input");
    return f.data.slice().buffer;
  }

  async sealAnswer(o: Parameters<Vault["sealAnswer"]>[0]): ReturnType<Vault["sealAnswer"]> {
    const p = this.opened.get(o.handle);
    if (p === undefined || p.letter.answer === null) throw new VaultError("bad-input");
    const { key, certificate } = p.letter.answer;
    const mail = await sealedAnswer(p.link, p.letter, draftOf(p.letter, o), key, await newest(certificate, o.certificate));
    return { mail, proof: toBase64(await answerProof(key)) };
  }
}

// The letter was sealed with its writer's certificate of that day. One with the same primary
// key, whose encryption key is not older, is his own word too; any other is not believed.
async function newest(written: Bytes, told: ArrayBuffer | undefined): Promise<Bytes> {
  if (told === undefined) return written;
  try {
    const offered = new Uint8Array(told);
    const [was, now] = await Promise.all([written, offered].map(async (c) => describe(await readCertificate(c))));
    return now!.fingerprint === was!.fingerprint && now!.usable && madeAt(now!) >= madeAt(was!) ? offered : written;
  } catch {
    return written;
  }
}

const madeAt = (k: KeyDescription) => k.subkeys.find((s) => s.fingerprint === k.encryption)?.created ?? 0;

function linkOf(text: string): Link {
  const link = parseLink(text);
  if (link === null) throw closed();
  return link;
}

// From whom it says, to whom: both are known from the parcel, and nobody types them.
function draftOf(l: Letter, o: Parameters<Vault["sealAnswer"]>[0]): Draft {
  const subject = /^re:/i.test(l.subject.trim()) ? l.subject : `Re: ${l.subject}`;
  return {
    from: { name: o.name, address: l.to }, to: [l.from], cc: [], bcc: [], reply_to: [], subject: subject.replace(/\s+/g, " "), html: "", text: o.text,
    attachments: o.files.map((f) => ({ ...f, content_id: "" })), in_reply_to: l.message_id, references: [l.message_id], date: o.date,
    message_id: `<${toHex(random(16))}@${addrSpec(l.to).split("@").pop()!}>`,
  };
}

// Outside stands what brings it to its reader's list, and no name of anybody.
async function sealedAnswer(link: Link, l: Letter, draft: Draft, key: Bytes, certificate: Bytes): Promise<Bytes> {
  const stemOf = parseName(link.name)!.stem;
  const bare = headerOf({ ...draft, from: { name: "", address: l.to }, to: [{ name: "", address: l.from.address }], references: [] });
  return encrypted({
    header: headerOf(draft), outer: bare, content: contentOf(draft), to: [await readCertificate(certificate)], signer: null, autocrypt: [], hidden: false,
    front: { size: answerLineSize, put: (payload) => signAnswer(key, stemOf, payload) },
  });
}
