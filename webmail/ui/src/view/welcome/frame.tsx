// The sheet that everything before the mail stands on.
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { t } from "../../words/index.ts";
import { Dialog, Seal } from "../kit/index.ts";
import { LanguagePick } from "../parts/language.tsx";
import "./welcome.css";

export function Frame({ host, children, aside, narrow }: { host: string; children: ComponentChildren; aside?: ComponentChildren; narrow?: boolean }) {
  const [told, tell] = useState(false);
  return (
    <div class="welcome">
      <header class="welcome-head"><Seal size={36} /><span>{host}</span><LanguagePick /></header>
      <main class={aside ? "welcome-two" : narrow ? "welcome-narrow" : "welcome-one"}>
        <div class="welcome-card">{children}</div>
        {aside && <div class="welcome-aside">{aside}</div>}
      </main>
      <footer class="welcome-foot">
        <p>{t("welcome.browser")}</p>
        <nav aria-label={t("welcome.more")}>
          <button type="button" class="link" onClick={() => tell(true)}>{t("welcome.sees")}</button>
          <a href="/setup">{t("welcome.setup")}</a>
        </nav>
      </footer>
      {told && <Sees onClose={() => tell(false)} />}
    </div>
  );
}

/** The two promises of the design, in exactly its words. */
export function Promises() {
  const [before = "", after = ""] = t("welcome.door.text").split("`sealpost prove`");
  return (
    <section class="promises" aria-labelledby="promises">
      <h2 id="promises">{t("welcome.title")}</h2>
      <div class="promise"><h3>{t("welcome.stored")}</h3><p>{t("welcome.stored.text")}</p></div>
      <div class="promise promise-open"><h3>{t("welcome.door")}</h3><p>{before}<code>sealpost prove</code>{after}</p></div>
    </section>
  );
}

/** What the server can and cannot see, plainly. */
function Sees({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t("welcome.sees")} size="medium" onClose={onClose}>
      <div class="sees">
        <section><h3>{t("sees.never")}</h3><ul>{lines(t("sees.never.list"))}</ul></section>
        <section><h3>{t("sees.always")}</h3><ul>{lines(t("sees.always.list"))}</ul></section>
        <section><h3>{t("sees.door")}</h3><ul>{lines(t("sees.door.list"))}</ul></section>
        <section><h3>{t("sees.page")}</h3><p>{t("sees.page.text")}</p></section>
      </div>
    </Dialog>
  );
}

const lines = (text: string) => text.split("\n").map((l) => <li key={l}>{l}</li>);
