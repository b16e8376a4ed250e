// What goes between a browser and the server, as octets: a door that ends TLS with the
// demo's own certificate, looks for words in all that passes, either way, and can be cut.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";

/** Every way that octets could be written. fragment: how a link writes them. */
export function forms(octets, fragment = Buffer.from(octets).toString("base64url")) {
  const raw = Buffer.from(octets), text = Buffer.from(fragment), bare = (s) => s.replace(/=+$/, "");
  const percent = [...raw].map((b) => "%" + b.toString(16).padStart(2, "0")).join("");
  return [...new Set([
    fragment, encodeURIComponent(fragment), [...text].map((b) => "%" + b.toString(16)).join(""), raw.toString("latin1"), raw.toString("hex"), raw.toString("hex").toUpperCase(),
    bare(raw.toString("base64")), raw.toString("base64url"), percent, percent.toUpperCase(), bare(text.toString("base64")), text.toString("hex"),
  ])].map((f) => Buffer.from(f, "latin1"));
}

/** HTTP/1.1 alone: HTTP/2 would fold words in its headers out of sight. */
export async function openWire(demo) {
  const sought = [], open = new Set();
  const wire = {
    port: 0, down: 0, up: 0, cutAt: { up: Infinity, down: Infinity }, found: new Set(), shut: false, // cutAt: once so many octets went that way
    /** What nothing may hold from here on. */
    seek: (what, all) => { for (const form of all) sought.push({ what, form }); },
    cut: () => { wire.shut = true; for (const s of open) s.destroy(); },
    mend: () => { wire.shut = false; },
    close: () => new Promise((go) => { server.close(go); for (const s of open) s.destroy(); }),
  };
  // A word may stand across two pieces: the end of each is kept for the next.
  const look = (way) => {
    let tail = Buffer.alloc(0);
    return (d) => {
      wire[way] += d.length;
      if (wire[way] > wire.cutAt[way]) {
        wire.cutAt[way] = Infinity;
        wire.cut();
      }
      const longest = Math.max(1, ...sought.map((s) => s.form.length)), all = Buffer.concat([tail, d]);
      for (const { what, form } of sought) if (all.includes(form)) wire.found.add(`${what} (${way})`);
      tail = all.subarray(Math.max(0, all.length - longest + 1));
    };
  };
  const folder = join(demo.folder, "server");
  const server = tls.createServer({ cert: readFileSync(join(folder, "tls.pem")), key: readFileSync(join(folder, "tls.key")), ALPNProtocols: ["http/1.1"] }, (back) => {
    if (wire.shut) return void back.destroy();
    const there = tls.connect({ port: demo.base + 443, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    for (const s of [back, there]) {
      open.add(s);
      s.on("error", () => undefined);
      s.on("close", () => { open.delete(s); (s === back ? there : back).destroy(); });
    }
    back.on("data", look("up"));
    there.on("data", look("down"));
    back.pipe(there);
    there.pipe(back);
  });
  server.on("tlsClientError", () => undefined);
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  wire.port = server.address().port;
  return wire;
}
