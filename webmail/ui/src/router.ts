// Where the reader is, as the fragment says it: no server log ever sees a fragment.
// A place in the mail is a list and perhaps a mail of it; other pages have names.
import { signal } from "@preact/signals";

export const specials = ["inbox", "starred", "snoozed", "sent", "drafts", "scheduled", "archive", "junk", "trash", "all"] as const;
export type Special = (typeof specials)[number];

export type ListPlace =
  | { kind: "special"; name: Special }
  | { kind: "box"; id: number }
  | { kind: "label"; name: string }
  | { kind: "search"; query: string };
export interface MailPlace { box: number; uid: number }

export type Route =
  | { page: "mail"; list: ListPlace; mail?: MailPlace }
  | { page: "settings" | "admin"; part: string }
  | { page: "contacts"; id: string }
  | { page: "drive"; at: string } // a folder; "" is the topmost, and "trash" and others are rooms beside it
  | { page: "compose"; draft: string; query: URLSearchParams }
  | { page: "join" | "letter"; token: string } // letter: behind a password, for somebody outside
  | { page: "sign-in" | "recover" };

const inbox: Route = { page: "mail", list: { kind: "special", name: "inbox" } };

function decode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}
const whole = (s: string | undefined): number | undefined => (s !== undefined && /^[0-9]{1,10}$/.test(s) ? Number(s) : undefined);

function mailAt(box: string | undefined, uid: string | undefined): MailPlace | undefined {
  const b = whole(box), u = whole(uid);
  return b !== undefined && u !== undefined ? { box: b, uid: u } : undefined;
}

function listAt(head: string, name: string): ListPlace | undefined {
  if (head === "box") {
    const id = whole(name);
    return id === undefined ? undefined : { kind: "box", id };
  }
  if (head === "label" && name) return { kind: "label", name };
  if (head === "search") return { kind: "search", query: name };
  return undefined;
}

/** What is not understood leads to the inbox. */
export function parse(fragment: string): Route {
  const [path = "", query = ""] = fragment.replace(/^#?\/?/, "").split("?", 2);
  const parts = path.split("/").map(decode);
  const [head = "", one = "", two = "", three = "", four = ""] = parts;
  if ((specials as readonly string[]).includes(head)) {
    const mail = one === "m" ? mailAt(two, three) : undefined;
    return { page: "mail", list: { kind: "special", name: head as Special }, ...(mail && { mail }) };
  }
  if (head === "mail") {
    const mail = mailAt(one, two);
    return mail ? { page: "mail", list: { kind: "box", id: mail.box }, mail } : inbox;
  }
  const list = listAt(head, one);
  if (list) {
    const mail = two === "m" ? mailAt(three, four) : undefined;
    return { page: "mail", list, ...(mail && { mail }) };
  }
  switch (head) {
    case "settings": case "admin": return { page: head, part: one };
    case "contacts": return { page: head, id: one };
    case "drive": return { page: head, at: one };
    case "compose": return { page: head, draft: one, query: new URLSearchParams(query) };
    case "join": case "letter": return { page: head, token: one };
    case "sign-in": case "recover": return { page: head };
    default: return inbox;
  }
}

function listPath(l: ListPlace): string {
  switch (l.kind) {
    case "special": return l.name;
    case "box": return `box/${l.id}`;
    case "label": return `label/${encodeURIComponent(l.name)}`;
    case "search": return `search/${encodeURIComponent(l.query)}`;
  }
}

export function href(r: Route): string {
  switch (r.page) {
    case "mail": return `#/${listPath(r.list)}${r.mail ? `/m/${r.mail.box}/${r.mail.uid}` : ""}`;
    case "settings": case "admin": return `#/${r.page}${r.part ? "/" + encodeURIComponent(r.part) : ""}`;
    case "contacts": return `#/contacts${r.id ? "/" + encodeURIComponent(r.id) : ""}`;
    case "drive": return `#/drive${r.at ? "/" + encodeURIComponent(r.at) : ""}`;
    case "compose": {
      const q = r.query.toString();
      return `#/compose${r.draft ? "/" + encodeURIComponent(r.draft) : ""}${q ? "?" + q : ""}`;
    }
    case "join": case "letter": return `#/${r.page}/${encodeURIComponent(r.token)}`;
    case "sign-in": case "recover": return `#/${r.page}`;
  }
}

export const sameList = (a: ListPlace, b: ListPlace) => listPath(a) === listPath(b);

export const route = signal<Route>(typeof location === "undefined" ? inbox : parse(location.hash));

/** Goes there; replace leaves no step for the back button. */
export function go(r: Route, o: { replace?: boolean } = {}): void {
  const to = href(r);
  if (to !== location.hash) history[o.replace ? "replaceState" : "pushState"](null, "", to);
  route.value = r;
}

/** Listens to the back button and to links; call once. */
export function startRouter(): () => void {
  const read = () => { route.value = parse(location.hash); };
  read();
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  return () => {
    removeEventListener("hashchange", read);
    removeEventListener("popstate", read);
  };
}
