// What the composer decides of files: which leave as attachments and which as links, and
// what a mail says of its links.

import { attachingOf } from "../../model/attach/join.ts";
import type { Attaching } from "../../model/attach/attaching.ts";
import { LARGEST, linkingOf, type Said } from "../../model/attach/copies.ts";
import type { App, Desk, DraftContent, DraftHandle, Linking } from "../../model/types.ts";
import type { Attachments } from "../../wire/api.ts";
import { bytes, dayDate, t } from "../../words/index.ts";

export type Choices = Pick<Attachments, "over" | "outgoing">;
export const usual: Choices = { over: 10_000_000, outgoing: "plain" };

const asked = new WeakMap<Desk, Promise<Choices>>();
// What the account has chosen; what usually holds where that is not known.
export function choicesOf(app: Pick<App, "api">, desk: Desk): Promise<Choices> {
  const now = asked.get(desk) ?? app.api.attachments().catch(() => {
    asked.delete(desk);
    return usual;
  });
  asked.set(desk, now);
  return now;
}

export type Doors = Pick<App, "api" | "vault" | "clock">;
export const filesOf = (app: Doors, desk: Desk): Attaching => attachingOf(app, desk);

const total = (d: DraftContent) => d.files.filter((f) => !f.linked).reduce((n, f) => n + f.size, 0);

// Larger than the account wants, or than a mail may have: a link. A picture in the text is
// always part of it, and refused where it does not fit.
export function wayIn(d: DraftContent, size: number, inline: boolean, over: number): "link" | "attach" | "refuse" {
  const fits = total(d) + size <= LARGEST;
  if (inline) return fits ? "attach" : "refuse";
  return fits && size <= over ? "attach" : "link";
}

// Whether a link may become an attachment: it fits beside the others.
export const fits = (d: DraftContent, size: number): boolean => total(d) + size <= LARGEST;

export async function attach(app: Doors, desk: Desk, draft: DraftHandle, files: readonly File[], o: { inline: boolean; over: number; placed: (cid: string, name: string) => void }): Promise<"" | "too-large"> {
  for (const f of files) {
    const inline = o.inline && f.type.startsWith("image/");
    const way = wayIn(draft.content.peek(), f.size, inline, o.over);
    if (way === "refuse") return "too-large";
    if (way === "link") {
      filesOf(app, desk).add(draft, { name: f.name, type: f.type, modified: f.lastModified, data: f });
      continue;
    }
    const made = await draft.attach({ name: f.name, type: f.type || "application/octet-stream", data: await f.arrayBuffer(), inline: o.inline });
    if (inline) o.placed(made.content_id, f.name);
  }
  return "";
}

// What stands in the mail, in the writer's language.
function say({ ends, password }: { ends: number; password: boolean }): Said {
  return { title: t("attach.mail.title", { when: dayDate(ends) }), foot: t(password ? "attach.mail.password" : "attach.mail.foot"), size: bytes };
}

export function linking(app: Doors, desk: Desk, password: string): Linking {
  const files = filesOf(app, desk);
  return async (d, reader, at) => linkingOf({ store: await files.store(), now: () => app.clock.now(), bytes: (f) => files.bytes(f, LARGEST), password, say })(d, reader, at);
}
