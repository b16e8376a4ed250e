// All that is seen before the mail: signing in, joining, the locked door.
import type { App } from "../../model/types.ts";
import { route } from "../../router.ts";
import { t } from "../../words/index.ts";
import { Spinner } from "../kit/index.ts";
import { Frame } from "./frame.tsx";
import { Join } from "./join.tsx";
import { Locked } from "./locked.tsx";
import { SignIn } from "./signin.tsx";

/** Drawn while the session's phase is not "open". */
export function Welcome({ app: { session } }: { app: App }) {
  const at = route.value;
  switch (session.phase.value) {
    case "starting":
      return <Frame host={location.hostname} narrow><p class="waiting"><Spinner label={t("welcome.starting")} /></p></Frame>;
    case "locked":
      return <Locked session={session} />;
    default:
      return at.page === "join" || session.phase.value === "joining" ? <Join session={session} token={at.page === "join" ? at.token : ""} /> : <SignIn session={session} />;
  }
}
