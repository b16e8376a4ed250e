// Names of files in an archive: such as every system takes, none twice, none that leads out
// of its folder. Sealed mail is called by its number alone.

import type { ExportForm } from "../model/moving.ts";

export interface Names {
  mail(box: string, received: number, uid: number, subject: string, closed: boolean): string;
  mbox(box: string): string;
}

export function clean(name: string, most = 80): string {
  const plain = name.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, "_").replace(/^[.\s]+|[.\s]+$/gu, "");
  const short = [...plain].slice(0, most).join("").trim();
  return /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/iu.test(short) || short === "" ? `_${short}` : short;
}

export function names(form: ExportForm): Names {
  const folders = new Map<string, string>();
  const taken = new Set<string>();
  const folder = (box: string): string => {
    const known = folders.get(box);
    if (known !== undefined) return known;
    const wanted = box.split("/").map((p) => clean(p)).join("/");
    let name = wanted;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${wanted} (${n})`;
    taken.add(name.toLowerCase());
    folders.set(box, name);
    return name;
  };
  return {
    mbox: (box) => `mail/${folder(box)}.mbox`,
    mail(box, received, uid, subject, closed) {
      const day = new Date(received * 1000).toISOString().slice(0, 10);
      const about = form === "sealed" || closed || subject === "" ? "" : ` ${clean(subject, 60)}`;
      return `mail/${folder(box)}/${form === "sealed" ? "" : `${day} `}${uid}${about}.eml`;
    },
  };
}
