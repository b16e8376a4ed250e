// A Chromium under a debugger that does not look at its network: one that does keeps what
// pages send, and so has memory grow with a file.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flagsFor } from "../harness.mjs";

export async function openRaw({ trust }) {
  const folder = mkdtempSync(join(tmpdir(), "sp-raw-"));
  const child = spawn(process.env.CHROMIUM ?? "/usr/bin/chromium", [...flagsFor({ trust }), "--headless=new", "--remote-debugging-pipe", `--user-data-dir=${folder}`, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const gone = new Promise((done) => child.once("exit", done));
  const waiting = new Map(), heard = [];
  let last = 0;
  let came = "";
  child.stdio[4].setEncoding("utf8").on("data", (d) => {
    const all = (came + d).split("\0");
    came = all.pop();
    for (const one of all) take(JSON.parse(one));
  });
  const take = (m) => {
    if (!m.id) return void heard.forEach((f) => f(m));
    const { done, fail } = waiting.get(m.id);
    waiting.delete(m.id);
    if (m.error) fail(new Error(m.error.message));
    else done(m.result);
  };
  const send = (method, params = {}, sessionId) => new Promise((done, fail) => {
    waiting.set(++last, { done, fail });
    child.stdio[3].write(JSON.stringify({ id: last, method, params, ...(sessionId && { sessionId }) }) + "\0");
  });
  /** A person's device: what it saves goes to a folder. */
  const device = async (downloads, { phone = false } = {}) => {
    const { browserContextId } = await send("Target.createBrowserContext");
    await send("Browser.setDownloadBehavior", { behavior: "allowAndName", downloadPath: downloads, browserContextId, eventsEnabled: true });
    const { targetId } = await send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
    const ask = (method, params) => send(method, params, sessionId);
    await ask("Emulation.setFocusEmulationEnabled", { enabled: true });
    if (phone) await ask("Emulation.setDeviceMetricsOverride", { width: 390, height: 844, deviceScaleFactor: 2, mobile: true });
    const run = async (code) => {
      const { result, exceptionDetails } = await ask("Runtime.evaluate", { expression: code, awaitPromise: true, returnByValue: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    };
    return {
      run,
      go: (url) => ask("Page.navigate", { url }),
      type: async (text) => { await ask("Input.insertText", { text }); },
      files: async (selector, files) => {
        const { root } = await ask("DOM.getDocument"), { nodeId } = await ask("DOM.querySelector", { nodeId: root.nodeId, selector });
        await ask("DOM.setFileInputFiles", { nodeId, files });
      },
      /** Waits until a piece of code says yes. */
      until: async (code, ms = 60_000) => {
        for (const began = Date.now(); ; await new Promise((go) => setTimeout(go, 150))) {
          if (await run(code).catch(() => false)) return;
          if (Date.now() - began > ms) throw new Error(`expected within ${ms} ms: ${code}\n${await run("document.body.innerText.slice(0, 600)").catch(() => "")}`);
        }
      },
      saved: new Promise((done) => heard.push((m) => { if (m.method === "Browser.downloadProgress" && m.params.state === "completed") done(join(downloads, m.params.guid)); })),
    };
  };
  // Asked first: what is killed leaves children that still write.
  const close = async () => {
    void send("Browser.close").catch(() => undefined);
    const hard = setTimeout(() => child.kill("SIGKILL"), 3000);
    await gone;
    clearTimeout(hard);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { device, close };
}
