// Who closed the page hears that mail came, and the knock has no words. There is no push
// service here: what the browser would ask of one is asked of a stand-in, and the knock is
// brought to the service worker by the debugger.
import { expect, isOpen, until } from "./stage.mjs";

function standIn() {
  // A slow day: the settings are drawn long before the service worker is there.
  const { serviceWorker } = navigator, register = serviceWorker?.register.bind(serviceWorker);
  if (serviceWorker) serviceWorker.register = (...all) => new Promise((go) => setTimeout(go, 1500)).then(() => register(...all));
  let held = null;
  PushManager.prototype.getSubscription = async () => held;
  PushManager.prototype.subscribe = async ({ applicationServerKey: key, userVisibleOnly }) => {
    if (!userVisibleOnly || typeof key !== "string" || key.length !== 87) throw new Error("expected a point of P-256 in base64url");
    return (held = { endpoint: "https://push.letters.test/a-browser", unsubscribe: async () => ((held = null), true) });
  };
}

export async function knock(stage) {
  const { page, context } = stage.desk;
  await context.grantPermissions(["notifications"], { origin: new URL(stage.demo.url).origin });
  await context.addInitScript(standIn);
  await page.reload();
  await isOpen(page);
  await page.goto(stage.demo.url + "#/settings/reading");
  const told = [];
  page.on("request", (r) => r.url().endsWith("/api/v1/push") && r.method() !== "GET" && told.push(r));
  const turn = async (name, on) => {
    const box = page.getByRole("switch", { name });
    if ((await box.isChecked()) !== on) await box.click();
    await until(`${name} is ${on}`, async () => (await box.isChecked()) === on);
  };
  await turn("Tell me about new mail", true);
  await turn("Also when this page is closed", true);
  // A page that opens may tell it once more.
  const said = async (method) => {
    await until(`the server was told, last by ${method}`, async () => told.at(-1)?.method() === method && (await told.at(-1).response())?.status() < 300);
    told.length = 0;
  };
  await said("POST");

  const line = await context.newCDPSession(page);
  const registered = new Promise((go) => line.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && go(registrations[0])));
  await line.send("ServiceWorker.enable");
  const { registrationId, scopeURL } = await registered;
  const push = (data) => line.send("ServiceWorker.deliverPushMessage", { origin: new URL(scopeURL).origin, registrationId, data });
  const notices = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((n) => ({ title: n.title, body: n.body, tag: n.tag })));
  await push("Subject: the sender's words");
  await page.goto("about:blank");
  await push("Subject: the sender's words");
  await page.goto(stage.demo.url);
  await isOpen(page);
  let seen = [];
  await until("a notice", async () => (seen = await notices()).length > 0);
  expect(JSON.stringify(seen) === JSON.stringify([{ title: "New mail", body: "", tag: "mail" }]), `one notice, of its own words, not ${JSON.stringify(seen)}`);

  await page.goto(stage.demo.url + "#/settings/reading");
  await page.reload(); // the stand-in forgets; the page does not believe to be knocked at
  await isOpen(page);
  expect(!(await page.getByRole("switch", { name: "Also when this page is closed" }).isChecked()), "what the browser does not hold is not said to be on");
  await turn("Also when this page is closed", true);
  await said("POST");
  await turn("Also when this page is closed", false);
  await said("DELETE");
  await page.goto(stage.demo.url + "#/inbox");
}
