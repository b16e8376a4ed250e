// Writes a hash beside everything that the page loads, after everything else is done:
// integrity on each script and style of the pages, and an import map that gives the
// hash of every script a later import may ask for. The server tells the browser to run
// nothing without one (Integrity-Policy). The service worker gets the list of all files,
// each with its hash, and keeps these and no others.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vite";

function sri(content: Uint8Array): string {
  return "sha256-" + createHash("sha256").update(content).digest("base64");
}

// Scripts by their place, in one order.
function scripts(dir: string): string[] {
  return readdirSync(join(dir, "assets"))
    .filter((name) => name.endsWith(".js"))
    .sort()
    .map((name) => "/assets/" + name);
}

// A script or link element of ours, with its hash in front of the rest.
function withHash(tag: string, dir: string): string {
  const at = /(?:src|href)="(\/assets\/[^"]+)"/.exec(tag)?.[1];
  if (!at || tag.includes("integrity=")) return tag;
  return tag.replace(/^<(script|link)/, `<$1 integrity="${sri(readFileSync(join(dir, at)))}"`);
}

// What the service worker keeps: every file but itself, by its place.
function shell(dir: string): { build: string; files: Record<string, string> } {
  const names = (readdirSync(dir, { recursive: true, withFileTypes: true }))
    .filter((e) => e.isFile() && !(["sw.js", "bring.js"].includes(e.name) && e.parentPath === dir))
    .map((e) => relative(dir, join(e.parentPath, e.name)).split(sep).join("/"))
    .sort();
  const place = (name: string) => "/" + name.replace(/^index\.html$/, "").replace(/^(mailframe|stranger)\.html$/, "$1");
  const files = Object.fromEntries(names.map((name) => [place(name), sri(readFileSync(join(dir, name)))]));
  return { build: createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 12), files };
}

export function integrity(): Plugin {
  return {
    name: "integrity",
    apply: "build",
    writeBundle(options) {
      const dir = options.dir;
      if (!dir) return;
      const map = Object.fromEntries(scripts(dir).map((at) => [at, sri(readFileSync(join(dir, at)))]));
      const inline = `<script type="importmap">${JSON.stringify({ integrity: map })}</script>\n`;
      for (const file of ["index.html", "stranger.html"].map((name) => join(dir, name)).filter(existsSync)) {
        const text = readFileSync(file, "utf8").replace(/<(?:script|link)\b[^>]*>/g, (tag) => withHash(tag, dir));
        const first = /[ \t]*<(?:script|link rel="modulepreload")/.exec(text)?.index ?? text.indexOf("</head>");
        writeFileSync(file, text.slice(0, first) + inline + text.slice(first));
      }
      const worker = join(dir, "sw.js");
      if (!existsSync(worker)) return;
      const code = readFileSync(worker, "utf8");
      writeFileSync(join(dir, "bring.js"), code.replace("__SHELL__", () => JSON.stringify({ build: "", files: {} }))); // for the page of a link alone
      writeFileSync(worker, code.replace("__SHELL__", () => JSON.stringify(shell(dir))));
    },
  };
}
