// The worker of an upload request's page.
import { browserShelf } from "../drive/shelf.ts";
import { attend } from "../shared/attend.ts";
import { Carrier } from "./carrier.ts";
import type { Ask, Event } from "./line.ts";

attend<Ask, Event>((say) => new Carrier((...a) => fetch(...a), say, browserShelf()));
