// @vitest-environment happy-dom
import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Joining, Need, SessionModel } from "../../model/types.ts";
import en from "../../words/en.json";
import { words as list } from "../../vault/wordlist.ts";
import { Retype } from "./join.tsx";
import { KitPage } from "./kitpage.tsx";
import { SignIn } from "./signin.tsx";

const kit = [...Array.from({ length: 23 }, () => "abandon"), "art"]; // BIP-39's vector of zeros
let root: HTMLElement;

beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
});
afterEach(() => {
  act(() => render(null, root));
  root.remove();
});

const settle = async () => { for (let i = 0; i < 6; i++) await act(async () => void (await new Promise((done) => setTimeout(done, 5)))); };
const button = (name: string) => [...root.querySelectorAll("button")].find((b) => b.textContent?.includes(name));
const type = async (el: HTMLInputElement | null | undefined, value: string) => {
  if (!el) throw new Error("no such field");
  el.value = value;
  await act(() => void el.dispatchEvent(new Event("input", { bubbles: true })));
};
// What comes by a promise of unknown length, such as a checksum on a busy machine.
const eventually = async (check: () => void) => {
  for (let i = 0; i < 200; i++) {
    try {
      return check();
    } catch {
      await settle();
    }
  }
  check();
};
const press = async (name: string) => { await act(() => void button(name)?.click()); await settle(); };
const submit = async () => { await act(() => void root.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }))); await settle(); };
const draw = async (what: preact.ComponentChild) => { act(() => render(what, root)); await settle(); };

function session(o: Partial<SessionModel> = {}) {
  const need = signal<Need | null>(null), fault = signal<{ word: string; wait?: number } | null>(null);
  const model = {
    phase: signal("signed-out"), busy: signal(false), fault, need, server: signal({ hostname: "mail.example", domains: [], open: false, version: "" }), address: signal(""), joining: { state: signal<Joining | null>(null) }, asking: signal(null),
    hasPasskeys: false, ended: signal(false), offline: { own: signal(false), apart: signal(false) }, ownDevice: () => {}, signIn: vi.fn(async () => false), signInWithKit: vi.fn(async () => true), clearFault: () => void (fault.value = null), stopAsking: () => {}, ...o,
  };
  return model as typeof model & SessionModel;
}

test("the two promises stand there in the words of the design, and so does what a page cannot promise", async () => {
  await draw(<SignIn session={session()} />);
  const text = root.textContent ?? "";
  expect(text).toContain("Mail that was stored while the server ran this software cannot be read by its operator, by whoever takes its disks and backups, or by whoever runs it later.");
  expect(text).toContain("Mail that arrives unencrypted is readable, at that moment, by whoever controls the live server. Nothing can take that power away; most uses of it leave marks, and sealpost prove looks for them. Only encryption by the sender, or your own server, helps against the rest.");
  expect(text).toContain(en["welcome.browser"]);
});

test("a browser that does not know the account says so and offers the ways in", async () => {
  const s = session();
  await draw(<SignIn session={s} />);
  await type(root.querySelector("input[type=email]") as HTMLInputElement, "a@b.example");
  await type(root.querySelector("input[type=password]") as HTMLInputElement, "secret words");
  await submit();
  expect(s.signIn).toHaveBeenCalledWith({ address: "a@b.example", passphrase: "secret words" });
  await act(() => void (s.need.value === null && ((s.need as { value: Need | null }).value = { kind: "unknown-device" })));
  expect(root.textContent).toContain(en["signin.unknown"]);
  expect(button(en["signin.kit"])).toBeDefined();
  expect(button(en["signin.device"])).toBeDefined();
  expect([...root.querySelectorAll("button[type=submit]")]).toHaveLength(0);
});

test("a second factor is sent with the same passphrase, as soon as it is whole", async () => {
  const s = session();
  await draw(<SignIn session={s} />);
  await type(root.querySelector("input[type=email]") as HTMLInputElement, "a@b.example");
  await type(root.querySelector("input[type=password]") as HTMLInputElement, "secret words");
  await act(() => void ((s.need as { value: Need | null }).value = { kind: "second-factor", methods: ["totp"] }));
  const code = root.querySelector("input[autocomplete=one-time-code]") as HTMLInputElement;
  await type(code, "123 45");
  await settle();
  expect(s.signIn).not.toHaveBeenCalled();
  await type(code, "123 456");
  await settle();
  expect(s.signIn).toHaveBeenCalledTimes(1);
  expect(s.signIn).toHaveBeenCalledWith({ address: "a@b.example", passphrase: "secret words", code: "123456" });
});

test("a second factor that is asked for again is said to be wrong, and stays on its page meanwhile", async () => {
  const s = session();
  const need = s.need as { value: Need | null }, fault = s.fault as { value: { word: string } | null };
  (s.signIn as unknown) = vi.fn(async () => {
    need.value = fault.value = null; // as the session does with every try
    await new Promise((done) => setTimeout(done, 3));
    expect(root.querySelector("input[autocomplete=one-time-code]")).not.toBeNull();
    need.value = { kind: "second-factor", methods: ["totp"] };
    return false;
  });
  await draw(<SignIn session={s} />);
  await act(() => void (need.value = { kind: "second-factor", methods: ["totp"] }));
  await settle();
  await type(root.querySelector("input[autocomplete=one-time-code]") as HTMLInputElement, "123456");
  await settle();
  expect(s.signIn).toHaveBeenCalledTimes(1);
  expect(root.querySelector("[role=alert]")?.textContent).toBe(en["fault.second-factor"]);
  await act(() => { need.value = null; fault.value = { word: "wrong-sign-in" }; });
  await settle();
  expect(root.querySelector("input[type=password]")).not.toBeNull(); // it was the passphrase
});

test("whatever the server says of a wrong sign-in, people read one sentence", async () => {
  const s = session();
  await draw(<SignIn session={s} />);
  await act(() => void ((s.fault as { value: unknown }).value = { word: "wrong-sign-in" }));
  expect(root.querySelector("[role=alert]")?.textContent).toBe(en["fault.wrong-sign-in"]);
  await act(() => void ((s.fault as { value: unknown }).value = { word: "no-such-word-<b>" }));
  expect(root.querySelector("[role=alert]")?.textContent).toBe(en["fault.fault"]);
});

async function fillWords(words: string[]) {
  const fields = [...root.querySelectorAll<HTMLInputElement>(".words-one input")];
  for (const [i, w] of words.entries()) await type(fields[i], w);
  await settle();
}

test("an account is opened only with all 24 words, in their order", async () => {
  const onWords = vi.fn(async () => {});
  await draw(<Retype busy={false} fault="" finish="Open" onWords={onWords} onBack={() => {}} />);
  const open = () => button("Open") as HTMLButtonElement;
  await fillWords(kit.slice(0, 23));
  expect(open().disabled).toBe(true);
  await submit();
  await fillWords([...kit.slice(0, 23), "zoo"]); // a word of the list, but the sum is wrong
  await eventually(() => expect(root.textContent).toContain(en["words.nofit"]));
  expect(open().disabled).toBe(true);
  await submit();
  expect(onWords).not.toHaveBeenCalled();
  await fillWords(kit);
  await eventually(() => expect(root.textContent).toContain(en["words.fits"]));
  expect(open().disabled).toBe(false);
  await submit();
  expect(onWords).toHaveBeenCalledWith(kit.join(" "));
});

test("a paste into any field fills all, and a wrong word is marked with what may be meant", async () => {
  await draw(<Retype busy={false} fault="" finish="Open" onWords={async () => {}} onBack={() => {}} />);
  const field = root.querySelectorAll<HTMLInputElement>(".words-one input")[5];
  const paste = Object.assign(new Event("paste", { bubbles: true, cancelable: true }), { clipboardData: { getData: () => kit.map((w, i) => `${i + 1}. ${w}`).join("\n") } });
  await act(() => void field?.dispatchEvent(paste));
  await settle();
  expect([...root.querySelectorAll<HTMLInputElement>(".words-one input")].map((f) => f.value)).toEqual(kit);
  await act(() => field?.focus());
  await type(field, "abandn");
  await settle();
  expect(field?.getAttribute("aria-invalid")).toBe("true");
  await press("abandon");
  expect(field?.value).toBe("abandon");
});

test("the kit shows every word once, in order, and a code that says the same", async () => {
  const words = list.slice(100, 124);
  await draw(<KitPage kit={{ words, address: "a@b.example", host: "mail.example" }} title="T" lead="L" onDone={() => {}} onBack={() => {}} />);
  expect([...root.querySelectorAll(".kit-words code")].map((c) => c.textContent)).toEqual(words);
  expect(root.querySelector(".kit-paper svg.qr")?.getAttribute("aria-label")).toBe(en["kit24.qr"]);
  expect(root.querySelector(".kit-paper")?.textContent).toContain("a@b.example");
});
