// The recovery kit as it is shown once: on the screen, on paper (its own print layout) and
// as a file.
import { dayDate, t } from "../../words/index.ts";
import { Button, Note, Seal } from "../kit/index.ts";
import { download } from "../parts/copy.tsx";
import { QrCode } from "../qr/draw.tsx";
import { asText, inQr } from "./kit.ts";
import "./kitpage.css";

export interface Kit { words: string[]; address: string; host: string }

export function KitPage({ kit, onDone, onBack, title, lead }: { kit: Kit; onDone: () => void; onBack: () => void; title: string; lead: string }) {
  const made = dayDate(Date.now() / 1000);
  const save = () => {
    const text = asText(kit.words, { address: kit.address, server: kit.host, made }, [t("kit24.title"), t("kit24.keep"), t("kit24.use", { host: kit.host })]);
    download(`recovery-kit-${kit.address.replace(/[^\w.@-]/g, "_")}.txt`, text, "text/plain;charset=utf-8");
  };
  return (
    <>
      <header>
        <h1>{title}</h1>
        <p class="lead">{lead}</p>
      </header>
      <Note tone="warn" icon="file-text" title={t("kit24.only")}>{t("kit24.only.text")}</Note>
      <section class="kit-paper" aria-label={t("kit24.title")}>
        <header class="kit-head"><Seal size={44} /><div><h2>{t("kit24.title")}</h2><p><bdi>{kit.address}</bdi></p></div></header>
        <ol class="kit-words">{kit.words.map((w, i) => <li key={i}><code>{w}</code></li>)}</ol>
        <div class="kit-code"><QrCode text={inQr(kit.words)} label={t("kit24.qr")} /></div>
        <footer class="kit-foot"><p>{t("kit24.keep")}</p><p>{t("kit24.use", { host: kit.host })}</p><p>{t("kit24.made", { day: made, host: kit.host })}</p></footer>
      </section>
      <div class="welcome-acts kit-acts">
        <Button icon="print" onClick={() => window.print()}>{t("kit24.print")}</Button>
        <Button icon="download" onClick={save}>{t("kit24.save")}</Button>
      </div>
      <div class="welcome-acts">
        <Button icon="back" kind="quiet" onClick={onBack}>{t("welcome.back")}</Button>
        <Button kind="primary" onClick={onDone}>{t("kit24.done")}</Button>
      </div>
    </>
  );
}
