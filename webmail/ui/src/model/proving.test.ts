// What a session alone may not: the owner is asked once, and the token goes with what needs it.
import { expect, test } from "vitest";
import { createApi } from "../wire/http.ts";
import { createDevices } from "./devices.ts";
import { FakeClock, FakeServer, newBrowser, openPage } from "./testing/fake.ts";
import { fakePassphrase } from "./testing/vault.ts";

// A server in front of the fake one that wants a token for some requests.
function guarded() {
  const clock = new FakeClock();
  const server = new FakeServer({ clock });
  const page = openPage(server, newBrowser());
  const asked: string[] = [];
  const state = { token: "", tries: 0 };
  const problem = (word: string, status: number) => new Response(JSON.stringify({ type: `urn:sealpost:problem:${word}`, title: word, status }), { status, headers: { "Content-Type": "application/problem+json" } });
  const api = createApi({
    clock,
    fetch: (async (url: string, init: RequestInit = {}) => {
      const path = String(url).replace("/api/v1", "");
      const proof = new Headers(init.headers).get("Sealpost-Proof");
      if (path === "/proof") {
        state.tries++;
        state.token = "dG9rZW4=" + state.tries;
        return new Response(JSON.stringify({ token: state.token, expires: "2026-11-22T00:05:00Z" }));
      }
      if (!/^\/(second-factors|passkeys|app-passwords)/.test(path)) return page.net.fetch(url, init);
      asked.push(`${init.method ?? "GET"} ${path} ${proof === null ? "without" : proof === state.token ? "with" : "wrong"}`);
      if ((init.method ?? "GET") !== "GET" && (proof === null || proof !== state.token)) return problem("proof", 403);
      if (init.method === "DELETE") return new Response(null, { status: 204 });
      return new Response(JSON.stringify(path === "/app-passwords" && init.method === "POST" ? { name: "x", password: "secret" } : { totp: true, passkeys: [], app_passwords: [] }));
    }) as typeof fetch,
  });
  return { page, api, asked, state };
}

test("the owner is asked once, and not again while it counts; leaving the question does nothing", async () => {
  const { page, api, asked, state } = guarded();
  await page.app.start();
  const { session } = page.app;
  Object.assign(page.app.api, { prove: api.prove, forgetProof: api.forgetProof });
  const devices = createDevices(api, session.proof.with.bind(session.proof));
  const first = devices.removeTotp();
  await until(() => session.proof.state.peek() !== null);
  await session.proof.give({ passphrase: "wrong" });
  expect(session.proof.state.peek()).toEqual({ busy: false, word: "closed" });
  expect(state.tries).toBe(0); // the vault knows that it is wrong: the server hears of no try
  await session.proof.give({ passphrase: fakePassphrase });
  expect(await first).toBe(true);
  expect(session.proof.state.peek()).toBe(null);
  await devices.removePasskey("abc");
  expect((await devices.newPassword({ name: "x", scopes: ["api"], file_sent: false }))?.password).toBe("secret");
  expect(state.tries).toBe(1);
  expect(asked.filter((a) => a.startsWith("DELETE"))).toEqual(["DELETE /second-factors/totp without", "DELETE /second-factors/totp with", "DELETE /passkeys/abc with"]);

  state.token = "another"; // five minutes later
  const second = devices.removePasskey("def");
  await until(() => session.proof.state.peek() !== null);
  session.proof.stop();
  expect(await second).toBe(undefined);
  expect(devices.failed.peek()).toBe("");
  await session.lock();
  asked.length = 0;
  void devices.removeTotp();
  await until(() => asked.length > 0);
  expect(asked[0]).toBe("DELETE /second-factors/totp without"); // locking forgets it
  session.proof.stop();
  page.app.stop();
});

async function until(f: () => boolean): Promise<void> {
  for (let n = 0; n < 200 && !f(); n++) await new Promise((done) => setTimeout(done, 5));
  expect(f()).toBe(true);
}
