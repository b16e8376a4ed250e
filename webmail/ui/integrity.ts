// Writes a hash beside everything that the page loads, after everything else is done:
// integrity on each script and style of index.html, and an import map that gives the
// hash of every script a later import may ask for. The server tells the browser to run
// nothing without one (Integrity-Policy).

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

export function integrity(): Plugin {
  return {
    name: "integrity",
    apply: "build",
    writeBundle(options) {
      const dir = options.dir;
      if (!dir) return;
      const file = join(dir, "index.html");
      const map = Object.fromEntries(scripts(dir).map((at) => [at, sri(readFileSync(join(dir, at)))]));
      const text = readFileSync(file, "utf8").replace(/<(?:script|link)\b[^>]*>/g, (tag) => withHash(tag, dir));
      const first = /[ \t]*<(?:script|link rel="modulepreload")/.exec(text)?.index ?? text.indexOf("</head>");
      const inline = `<script type="importmap">${JSON.stringify({ integrity: map })}</script>\n`;
      writeFileSync(file, text.slice(0, first) + inline + text.slice(first));
    },
  };
}
