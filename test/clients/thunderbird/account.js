// Makes an account as the wizard would: IMAP and submission over TLS, the server's
// authority trusted, the owner's secret key imported and chosen.
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { RNP } = ChromeUtils.importESModule("chrome://openpgp/content/modules/RNP.sys.mjs");
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(given.authority, "C,,");
for (const place of ["imap://localhost", "smtp://localhost"]) {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init(place, null, place, given.address, given.password, "", "");
  await Services.logins.addLoginAsync(login);
}
const incoming = MailServices.accounts.createIncomingServer(given.address, "localhost", "imap");
incoming.port = given.imaps;
incoming.socketType = Ci.nsMsgSocketType.SSL;
incoming.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
const outgoing = MailServices.outgoingServer.createServer("smtp");
const smtp = outgoing.QueryInterface(Ci.nsISmtpServer);
smtp.hostname = "localhost";
smtp.port = given.submissions;
outgoing.socketType = Ci.nsMsgSocketType.SSL;
outgoing.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
outgoing.username = given.address;
const { importedKeys, exitCode } = await RNP.importSecKeyBlockImpl(null, () => { throw new Error("asked for a passphrase"); }, false, given.secret, []);
if (exitCode !== 0 || importedKeys.length !== 1) throw new Error(`the key was not taken: ${exitCode}`);
// The wizard asks whether it is a key of one's own.
const { PgpSqliteDb2 } = ChromeUtils.importESModule("chrome://openpgp/content/modules/sqliteDb.sys.mjs");
await PgpSqliteDb2.acceptAsPersonalKey(given.fingerprint);
const identity = MailServices.accounts.createIdentity();
identity.email = given.address;
identity.fullName = given.name;
identity.smtpServerKey = outgoing.key;
identity.setUnicharAttribute("openpgp_key_id", given.fingerprint.slice(-16));
const account = MailServices.accounts.createAccount();
account.addIdentity(identity);
account.incomingServer = incoming;
MailServices.accounts.defaultAccount = account;
return null;
