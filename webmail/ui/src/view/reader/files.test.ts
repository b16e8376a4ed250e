import { expect, test } from "vitest";
import { safeName } from "../kit/download.ts";
import { isPdf, kindOf, pictureType, risky } from "./files.ts";

const bytes = (...b: number[]) => new Uint8Array(b).buffer;

test("a kind is taken from the type; a name helps only where there is none", () => {
  expect(kindOf({ type: "image/png", name: "x.exe" })).toBe("image");
  expect(kindOf({ type: "image/svg+xml", name: "x.png" })).toBe("other");
  expect(kindOf({ type: "text/html", name: "x.txt" })).toBe("other");
  expect(kindOf({ type: "application/octet-stream", name: "a.PDF" })).toBe("pdf");
});

test("a picture is what its bytes say", () => {
  expect(pictureType(bytes(0x89, 0x50, 0x4e, 0x47, 1))).toBe("image/png");
  expect(pictureType(new TextEncoder().encode("<svg onload=x>").buffer)).toBe("");
  expect(pictureType(bytes())).toBe("");
  expect(isPdf(new TextEncoder().encode("%PDF-1.7").buffer)).toBe(true);
  expect(isPdf(new TextEncoder().encode("<html>%PDF-").buffer)).toBe(false);
});

test("a file's name stays one harmless name", () => {
  expect(safeName("../../etc/passwd")).toBe("_.._etc_passwd");
  expect(safeName("invoice\u202efdp.exe")).toBe("invoice_fdp.exe");
  expect(safeName(" ")).toBe("file");
  expect(safeName("CON.txt")).toBe("_CON.txt");
  expect(safeName("a".repeat(400) + ".pdf")).toHaveLength(120);
  expect(safeName("a".repeat(400) + ".pdf").endsWith(".pdf")).toBe(true);
});

test("what programs run is called risky", () => {
  for (const n of ["a.exe", "A.JS", "x.pdf.scr", "d.html", "m.docm", "a.exe "]) expect(risky(n), n).toBe(true);
  for (const n of ["a.pdf", "b.docx", "exe", "c.txt"]) expect(risky(n), n).toBe(false);
});
