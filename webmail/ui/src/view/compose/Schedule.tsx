// When a mail leaves.

import { useState } from "preact/hooks";
import { fullDate, t } from "../../words/index.ts";
import { Button, Dialog, Field } from "../kit/index.ts";

// presets are the times that people mean: this evening, tomorrow morning, Monday morning.
export function presets(now: Date): { word: "evening" | "tomorrow" | "monday"; at: number }[] {
  const day = (plus: number, hour: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + plus, hour).getTime() / 1000;
  const monday = ((8 - now.getDay()) % 7) || 7;
  return [
    ...(now.getHours() < 17 ? [{ word: "evening" as const, at: day(0, 18) }] : []),
    { word: "tomorrow" as const, at: day(1, 8) },
    ...(monday > 1 ? [{ word: "monday" as const, at: day(monday, 8) }] : []),
  ];
}

const local = (at: number): string => {
  const d = new Date(at * 1000 - new Date(at * 1000).getTimezoneOffset() * 60_000);
  return d.toISOString().slice(0, 16);
};

export function Schedule({ at, onPick, onClose }: { at: number; onPick: (at: number) => void; onClose: () => void }) {
  const now = Date.now() / 1000;
  const [value, setValue] = useState(local(at || now + 3600));
  const chosen = Math.floor(new Date(value).getTime() / 1000);
  const good = chosen > now + 30 && chosen < now + 366 * 86_400;
  return (
    <Dialog title={t("compose.later")} onClose={onClose} onSubmit={() => { if (good) onPick(chosen); }}
      actions={<>{at > 0 && <Button onClick={() => onPick(0)}>{t("compose.later.now")}</Button>}<Button kind="primary" type="submit" disabled={!good}>{t("compose.later.set")}</Button></>}>
      <div class="later-presets">
        {presets(new Date()).map((p) => <Button key={p.word} icon="clock" onClick={() => onPick(p.at)}>{t(`compose.later.${p.word}`)} <small>{fullDate(p.at)}</small></Button>)}
      </div>
      <Field type="datetime-local" label={t("compose.later.at")} value={value} min={local(now)} onValue={setValue} error={good ? undefined : t("compose.later.wrong")} hint={t("compose.later.hint")} />
    </Dialog>
  );
}
