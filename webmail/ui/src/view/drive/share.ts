// What is done with links from within the drive stands in files of its own: share.tsx (the
// dialog of one file) and links.tsx (the page of all links, at #/drive/links). A build that
// has none of them offers none.
import type { ComponentType } from "preact";
import type { Drive, FileEntry } from "../../model/drive/drive.ts";
import type { App, Desk } from "../../model/types.ts";
import { go } from "../../router.ts";
import { t, type Key } from "../../words/index.ts";
import { Lazy, type MenuEntry } from "../kit/index.ts";
import { createElement } from "preact";

export interface ShareProps { desk: Desk; drive: Drive; folder: string; entry: FileEntry; onClose: () => void }
export interface SideProps { app: App; desk: Desk; drive: Drive }
type Module<P> = { default: ComponentType<P> };

const dialogs = import.meta.glob<Module<ShareProps>>("./share.tsx");
const pages = import.meta.glob<Module<SideProps>>("./{links,requests}.tsx");

const share = dialogs["./share.tsx"];
/** Draws the dialog of links to one file; null: this build has none. */
export const Share: ComponentType<ShareProps> | null = share ? (props) => createElement(Lazy<ShareProps>, { load: share, quiet: true, ...props }) : null;

const drawn = new Map<string, ComponentType<SideProps>>();
/** A page beside the folders, such as that of all links. */
export function side(at: string): ComponentType<SideProps> | null {
  const load = pages[`./${at}.tsx`];
  if (!load) return null;
  let page = drawn.get(at);
  if (!page) drawn.set(at, (page = (props) => createElement(Lazy<SideProps>, { load, ...props })));
  return page;
}

/** The ways to the pages beside the folders that this build has. */
export const pagesBeside = (): MenuEntry[] =>
  (["links", "requests"] as const).filter((at) => pages[`./${at}.tsx`]).map((at) => ({ label: t(`drive.${at}` as Key), icon: at === "links" ? "link" as const : "upload" as const, run: () => go({ page: "drive", at }) }));
