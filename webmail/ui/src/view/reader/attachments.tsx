// What came with a mail: named, weighed, and fetched only when asked for.
import { useState } from "preact/hooks";
import type { MailView, OpenedMail } from "../../model/types.ts";
import type { Part } from "../../vault/vault.ts";
import { bytes, t } from "../../words/index.ts";
import { Button, Icon, IconButton, Lazy, confirm, toast, useApp, useDesk } from "../kit/index.ts";
import { iconOf, kindOf, risky, save } from "./files.ts";

const loadCut = () => import("../../model/attach/cutout.ts"); // of what lies in the drive
const loadPreview = () => import("./preview.tsx");
const mostLooked = 32 << 20; // bytes that are fetched to be looked at
const loadSaveTo = () => import("../parts/SaveTo.tsx");

export function Files({ mail, opened }: { mail: MailView; opened: OpenedMail }) {
  const app = useApp(), desk = useDesk(), [seen, see] = useState<Part>(), [busy, work] = useState<number>();
  const [keeping, keepIn] = useState<readonly Part[]>([]); // to be put into the drive
  const [gone, lose] = useState<readonly number[]>([]); // of what was cut out: not in the drive any more
  const files = opened.parts.filter((p) => !p.inline && !p.link);
  const fail = (p: Part, isGone: boolean) => {
    if (isGone) lose((now) => [...now, p.index]);
    toast(t(isGone ? "files.gone" : "files.failed"), { kind: "fault" });
  };
  // What was cut out of the mail, in the drive.
  const wanted = async (p: Part) => {
    work(p.index);
    try {
      const got = await (await loadCut()).askCut({ api: app.api, drive: () => desk.drive() }, { ...p, cut: p.cut! });
      if (typeof got !== "string") return got;
      fail(p, got === "gone");
      return null;
    } finally {
      work(undefined);
    }
  };
  const get = async (p: Part) => {
    work(p.index);
    try {
      const part = await desk.mail.part(mail.ref.id, p.index);
      if (!part) fail(p, desk.mail.fault.peek()?.word === "not-found");
      return part;
    } finally {
      work(undefined);
    }
  };
  const keep = async (p: Part) => {
    if (risky(p.name) && !(await confirm({ title: t("files.risky"), text: t("files.risky.why", { name: `\u2068${p.name}\u2069` }), yes: t("files.save"), danger: true }))) return;
    if (p.cut) return void (await (await wanted(p))?.save());
    const part = await get(p);
    if (part) save(p.name, part.data);
  };
  const all = async () => { for (const p of files) if (!risky(p.name)) await keep(p); };
  const size = files.reduce((n, p) => n + p.size, 0);
  return (
    <section class="files" aria-label={t("list.attachments", { n: files.length })}>
      <header><h2>{t("list.attachments", { n: files.length })}</h2><span>{bytes(size)}</span>{files.length > 1 && <span class="files-acts"><Button small kind="quiet" icon="download" onClick={() => void all()}>{t("files.all")}</Button><Button small kind="quiet" icon="folder" onClick={() => keepIn(files)}>{t("saveto.all")}</Button></span>}</header>
      <ul>
        {files.map((p) => {
          const kind = kindOf(p), look = (kind === "image" || kind === "text" || kind === "pdf") && (!p.cut || p.size <= mostLooked);
          return (
            <li key={p.index} class="file">
              <button type="button" class="file-main" aria-busy={busy === p.index} onClick={() => (look ? see(p) : void keep(p))}>
                <span class="unseen">{t(look ? "files.lookat" : "files.save")}</span>
                <span class={`file-icon file-${kind}`}><Icon name={iconOf[kind]} /></span>
                <span class="file-words"><bdi>{p.name || t("files.unnamed")}</bdi><small>{bytes(p.size)}{p.cut && (gone.includes(p.index) ? <span class="file-risky"><Icon name="warn" />{t("files.gone")}</span> : <span data-tip={t("files.beside.why")}>{t("files.beside")}</span>)}{risky(p.name) && <span class="file-risky"><Icon name="warn" />{t("files.program")}</span>}</small></span>
              </button>
              <IconButton small icon="download" label={t("files.savenamed", { name: p.name })} onClick={() => void keep(p)} />
              <IconButton small icon="folder" label={t("saveto.named", { name: p.name })} onClick={() => keepIn([p])} />
            </li>
          );
        })}
      </ul>
      {keeping.length > 0 && <Lazy load={loadSaveTo} quiet files={keeping.map((p) => ({ name: p.name, type: p.type, get: () => get(p).then((got) => got && new Blob([got.data], { type: p.type })), keep: p.cut && (async (folder: string) => {
        const got = await wanted(p);
        if (!got) throw new Error("it cannot be had");
        await got.keep(folder);
      }) }))} onClose={() => keepIn([])} />}
      {seen && <Lazy load={loadPreview} quiet part={seen} get={() => get(seen)} onSave={() => void keep(seen)} onClose={() => see(undefined)} />}
    </section>
  );
}
