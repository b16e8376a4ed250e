import { describe, expect, test } from "vitest";
import type { OpenedMail } from "../vault/vault.ts";
import { emptyMail } from "./testing/vault.ts";
import { mixesScripts, near, skeleton, toUnicode } from "./names.ts";
import { judge, type Known } from "./trust.ts";
import type { Pin } from "./types.ts";

const FPR = "A".repeat(40);
const pin = (more: Partial<Pin> = {}): Pin => ({ address: "ada@engine.example", fingerprint: FPR, certificate: "", first: 1, verified: 0, source: "wkd", refused: [], ...more });
const known = (more: Partial<Known> = {}): Known => ({ own: ["me@home.example"], outgoing: false, names: [{ name: "Ada Lovelace", addresses: ["ada@engine.example"] }], pin: undefined, ...more });
const mail = (more: Partial<OpenedMail> = {}): OpenedMail => ({ ...emptyMail(), from: [{ name: "Ada Lovelace", address: "ada@engine.example" }], ...more });
const signed = (state: OpenedMail["signature"]["state"], from_matches = true, fingerprint = FPR, from_signed = from_matches) => ({ state, fingerprint, from_matches, from_signed, at: 1 });
const from = (name: string, address: string) => mail({ from: [{ name, address }] });
const words = (m: OpenedMail, k = known()) => judge(m, k).warnings.map((w) => w.word);

// WEBMAIL checkpoint 12
describe("lock, signature and domain: each fixture has its words", () => {
  test.each([
    ["stored encrypted", mail({ verified: true, dmarc: "pass" }), known(), ["class-arrival", null, "domain-proven", "good"]],
    ["end-to-end, not signed", mail({ class: "end-to-end" }), known(), ["class-end-to-end", null, null, "good"]],
    ["signed by a key you verified", mail({ class: "end-to-end", signature: signed("good") }), known({ pin: pin({ verified: 1 }) }), ["class-end-to-end", "signed-verified", null, "good"]],
    ["signed, key not verified", mail({ class: "both", signature: signed("good") }), known({ pin: pin() }), ["class-both", "signed-unverified", null, "good"]],
    ["signature wrong", mail({ class: "end-to-end", signature: signed("bad"), verified: true, dmarc: "pass" }), known({ pin: pin({ verified: 1 }) }), ["class-end-to-end", "signature-bad", "domain-proven", "bad"]],
    ["signed by somebody else", mail({ signature: signed("good", false), verified: true, dmarc: "pass" }), known(), ["class-arrival", "signed-other", "domain-proven", "caution"]],
    ["sender domain not proven", mail({ dmarc: "none", spf: "softfail", dkim: "none" }), known(), ["class-arrival", null, "domain-unproven", "caution"]],
    ["domain refused", mail({ dmarc: "fail" }), known(), ["class-arrival", null, "domain-failed", "bad"]],
    ["signed by another key than the pinned one", mail({ class: "end-to-end", signature: signed("good", true, "B".repeat(40)) }), known({ pin: pin({ verified: 1 }) }), ["class-end-to-end", "key-changed", null, "bad"]],
    ["signed in part", mail({ signature: signed("partial") }), known(), ["class-arrival", "signature-partial", null, "caution"]],
    ["signed by a key nobody knows, of somebody whose key is known", mail({ signature: signed("unknown-key"), verified: true, dmarc: "pass" }), known({ pin: pin({ verified: 1 }) }), ["class-arrival", "key-changed", "domain-proven", "caution"]],
    ["signed by a key nobody knows", mail({ signature: signed("unknown-key") }), known(), ["class-arrival", "signature-unknown-key", null, "plain"]],
  ] as const)("%s", (_, m, k, [cls, sig, dom, worst]) => {
    const t = judge(m, k);
    expect([t.class.word, t.signature?.word ?? null, t.domain?.word ?? null, t.worst]).toEqual([cls, sig, dom, worst]);
  });

  test("a bad signature never looks good, whatever else is said", () => {
    for (const cls of ["sealed on arrival", "end-to-end", "both", "readable"] as const)
      for (const from_matches of [true, false])
        for (const verified of [0, 1])
          for (const state of ["bad", "something new"] as const) {
            const t = judge(mail({ class: cls, verified: true, dmarc: "pass", signature: signed(state as "bad", from_matches) }), known({ pin: pin({ verified }) }));
            expect(t.worst).toBe("bad");
            for (const s of [t.class, t.signature, t.domain, ...t.warnings]) expect(s?.tone).not.toBe("good");
            expect(t.signature?.word).toBe("signature-bad");
          }
  });

  test("a good signature is verified only for the one sender whose key it is", () => {
    const k = known({ pin: pin({ verified: 1 }) });
    const two = mail({ signature: signed("good"), from: [{ name: "", address: "ada@engine.example" }, { name: "", address: "eve@evil.example" }] });
    expect(judge(two, k).signature?.word).toBe("signed-other");
    expect(words(two)).toContain("several-senders");
    expect(judge(mail({ signature: signed("good", false) }), k).signature?.word).toBe("signed-other");
  });

  // B09, RFC 9788
  test("a sender that stood outside of what was signed or encrypted is never shown as signed or verified", () => {
    const k = known({ pin: pin({ verified: 1 }) });
    const open = judge(mail({ class: "end-to-end", signature: signed("good", true, FPR, false), sender_outside: true }), k);
    expect([open.signature?.word, open.signature?.tone, open.sender?.word, open.sender?.tone]).toEqual(["signed-sender-open", "plain", "sender-unprotected", "plain"]);
    expect(judge(mail({ class: "end-to-end", signature: signed("good") }), k).sender).toBe(null);
  });

  test("a swapped card and a differing header are said", () => {
    expect(words(mail({ card_matches: false }))).toEqual(["card-swapped"]);
    expect(words(mail({ differs: ["Subject"] }))).toEqual(["header-differs"]);
  });
});

// WEBMAIL checkpoint 11
describe("senders that want to be others", () => {
  test.each([
    ["Cyrillic in a Latin name", from("", "a@pаypal.com"), "sender-mixed-script"],
    ["the same in punycode", from("", "a@xn--pypal-4ve.com"), "sender-mixed-script"],
    ["a whole name of another script", from("", "a@аррӏе.com"), "sender-look-alike"],
    ["the same in punycode", from("", "a@xn--80ak6aa92e.com"), "sender-look-alike"],
    ["rn for m", from("", "a@rnicrosoft.com"), "sender-look-alike"],
    ["a digit", from("", "a@paypa1.com"), "sender-look-alike"],
    ["a letter changed in a contact's domain", from("", "a@engine.exampel"), "sender-look-alike"],
    ["our own domain, nearly", from("", "admin@horne.example"), "sender-look-alike"],
    ["an address as the name", from("ada@engine.example", "eve@evil.example"), "sender-name-spoof"],
    ["a contact's name", from("Ada Lovelace", "eve@evil.example"), "sender-name-spoof"],
    ["a contact's name in other letters", from("Аdа Lоvelace", "eve@evil.example"), "sender-name-spoof"],
    ["bidi marks in the name", from("moc.knab\u202e", "eve@evil.example"), "sender-name-spoof"],
    ["nothing seen in the address", from("", "a\u200bda@engine.example"), "sender-mixed-script"],
    ["answers go elsewhere", mail({ reply_to: [{ name: "", address: "x@evil.example" }] }), "reply-to-elsewhere"],
    ["another sends", mail({ sender: [{ name: "", address: "x@evil.example" }] }), "sender-differs"],
  ])("%s", (_, m, word) => expect(words(m)).toContain(word));

  test.each([
    ["a contact", mail()],
    ["a domain of its own", from("Bob", "bob@unrelated.example")],
    ["a name with umlauts", from("Jörg Müller", "jörg@müller.example")],
    ["Japanese, which is written in several scripts", from("東京タワー Tokyo", "info@東京タワー.example")],
    ["a subdomain", mail({ reply_to: [{ name: "", address: "x@mail.engine.example" }] })],
    ["a list", mail({ list_id: "l", reply_to: [{ name: "", address: "l@lists.example" }] })],
    ["the famous one itself", from("PayPal", "service@paypal.com")],
    ["its own address as the name", from("ADA@engine.example", "ada@engine.example")],
  ])("no warning for %s", (_, m) => expect(words(m)).toEqual([]));

  test("names", () => {
    expect(toUnicode("xn--mller-kva.example")).toBe("müller.example");
    expect(toUnicode("xn--99999999999.example")).toBe("xn--99999999999.example");
    expect(mixesScripts("мир.example")).toBe(false);
    expect(skeleton("g00gle")).toBe(skeleton("google"));
    expect([near("google", "gogle"), near("google", "googel"), near("google", "google"), near("abc", "xyz")]).toEqual([true, true, false, false]);
  });
});
