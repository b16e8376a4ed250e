// Files and whole folders as they come from the desktop or a chooser, and their way into
// the drive.
import type { Drive } from "../../model/drive/drive.ts";

export interface Brought { path: readonly string[]; file: File } // path: folders on the way to it
export interface Load { files: Brought[]; folders: (readonly string[])[] } // folders: also those without a file

/** What a chooser gave. One for folders tells their names. */
export function chosen(list: FileList): Load {
  const files = [...list].map((file) => ({ file, path: file.webkitRelativePath ? file.webkitRelativePath.split("/").slice(0, -1) : [] }));
  return { files, folders: [] };
}

/** What was dropped. It must be called while the drop is told of: later the browser has forgotten it. */
export function dropped(data: DataTransfer): Promise<Load> {
  const entries = [...data.items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  return gather(entries);
}

const most = 20_000; // files at a time

async function gather(entries: readonly (FileSystemEntry | File | null)[]): Promise<Load> {
  const load: Load = { files: [], folders: [] };
  const walk = async (e: FileSystemEntry, path: readonly string[]): Promise<void> => {
    if (load.files.length >= most) return;
    if (e.isFile) {
      const file = await new Promise<File>((done, fail) => (e as FileSystemFileEntry).file(done, fail));
      load.files.push({ file, path });
    } else if (e.isDirectory && path.length < 60) {
      const here = [...path, e.name];
      load.folders.push(here);
      for (const x of await children(e as FileSystemDirectoryEntry)) await walk(x, here);
    }
  };
  for (const e of entries) {
    if (e instanceof File) load.files.push({ file: e, path: [] });
    else if (e) await walk(e, []);
  }
  return load;
}

// A browser gives them some at a time, and none at the end.
async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader(), all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** Makes the folders and brings the files; beside: no new versions. What fails is told of where transfers are shown. */
export async function bring(drive: Drive, folder: string, load: Load, beside: boolean): Promise<number> {
  const made = new Map<string, Promise<string>>();
  const at = (path: readonly string[]): Promise<string> => {
    if (path.length === 0) return Promise.resolve(folder);
    const key = path.join("/");
    let p = made.get(key);
    if (!p) made.set(key, (p = at(path.slice(0, -1)).then((up) => drive.path(path.slice(-1), up))));
    return p;
  };
  for (const path of load.folders) await at(path);
  let brought = 0;
  await Promise.all(load.files.map(async ({ file, path }) => {
    const to = await at(path);
    await drive.put(file, { folder: to, name: file.name, beside }).then(() => { brought++; }, () => {});
  }));
  return brought;
}

/** The files of a load whose names are taken where they go. */
export async function clashes(drive: Drive, folder: string, load: Load): Promise<string[]> {
  const { named } = await import("../../model/drive/tree.ts");
  const taken: string[] = [];
  const ids = new Map<string, string | null>([["", folder]]);
  const at = async (path: readonly string[]): Promise<string | null> => {
    const key = path.join("/"), known = ids.get(key);
    if (known !== undefined) return known;
    const up = await at(path.slice(0, -1)), e = up === null ? undefined : named(await drive.load(up), path.at(-1)!);
    const id = e?.kind === "folder" ? e.id : null;
    ids.set(key, id);
    return id;
  };
  for (const { file, path } of load.files) {
    const id = await at(path);
    if (id !== null && named(await drive.load(id), file.name)?.kind === "file") taken.push(file.name);
  }
  return taken;
}
