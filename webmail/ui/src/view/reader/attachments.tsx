// What came with a mail: named, weighed, and fetched only when asked for.
import { useState } from "preact/hooks";
import type { MailView, OpenedMail } from "../../model/types.ts";
import type { Part } from "../../vault/vault.ts";
import { bytes, t } from "../../words/index.ts";
import { Button, Icon, IconButton, Lazy, confirm, toast, useDesk } from "../kit/index.ts";
import { iconOf, kindOf, risky, save } from "./files.ts";

const loadPreview = () => import("./preview.tsx");

export function Files({ mail, opened }: { mail: MailView; opened: OpenedMail }) {
  const desk = useDesk(), [seen, see] = useState<Part>(), [busy, work] = useState<number>();
  const files = opened.parts.filter((p) => !p.inline);
  const get = async (p: Part) => {
    work(p.index);
    try {
      const part = await desk.mail.part(mail.ref.id, p.index);
      if (!part) toast(t("files.failed"), { kind: "fault" });
      return part;
    } finally {
      work(undefined);
    }
  };
  const keep = async (p: Part) => {
    if (risky(p.name) && !(await confirm({ title: t("files.risky"), text: t("files.risky.why", { name: `\u2068${p.name}\u2069` }), yes: t("files.save"), danger: true }))) return;
    const part = await get(p);
    if (part) save(p.name, part.data);
  };
  const all = async () => { for (const p of files) if (!risky(p.name)) await keep(p); };
  const size = files.reduce((n, p) => n + p.size, 0);
  return (
    <section class="files" aria-label={t("list.attachments", { n: files.length })}>
      <header><h2>{t("list.attachments", { n: files.length })}</h2><span>{bytes(size)}</span>{files.length > 1 && <Button small kind="quiet" icon="download" onClick={() => void all()}>{t("files.all")}</Button>}</header>
      <ul>
        {files.map((p) => {
          const kind = kindOf(p), look = kind === "image" || kind === "text" || kind === "pdf";
          return (
            <li key={p.index} class="file">
              <button type="button" class="file-main" aria-busy={busy === p.index} onClick={() => (look ? see(p) : void keep(p))}>
                <span class="unseen">{t(look ? "files.lookat" : "files.save")}</span>
                <span class={`file-icon file-${kind}`}><Icon name={iconOf[kind]} /></span>
                <span class="file-words"><bdi>{p.name || t("files.unnamed")}</bdi><small>{bytes(p.size)}{risky(p.name) && <span class="file-risky"><Icon name="warn" />{t("files.program")}</span>}</small></span>
              </button>
              <IconButton small icon="download" label={t("files.savenamed", { name: p.name })} onClick={() => void keep(p)} />
            </li>
          );
        })}
      </ul>
      {seen && <Lazy load={loadPreview} quiet part={seen} get={() => get(seen)} onSave={() => void keep(seen)} onClose={() => see(undefined)} />}
    </section>
  );
}
