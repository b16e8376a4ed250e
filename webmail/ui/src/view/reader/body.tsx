// What the sender wrote, in its frame; above it what was held back.
import { useEffect, useRef, useState } from "preact/hooks";
import { showMail, type RemoteFetcher, type Shown } from "../../frame/frame.ts";
import type { MailView, OpenedMail } from "../../model/types.ts";
import { bytes, t } from "../../words/index.ts";
import { Button, Icon, Note, Spinner, useApp, useDesk } from "../kit/index.ts";
import { dark } from "../shell/state.ts";
import { draftOf } from "./mailto.ts";

const AT_ONCE = 4 << 20; // octets

export function Body({ mail, opened: o }: { mail: MailView; opened: OpenedMail }) {
  const app = useApp(), desk = useDesk();
  const box = useRef<HTMLDivElement>(null), [shown, set] = useState<Shown>(), [plain, setPlain] = useState(false), [light, setLight] = useState(false);
  const fetcher: RemoteFetcher = (url) => app.api.image(url).catch(() => null);
  useEffect(() => {
    if (!box.current) return;
    const s = showMail(box.current, plain ? "" : o.html, {
      text: o.text, plain, dark: dark.peek() && !light, title: t("reader.frame"), quote: t("reader.quote"),
      parts: o.parts.filter((p) => p.content_id).map((p) => ({ content_id: p.content_id, type: p.type, data: async () => (await desk.mail.part(mail.ref.id, p.index))?.data ?? new ArrayBuffer(0) })),
      ...(mail.remote && { remote: fetcher }),
      onMailto: (href) => void desk.drafts.create(draftOf(href)),
      onKey: (e) => { dispatchEvent(new KeyboardEvent("keydown", { key: e.key, code: e.code, ctrlKey: e.ctrlKey, metaKey: e.metaKey, altKey: e.altKey, shiftKey: e.shiftKey, cancelable: true })); },
    });
    set(s);
    return () => s.destroy();
  }, [o.handle, plain]);
  useEffect(() => { shown?.setDark(dark.value && !light); }, [shown, dark.value, light]);
  // A large mail came without its pictures: small ones follow by themselves.
  const [late, setLate] = useState(() => desk.mail.pictures(mail.ref.id)), [fetching, fetchingNow] = useState(false);
  const pictures = async () => {
    if (!late || !shown) return;
    fetchingNow(true);
    const parts = await late.fetch();
    fetchingNow(false);
    setLate(null);
    await shown.embed(parts.map((p) => ({ content_id: p.content_id, type: p.type, data: async () => p.data })));
  };
  useEffect(() => { if (shown && late && late.size <= AT_ONCE) void pictures(); }, [shown]);
  const words = desk.list.words.value;
  useEffect(() => {
    let gone = false;
    void shown?.ready.then(() => { if (!gone) shown.highlight(words); });
    return () => { gone = true; };
  }, [shown, words]);
  const started = useRef(mail.remote);
  useEffect(() => {
    if (mail.remote && !started.current && shown) void shown.showRemote(fetcher);
    started.current = mail.remote;
  }, [mail.remote, shown]);
  const state = shown?.state.value ?? "loading";
  return (
    <div class="mail-body">
      {shown && <HeldBack shown={shown} mail={mail} opened={o} />}
      {late && late.size > AT_ONCE && (
        <div class="remote" role="note">
          <Icon name="image" />
          <span class="remote-words">{t("reader.pictures")}</span>
          <span class="remote-acts"><Button small busy={fetching} onClick={() => void pictures()}>{t("reader.pictures.show", { size: bytes(late.size) })}</Button></span>
        </div>
      )}
      {shown?.cut.value && <div class="mail-notice"><Note tone="warn">{t("reader.cut")}</Note></div>}
      {state === "failed" && <div class="mail-notice"><Note tone="bad" title={t("reader.noframe")}><p>{t("reader.noframe.why")}</p></Note></div>}
      {state === "loading" && <div class="mail-wait"><Spinner label={t("reader.drawing")} /></div>}
      <div ref={box} class={`mail-sheet${plain || !o.html ? " mail-text" : ""}`} />
      {state === "failed" && <pre class="mail-plain" dir="auto">{o.text}</pre>}
      {o.html && (
        <p class="mail-views">
          {o.text && <Button small kind="quiet" icon="file-text" onClick={() => setPlain(!plain)}>{t(plain ? "reader.html" : "reader.plain")}</Button>}
          {dark.value && !plain && <Button small kind="quiet" icon={light ? "moon" : "sun"} onClick={() => setLight(!light)}>{t(light ? "reader.dark" : "reader.light")}</Button>}
        </p>
      )}
    </div>
  );
}

/** "3 pictures and 1 tracker are held back", and what may be done about it. */
function HeldBack({ shown, mail, opened }: { shown: Shown; mail: MailView; opened: OpenedMail }) {
  const desk = useDesk(), b = shown.blocked.value, links = shown.links.value;
  const from = opened.from[0]?.address ?? "";
  return (
    <>
      {b.images + b.trackers > 0 && !mail.remote && (
        <div class="remote" role="note">
          <Icon name="image" />
          <span class="remote-words">{[b.images > 0 && t("remote.images", { n: b.images }), b.trackers > 0 && t("remote.trackers", { n: b.trackers })].filter(Boolean).join(" ")} <small>{t("remote.why")}</small></span>
          {b.images > 0 && <span class="remote-acts">
            <Button small onClick={() => desk.mail.showRemote(mail.ref.id, false)}>{t("remote.show")}</Button>
            {from && <Button small kind="quiet" onClick={() => desk.mail.showRemote(mail.ref.id, true)}>{t("remote.always")}</Button>}
          </span>}
        </div>
      )}
      {links.length > 0 && <div class="mail-notice"><Note tone="warn" title={t("links.title", { n: links.length })}>{links.slice(0, 3).map((l, i) => <p key={i}>{t("links.where", { words: `\u2068${l.words.slice(0, 80)}\u2069`, host: `\u2068${l.host}\u2069` })}</p>)}</Note></div>}
    </>
  );
}
