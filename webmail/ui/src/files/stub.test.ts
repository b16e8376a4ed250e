// Stubs of attachments: the one that Go writes, and what is none.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { toBase64, utf8 } from "../vault/bytes.ts";
import { parseStub } from "./stub.ts";

const sample = readFileSync(new URL("../../../../filestore/sealed/cut/testdata/stub.txt", import.meta.url), "utf8");
const inside = (): { [name: string]: unknown } => {
  const coded = /BEGIN SEALPOST ATTACHMENT-----\r\n([^-]*)-----END/.exec(sample)?.[1] ?? "";
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(coded.replace(/\s/g, "")), (c) => c.charCodeAt(0)))) as { [name: string]: unknown };
};
const text = (json: unknown): string => {
  const lines = toBase64(utf8(JSON.stringify(json))).match(/.{1,64}/g) ?? [];
  return ["words", "-----BEGIN SEALPOST ATTACHMENT-----", ...lines, "-----END SEALPOST ATTACHMENT-----"].join("\r\n");
};

test("the one that Go writes", () => {
  const s = parseStub(sample);
  expect(s).toMatchObject({ name: "Bericht für alle.pdf", type: "application/pdf", length: 12_345_678, object: "c3VibWl0dGVkIGJ5IHlvdQ" });
  expect(s?.link).toBe("https://mail.demo.test/f/Abcdefghijklmnopqrstuv#AAECAwQFBgcICQoLDA0ODw");
  expect([...(s?.secret ?? [])]).toEqual([...Array(32).keys()].map((n) => n + 1));
  expect([...(s?.hash ?? [])]).toEqual(Array(32).fill(7));
  expect(parseStub(sample.replaceAll("\r\n", "\n") + "\n")).toEqual(s);
  expect(parseStub(text(inside()))).toEqual(s);
});

const changes: [string, { [name: string]: unknown }][] = [
  ["version", { v: 2 }], ["a path for a name", { name: "../x" }], ["no type", { type: "<b>" }], ["no length", { length: 0 }], ["length", { length: 2 ** 40 }],
  ["object", { object: "short" }], ["secret", { secret: "AAAA" }], ["no secret", { secret: toBase64(new Uint8Array(32)) }], ["hash", { hash: "" }],
  ["plain link", { link: "http://mail.demo.test/f/Abcdefghijklmnopqrstuv#A" }], ["script", { link: "javascript:alert(1)" }], ["no fragment", { link: "https://mail.demo.test/f/Abcdefghijklmnopqrstuv" }],
  ["other place", { link: "https://mail.demo.test/x/Abcdefghijklmnopqrstuv#A" }], ["header", { header: "AAAA" }], ["coding", { coding: { name: "rot13" } }], ["width", { coding: { name: "base64", width: 75 } }],
];
test.each(changes)("refuses another %s", (_, change) => {
  expect(parseStub(text({ ...inside(), ...change }))).toBeNull();
});

test("refuses what is not just one", () => {
  for (const bad of [
    "", "-----BEGIN SEALPOST ATTACHMENT-----\r\n-----END SEALPOST ATTACHMENT-----", `${sample}\r\nmore`, sample.replace("BEGIN", "BEGIN "),
    sample.slice(sample.indexOf("-----BEGIN")), sample.replace(/\r\n(?=-----END)/, ""), sample.replace("-----END", "!\r\n-----END"), sample + "\n".repeat(70_000),
  ]) expect(parseStub(bad)).toBeNull();
});
