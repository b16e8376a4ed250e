// What a translation must be: whole, with the same places to fill in, in the forms its
// language counts with, and short enough for the buttons that the English fits.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import en from "./en.json";
import { languages } from "./index.ts";

type Catalogue = { [key: string]: string };
const english = en as Catalogue;
const files = readdirSync(import.meta.dirname).filter((f) => f.endsWith(".json") && f !== "en.json");
const read = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, file), "utf8")) as Catalogue;
const each = files.map((file) => ({ code: file.slice(0, -5), words: read(file) }));

const counted = (key: string) => `${key}.other` in english;
const split = (key: string): { base: string; form?: string } => {
  const [, base, form] = /^(.*)\.(zero|one|two|few|many|other)$/.exec(key) ?? [];
  return base && form && counted(base) ? { base, form } : { base: key };
};
const places = (s: string) => [...new Set(s.match(/\{\w+\}/g) ?? [])].sort();
const like = (key: string) => english[key] ?? english[`${split(key).base}.other`] ?? "";

// Romance languages count whole millions as "many", which no mailbox here reaches: "other" stands in.
const forms = (code: string) => new Intl.PluralRules(code).resolvedOptions().pluralCategories;
const needed = (code: string) => forms(code).filter((f) => f !== "many" || !["es", "fr", "it", "pt"].includes(code));

// A form for one number only (or for none and one) may say it in words or not at all.
const saying = new Map<string, boolean>();
function says(code: string, form: string): boolean {
  const known = saying.get(code + form);
  if (known !== undefined) return known;
  const rules = new Intl.PluralRules(code), numbers = [...Array(300).keys()].filter((n) => rules.select(n) === form);
  const one = numbers.length === 1 || numbers.every((n) => n < 2);
  saying.set(code + form, one);
  return one;
}

// What is the same in every language, and what happens to be the same in one.
const names = ["API", "Apple Mail", "Bcc", "Cc", "Cc, Bcc", "DMARC", "Drive", "IMAP", "Message-ID", "PDF", "SMTP", "TLS", "Thunderbird", "mutt", "mutt and neomutt", "sealpost", "vCard", "{part} of {all}"];
const same: { [code: string]: string[] } = {
  de: ["Code", "Mail {number}", "Pause", "Port", "Details", "Domain", "Domains", "Filter", "Label", "Labels", "Link", "Mails", "Name", "Offline", "Passkey", "Passkeys", "Passphrase", "Server", "Signatur", "Text", "{n} Mail", "{n} Mails"],
  fr: ["Code", "Contact", "Contacts", "Date", "Invitation", "Invitations", "Notes", "Signature", "Signatures", "Suggestions", "{n} contact", "{n} contacts"],
  es: ["Megabytes"],
  it: ["Account", "Password", "Privacy", "Account {address}", "Link", "Offline", "Passkey", "Passphrase", "Server", "end-to-end", "me", "{n} account"],
  nl: ["Account", "Mail {number}", "Privacy", "Account {address}", "Accounts", "Code", "Compact", "Contact", "Details", "Filter", "Label …", "Labels", "Link", "Mail", "Mail in", "Mails", "Megabytes", "Offline", "Passkey", "Passkeys", "Server", "end-to-end", "is", "label {name}", "{n} account", "{n} accounts", "{n} contact", "{n} mail", "{n} mails"],
  pt: ["Megabytes"],
  pl: ["Offline", "Operator", "Port", "end-to-end"],
};
const letters = (s: string) => s.replace(/\{\w+\}/g, "").replace(/[^\p{L}]/gu, "");

test("files are of languages that can be chosen", () => {
  expect(each.filter(({ code }) => !(code in languages))).toEqual([]);
});

test.each(each)("$code knows the English keys and no others", ({ code, words }) => {
  const unknown = Object.keys(words).filter((key) => {
    const { base, form } = split(key);
    return form ? !forms(code).includes(form as Intl.LDMLPluralRule) : counted(base) || !(base in english);
  });
  expect(unknown).toEqual([]);
  const wanted = [...new Set(Object.keys(english).flatMap((key) => { const { base, form } = split(key); return form ? needed(code).map((f) => `${base}.${f}`) : [base]; }))];
  expect(wanted.filter((key) => !(key in words))).toEqual([]);
});

test.each(each)("$code is sorted", ({ words }) => {
  expect(Object.keys(words)).toEqual(Object.keys(words).sort());
});

test.each(each)("$code fills in the same places", ({ code, words }) => {
  const wrong = Object.entries(words).filter(([key, text]) => {
    // Russian's one is also 21: it may say the number that English's one leaves out.
    const { base, form } = split(key), want = places(like(form ? `${base}.other` : key)), have = places(text);
    return have.some((p) => !want.includes(p)) || (have.length < want.length && !(form && says(code, form)));
  });
  expect(wrong).toEqual([]);
});

test.each(each)("$code is text: no markup, no stray blanks, its own quotes, the same lines and commands", ({ words }) => {
  const code = (s: string) => s.match(/`[^`]*`/g) ?? [];
  for (const [key, text] of Object.entries(words)) {
    expect(text, key).not.toBe("");
    const table = / {2}/.test(like(key)); // a text in columns, for a file
    if (!table) expect(text.split("\n").map((line) => line.trim()).join("\n"), key).toBe(text);
    expect(text, key).not.toMatch(table ? /<\/?\w|&\w+;|["']/ : /<\/?\w|&\w+;| {2}|["']/);
    expect(text.split("\n").length, `lines of ${key}`).toBe(like(key).split("\n").length);
    expect(code(text), key).toEqual(code(like(key)));
  }
});

test.each(each)("$code is translated", ({ code, words }) => {
  const known = new Set([...names, ...(same[code] ?? [])]);
  const left = Object.entries(words).filter(([key, text]) => text === like(key) && letters(text) !== "" && !known.has(text));
  expect(left).toEqual([]);
});

test.each(each)("$code fits where the English fits", ({ words }) => {
  const long = Object.entries(words).filter(([key, text]) => {
    const room = like(key).length, button = room <= 32 && !/[.?!:]$/.test(like(key));
    return text.length > (button ? 2.2 * room + 12 : 2 * room + 40);
  });
  expect(long).toEqual([]);
});
