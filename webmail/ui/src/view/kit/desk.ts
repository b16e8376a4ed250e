// How views come to the models: by context, never by module state.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App, Desk } from "../../model/types.ts";

export const AppContext = createContext<App | null>(null);
export const DeskContext = createContext<Desk | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("a view is drawn outside of the app");
  return app;
}
/** What belongs to who is signed in; only below the shell. */
export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("a view of mail is drawn while nobody is signed in");
  return desk;
}
