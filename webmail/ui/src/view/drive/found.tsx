// Names that fit, from all folders: they are opened here, as the server can search nothing.
import { useEffect, useState } from "preact/hooks";
import type { Drive, Found as One } from "../../model/drive/drive.ts";
import { bytes, t } from "../../words/index.ts";
import { Icon, Spinner, fits } from "../kit/index.ts";
import { iconOf, kindOf } from "../reader/files.ts";

const most = 200;

export function Found({ drive, typed, open }: { drive: Drive; typed: string; open: (f: One) => void }) {
  const [found, set] = useState<readonly One[]>([]), [looking, look] = useState(true);
  useEffect(() => {
    let gone = false;
    const timer = setTimeout(async () => {
      const all: { f: One; fit: number }[] = [];
      look(true);
      for await (const at of drive.walk()) {
        if (gone) return;
        for (const entry of at.folder.entries) {
          const fit = entry.trashed === 0 ? fits(entry.name, typed) : 0;
          if (fit > 0) all.push({ f: { folder: at.id, above: at.above, entry }, fit });
        }
      }
      if (gone) return;
      set(all.sort((a, b) => b.fit - a.fit).slice(0, most).map((x) => x.f));
      look(false);
    }, 120);
    return () => { gone = true; clearTimeout(timer); };
  }, [drive, typed]);
  return (
    <div class="drive-found">
      <p role="status">{looking ? <Spinner label={t("parts.reading")} /> : t("drive.found", { count: found.length })}</p>
      <ul>
        {found.map((f) => (
          <li key={f.entry.id}>
            <button type="button" onClick={() => open(f)}>
              <span class={`drive-icon drive-icon-${f.entry.kind === "file" ? kindOf(f.entry) : "folder"}`}><Icon name={f.entry.kind === "file" ? iconOf[kindOf(f.entry)] : "folder"} filled={f.entry.kind === "folder"} /></span>
              <span class="drive-words"><bdi>{f.entry.name}</bdi><small class="drive-where"><bdi>{[t("shell.drive"), ...f.above.map((x) => x.name)].join(" / ")}</bdi>{f.entry.kind === "file" && ` · ${bytes(f.entry.length)}`}</small></span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
