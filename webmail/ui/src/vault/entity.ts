// A draft's content as a MIME entity: 7-bit lines with CRLF.

import { latin1, random, toBase64, toHex, utf8 } from "./bytes.ts";
import { VaultError } from "./errors.ts";
import { type Line, line, parameter, structured } from "./fields.ts";
import { fileName } from "./mime.ts";
import { parseFileLink } from "../files/address.ts";
import type { Draft, LinkedPart } from "./vault.ts";

// The content fields of an entity and its body. The first field is Content-Type.
export interface Entity {
  fields: Line[];
  body: string;
}

const maxDraft = 64 << 20; // bytes of all attachments

export function contentOf(d: Draft): Entity {
  if (d.attachments.reduce((n, a) => n + a.data.byteLength, 0) > maxDraft || d.html.length + d.text.length > 16 << 20) throw new VaultError("too-large");
  const inline = d.html === "" ? [] : d.attachments.filter((a) => a.content_id !== "" && d.html.includes(`cid:${a.content_id}`));
  const attached = d.attachments.filter((a) => !inline.includes(a));
  const text = textPart("text/plain", d.text);
  if (d.html === "") return multipart("mixed", [text, ...attached.map((a) => file(a, "attachment"))]);
  const html = multipart("related", [textPart("text/html", d.html), ...inline.map((a) => file(a, "inline"))]);
  return multipart("mixed", [multipart("alternative", [text, html]), ...attached.map((a) => file(a, "attachment"))]);
}

export function write(e: Entity): string {
  return `${e.fields.map(line).join("")}\r\n${e.body}`;
}

// One part needs nothing around it.
export function multipart(subtype: string, parts: Entity[], params: string[] = []): Entity {
  if (parts.length === 1) return parts[0]!;
  const boundary = `=_${toHex(random(16))}`; // "=_" stands in neither base64 nor quoted-printable
  const body = parts.map((p) => `--${boundary}\r\n${write(p)}\r\n`).join("") + `--${boundary}--\r\n`;
  return { fields: [structured("Content-Type", `multipart/${subtype}`, [...params, `boundary="${boundary}"`])], body };
}

function textPart(type: string, text: string): Entity {
  const s = text.toWellFormed().replace(/\r\n|\r|\n/g, "\r\n").replace(/\u0000/g, "");
  const seven = /^[\r\n\t -~]*$/.test(s) && !/[^\r\n]{77}/.test(s) && !/ (\r\n|$)/.test(s) && !/^(From |\.)/m.test(s);
  const charset = /^[\u0000-\u007f]*$/.test(s) ? "us-ascii" : "utf-8";
  return {
    fields: [structured("Content-Type", type, [`charset=${charset}`]), { name: "Content-Transfer-Encoding", body: seven ? "7bit" : "quoted-printable" }],
    body: ended(seven ? s : quotedPrintable(s)),
  };
}

function ended(s: string): string {
  return s === "" || s.endsWith("\r\n") ? s : `${s}\r\n`;
}

function quotedPrintable(s: string): string {
  const hex = (b: number) => `=${b.toString(16).toUpperCase().padStart(2, "0")}`;
  return s
    .split("\r\n")
    .map((text) => {
      const octets = latin1(utf8(text));
      let out = "";
      let column = 0;
      for (let i = 0; i < octets.length; i++) {
        const c = octets.charCodeAt(i);
        const blank = c === 9 || c === 32;
        const bare = (c > 32 && c < 127 && c !== 61) || (blank && i < octets.length - 1);
        const risky = column === 0 && (c === 46 || octets.startsWith("From ", i));
        const piece = bare && !risky ? octets[i]! : hex(c);
        if (column + piece.length > 75) {
          out += "=\r\n";
          column = 0;
        }
        out += piece;
        column += piece.length;
      }
      return out;
    })
    .join("\r\n");
}

const media = /^[a-z0-9!#$&^_.+-]{1,80}\/[a-z0-9!#$&^_.+-]{1,80}$/i;

function file(a: Draft["attachments"][number], disposition: "inline" | "attachment"): Entity {
  if (a.link !== undefined) return linkPart(a, a.link);
  const name = fileName(a.name) || "file";
  const type = media.test(a.type) && !/^(multipart|message)\//i.test(a.type) ? a.type.toLowerCase() : "application/octet-stream";
  const fields = [
    structured("Content-Type", type, parameter("name", name)),
    { name: "Content-Transfer-Encoding", body: "base64" },
    structured("Content-Disposition", disposition, parameter("filename", name)),
  ];
  if (/^[!-;=?-~]{1,200}$/.test(a.content_id)) fields.push({ name: "Content-ID", body: `<${a.content_id}>` });
  return { fields, body: base64Lines(new Uint8Array(a.data)) };
}

// What stands for a file of the file store: a page for people, a field for programs.
function linkPart(a: Draft["attachments"][number], link: LinkedPart): Entity {
  if (parseFileLink(link.url) === null) throw new VaultError("bad-input");
  const name = fileName(a.name) || "file";
  const type = media.test(a.type) ? a.type.toLowerCase() : "application/octet-stream";
  const said = [`url="${link.url}"`, ...parameter("name", name), `type="${type}"`, `size=${link.size}`, ...(link.ends > 0 ? [`ends=${Math.floor(link.ends)}`] : [])];
  return {
    fields: [
      structured("Content-Type", "text/html", ["charset=utf-8", ...parameter("name", `${name}.html`)]),
      { name: "Content-Transfer-Encoding", body: "base64" },
      structured("Content-Disposition", "attachment", parameter("filename", `${name}.html`)),
      structured("X-Mozilla-Cloud-Part", "cloudFile", said),
    ],
    body: base64Lines(new Uint8Array(a.data)),
  };
}

// Lines of 76 columns, in pieces large enough to be quick.
export function base64Lines(b: Uint8Array): string {
  const piece = 57 * 512;
  let out = "";
  for (let i = 0; i < b.length; i += piece) out += toBase64(b.subarray(i, i + piece)).replace(/.{1,76}/g, "$&\r\n");
  return out;
}
