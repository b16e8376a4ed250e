// What a browser keeps of what a page's worker sends, by the smallest page that shows it:
// bodies of 8 MiB, with and without a service worker that answers nothing, from memory and
// from the disk that the browser lends (docs/decisions/0034).
//
//   node test/bodies.mjs [bodies]
import http from "node:http";
import { watchMemory } from "./flows/memory.mjs";
import { openRaw } from "./flows/raw.mjs";

const bodies = Number(process.argv[2] ?? 64), mib = (n) => `${Math.round(n / 2 ** 20)} MiB`;

const send = `(body, n) => new Promise((done, fail) => {
  const x = new XMLHttpRequest();
  x.onload = done;
  x.onerror = fail;
  x.open("PUT", "/sink/" + n);
  x.send(body);
})`;
const worker = `const send = ${send}, size = 8 << 20;
async function onDisk(octets, n) {
  const file = await (await navigator.storage.getDirectory()).getFileHandle("part" + n % 4, { create: true }), to = await file.createSyncAccessHandle();
  to.write(octets, { at: 0 });
  to.close();
  return file.getFile();
}
onmessage = async ({ data: { bodies, disk } }) => {
  const octets = new Uint8Array(size).fill(7);
  let next = 0;
  const lane = async (k) => { while (next < bodies) { next++; await send(disk ? await onDisk(octets, k) : octets.slice(), k); } };
  await Promise.all([0, 1, 2, 3].map(lane));
  postMessage("sent");
};`;
const silent = `addEventListener("install", () => skipWaiting());
addEventListener("activate", (e) => e.waitUntil(clients.claim()));
addEventListener("fetch", () => {});`;

const server = http.createServer((q, r) => {
  q.resume();
  q.on("end", () => {
    const script = { "/worker.js": worker, "/silent.js": silent }[q.url];
    r.writeHead(q.method === "PUT" ? 204 : 200, { "Content-Type": script ? "text/javascript" : "text/html" }).end(q.method === "PUT" ? undefined : (script ?? "<!doctype html><title>bodies</title>"));
  });
});
await new Promise((go) => server.listen(0, "127.0.0.1", go));
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

for (const [what, silentWorker, disk] of [["from memory", false, false], ["from memory, past a service worker", true, false], ["from the disk, past a service worker", true, true]]) {
  const chrome = await openRaw({ trust: [] });
  try {
    const d = await chrome.device("/tmp");
    await d.go(`http://localhost:${server.address().port}/`);
    await d.until(`document.title === "bodies"`);
    if (silentWorker) await d.run(`navigator.serviceWorker.register("/silent.js").then(() => navigator.serviceWorker.ready).then(() => 1)`);
    await d.run(`globalThis.w = new Worker("/worker.js"); 1`);
    await pause(1000);
    const end = watchMemory(), began = Date.now();
    await d.run(`new Promise((done) => { w.onmessage = () => done(1); w.postMessage({ bodies: ${bodies}, disk: ${disk} }); })`);
    const m = end();
    console.log(`${what}: ${bodies} of 8 MiB in ${((Date.now() - began) / 1000).toFixed(1)} s; renderer +${mib(m.grown("renderer"))}, browser +${mib(m.grown("browser"))}, network +${mib(m.grown("utility"))}`);
  } finally {
    await chrome.close();
  }
}
server.close();
process.exit(0);
