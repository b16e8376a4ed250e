// All mails that are being written, side by side; on a phone the newest alone.

import type { Desk } from "../../model/types.ts";
import { Compose } from "./Compose.tsx";

export function Composers({ desk, onClosed }: { desk: Desk; onClosed?: (id: string) => void }) {
  const open = desk.drafts.open.value;
  if (open.length === 0) return null;
  return <div class="composers">{open.slice(-3).map((d) => <Compose key={d.id} desk={desk} draft={d} onClosed={() => onClosed?.(d.id)} />)}</div>;
}
