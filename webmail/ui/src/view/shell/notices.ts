// New mail, told by the browser's title and, where the owner wants it, by a notification
// whose words were opened on this device.
import { useEffect } from "preact/hooks";
import type { Desk } from "../../model/types.ts";
import { t } from "../../words/index.ts";

export function useNotices(desk: Desk): void {
  const unseen = desk.sync.role("inbox")?.unseen ?? 0;
  void desk.sync.mailboxes.value;
  useEffect(() => {
    document.title = unseen > 0 ? `(${unseen}) sealpost` : "sealpost";
    return () => { document.title = "sealpost"; };
  }, [unseen]);
  const arrived = desk.sync.arrived.value, wanted = desk.settings.value.value.notices;
  useEffect(() => {
    if (!wanted || arrived.length === 0 || document.visibilityState === "visible") return;
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    const newest = arrived[arrived.length - 1], card = newest && desk.sync.card(newest.id);
    const title = arrived.length > 1 ? t("notice.many", { n: arrived.length }) : card?.from_name || card?.from || t("shell.newmail");
    try { // the tag is that of the service worker's notice, which this one takes the place of
      const n = new Notification(title, { body: arrived.length > 1 ? "" : card?.subject ?? "", tag: "mail", icon: "/icon-192.png" });
      n.onclick = () => { focus(); location.hash = "#/inbox"; n.close(); };
    } catch { /* some phones show notifications of service workers only */ }
  }, [arrived]);
}
