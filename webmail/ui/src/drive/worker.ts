// The worker of its owner's files.
import { attend } from "../shared/attend.ts";
import { DriveKeeper } from "./keeper.ts";
import type { Ask, Heard } from "./line.ts";
import { browserShelf } from "./shelf.ts";
import { browserWire } from "./wire.ts";

attend<Ask, Heard>((say) => new DriveKeeper(browserWire(), (what, told) => say({ what, told }), browserShelf()));
