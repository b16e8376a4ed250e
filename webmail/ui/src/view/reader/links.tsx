// Files behind links in a mail. Nothing is asked before somebody does: a server would learn
// that the mail was read. What the sender said of a file, in what was sealed, is shown as such.

import { useEffect, useRef, useState } from "preact/hooks";
import { parseFileLink, type FileLink } from "../../files/address.ts";
import { ask, isHere, type Asked, type Brought } from "../../model/attach/incoming.ts";
import type { Part } from "../../vault/vault.ts";
import { bytes, percent, shortDate, t } from "../../words/index.ts";
import { confirm, Icon, IconButton, Lazy, Spinner, useApp, useDesk } from "../kit/index.ts";
import { iconOf, kindOf, risky } from "./files.ts";
import "./links.css";

const loadPreview = () => import("./preview.tsx");
const loadSaveTo = () => import("../parts/SaveTo.tsx");
const mostLooked = 32 << 20;
const mostKept = 2 ** 31; // bytes that go through this page to the drive

interface Known { name: string; type: string; size: number; ends: number }
export interface LinksProps {
  parts: readonly Part[]; // that stand for files
  links: readonly FileLink[]; // that the text names
}

export default function Links({ parts, links }: LinksProps) {
  return (
    <section class="files" aria-label={t("linked.title")}>
      <header><h2>{t("linked.title")}</h2></header>
      <ul>
        {parts.map((p) => <One key={p.index} link={parseFileLink(p.link!.url)!} said={{ name: p.name, type: p.type, size: p.link!.size, ends: p.link!.ends }} />)}
        {links.map((l) => <One key={l.url} link={l} said={null} />)}
      </ul>
      <p class="links-why">{t("linked.why")}</p>
    </section>
  );
}

type Then = "show" | "look" | "save" | "keep";

function One({ link, said }: { link: FileLink; said: Known | null }) {
  const app = useApp(), desk = useDesk();
  const [asked, set] = useState<Asked>(), [busy, work] = useState(false);
  const [seen, see] = useState(false), [keeping, keep] = useState(false);
  const got = useRef<Brought | null>(null);
  useEffect(() => () => got.current?.close(), []);
  const here = isHere(link, location.origin);
  const file = typeof asked === "object" ? asked : null;
  const known: Known | null = file ?? said;
  const kind = known ? kindOf(known) : "other";
  const looks = known !== null && known.size <= mostLooked && (kind === "image" || kind === "text" || kind === "pdf");

  const open = async (then: Then) => {
    if (busy) return;
    let now = file;
    if (!now) {
      work(true);
      const answer = await ask(app, desk, link);
      work(false);
      set(answer);
      if (typeof answer !== "object") return;
      now = got.current = answer;
    }
    if (then === "look") see(true);
    if (then === "keep") keep(true);
    if (then === "save" && (!risky(now.name) || (await confirm({ title: t("files.risky"), text: t("files.risky.why", { name: `\u2068${now.name}\u2069` }), yes: t("files.save"), danger: true })))) await now.save();
  };
  const tab = () => void window.open(link.url, "_blank", "noopener,noreferrer");
  const main = () => (!here ? tab() : void open(!known ? "show" : looks ? "look" : "save"));
  const name = known?.name || link.host;
  const part: Part = { index: 0, name, type: known?.type ?? "", size: known?.size ?? 0, content_id: "", inline: false };
  return (
    <li class="file">
      <button type="button" class="file-main" aria-busy={busy} onClick={main}>
        <span class="unseen">{t(!here ? "linked.tab" : !known ? "linked.show" : looks ? "files.lookat" : "files.save")}</span>
        <span class={`file-icon file-${kind}`}>{busy ? <Spinner label={t("kit.loading")} /> : <Icon name={known ? iconOf[kind] : "link"} />}</span>
        <span class="file-words"><bdi>{name}</bdi><small><Words asked={asked} known={known} here={here} host={link.host} /></small></span>
      </button>
      {here && known && <IconButton small icon="download" label={t("files.savenamed", { name })} onClick={() => void open("save")} />}
      {here && known && !file?.own && known.size <= mostKept && <IconButton small icon="folder" label={t("saveto.named", { name })} onClick={() => void open("keep")} />}
      <IconButton small icon="out" label={t("linked.tabnamed", { name })} onClick={tab} />
      {seen && file && <Lazy load={loadPreview} quiet part={part} get={async () => ({ data: await (await file.whole(mostLooked)).arrayBuffer() })} onSave={() => void open("save")} onClose={() => see(false)} />}
      {keeping && file && <Lazy load={loadSaveTo} quiet files={[{ name: file.name, type: file.type, get: () => file.whole(mostKept) }]} onClose={() => keep(false)} />}
    </li>
  );
}

function Words({ asked, known, here, host }: { asked: Asked | undefined; known: Known | null; here: boolean; host: string }) {
  if (asked === "locked") return <span class="file-risky"><Icon name="key" />{t("linked.locked")}</span>;
  if (asked === "gone") return <span class="file-risky"><Icon name="warn" />{t("linked.gone")}</span>;
  if (asked === "failed") return <span class="file-risky"><Icon name="warn" />{t("linked.failed")}</span>;
  if (!known) return <>{t(here ? "linked.show" : "linked.elsewhere")}</>;
  const way = typeof asked === "object" ? asked.way?.value : undefined;
  const end = way?.kind === "going" ? way.state : "";
  return (
    <>
      <span>{bytes(known.size)}{!here && <> · <bdi>{host}</bdi></>}</span>
      {end === "failed" && <span class="file-risky"><Icon name="warn" />{t("linked.failed")}</span>}
      {way?.kind === "going" && end === "running" && <span>{percent(known.size > 0 ? way.have / known.size : 1)}</span>}
      {typeof asked === "object" && asked.own ? <span>{t("linked.own")}</span> : known.ends > 0 && end === "" && <span>{t("linked.until", { when: shortDate(known.ends) })}</span>}
      {risky(known.name) && <span class="file-risky"><Icon name="warn" />{t("files.program")}</span>}
    </>
  );
}

