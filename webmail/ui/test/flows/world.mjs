// The world outside of the server: its DNS, domains that sign what they send (DKIM), and a
// door that leads where a flow wants and can be held shut.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";

// ---- DNS ---------------------------------------------------------------------------------

const types = { A: 1, TXT: 16 };

/** A name server: records by "TYPE name". What is not there does not exist. */
export async function openDNS() {
  const records = new Map();
  const socket = dgram.createSocket("udp4");
  socket.on("message", (q, peer) => socket.send(reply(q, records), peer.port, peer.address));
  await new Promise((go) => socket.bind(0, "127.0.0.1", go));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    set: (type, name, value) => void records.set(`${type} ${name.toLowerCase()}`, value),
    close: () => new Promise((go) => socket.close(go)),
  };
}

function reply(q, records) {
  let at = 12;
  const labels = [];
  for (let n = q[at]; n > 0; n = q[at]) {
    labels.push(q.toString("latin1", at + 1, at + 1 + n).toLowerCase());
    at += n + 1;
  }
  const name = labels.join("."), kind = q.readUInt16BE(at + 1);
  const question = q.subarray(12, at + 5);
  const known = [...records.keys()].some((k) => k.endsWith(` ${name}`) || k.endsWith(`.${name}`));
  const type = Object.keys(types).find((t) => types[t] === kind);
  const value = type && records.get(`${type} ${name}`);
  const head = Buffer.alloc(12);
  q.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | (known ? 0 : 3), 2);
  head.writeUInt16BE(1, 4);
  if (value === undefined) return Buffer.concat([head, question]);
  head.writeUInt16BE(1, 6);
  const data = type === "A" ? Buffer.from(value.split(".").map(Number)) : Buffer.concat((value.match(/.{1,255}/g) ?? []).flatMap((s) => [Buffer.from([s.length]), Buffer.from(s)]));
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0); // the name of the question
  record.writeUInt16BE(kind, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(300, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, question, record, data]);
}

// ---- A domain that signs ------------------------------------------------------------------

/** A domain with a DMARC policy; signs (RFC 6376, RFC 8463) what it sends. */
export function openDomain(dns, domain) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  dns.set("TXT", `day._domainkey.${domain}`, `v=DKIM1; k=ed25519; p=${raw.toString("base64")}`);
  dns.set("TXT", `_dmarc.${domain}`, "v=DMARC1; p=none");
  return (text) => {
    const mail = text.replace(/\r?\n/g, "\r\n");
    const [head, ...rest] = mail.split("\r\n\r\n");
    const body = rest.join("\r\n\r\n").replace(/[ \t]+/g, " ").replace(/ \r\n/g, "\r\n").replace(/(\r\n)*$/, "\r\n");
    const relaxed = head.replace(/\r\n[ \t]+/g, " ").split("\r\n").map((f) => /^([^:]+):(.*)$/s.exec(f)).map(([, n, v]) => [n.toLowerCase().trim(), v.replace(/[ \t]+/g, " ").trim()]);
    const names = ["from", "to", "subject", "date", "message-id"];
    const tags = `v=1; a=ed25519-sha256; c=relaxed/relaxed; d=${domain}; s=day; h=${names.join(":")}; bh=${createHash("sha256").update(body).digest("base64")}; b=`;
    const signed = names.flatMap((n) => relaxed.filter(([k]) => k === n).slice(-1)).map(([n, v]) => `${n}:${v}\r\n`).join("") + `dkim-signature:${tags}`;
    return `DKIM-Signature: ${tags}${sign(null, createHash("sha256").update(signed).digest(), privateKey).toString("base64")}\r\n${mail}`;
  };
}

// ---- A door --------------------------------------------------------------------------------

/** A port that leads to another, as long as it is not held: then what comes back waits. */
export async function openDoor() {
  const door = { port: 0, to: 0, holdAfter: Infinity, passed: 0, close: () => new Promise((go) => { server.close(go); for (const s of open) s.destroy(); }), free: () => { door.holdAfter = Infinity; for (const [back, there] of held.splice(0)) if (!back.destroyed) back.write(there); } };
  const open = new Set(), held = [];
  const server = net.createServer((back) => {
    if (!door.to) return void back.destroy();
    const there = net.connect(door.to, "127.0.0.1");
    for (const s of [back, there]) {
      open.add(s);
      s.on("error", () => undefined);
      s.on("close", () => { open.delete(s); (s === back ? there : back).destroy(); });
    }
    back.pipe(there);
    there.on("data", (d) => {
      door.passed += d.length;
      if (door.passed > door.holdAfter || held.some(([b]) => b === back)) held.push([back, d]);
      else back.write(d);
    });
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  door.port = server.address().port;
  return door;
}
