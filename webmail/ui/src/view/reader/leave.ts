// Leaving a list, after the reader said yes.
import type { App, Desk } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import type { confirm, toast } from "../kit/index.ts";
import type { Leaving } from "./unsubscribe.ts";

export async function leave(app: App, desk: Desk, how: Leaving, kit: { confirm: typeof confirm; toast: typeof toast }): Promise<void> {
  const where = how.how === "mail" ? how.to : how.host;
  const text = t(how.how === "click" ? "leave.click" : how.how === "mail" ? "leave.mail" : "leave.page", { where });
  if (!(await kit.confirm({ title: t("reader.leave"), text, yes: t(how.how === "page" ? "leave.open" : "reader.leave") }))) return;
  if (how.how === "mail") {
    await desk.drafts.create({ to: [{ name: "", address: how.to }], subject: how.subject, text: "" });
    return;
  }
  if (how.how === "page") {
    open(how.url, "_blank", "noopener,noreferrer");
    return;
  }
  try {
    await app.api.unsubscribe(how.url);
    kit.toast(t("leave.done", { where }));
  } catch {
    kit.toast(t("leave.failed"), { kind: "fault", action: { label: t("leave.open"), run: () => { open(how.url, "_blank", "noopener,noreferrer"); } } });
  }
}
