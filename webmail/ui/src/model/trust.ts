// What may be said of a mail, in words. Pure: verdicts in, words out. Nothing here is ever
// better than its weakest part: with a bad signature or a swapped card no word is good.

import type { Address, OpenedMail } from "../vault/vault.ts";
import { domainOf, hides, mixesScripts, near, registered, skeleton } from "./names.ts";
import type { Pin, Trust, TrustState, TrustWord } from "./types.ts";

export interface Known {
  own: readonly string[]; // addresses
  outgoing: boolean; // it lies in Sent or Drafts: we wrote it
  names: readonly { name: string; addresses: readonly string[] }[]; // contacts
  pin: Pin | undefined; // of From
}

// Names that are imitated most; contacts and our own domain come first.
const FAMOUS = ["paypal.com", "google.com", "gmail.com", "apple.com", "icloud.com", "microsoft.com", "outlook.com", "amazon.com", "facebook.com", "instagram.com", "netflix.com", "linkedin.com", "dropbox.com", "github.com", "proton.me", "ebay.com", "dhl.com", "ups.com", "fedex.com", "whatsapp.com", "booking.com", "coinbase.com", "binance.com"];

const state = (word: TrustWord, tone: TrustState["tone"], values: TrustState["values"] = {}): TrustState => ({ word, tone, values });

export function judge(mail: OpenedMail, known: Known): Trust {
  const signature = known.outgoing && mail.signature.state === "none" ? null : signed(mail, known.pin);
  const warnings = [...senders(mail, known), ...rest(mail)];
  const domain = known.outgoing ? null : proven(mail);
  const sender = mail.sender_outside && !known.outgoing ? state("sender-unprotected", "plain", { address: mail.from[0]?.address ?? "" }) : null;
  const all: Trust = { class: classOf(mail), signature, domain, sender, warnings, worst: "plain" };
  return settle(all);
}

function settle(t: Trust): Trust {
  const all = [t.class, t.signature, t.domain, ...t.warnings].filter((s) => s !== null);
  const worst = all.some((s) => s.tone === "bad") ? "bad" : all.some((s) => s.tone === "caution") ? "caution" : all.some((s) => s.tone === "good") ? "good" : "plain";
  if (worst !== "bad") return { ...t, worst };
  const calm = (s: TrustState) => (s.tone === "good" ? { ...s, tone: "plain" as const } : s);
  return { class: calm(t.class), signature: t.signature && calm(t.signature), domain: t.domain && calm(t.domain), sender: t.sender, warnings: t.warnings.map(calm), worst };
}

function classOf(m: OpenedMail): TrustState {
  switch (m.class) {
    case "end-to-end":
      return state("class-end-to-end", "good");
    case "both":
      return state("class-both", "good");
    case "sealed on arrival":
      return state("class-arrival", "plain");
    default:
      return state("class-readable", "plain");
  }
}

function signed(m: OpenedMail, pin: Pin | undefined): TrustState | null {
  const s = m.signature;
  const values = { fingerprint: s.fingerprint, address: m.from[0]?.address ?? "" };
  switch (s.state) {
    case "none":
      return null;
    case "good":
      if (!s.from_matches || m.from.length !== 1) return state("signed-other", "caution", values);
      if (pin && pin.fingerprint !== s.fingerprint) return state("key-changed", "bad", values);
      // What names the sender stood outside of what was signed: anybody on the way could write it.
      if (!s.from_signed) return state("signed-sender-open", "plain", values);
      return pin && pin.verified > 0 ? state("signed-verified", "good", values) : state("signed-unverified", "plain", values);
    case "partial":
      return state("signature-partial", "caution", values);
    case "unknown-key":
      // Whose key is known signs with that one: by another nothing is proved, and it is told.
      return pin ? state("key-changed", "caution", values) : state("signature-unknown-key", "plain", values);
    default: // bad, and whatever nobody knows
      return state("signature-bad", "bad", values);
  }
}

function proven(m: OpenedMail): TrustState | null {
  const domain = domainOf(m.from[0]?.address ?? "");
  if (m.from.length !== 1) return state("domain-unproven", "caution", { domain });
  if (m.dmarc === "fail") return state("domain-failed", "bad", { domain });
  if (m.verified) return state("domain-proven", "good", { domain });
  if (!m.dmarc && !m.spf && !m.dkim) return null;
  return state("domain-unproven", "caution", { domain });
}

function senders(m: OpenedMail, known: Known): TrustState[] {
  const out: TrustState[] = [];
  const from = m.from[0];
  if (m.from.length !== 1) out.push(state("several-senders", "caution", { count: `${m.from.length}` }));
  if (!from || known.outgoing) return out;
  const domain = domainOf(from.address);
  const values = { address: from.address, domain };
  const local = from.address.slice(0, Math.max(0, from.address.lastIndexOf("@")));
  if (mixesScripts(domain) || mixesScripts(local) || hides(from.address)) out.push(state("sender-mixed-script", "bad", values));
  const like = lookAlike(domain, known);
  if (like) out.push(state("sender-look-alike", like.same ? "bad" : "caution", { ...values, like: like.domain }));
  const spoof = nameSpoof(from, known);
  if (spoof) out.push(state("sender-name-spoof", "bad", { ...values, name: from.name, like: spoof }));
  const away = m.list_id === "" && m.reply_to.find((r) => registered(domainOf(r.address)) !== registered(domain));
  if (away) out.push(state("reply-to-elsewhere", "caution", { ...values, reply: away.address }));
  const sender = m.sender[0];
  if (sender && m.list_id === "" && registered(domainOf(sender.address)) !== registered(domain)) out.push(state("sender-differs", "caution", { ...values, sender: sender.address }));
  return out;
}

// A domain that is not one we know and looks like one.
function lookAlike(domain: string, known: Known): { domain: string; same: boolean } | null {
  const close = new Set([...known.own, ...known.names.flatMap((n) => n.addresses)].map((a) => registered(domainOf(a))));
  const mine = registered(domain);
  if (mine === "" || close.has(mine) || FAMOUS.includes(mine)) return null;
  const shape = skeleton(mine);
  for (const d of [...close, ...FAMOUS]) if (skeleton(d) === shape) return { domain: d, same: true };
  for (const d of [...close, ...FAMOUS]) if (d.length >= 9 && near(d, mine)) return { domain: d, same: false };
  return null;
}

// A name that is an address of somebody else, or the name of a contact who has others.
function nameSpoof(from: Address, known: Known): string {
  if (hides(from.name)) return from.address;
  const inside = /[^\s<>"'(),;:@]+@[^\s<>"'(),;:@]+\.[^\s<>"'(),;:@]+/u.exec(from.name.normalize("NFKC"))?.[0];
  const address = from.address.toLowerCase();
  if (inside && inside.toLowerCase() !== address) return inside;
  const name = fold(from.name);
  if (name.length < 4) return "";
  const mine = [...known.names, { name: "", addresses: known.own }].some((c) => c.addresses.some((a) => a.toLowerCase() === address));
  if (mine) return "";
  const other = known.names.find((c) => fold(c.name) === name && c.addresses.length > 0);
  return other?.addresses[0] ?? "";
}
const fold = (name: string) => skeleton(name.replace(/["'.,]/g, "").replace(/\s+/g, " ").trim());

function rest(m: OpenedMail): TrustState[] {
  const out: TrustState[] = [];
  // Not a word better than it is: whoever knew the password wrote it, and nobody else is named.
  if (m.answer === "proved") out.push(state("answer-proved", "plain", { address: m.from[0]?.address ?? "" }));
  if (m.answer === "unproved") out.push(state("answer-unproved", "caution"));
  if (m.differs.length > 0) out.push(state("header-differs", "caution", { fields: m.differs.slice(0, 8).join(", ") }));
  if (!m.card_matches) out.push(state("card-swapped", "bad"));
  if (m.incomplete) out.push(state("incomplete", "caution"));
  return out;
}
