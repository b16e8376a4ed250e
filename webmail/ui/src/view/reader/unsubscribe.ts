// How to leave a list (RFC 2369, 8058): by one click through the server, by a mail that
// the reader sends, or on a page of the sender's.
import type { OpenedMail } from "../../model/types.ts";

export type Leaving =
  | { how: "click" | "page"; url: string; host: string }
  | { how: "mail"; to: string; subject: string };

/** The best way there is. One click only for a sender whose domain was proved: anybody
 *  else could make the server call addresses of his choice. */
export function leavingOf(m: Pick<OpenedMail, "list_unsubscribe" | "list_unsubscribe_post" | "verified">): Leaving | undefined {
  const uris = m.list_unsubscribe.slice(0, 10);
  const web = uris.map(httpsOf).find((u) => u !== undefined);
  if (web && m.list_unsubscribe_post && m.verified) return { how: "click", url: web.href, host: web.host };
  const mail = uris.map(mailtoOf).find((u) => u !== undefined);
  if (mail) return mail;
  return web && { how: "page", url: web.href, host: web.host };
}

function httpsOf(uri: string): URL | undefined {
  if (!URL.canParse(uri) || uri.length > 2000) return undefined;
  const u = new URL(uri);
  return u.protocol === "https:" && u.username === "" && u.password === "" ? u : undefined;
}

function mailtoOf(uri: string): Leaving | undefined {
  const m = /^mailto:([^?]+)(?:\?(.*))?$/i.exec(uri);
  if (!m || uri.length > 2000) return undefined;
  try {
    const to = decodeURIComponent(m[1] ?? "");
    if (!/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(to)) return undefined;
    return { how: "mail", to, subject: (new URLSearchParams(m[2] ?? "").get("subject") ?? "unsubscribe").slice(0, 200).replace(/[\r\n]/g, " ") };
  } catch {
    return undefined;
  }
}
