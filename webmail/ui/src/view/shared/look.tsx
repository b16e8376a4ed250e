// A look at the file without saving it: pictures by what their bytes say, text as text,
// sound and moving pictures as they come. Nothing that can run anything is ever drawn.
import { useEffect, useState } from "preact/hooks";
import type { SharedLink } from "../../model/shared.ts";
import { mediaType } from "../../shared/media.ts";
import type { Told } from "../../shared/line.ts";
import { t } from "../../words/index.ts";
import { EmptyState, Note, Spinner } from "../kit/index.ts";
import { isPdf, pictureType, type Kind } from "../reader/files.ts";

type Shown = { kind: "image" | "pdf" | "audio" | "video"; url: string } | { kind: "text"; text: string; cut: boolean } | { kind: "large" | "none" | "failed" };
const mostText = 256 << 10, mostWhole = 32 << 20;

/** What is looked at: a link's file, or one of its owner's. */
export type Looked = Pick<SharedLink, "read" | "play">;

export async function lookAt(link: Looked, told: Pick<Told, "type" | "length">, kind: Kind): Promise<Shown> {
  if (kind === "text") return { kind, text: new TextDecoder().decode(await link.read(0, Math.min(told.length, mostText))), cut: told.length > mostText };
  if (kind === "audio" || kind === "video") {
    const type = mediaType(new Uint8Array(await link.read(0, Math.min(told.length, 64))), told.type);
    const url = type && (await link.play(type));
    return url ? { kind: type.startsWith("audio/") ? "audio" : "video", url } : { kind: "none" };
  }
  if (told.length > mostWhole) return { kind: "large" };
  const data = await link.read(0, told.length);
  const type = kind === "image" ? pictureType(data) : kind === "pdf" && isPdf(data) ? "application/pdf" : "";
  return type ? { kind: kind as "image" | "pdf", url: URL.createObjectURL(new Blob([data], { type })) } : { kind: "none" };
}

export function Look({ link, told, kind }: { link: Looked; told: Pick<Told, "name" | "type" | "length">; kind: Kind }) {
  const [shown, show] = useState<Shown>();
  useEffect(() => {
    let url = "", gone = false;
    void lookAt(link, told, kind).then((s) => {
      if ("url" in s && s.url.startsWith("blob:")) url = s.url;
      if (!gone) show(s);
    }, () => show({ kind: "failed" }));
    return () => { gone = true; if (url) URL.revokeObjectURL(url); };
  }, [link]);
  const fail = () => show({ kind: "none" });
  return (
    <div class="shared-look">
      {!shown && <p class="letter-wait"><Spinner label={t("reader.decrypting")} /></p>}
      {shown?.kind === "image" && <img src={shown.url} alt={told.name} onError={fail} />}
      {shown?.kind === "text" && <><pre dir="auto" tabIndex={0}>{shown.text}</pre>{shown.cut && <p>{t("files.cut")}</p>}</>}
      {shown?.kind === "audio" && <audio src={shown.url} controls preload="metadata" onError={fail} />}
      {shown?.kind === "video" && <video src={shown.url} controls playsInline preload="metadata" onError={fail} />}
      {shown?.kind === "pdf" && <EmptyState art="file-text" title={t("files.pdf")} action={<a class="button button-primary" href={shown.url} target="_blank" rel="noopener noreferrer">{t("files.pdf.open")}</a>}>{t("files.pdf.why")}</EmptyState>}
      {shown?.kind === "large" && <Note tone="note">{t("shared.large")}</Note>}
      {shown?.kind === "none" && <Note tone="note" title={t("files.nolook")}>{t("files.nolook.why")}</Note>}
      {shown?.kind === "failed" && <Note tone="bad" title={t("shared.failed")}>{t("letter.failed.text")}</Note>}
    </div>
  );
}
