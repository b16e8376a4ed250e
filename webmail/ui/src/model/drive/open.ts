// The drive as a browser has it.
import type { Ask, Heard } from "../../drive/line.ts";
import workerUrl from "../../drive/worker.ts?worker&url";
import { bringer, keep, onFile, save } from "../../shared/bringing.ts";
import { Client } from "../../shared/client.ts";
import { Drive, type DriveParts } from "./drive.ts";

export const openDrive = (parts: Omit<DriveParts, "host">): Drive => new Drive({ ...parts, host: { client: new Client<Ask, Heard>(workerUrl), bringer, onFile, save, keep } });
