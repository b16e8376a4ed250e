// Writes a mail with a file in a window of its own, and sends it by submission.
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
fields.to = given.to;
fields.subject = given.subject;
fields.body = given.text;
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(given.file);
const attachment = Cc["@mozilla.org/messengercompose/attachment;1"].createInstance(Ci.nsIMsgAttachment);
attachment.url = Services.io.newFileURI(file).spec;
attachment.name = file.leafName;
attachment.size = file.fileSize;
fields.addAttachment(attachment);
const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
params.composeFields = fields;
params.format = Ci.nsIMsgCompFormat.PlainText;
params.type = Ci.nsIMsgCompType.New;
params.identity = MailServices.accounts.defaultAccount.defaultIdentity;
const opened = new Promise((go) => {
  const seen = { observe(w) { Services.obs.removeObserver(seen, "domwindowopened"); w.addEventListener("compose-editor-ready", () => go(w), { once: true }); } };
  Services.obs.addObserver(seen, "domwindowopened");
});
MailServices.compose.OpenComposeWindowWithParams(null, params);
const writing = await opened;
const { promise, resolve: go, reject: fail } = Promise.withResolvers();
const sent = { done: promise, refuse: fail };
writing.gMsgCompose.addMsgSendListener({
  QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener"]),
  onStartSending() {}, onSendProgress() {}, onStatus() {}, onGetDraftFolderURI() {},
  onTransportSecurityError(id, status) { fail(new Error(`TLS: ${status}`)); },
  onSendNotPerformed(id, status) { fail(new Error(`not sent: ${status}`)); },
  onStopSending(id, status, message) { if (status === 0) go(); else fail(new Error(`not sent: ${status} ${message}`)); },
});
// What it would tell a person in a box, and wait.
const box = { observe(w) { sent.refuse(new Error(`Thunderbird says: ${w.document.getElementById("infoBody")?.textContent}`)); w.setTimeout(() => w.close(), 0); } };
Services.obs.addObserver(box, "common-dialog-loaded");
writing.goDoCommand("cmd_sendNow");
await sent.done.finally(() => Services.obs.removeObserver(box, "common-dialog-loaded"));
return null;
