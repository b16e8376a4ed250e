// Two thousand believable mails that nobody wrote, for drawing views without a server.
// The same every time: a screenshot changes when a view does.
import type { Card, OpenedMail, SignatureVerdict } from "../../vault/vault.ts";
import type { MailboxView, TrustState } from "../../model/types.ts";

export interface FakeMail {
  uid: number;
  mailbox: number;
  card: Card | undefined;
  flags: Set<string>;
  thread: string;
  size: number;
  body?: Partial<OpenedMail>;
  warnings?: TrustState[];
  closed?: boolean;
}

export const now = Math.floor(new Date(2026, 10, 20, 15, 24).getTime() / 1000);
export const me = { name: "Mara Lindqvist", address: "mara@lindqvist.example" };

const box = (id: number, name: string, use: string, role: MailboxView["role"]): MailboxView => ({
  id, name, use, role, uid_validity: 1, uid_next: 5000, modseq: 1, subscribed: true, messages: 0, unseen: 0, bytes: 0,
  level: name.split("/").length - 1, leaf: name.split("/").pop() ?? name,
});
export const mailboxes: MailboxView[] = [
  box(1, "INBOX", "", "inbox"), box(2, "Drafts", "\\Drafts", "drafts"), box(3, "Sent", "\\Sent", "sent"), box(4, "Archive", "\\Archive", "archive"),
  box(5, "Junk", "\\Junk", "junk"), box(6, "Trash", "\\Trash", "trash"), box(7, "House", "", ""), box(8, "House/Roof repair", "", ""),
  box(9, "House/Insurance", "", ""), box(10, "Choir", "", ""), box(11, "Receipts", "", ""), box(12, "Reading list", "", ""),
];
export const labels = [
  { keyword: "$work", name: "Work", colour: 4 }, { keyword: "$family", name: "Family", colour: 0 }, { keyword: "$travel", name: "Travel", colour: 7 },
];

type Spec = {
  from: [string, string]; subject: string; text: string; hours: number; thread?: string; unread?: boolean; star?: boolean; files?: Card["attachments"];
  cls?: Card["class"]; dmarc?: string; labels?: string[]; box?: number; body?: Partial<OpenedMail>; warnings?: TrustState[]; closed?: boolean;
};
const none: SignatureVerdict = { state: "none", fingerprint: "", from_matches: false, from_signed: false, at: 0 };
const good: SignatureVerdict = { state: "good", fingerprint: "7A1C0B52D9E34F6088A2C1D54E9F3B7706D2A8E1", from_matches: true, from_signed: true, at: now - 3600 };

const newsletter = `<div style="background:#f4f1ea;padding:24px;font-family:Georgia,serif"><table width="100%" style="max-width:600px;margin:auto;background:#fff"><tr><td style="padding:32px"><img src="https://img.fieldnotes.example/head.jpg" width="536" height="180" alt="Beech wood in November"><h1 style="font-weight:normal">The wood in November</h1><p>What falls is not lost. This week: why beech trees keep their leaves so late, a walk along the old quarry, and three letters from readers.</p><p><a href="https://fieldnotes.example/112">Read the issue</a></p><img src="https://t.fieldnotes.example/o.gif?u=83" width="1" height="1" alt=""></td></tr></table></div>`;
const invitation = `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//choir//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:advent-2026@choir.example\r\nSUMMARY:Advent concert: dress rehearsal\r\nDTSTART;TZID=Europe/Berlin:20261204T183000\r\nDTEND;TZID=Europe/Berlin:20261204T210000\r\nLOCATION:St. Nikolai\\, Chapel Street 4\r\nORGANIZER;CN=Jonas Feld:mailto:jonas@choir.example\r\nATTENDEE;CN=Mara Lindqvist;PARTSTAT=NEEDS-ACTION:mailto:mara@lindqvist.example\r\nATTENDEE;CN=Ines Okafor;PARTSTAT=ACCEPTED:mailto:ines@okafor.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`;

const ines: [string, string] = ["Ines Okafor", "ines@okafor.example"], jonas: [string, string] = ["Jonas Feld", "jonas@choir.example"];
const specs: Spec[] = [
  { from: ines, subject: "Re: The roof, and who pays for the scaffold", hours: 0.6, thread: "roof", unread: true, cls: "both", labels: ["$family"],
    files: [{ name: "offer-hartmann-2.pdf", type: "application/pdf", size: 248_113 }, { name: "gutter-north.jpg", type: "image/jpeg", size: 1_943_020 }],
    text: "Hartmann came back with a second offer: 14,200 without the gutters, and he would start on the 7th. I think we should take it before the frost does.\n\nThe photograph shows the north side. The board behind the gutter is soft for about two metres, so that has to be in the price.\n\nCan you ask Jonas whether the choir still has the tarpaulin?\n\nInes\n\n> On Thursday you wrote:\n> Two more offers came, both above 16,000. If Hartmann leaves the gutters out we\n> could do those ourselves in spring.\n> \n> Mara", body: { signature: good } },
  { from: ["Nordbahn", "tickets@nordbahn.example"], subject: "Your ticket to Gothenburg, 11 December", hours: 1.4, unread: true, dmarc: "pass", labels: ["$travel"],
    files: [{ name: "ticket-8842-17.pdf", type: "application/pdf", size: 88_310 }],
    text: "Thank you for travelling with us. Your ticket is attached; coach 7, seat 43, window. Please have it ready on your phone or on paper." },
  { from: jonas, subject: "Dress rehearsal moved to Friday", hours: 3.1, unread: true, cls: "end-to-end", text: "Dear all,\n\nthe church is needed for a wedding on Saturday, so we rehearse on Friday, 4 December, 18:30. Please bring the black folders and something warm: the heating only works in the front rows.\n\nJonas", body: { calendar: invitation, signature: { ...good, fingerprint: "19D2F00DD00F19D219D2F00DD00F19D219D2F00D" } } },
  { from: ["Field Notes", "letters@fieldnotes.example"], subject: "The wood in November", hours: 5.2, dmarc: "pass", text: "What falls is not lost. This week: why beech trees keep their leaves so late, a walk along the old quarry, and three letters from readers.",
    body: { html: newsletter, list_unsubscribe: ["https://fieldnotes.example/u/83", "mailto:leave@fieldnotes.example"], list_unsubscribe_post: true, list_id: "letters.fieldnotes.example" } },
  { from: ["Spаrkasse Service", "service@spаrkasse-kunden.example"], subject: "Last notice: confirm your account within 24 hours", hours: 6.5, unread: true, dmarc: "fail",
    text: "Dear customer, your access will be restricted today. Confirm your data now to avoid interruption.",
    warnings: [
      { word: "sender-mixed-script", tone: "bad", values: { address: "service@spаrkasse-kunden.example", letters: "а" } },
      { word: "reply-to-elsewhere", tone: "caution", values: { address: "service@spаrkasse-kunden.example", reply: "collect@mailbox-free.example" } },
    ] },
  { from: ["Dr. Anselm Brandt", "praxis@brandt.example"], subject: "Your appointment on Tuesday", hours: 9, star: true, dmarc: "pass", text: "We confirm your appointment on Tuesday, 24 November at 8:40. Please bring your insurance card and come five minutes early." },
  { from: ["", "a.tanaka@riverside-lab.example"], subject: "(sealed)", hours: 20, unread: true, closed: true, cls: "end-to-end", text: "" },
  { from: ["Tomasz Wilk", "tomasz@wilk-books.example"], subject: "Found: the 1911 edition you asked about", hours: 26, star: true, dmarc: "pass", labels: ["$work"], files: [{ name: "binding.jpg", type: "image/jpeg", size: 802_144 }],
    text: "You asked me in spring about the 1911 edition with the fold-out maps. One has come in, spine a little faded, all nine maps present. I will keep it for you until the end of the month.\n\n48, and I would pay the postage." },
  { from: ["Aaliyah Haddad", "aaliyah@haddad.example"], subject: "‏عشاء يوم الجمعة", hours: 29, dmarc: "pass", text: "هل تستطيعين المجيء يوم الجمعة؟ سيكون الجميع هنا في السابعة مساءً." },
  { from: ["Git forge", "noreply@forge.example"], subject: "[sealpost] 3 checks passed on “fold cards at idle”", hours: 31, dmarc: "pass", labels: ["$work"], text: "All checks have passed. Build, conformance and end-to-end took 6 min 12 s in all." },
  { from: ["Energie Nord", "rechnung@energie-nord.example"], subject: "Invoice 2026-11 for Chapel Street 12", hours: 47, dmarc: "pass", files: [{ name: "invoice-2026-11.pdf", type: "application/pdf", size: 132_004 }], text: "Your invoice for November is attached. The amount of 83.40 will be debited on 1 December." },
  { from: ["Lena Lindqvist", "lena@lindqvist.example"], subject: "Grandmother’s recipe, finally", hours: 52, star: true, cls: "both", labels: ["$family"], text: "I copied it word for word, including the line where she says that nobody in this family has patience. 400 g flour, 200 g butter, and do not open the oven.", body: { signature: good } },
];
const who: [string, string][] = [ines, jonas, ["Tomasz Wilk", "tomasz@wilk-books.example"], ["Lena Lindqvist", "lena@lindqvist.example"], ["City Library", "loans@library.example"], ["Nordbahn", "tickets@nordbahn.example"], ["Priya Raman", "priya@raman.example"], ["Git forge", "noreply@forge.example"], ["Olof Berg", "olof@bergsnickeri.example"], ["The Cheese Counter", "hello@cheesecounter.example"], ["Neighbours, Chapel Street", "list@chapelstreet.example"], ["Michael Adeyemi", "m.adeyemi@north-archive.example"]];
const what: [string, string][] = [
  ["Minutes of Tuesday", "Attached are the minutes. Please send corrections before the end of the week, after that they go to the board."],
  ["Two books are due on Friday", "“The Peregrine” and “A Pattern Language” are due back. You can extend both once more from your account."],
  ["Question about the archive boxes", "Box 14 has letters from two families mixed together. Should I separate them, or keep the order in which they came?"],
  ["Photographs from Sunday", "Here are the ones worth keeping. The one with the dog is for your mother."],
  ["Order confirmed", "Thank you for your order. It leaves us tomorrow and should reach you by Thursday."],
  ["A date for the spring meeting?", "Would the 14th or the 21st of March suit you better? The room is free on both."],
  ["Bicycle in the courtyard", "Somebody has left a green bicycle by the gate for three weeks now. If it is yours, please say so."],
  ["Review of the second draft", "I have read it twice. The first chapter stands; the third still promises what the fourth does not keep."],
  ["Re: Wood for the shelves", "Ash is in stock in 26 mm, oak only from January. Ash takes the oil better anyway."],
  ["Rent statement", "Enclosed you find the yearly statement. The balance of 112.30 will be credited with the January rent."],
];

const hex = (n: number) => (n * 2654435761 >>> 0).toString(16).padStart(8, "0").repeat(4);
function card(i: number, s: Spec): Card {
  const date = Math.round(now - s.hours * 3600);
  return {
    id: hex(i + 1), tag: "", subject: s.subject, from_name: s.from[0], from: s.from[1], recipients: 1, to: [], date, arrived: date, snippet: s.text.replace(/\s+/g, " ").slice(0, 160),
    attachments: s.files ?? [], more_attachments: 0, message_id: `${i}@preview.example`, in_reply_to: "", references: [], class: s.cls ?? "sealed on arrival", incomplete: false,
    junk: "", verified: s.dmarc === "pass", dmarc: s.dmarc ?? "none", spf: "pass", dkim: "pass",
  };
}

function mail(i: number, s: Spec): FakeMail {
  const flags = new Set<string>(s.labels ?? []);
  if (!s.unread) flags.add("\\Seen");
  if (s.star) flags.add("\\Flagged");
  return {
    uid: 4000 - i, mailbox: s.box ?? 1, card: s.closed ? undefined : card(i, s), flags, thread: s.thread ?? `t${i}`, size: 4096 + s.text.length + (s.files ?? []).reduce((n, f) => n + f.size, 0),
    body: { text: s.text, signature: none, ...s.body }, ...(s.warnings && { warnings: s.warnings }), ...(s.closed && { closed: true }),
  };
}

/** count mails, the newest written by hand. */
export function makeMails(count: number): FakeMail[] {
  const out = specs.map((s, i) => mail(i, s));
  const roof: Spec[] = [
    { from: [me.name, me.address], subject: "Re: The roof, and who pays for the scaffold", hours: 25, thread: "roof", box: 3, cls: "both", text: "Two more offers came, both above 16,000. If Hartmann leaves the gutters out we could do those ourselves in spring.\n\nMara", body: { signature: good } },
    { from: ines, subject: "The roof, and who pays for the scaffold", hours: 49, thread: "roof", labels: ["$family"], cls: "both", text: "The scaffold alone is 2,900. Before we sign anything I would like to see two more offers.\n\nInes", body: { signature: good } },
  ];
  roof.forEach((s, i) => out.push(mail(specs.length + i, s)));
  for (let i = out.length; i < count; i++) {
    const from = who[(i * 7) % who.length] as [string, string], [subject, text] = what[(i * 13 + (i >> 3)) % what.length] as [string, string];
    const files = i % 6 === 0 ? [{ name: i % 12 ? "minutes.pdf" : "photos.zip", type: i % 12 ? "application/pdf" : "application/zip", size: 20_000 + (i * 7919) % 900_000 }] : [];
    const where = i % 3 ? 1 : ([4, 7, 8, 10, 11, 4, 4, 5, 6, 3][(i / 3) % 10] ?? 4);
    out.push(mail(i, { from, subject, text, hours: 55 + (i - 12) * 7.3, unread: i % 17 === 0, star: i % 41 === 0, files, dmarc: "pass", box: where, thread: `t${Math.floor(i / (i % 5 ? 1 : 2))}`, ...(i % 9 === 0 && { cls: "both" as const }), ...(i % 23 === 0 && { labels: ["$work"] }) }));
  }
  return out;
}
