// The page of a link to a file, for anybody: no account, no request elsewhere, and nothing
// left behind but what they save.
import { useEffect, useMemo } from "preact/hooks";
import { SharedLink } from "../../model/shared.ts";
import { bringer, onFile, save } from "../../shared/bringing.ts";
import { Client } from "../../shared/client.ts";
import workerUrl from "../../shared/worker.ts?worker&url";
import { fullDate, t } from "../../words/index.ts";
import { Button, Icon, Note, Seal, Spinner, download } from "../kit/index.ts";
import { File } from "./file.tsx";
import { Lock } from "./lock.tsx";
import "../letter/letter.css";
import "./shared.css";

/** The page of /f/ID#SECRET: the secret has left the address bar before (stranger.tsx). */
export function Shared({ id, secret }: { id: string; secret: string }) {
  const link = useMemo(() => begin(id, secret), [id, secret]);
  useEffect(() => {
    void link.open();
    const online = () => link.wake();
    addEventListener("online", online);
    return () => { removeEventListener("online", online); link.close(); };
  }, [link]);
  const phase = link.phase.value, told = link.told.value;
  return (
    <div class="letter">
      <header class="letter-head"><Seal size={32} /><span>{location.hostname}</span></header>
      <main class="letter-narrow shared">
        {phase === "open" && told ? <File link={link} told={told} /> : (
          <section class="letter-sheet" aria-live="polite">
            {phase === "fetching" && <p class="letter-wait"><Spinner label={t("shared.wait")} /></p>}
            {phase === "locked" && <Lock link={link} />}
            {phase === "gone" && <Gone again={secret === ""} />}
            {phase === "failed" && <><h1>{t("shared.failed")}</h1><p>{t("letter.failed.text")}</p><Button kind="primary" icon="refresh" onClick={() => void link.open()}>{t("letter.again")}</Button></>}
          </section>
        )}
      </main>
      <footer class="letter-foot">
        <p><Icon name="lock" />{t(told?.password ? "shared.who.password" : "shared.who")}</p>
        {told && <p><Icon name="clock" />{t("shared.until", { when: fullDate(told.expires) })}</p>}
        {told?.report && <p><Icon name="info" />{t("shared.report", { where: `\u2068${told.report}\u2069` })}</p>}
      </footer>
    </div>
  );
}

function begin(id: string, secret: string): SharedLink {
  const client = new Client(workerUrl, (e) => link.event(e));
  const link: SharedLink = new SharedLink(id, secret, { client, bringer: () => bringer(true), onFile, save, keep: download });
  return link;
}

/** again: the page was loaded anew, and the secret of the link went with the old one. */
function Gone({ again }: { again: boolean }) {
  return (
    <>
      <h1>{t(again ? "letter.reload" : "shared.gone")}</h1>
      <p>{t(again ? "shared.reload" : "shared.gone.text")}</p>
      {!again && <Note tone="note">{t("shared.gone.ask")}</Note>}
    </>
  );
}
