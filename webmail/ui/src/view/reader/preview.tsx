// A look at an attachment: pictures and text here, PDF in a tab of its own whose bytes
// really are a PDF's. Nothing else is ever opened.
import { useEffect, useState } from "preact/hooks";
import type { Part } from "../../vault/vault.ts";
import { bytes, t } from "../../words/index.ts";
import { Button, Dialog, EmptyState, Spinner } from "../kit/index.ts";
import { isPdf, kindOf, pictureType } from "./files.ts";

interface Props { part: Part; get: () => Promise<{ data: ArrayBuffer } | null>; onSave: () => void; onClose: () => void }
type Shown = { kind: "image"; url: string } | { kind: "text"; text: string; cut: boolean } | { kind: "pdf"; url: string } | { kind: "none" };
const mostText = 500_000;

export default function Preview({ part, get, onSave, onClose }: Props) {
  const [shown, show] = useState<Shown>();
  useEffect(() => {
    let gone = false, url = "";
    void get().then((got) => {
      if (gone) return;
      const made = got ? look(part, got.data) : ({ kind: "none" } as const);
      if ("url" in made) url = made.url;
      show(made);
    });
    return () => { gone = true; if (url) setTimeout(() => URL.revokeObjectURL(url), 60_000); };
  }, [part]);
  return (
    <Dialog title={part.name || t("files.unnamed")} size="large" onClose={onClose} actions={<><span class="preview-size">{bytes(part.size)}</span><Button icon="download" onClick={onSave}>{t("files.save")}</Button></>}>
      <div class="preview">
        {!shown && <div class="lazy"><Spinner label={t("reader.decrypting")} /></div>}
        {shown?.kind === "image" && <img src={shown.url} alt={part.name} />}
        {shown?.kind === "text" && <><pre dir="auto" tabIndex={0}>{shown.text}</pre>{shown.cut && <p>{t("files.cut")}</p>}</>}
        {shown?.kind === "pdf" && <EmptyState art="file-text" title={t("files.pdf")} action={<a class="button button-primary" href={shown.url} target="_blank" rel="noopener noreferrer">{t("files.pdf.open")}</a>}>{t("files.pdf.why")}</EmptyState>}
        {shown?.kind === "none" && <EmptyState art="file" title={t("files.nolook")}>{t("files.nolook.why")}</EmptyState>}
      </div>
    </Dialog>
  );
}

function look(part: Part, data: ArrayBuffer): Shown {
  const kind = kindOf(part), type = pictureType(data);
  if (kind === "image" && type) return { kind: "image", url: URL.createObjectURL(new Blob([data], { type })) };
  if (kind === "pdf" && isPdf(data)) return { kind: "pdf", url: URL.createObjectURL(new Blob([data], { type: "application/pdf" })) };
  if (kind === "text") return { kind: "text", text: new TextDecoder().decode(data.slice(0, mostText)), cut: data.byteLength > mostText };
  return { kind: "none" };
}
