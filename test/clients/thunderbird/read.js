// Fetches the inbox over IMAP, opens its newest mail in the window as a click would, and
// returns what a reader sees once it was decrypted.
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const until = async (what, look) => {
  for (let n = 0; n < 1200; n++) {
    const found = look();
    if (found) return found;
    await new Promise((go) => window.setTimeout(go, 50));
  }
  throw new Error(`waited in vain for ${what}`);
};
const { rootFolder } = MailServices.accounts.defaultAccount.incomingServer;
MailServices.accounts.defaultAccount.incomingServer.performExpand(null);
const inbox = await until("an inbox", () => rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
inbox.getNewMessages(null, null);
await until(`${given.mails} mails`, () => inbox.getTotalMessages(false) >= given.mails);
const pane = document.getElementById("tabmail").currentAbout3Pane;
await until("the pane", () => pane?.displayFolder && pane.document.readyState === "complete");
pane.displayFolder(inbox.URI);
await until("the list", () => pane.gDBView?.rowCount >= given.mails);
const newest = [...inbox.messages].reduce((a, b) => (a.messageKey > b.messageKey ? a : b));
pane.threadTree.selectedIndex = pane.gDBView.findIndexOfMsgHdr(newest, true);
const { contentWindow: shown } = pane.messageBrowser;
const text = await until("the text", () => {
  const all = shown.getMessagePaneBrowser?.()?.contentDocument?.body?.textContent ?? "";
  return all.includes(given.text) && all;
});
const subject = await until("the subject", () => {
  const all = shown.document.getElementById("expandedsubjectBox")?.textContent ?? "";
  return all && !all.includes("...") && all;
});
return {
  text: text.trim(), subject, row: newest.mime2DecodedSubject,
  files: [...shown.document.querySelectorAll("#attachmentList .attachmentcell-name, #attachmentName")].map((e) => e.textContent || e.value),
  folders: rootFolder.descendants.map((f) => f.name),
};
