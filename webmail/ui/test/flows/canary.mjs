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

/** Which words stand in bytes, in any shape: all are sought in one pass, by their first four octets. */
function searcher(words) {
  const begins = new Uint8Array(1 << 16), known = new Map();
  for (const word of words) {
    for (const s of shapes(word)) {
      expect(s.length >= 4, `a shape of ${word} to look for, not ${JSON.stringify(s.toString())}`);
      begins[s.readUInt16LE(0)] = 1;
      const first = s.readInt32LE(0);
      if (!known.has(first)) known.set(first, []);
      known.get(first).push([word, s]);
    }
  }
  return (bytes) => {
    const found = new Set();
    for (let i = 0, end = bytes.length - 3; i < end; i++) {
      if (begins[bytes[i] | (bytes[i + 1] << 8)] === 0) continue;
      const here = known.get(bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
      if (here) for (const [word, s] of here) if (bytes.length - i >= s.length && bytes.compare(s, 0, s.length, i, i + s.length) === 0) found.add(word);
    }
    return found;
  };
}

export function canary(stage, requests = stage.requests) {
  expect(stage.planted.size > 5, "words were planted");
  expect(requests.length > 100 && requests.some((r) => r.includes("/api/v1/")), "requests were recorded");
  // The search itself sees: each shape of a word is found in bytes that hold it.
  const search = searcher(stage.planted), one = [...stage.planted].at(-1);
  for (const s of shapes(one)) for (const around of [["...", "."], ["", ""]]) expect(search(Buffer.concat([Buffer.from(around[0]), s, Buffer.from(around[1])])).has(one), "a shape that is found");
  const found = [];
  const look = (where, bytes) => { for (const w of search(bytes)) found.push(`${JSON.stringify(w)} in ${where}`); };
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
