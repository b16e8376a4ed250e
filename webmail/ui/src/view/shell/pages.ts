// Pages that are fetched when they are first needed. Each is the default export of its
// room's index; a room that is not in this build says so.
import type { ComponentType } from "preact";
import { allWords, t } from "../../words/index.ts";
import { EmptyState } from "../kit/index.ts";
import { createElement } from "preact";

// Whatever a page takes beyond the context.
export type Page = ComponentType<any>;
type Load = () => Promise<{ default: Page }>;
const rooms = import.meta.glob<{ [name: string]: Page }>("../{settings,contacts,drive,admin,letter}/index.tsx");

const Missing: Page = () => createElement(EmptyState, { title: t("shell.nopage"), art: "question" });
// A room's page is called as the room is: Settings of settings.
const room = (name: string): Load => async () => {
  const [m] = await Promise.all([rooms[`../${name}/index.tsx`]?.(), allWords()]);
  return { default: m?.["default"] ?? m?.[(name[0] ?? "").toUpperCase() + name.slice(1)] ?? Missing };
};

// Every page is given app, session and desk besides what its place says.
export const pages = {
  door: (async () => ({ default: (await import("../welcome/index.tsx")).Welcome })) as Load, // by session.phase and route
  settings: room("settings"),
  contacts: room("contacts"),
  drive: room("drive"),
  admin: room("admin"),
  letter: room("letter"), // a message behind a password, for somebody outside
  compose: (async () => ({ default: (await Promise.all([import("../compose/Composers.tsx"), allWords()]))[0].Composers })) as Load, // draws all of drafts.open
  reader: (async () => (await Promise.all([import("../reader/reader.tsx"), allWords()]))[0]) as Load,
  palette: (() => import("./palette.tsx")) as Load,
  help: (() => import("./help.tsx")) as Load,
  pick: (() => import("../list/pick.tsx")) as Load,
};
