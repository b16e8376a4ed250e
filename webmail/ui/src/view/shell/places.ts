// Between the places of the address bar and those of the list.
import type { Desk, MailRef, Place } from "../../model/types.ts";
import type { ListPlace, Route, Special } from "../../router.ts";

export const withList = (name: Special): Route => ({ page: "mail", list: { kind: "special", name } });
export function withMail(r: Route, ref: MailRef | undefined): Route {
  const list: ListPlace = r.page === "mail" ? r.list : { kind: "special", name: "inbox" };
  return ref ? { page: "mail", list, mail: { box: ref.mailbox, uid: ref.uid } } : { page: "mail", list };
}
/** No mail is open there. */
export const isEmpty = (r: Route) => r.page === "mail" && !r.mail;

const roles: { [name in Special]?: "inbox" | "sent" | "drafts" | "archive" | "junk" | "trash" } = { inbox: "inbox", sent: "sent", drafts: "drafts", archive: "archive", junk: "junk", trash: "trash" };

/** The list of a place; undefined while its mailbox is not known (yet). */
export function placeOf(l: ListPlace, desk: Desk): Place | undefined {
  switch (l.kind) {
    case "box": return { kind: "mailbox", mailbox: l.id };
    case "label": return { kind: "label", keyword: l.name };
    case "search": return { kind: "search", text: l.query };
    case "special": {
      if (l.name === "starred") return { kind: "flagged" };
      if (l.name === "snoozed") return { kind: "snoozed" };
      if (l.name === "all") return { kind: "all" };
      const role = roles[l.name], box = role && desk.sync.role(role);
      return box ? { kind: "mailbox", mailbox: box.id } : undefined;
    }
  }
}

/** Where a mailbox is found: by its use if it has one. */
export function listOf(box: { id: number; role: string }): ListPlace {
  return box.role && box.role !== "all" ? { kind: "special", name: box.role as Special } : { kind: "box", id: box.id };
}

export const samePlace = (a: Place, b: Place) => JSON.stringify(a) === JSON.stringify(b);
