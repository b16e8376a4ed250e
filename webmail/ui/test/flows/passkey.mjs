// A passkey with PRF opens the account alone. The authenticator is Chromium's own virtual one.
import { bobsOf, deliver, fromAccountMenu, isOpen, place } from "./stage.mjs";

export async function passkey(stage) {
  const d = await bobsOf(stage), { page } = d;
  const cdp = await d.context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, hasPrf: true } });
  await place(page, "#/settings/security");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.locator("dialog").getByLabel("What you call it").fill("Virtual one");
  await page.locator("dialog").getByRole("button", { name: "Go on" }).click();
  // A session alone adds no passkey: who is there shows once more who they are.
  const ask = page.locator("dialog", { hasText: "Is it you?" });
  await ask.getByLabel("Passphrase now").fill(stage.bob.passphrase);
  await ask.getByRole("button", { name: "Go on" }).click();
  await page.getByText("Virtual one").waitFor();
  await page.getByText("Unlocks your keys").waitFor();

  await place(page, "#/inbox");
  await fromAccountMenu(page, /^Sign out/);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: /Use a passkey/ }).click();
  await isOpen(page);
  const subject = stage.plant("Parcel of parsnips");
  await deliver(stage, { to: stage.bob.address, mail: `From: eve@example.org\r\nTo: ${stage.bob.address}\r\nSubject: ${subject}\r\n\r\n.\r\n` });
  await page.locator(".row", { hasText: subject }).waitFor(); // its keys are open too
}
