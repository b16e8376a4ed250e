// Mail fetched from an account at another server, Dovecot here, through the settings: stopped
// in the middle, gone on with, asked for again. A private address is only reached where the
// operator named it, and a wrong password is said to be one.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyOf, expect, openMail, row, until } from "./stage.mjs";

const inbox = 60, kitchen = 30, all = inbox + kitchen;

const conf = (dir, port) => `base_dir = ${dir}/run
log_path = ${dir}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <${dir}/tls.pem
ssl_key = <${dir}/tls.key
first_valid_uid = 1
auth_failure_delay = 0
mail_location = maildir:~/Maildir:LAYOUT=fs
passdb {
  driver = passwd-file
  args = ${dir}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${dir}/home
}
namespace inbox {
  inbox = yes
  separator = /
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${port}
  }
}
`;

/** Another mail server, with ninety mails in two mailboxes. */
async function openDovecot(stage) {
  const dir = mkdtempSync(join(tmpdir(), "sp-dovecot-"));
  const probe = net.createServer().listen(0, "127.0.0.1");
  await new Promise((go) => probe.once("listening", go));
  const port = probe.address().port;
  await new Promise((go) => probe.close(go));
  for (const f of ["tls.pem", "tls.key"]) copyFileSync(join(stage.demo.folder, "server", f), join(dir, f));
  writeFileSync(join(dir, "users"), "old:{PLAIN}moving::::::\n");
  writeFileSync(join(dir, "dovecot.conf"), conf(dir, port));
  for (const [box, n] of [["", inbox], ["Kitchen", kitchen]]) fill(join(dir, "home/Maildir", box), box || "Hallway", n);
  chmodSync(dir, 0o755);
  spawnSync("chown", ["-R", "mail:mail", join(dir, "home")]);
  const child = spawn("dovecot", ["-F", "-c", join(dir, "dovecot.conf")], { stdio: "ignore" });
  const reached = () => new Promise((done) => { const s = net.connect(port, "127.0.0.1", () => { s.destroy(); done(true); }); s.on("error", () => done(false)); });
  await until("Dovecot listens", reached);
  return {
    port,
    close: async () => {
      const gone = new Promise((go) => child.once("exit", go));
      child.kill("SIGTERM");
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function fill(folder, name, n) {
  for (const sub of ["cur", "new", "tmp"]) mkdirSync(join(folder, sub), { recursive: true });
  for (let i = 1; i <= n; i++) {
    const text = `${name} ledger ${i}: the tureen is cracked\r\n` + "Soup was served in cups until the joiner came.\r\n".repeat(60);
    writeFileSync(join(folder, `cur/${1700000000 + i}.${i}.there:2,S`), `From: Eve Marlow <eve@example.org>\r\nTo: old@elsewhere.example\r\nSubject: ${name} ledger ${i}\r\nDate: Tue, 14 Nov 2023 22:${String(i % 60).padStart(2, "0")}:00 +0000\r\nMessage-ID: <${name}-${i}@example.org>\r\n\r\n${text}`);
  }
}

const card = (page) => page.locator(".moving-card", { hasText: "From another mail account" });

async function fetchFrom(page, { port, password = "moving" }) {
  await page.getByLabel("IMAP server").fill("mail.demo.test");
  await page.getByLabel("Name or address there").fill("old");
  await page.getByLabel("Password there").fill(password);
  if (!(await page.getByLabel("Port", { exact: true }).isVisible())) await page.getByText("More settings").click();
  await page.getByLabel("Port", { exact: true }).fill(String(port));
  await page.getByRole("button", { name: "Fetch mail" }).click();
}

/** How many mails alice's mailbox has, as a mail program sees it. */
function count(stage, box) {
  const r = spawnSync("curl", ["-ksS", "-u", `${stage.alice.address}:${stage.alice.password}`, `imaps://${stage.demo.facts.imaps}/`, "-X", `STATUS ${box} (MESSAGES)`], { encoding: "utf8" });
  return Number(/MESSAGES (\d+)/.exec(r.stdout)?.[1] ?? 0);
}

export async function fetching(stage) {
  if (process.getuid() !== 0 || spawnSync("dovecot", ["--version"]).status !== 0) return void console.log("passed over fetching: it wants Dovecot, and root");
  const { page } = stage.desk, { door } = stage;
  for (const word of ["the tureen is cracked", "Kitchen ledger 29"]) stage.plant(word);
  const there = await openDovecot(stage);
  try {
    const before = count(stage, "INBOX");
    await page.evaluate(() => { location.hash = "#/settings/moving"; });
    // Dovecot's own port is at a private address that nobody named.
    await fetchFrom(page, { port: there.port });
    await card(page).getByText("The other server could not be reached").waitFor();
    door.to = there.port;
    await fetchFrom(page, { port: door.port, password: "moved" });
    await card(page).getByText("refused the name or the password").waitFor();

    door.passed = 0;
    door.holdAfter = 200_000; // the first of two mailboxes, about
    await fetchFrom(page, { port: door.port });
    let brought = 0;
    await until("a part has arrived", async () => (brought = Number(/(\d+) of 90 mails fetched/.exec(await card(page).innerText())?.[1] ?? 0)) > 0 && brought < all);
    await stage.desk.screenshot("fetching");
    await card(page).getByRole("button", { name: "Stop" }).click();
    await card(page).getByText("You stopped it").waitFor();
    await card(page).getByText("Not all has arrived").waitFor();
    brought = count(stage, "INBOX") - before + count(stage, "Kitchen");
    expect(brought > 0 && brought < all, `a part of ${all}, not ${brought}`);
    door.free();

    await fetchFrom(page, { port: door.port });
    await card(page).getByText("All has arrived").waitFor();
    await card(page).getByText(`${all - brought} mails fetched`).waitFor();
    const arrived = () => [count(stage, "INBOX") - before, count(stage, "Kitchen")].join();
    expect(arrived() === `${inbox},${kitchen}`, `each mail once, not ${arrived()}`);
    // Once more: there is nothing new.
    await fetchFrom(page, { port: door.port });
    await card(page).getByText("0 mails fetched").waitFor();
    await card(page).getByText("All has arrived").waitFor();
    expect(arrived() === `${inbox},${kitchen}`, `nothing twice, not ${arrived()}`);

    await page.locator("nav.side").getByRole("link", { name: "Kitchen", exact: true }).click();
    await openMail(page, "Kitchen ledger 29");
    await bodyOf(page).getByText("Kitchen ledger 29: the tureen is cracked").waitFor();
    await page.locator(".trust-line", { hasText: "Sealed on arrival" }).waitFor();
    expect((await row(page, "Kitchen ledger").first().getAttribute("class")).includes("row-unread") === false, "what was read there is read here");
  } finally {
    door.holdAfter = Infinity;
    await there.close();
  }
}
