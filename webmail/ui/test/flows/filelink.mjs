// A link to a file, for somebody without an account, on a phone: a password, three
// downloads, and a network that goes away in the middle. What is saved is what was sealed,
// and what stands behind the # is in nothing that leaves the browser.
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import https from "node:https";
import { openCut } from "./cut.mjs";
import { openSealing } from "./sealing.mjs";
import { silence } from "./sound.mjs";
import { expect, goneOn, sealpost, until, wait } from "./stage.mjs";

const size = 32 << 20;
const password = "seven brass sextants";

/** As a signed-in client would: seals, uploads, makes a link. */
async function share(api, files, { name, type, content, most, words }) {
  const secret = files.newSecret(), sealing = new files.Sealing(secret), pieces = [];
  for await (const piece of sealing.seal((async function* () { for (let at = 0; at < content.length; at += 1 << 20) yield content.subarray(at, at + (1 << 20)); })())) pieces.push(piece);
  const sealed = Buffer.concat(pieces);
  const { id } = await call(api, "POST", "/files", { size: sealed.length }).then(async (f) => {
    for (let n = 0; n < f.parts; n++) {
      const part = sealed.subarray(n * f.part, (n + 1) * f.part);
      await call(api, "PUT", `/files/${f.id}/parts/${n}`, part);
    }
    return call(api, "POST", `/files/${f.id}/complete`);
  });
  const fragment = files.newFragment();
  const made = await files.makeLink({ fragment, password: words, object: { id, size: sealed.length }, head: { name, type, length: content.length, secret, modified: 0, hash: null } });
  const b64 = (b) => Buffer.from(b).toString("base64");
  const check = createHash("sha256").update("sealpost link check v1").update(made.proof).digest("base64");
  const link = await call(api, "POST", "/links", { file: id, box: b64(made.box), check, most, ...(made.kdf.length > 0 && { kdf: b64(made.kdf) }) });
  return { id: link.id, fragment, secret };
}

/** Asks the API with an app password. */
async function call(api, method, path, body) {
  const octets = Buffer.isBuffer(body), data = body === undefined || octets ? body : Buffer.from(JSON.stringify(body));
  const headers = { Authorization: api.auth, ...(data && { "Content-Type": octets ? "application/octet-stream" : "application/json", "Content-Length": data.length }), ...(octets && { "Content-Digest": `sha-256=:${createHash("sha256").update(data).digest("base64")}:` }) };
  const r = await new Promise((done, fail) => https.request(`${api.url}api/v1${path}`, { method, headers, rejectUnauthorized: false }, done).on("error", fail).end(data));
  const text = (await r.toArray()).join("");
  expect(r.statusCode < 300, `${method} ${path}: ${r.statusCode} ${text}`);
  return text ? JSON.parse(text) : null;
}

async function sha(file) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest("hex");
}

/** Every way that a secret could be written. */
function forms(secret, fragment) {
  const raw = Buffer.from(secret);
  return [fragment, encodeURIComponent(fragment), raw.toString("hex"), raw.toString("base64"), raw.toString("base64").replace(/=+$/, ""), Buffer.from(fragment).toString("base64").replace(/=+$/, ""), Buffer.from(fragment).toString("hex")];
}

export async function filelink(stage) {
  const word = sealpost(stage, "password", "add", stage.alice.address, "--name", "files", "--scope", "api").split(/\s+/).findLast((w) => w.length > 12);
  const api = { url: stage.demo.url, auth: "Basic " + Buffer.from(`${stage.alice.address}:${word}`).toString("base64") };
  const files = await openSealing();
  const block = randomBytes(1 << 20), content = Buffer.concat(Array.from({ length: size >> 20 }, (_, i) => { const b = Buffer.from(block); b.writeUInt32BE(i); return b; }));
  const link = await share(api, files, { name: stage.plant("the-ledger-of-marmalade.bin"), type: "application/octet-stream", content, most: 3, words: password });
  const note = stage.plant("nine lanterns on the quay");
  const small = await share(api, files, { name: "note.txt", type: "text/plain", content: Buffer.from(note), most: 0, words: "" });
  const sound = await share(api, files, { name: "silence.wav", type: "audio/wav", content: silence(900), most: 2, words: "" });
  const door = await openCut(stage.demo.base + 443);
  try {
    const d = await stage.device({ phone: true });
    const { page } = d;
    const heads = [];
    d.context.on("request", (r) => heads.push(JSON.stringify(r.headers())));
    await page.goto(`https://localhost:${door.port}/f/${link.id}#${link.fragment}`);
    await page.getByLabel("Password", { exact: true }).fill("eight brass sextants");
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.getByText("This is not the password").waitFor();
    expect(!page.url().includes("#"), `no secret in the address bar: ${page.url()}`);
    await d.axe();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.getByRole("heading", { name: "the-ledger-of-marmalade.bin" }).waitFor();
    await page.getByText("3 downloads are left").waitFor();
    await page.getByText("Whoever has this link and its password can").waitFor();
    await d.screenshot("filelink-open");

    const memory = async () => (await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0)) / 2 ** 20;
    const before = await memory();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
    const began = door.passed;
    await until("a third of the file", async () => door.passed - began > size / 4);
    door.cut();
    await page.getByText("The connection is gone").waitFor();
    await d.screenshot("filelink-cut");
    await wait(300);
    door.mend();
    await goneOn(page.getByRole("button", { name: "Try again" }), page.getByText("It is here, and whole"));
    await page.getByText("2 downloads are left").waitFor();
    expect(await sha(await download.path()) === createHash("sha256").update(content).digest("hex"), "the file as it was sealed");
    expect(door.passed - began < size * 1.6, `nothing fetched twice: ${door.passed - began} octets for ${size}`);
    expect((await memory()) - before < 24, "the file not in the page's memory");
    const { count } = await call(api, "GET", `/links/${link.id}`);
    expect(count === 1, `one download, though it broke: ${count}`);
    await d.axe();
    await d.screenshot("filelink-done");
    await page.reload();
    await page.getByRole("heading", { name: "Open the link once more" }).waitFor();

    // Sound plays from the middle while it is opened, by ranges.
    await page.goto(`https://localhost:${door.port}/f/${sound.id}#${sound.fragment}`);
    await page.getByText("2 downloads are left").waitFor();
    await page.getByRole("button", { name: "Look at it here" }).click();
    const passed = door.passed;
    await until("a sound that is 900 seconds long", () => page.evaluate(() => Math.round(document.querySelector("audio")?.duration ?? 0) === 900));
    await page.evaluate(() => new Promise((done) => { const a = document.querySelector("audio"); a.onseeked = done; a.currentTime = 800; }));
    await page.getByText("1 download is left").waitFor();
    await d.screenshot("filelink-sound");
    expect(await page.evaluate(() => document.querySelector("audio").currentTime) === 800, `played from the middle, ${door.passed - passed} octets came`);

    // Text is shown; a link that was revoked is what never was one.
    await page.goto(`https://localhost:${door.port}/f/${small.id}#${small.fragment}`);
    await page.getByRole("button", { name: "Look at it here" }).click();
    await page.getByText(note).waitFor();
    await d.screenshot("filelink-look");
    await call(api, "PATCH", `/links/${small.id}`, { revoked: true });
    const over = [];
    for (const at of [`${small.id}#${small.fragment}`, `${"A".repeat(22)}#${small.fragment}`, `${link.id}#short`]) {
      await page.goto("about:blank");
      await page.goto(`https://localhost:${door.port}/f/${at}`);
      await page.getByRole("heading", { name: "There is no file here" }).waitFor();
      over.push(await page.locator("main").innerText());
    }
    expect(new Set(over).size === 1, `the same words for all that is over: ${over.join(" / ")}`);

    const sent = d.seen.requests.map((r) => r.url).join("\n") + heads.join("\n") + Buffer.concat(stage.requests).toString("latin1");
    for (const l of [link, small, sound]) {
      for (const form of forms(Buffer.from(l.fragment, "base64url"), l.fragment).concat(forms(l.secret, Buffer.from(l.secret).toString("base64url")))) expect(!sent.includes(form), `the secret in no request: ${form.slice(0, 4)}…`);
    }
    expect(!readFileSync(`${stage.demo.folder}/demo.json`, "utf8").includes(link.fragment) && !stage.demo.log().includes(link.fragment), "the secret in no log");
    d.check({ ignore: [/ERR_|status of 4/] });
    await d.close();
    stage.forget(d);
  } finally {
    await door.close();
  }
}
