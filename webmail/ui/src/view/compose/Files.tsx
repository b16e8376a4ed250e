// The files of a mail that is being written: what is attached, what leaves as a link, and
// how far it is.

import { LARGEST } from "../../model/attach/copies.ts";
import type { Attaching, Upload } from "../../model/attach/attaching.ts";
import type { Desk, DraftFile, DraftHandle } from "../../model/types.ts";
import { bytes, percent, t } from "../../words/index.ts";
import { Icon, IconButton, toast, useApp, type IconName } from "../kit/index.ts";
import { filesOf, fits } from "./attached.ts";
import "./files.css";

export function Files({ desk, draft }: { desk: Desk; draft: DraftHandle }) {
  const all = draft.content.value.files.filter((f) => !f.inline), files = filesOf(useApp(), desk);
  if (all.length === 0) return null;
  return <ul class="compose-files" aria-label={t("compose.files")}>{all.map((f) => (f.linked ? <Linked key={f.id} files={files} draft={draft} f={f} /> : <Held key={f.id} files={files} draft={draft} f={f} />))}</ul>;
}

interface One { files: Attaching; draft: DraftHandle; f: DraftFile }

function Held({ files, draft, f }: One) {
  return (
    <li>
      <Icon name="file" /><span class="attached-words"><bdi>{f.name}</bdi><small>{bytes(f.size)}</small></span>
      <IconButton small icon="link" label={t("attach.aslink", { name: f.name })} onClick={() => void files.toLink(draft, f.id)} />
      <IconButton small icon="close" label={t("compose.detach", { name: f.name })} onClick={() => void draft.detach(f.id)} />
    </li>
  );
}

function Linked({ files, draft, f }: One) {
  const there = f.linked?.entry !== null, now = files.uploads.value.get(f.id);
  const state = there ? null : stateOf(now, files.canResume(f.id));
  const share = now && now.total > 0 ? now.sent / now.total : 0;
  const back = async () => { if (!(await files.toAttachment(draft, f.id, LARGEST))) toast(t("attach.notfetched"), { kind: "fault" }); };
  return (
    <li class={`attached-link${state?.bad ? " attached-bad" : ""}`}>
      <Icon name={there ? "link" : (state?.icon ?? "upload")} />
      <span class="attached-words"><bdi>{f.name}</bdi><small>{bytes(f.size)} · {there ? t("attach.link") : state?.words(share)}</small>
        {!there && now?.state === "going" && <progress class="attached-bar" max={1} value={share} aria-label={t("attach.going.of", { name: f.name })} />}
      </span>
      {now?.state === "going" && <IconButton small icon="pause" label={t("attach.stop", { name: f.name })} onClick={() => files.stop(f.id)} />}
      {!there && now && now.state !== "going" && files.canResume(f.id) && <IconButton small icon="refresh" label={t("attach.resume", { name: f.name })} onClick={() => files.resume(draft, f.id)} />}
      {there && fits(draft.content.value, f.size) && <IconButton small icon="attach" label={t("attach.asfile", { name: f.name })} onClick={() => void back()} />}
      <IconButton small icon="close" label={t("compose.detach", { name: f.name })} onClick={() => void files.remove(draft, f.id)} />
    </li>
  );
}

interface Look { icon: IconName; bad: boolean; words: (share: number) => string }
function stateOf(u: Upload | undefined, here: boolean): Look {
  if (u?.state === "going") return { icon: "upload", bad: false, words: (share) => t("attach.going", { share: percent(share) }) };
  if (!here) return { icon: "warn", bad: true, words: () => t("attach.lost") };
  if (u?.state === "failed") return { icon: "warn", bad: true, words: () => t(u.word === "over-quota" ? "attach.full" : "attach.failed") };
  return { icon: "pause", bad: false, words: () => t("attach.stopped") };
}
