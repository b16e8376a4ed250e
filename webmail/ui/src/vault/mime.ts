// The displayable text and the attachments of one entity, by postal-mime, within bounds.

import { type Bytes, copy, looseText } from "./bytes.ts";
import { plain } from "./header.ts";
import type { Part as Listed } from "./vault.ts";

export interface Body {
  html: string;
  text: string;
  calendar: string;
  parts: Listed[];
  data: Bytes[]; // of the parts
}

const maxText = 16 << 20; // characters
const maxParts = 1000;

export async function readBody(entity: Uint8Array): Promise<Body> {
  const { default: PostalMime } = await import("postal-mime");
  const email = await PostalMime.parse(copy(entity).buffer, {
    maxNestingDepth: 32, // tree.ts has counted already
    maxHeadersSize: 2 << 20,
    forceRfc822Attachments: true, // a mail in the mail is a document of its own
  });
  const body: Body = { html: (email.html ?? "").slice(0, maxText), text: (email.text ?? "").slice(0, maxText), calendar: "", parts: [], data: [] };
  for (const a of email.attachments.slice(0, maxParts)) {
    const data = typeof a.content === "string" ? new Uint8Array(0) : copy(new Uint8Array(a.content as ArrayBuffer));
    if (a.mimeType === "text/calendar" && body.calendar === "") body.calendar = looseText(data).slice(0, maxText);
    body.parts.push({
      index: body.parts.length,
      name: fileName(a.filename ?? ""),
      type: mediaType(a.mimeType),
      size: data.length,
      content_id: plain(a.contentId ?? "").replace(/^<|>$/g, "").slice(0, 250),
      inline: a.related === true || (a.disposition === "inline" && a.contentId !== undefined),
    });
    body.data.push(data);
  }
  return body;
}

// A name to show and to save under: no folders, no turned text, not endless.
export function fileName(name: string): string {
  return plain(name).replace(/[/\\:*?"<>|]/g, "_").replace(/^\.+/, "_").slice(0, 250);
}

function mediaType(type: string): string {
  return /^[a-z0-9!#$&^_.+-]{1,80}\/[a-z0-9!#$&^_.+-]{1,80}$/.test(type) ? type : "application/octet-stream";
}
