// The drive as a browser has it.
import type { Ask, Heard } from "../../drive/line.ts";
import workerUrl from "../../drive/worker.ts?worker&url";
import { bringer, onFile, save } from "../../shared/bringing.ts";
import { Client } from "../../shared/client.ts";
import { Drive, type DriveParts } from "./drive.ts";

// As a download of the page itself: for browsers without a service worker.
function keep(name: string, content: Blob): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

export const openDrive = (parts: Omit<DriveParts, "host">): Drive => new Drive({ ...parts, host: { client: new Client<Ask, Heard>(workerUrl), bringer, onFile, save, keep } });
