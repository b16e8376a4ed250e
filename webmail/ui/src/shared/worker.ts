// The worker of a link's page.
import { attend } from "./attend.ts";
import { Keeper } from "./keeper.ts";
import type { Ask, Event } from "./line.ts";

attend<Ask, Event>((say) => new Keeper((...a) => fetch(...a), say));
