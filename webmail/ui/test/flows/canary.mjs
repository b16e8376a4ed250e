// After everything: nothing that was planted is readable in what the server keeps, what it
// says, or what the browsers sent.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { expect } from "./stage.mjs";

const quoted = (s) => s.replace(/[^\x21-\x3c\x3e-\x7e ]/g, (c) => "=" + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"));

/** How a word may stand in bytes: as it is, quoted, as JSON or a form has it, hex, and base64 at each offset. */
function shapes(word) {
  const bytes = Buffer.from(word);
  const base64 = [0, 1, 2].map((skip) => Buffer.concat([Buffer.alloc(skip), bytes]).toString("base64").replace(/=+$/, "").slice(skip ? 4 : 0, -2));
  const hex = bytes.toString("hex");
  return [word, quoted(word), encodeURIComponent(word), word.replaceAll(" ", "+"), hex, hex.toUpperCase(), ...base64, ...base64.map((b) => b.replaceAll("+", "-").replaceAll("/", "_"))].map((s) => Buffer.from(s, "latin1"));
}

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (entry.isFile() && statSync(path).size > 0) yield path;
  }
}

const hit = (bytes, all) => all.some((s) => bytes.includes(s));

export function canary(stage, requests = stage.requests) {
  const words = [...stage.planted].map((w) => [w, shapes(w)]);
  expect(words.length > 5, "words were planted");
  expect(requests.length > 100 && requests.some((r) => r.includes("/api/v1/")), "requests were recorded");
  // The search itself sees: each shape of a word is found in bytes that hold it.
  for (const s of shapes("a planted word")) expect(hit(Buffer.concat([Buffer.from("..."), s]), [s]), "a shape that is found");
  const found = [];
  const look = (where, bytes) => { for (const [w, all] of words) if (hit(bytes, all)) found.push(`${JSON.stringify(w)} in ${where}`); };
  const server = join(stage.demo.folder, "server");
  let count = 0;
  for (const path of files(server)) {
    look(relative(server, path), readFileSync(path));
    count++;
  }
  expect(count > 5, "the server's files were read");
  const log = stage.demo.log();
  expect(log.split("\n").length > 5, `a log was kept, not ${JSON.stringify(log.slice(0, 300))}`);
  look("the log", Buffer.from(log));
  for (const r of requests) look(`a request: ${r.subarray(0, r.indexOf(10)).toString()}`, r);
  expect(found.length === 0, `nothing planted may be readable:\n${found.slice(0, 20).join("\n")}`);
}
