// @vitest-environment happy-dom
import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ImportRun } from "../../model/moving.ts";
import type { Import } from "../../wire/api.ts";
import { ApiError } from "../../wire/http.ts";
import { setLanguage } from "../../words/index.ts";
import { Moving } from "./moving.tsx";

beforeEach(() => setLanguage("en"));
afterEach(() => {
  render(null, document.body);
  document.body.textContent = "";
});

const settle = async () => { for (let i = 0; i < 4; i++) await act(async () => void (await new Promise((done) => setTimeout(done, 2)))); };
const none: Import = { state: "none", done: 0, total: 0, behind: 0 };

async function page(o: { run?: ImportRun | null; server?: Import[]; refuse?: string } = {}) {
  const asked: { method: string; path: string; body?: unknown }[] = [];
  const states = [...(o.server ?? [none])];
  const later: (() => void)[] = [];
  const moving = { importing: signal(o.run ?? null), exporting: signal(null), pauseImport: vi.fn(), stopImport: vi.fn(), bringIn: vi.fn(), again: vi.fn(async () => false) };
  const app = {
    api: {
      get: async () => (states.length > 1 ? states.shift() : states[0]),
      mutate: async (method: string, path: string, body?: unknown) => {
        if (o.refuse !== undefined) throw new ApiError(o.refuse, 409);
        asked.push({ method, path, body });
        return states[0];
      },
    },
    clock: { now: () => 0, after: (_: number, f: () => void) => (later.push(f), () => {}) },
  };
  const desk = { moving, sync: { mailboxes: signal([{ id: 1, name: "INBOX" }]) } };
  await act(async () => { render(<Moving app={app as never} desk={desk as never} />, document.body); });
  await settle();
  const said = () => document.body.textContent ?? "";
  const type = (label: string, value: string) => act(async () => {
    const id = [...document.querySelectorAll("label")].find((l) => l.textContent === label)!.htmlFor;
    const input = document.getElementById(id) as HTMLInputElement;
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const press = async (name: string) => {
    await act(async () => { [...document.querySelectorAll("button")].find((b) => b.textContent === name)!.click(); });
    await settle();
  };
  return { asked, moving, later, said, type, press };
}

const run: ImportRun = { state: "running", names: ["Old.mbox"], bytes: 1000, read: 500, brought: 12, encrypted: 2, already: 3, refused: { damaged: 1, "too-large": 2 }, failures: [{ number: 4, why: "damaged", about: "" }], rate: 80.4, fault: "" };

describe("bringing in from files", () => {
  it("says how far it is, what was not taken, and why", async () => {
    const p = await page({ run });
    for (const words of ["Old.mbox", "500 bytes of 1 kB read", "12brought in", "2of those encrypted", "3were here already", "3not brought in", "80 mails a second", "1 × damaged", "2 × too large", "Mail 4: damaged"]) expect(p.said(), words).toContain(words);
    await p.press("Pause");
    expect(p.moving.pauseImport).toHaveBeenCalledWith(true);
  });
  it("asks for the same files after a reload", async () => {
    const p = await page({ run: { ...run, state: "waiting" } });
    expect(p.said()).toContain("Choose the same files and it goes on");
    const input = document.querySelector<HTMLInputElement>("input[data-moving]")!;
    Object.defineProperty(input, "files", { value: [new File(["x"], "other.mbox")] });
    await act(async () => { input.dispatchEvent(new Event("change", { bubbles: true })); });
    await settle();
    expect(p.moving.bringIn).not.toHaveBeenCalled();
    expect(p.said()).toContain("other files than before");
  });
});

describe("bringing in from another server", () => {
  it("says what the server sees, follows it to its end, and keeps no password", async () => {
    const p = await page({ server: [none, { state: "running", done: 1, total: 4, behind: 0 }, { state: "running", done: 3, total: 4, behind: 0 }, { state: "ended", done: 3, total: 4, behind: 1, trouble: "sign-in" }] });
    expect(p.said()).toContain("Here the server sees your mail");
    await p.type("IMAP server", "imap.example.net");
    await p.type("Name or address there", "ann");
    await p.type("Password there", "hunter2");
    await p.type("Folders to leave out", "Spam, Old");
    await p.press("Fetch mail");
    expect(p.asked).toEqual([{ method: "POST", path: "/import", body: { host: "imap.example.net", user: "ann", password: "hunter2", skip: ["Spam", "Old"] } }]);
    expect(p.said()).toContain("1 of 4 mails fetched");
    await act(async () => p.later.shift()!());
    await settle();
    expect(p.said()).toContain("3 of 4 mails fetched");
    await p.press("Stop");
    expect(p.asked[1]).toMatchObject({ method: "DELETE", path: "/import" });
    expect(p.said()).toContain("refused the name or the password");
    expect([...document.querySelectorAll<HTMLInputElement>("input[type=password]")].every((i) => i.value === "")).toBe(true);
  });
  it("says why it could not begin", async () => {
    const p = await page({ refuse: "importing" });
    await p.type("IMAP server", "imap.example.net");
    await p.type("Name or address there", "ann");
    await p.type("Password there", "x");
    await p.press("Fetch mail");
    expect(p.said()).toContain("An import is under way already.");
  });
});
