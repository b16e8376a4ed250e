// A mail as it arrived: its header, or all of it, as text.
import { useEffect, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, Dialog, Segments, Spinner, download, safeName, toast, useDesk } from "../kit/index.ts";

const most = 1_000_000;

export default function Source({ id, subject, onClose }: { id: string; subject: string; onClose: () => void }) {
  const desk = useDesk(), [data, set] = useState<ArrayBuffer | null>(), [what, choose] = useState<"header" | "all">("header");
  useEffect(() => { void desk.mail.source(id).then(set); }, [id]);
  const text = data ? new TextDecoder().decode(data.slice(0, most)) : "";
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const shown = what === "header" ? text.slice(0, end) : text;
  const copy = () => void navigator.clipboard.writeText(shown).then(() => toast(t("reader.copied")), () => toast(t("reader.notcopied"), { kind: "fault" }));
  const save = async () => {
    const got = await desk.mail.original(id);
    if (got) download(`${safeName(subject || "mail")}.eml`, got.data);
    if (!got?.whole) toast(t(got ? "reader.export.without" : "reader.failed"), { kind: "fault" });
  };
  return (
    <Dialog title={t("reader.source")} size="large" onClose={onClose} actions={<>
      <Button icon="copy" disabled={!data} onClick={copy}>{t("reader.copy")}</Button>
      <Button icon="download" disabled={!data} onClick={() => void save()}>{t("reader.export")}</Button>
    </>}>
      <Segments label={t("reader.source")} options={[{ value: "header", label: t("reader.headers") }, { value: "all", label: t("reader.whole") }]} value={what} onValue={choose} />
      {data === undefined ? <div class="lazy"><Spinner label={t("reader.decrypting")} /></div> : data === null ? <p role="alert">{t("reader.failed")}</p> : <pre class="source" tabIndex={0} dir="ltr">{shown}</pre>}
      {data && what === "all" && data.byteLength > most && <p>{t("files.cut")}</p>}
    </Dialog>
  );
}
