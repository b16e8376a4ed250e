// A letter behind a password, for somebody who may never have heard of us: no account, no
// request elsewhere, and nothing left behind.
import { useEffect, useMemo } from "preact/hooks";
import { StrangersLetter } from "../../model/stranger.ts";
import type { App } from "../../model/types.ts";
import { route } from "../../router.ts";
import { fullDate, t } from "../../words/index.ts";
import { Button, Icon, Note, Seal, Spinner } from "../kit/index.ts";
import { Answer } from "./answer.tsx";
import { Lock } from "./lock.tsx";
import { Reading } from "./reading.tsx";
import "./letter.css";

/** The page of a route #/letter/…: its secret leaves the address bar before anything else. */
export function Letter({ app }: { app: App }) {
  const at = route.value;
  const token = at.page === "letter" ? at.token : "";
  const letter = useMemo(() => new StrangersLetter(token, app), [token]);
  useEffect(() => {
    if (token) history.replaceState(null, "", "#/letter");
    void letter.fetch();
  }, [letter]);
  const phase = letter.phase.value, opened = letter.opened.value;
  return (
    <div class="letter">
      <header class="letter-head"><Seal size={32} /><span>{location.hostname}</span></header>
      <main class={phase === "open" ? "letter-wide" : "letter-narrow"}>
        {phase === "open" && opened ? (
          <>
            <Reading letter={letter} opened={opened} />
            {opened.answers && <Answer letter={letter} opened={opened} />}
          </>
        ) : (
          <section class="letter-sheet" aria-live="polite">
            {phase === "fetching" && <p class="letter-wait"><Spinner label={t("letter.fetching")} /></p>}
            {phase === "closed" && <Lock letter={letter} />}
            {phase === "gone" && <Gone again={token === ""} />}
            {phase === "failed" && <><h1>{t("letter.failed")}</h1><p>{t("letter.failed.text")}</p><Button kind="primary" icon="refresh" onClick={() => void letter.fetch()}>{t("letter.again")}</Button></>}
          </section>
        )}
      </main>
      <footer class="letter-foot">
        <p><Icon name="lock" />{t("letter.foot")}</p>
        {letter.ends.value > 0 && phase !== "gone" && <p><Icon name="clock" />{t("letter.until", { when: fullDate(letter.ends.value) })}</p>}
      </footer>
    </div>
  );
}

/** again: the page was loaded anew, and the secret of the link went with the old one. */
function Gone({ again }: { again: boolean }) {
  return (
    <>
      <h1>{t(again ? "letter.reload" : "letter.gone")}</h1>
      <p>{t(again ? "letter.reload.text" : "letter.gone.text")}</p>
      {!again && <Note tone="note">{t("letter.gone.ask")}</Note>}
    </>
  );
}
