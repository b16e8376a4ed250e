import { useState } from "preact/hooks";
import type { Settings } from "../../model/types.ts";
import { knock, knockable, knocked } from "../../shell.ts";
import { t } from "../../words/index.ts";
import { Button, Choice, Field, IconButton, Select, Switch } from "../kit/index.ts";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const delays = [0, 1, 2, 5, 10, -1];
const days = [0, 7, 30, 90, 365];

export function Reading({ app, desk }: Room) {
  const s = desk.settings.value.value;
  const [failed, setFailed] = useState(false); // no push service, or it was not allowed
  const [wished, wish] = useState<boolean>(); // until it is so, or failed
  const push = async (on: boolean) => {
    wish(on);
    setFailed((await knock(app.api, on).catch(() => !on)) !== on);
    wish(undefined);
  };
  const set = (change: Partial<Settings>) => void desk.settings.set(change);
  return (
    <Page title={t("settings.part.reading")}>
      <Section title={t("reading.remote")} lead={t("reading.remote.lead")}>
        <Choice label={t("reading.remote")} bare value={s.remote} onValue={(remote) => set({ remote })}
          options={[{ value: "ask", label: t("reading.ask"), hint: t("reading.ask.hint") }, { value: "proxy", label: t("reading.proxy"), hint: t("reading.proxy.hint") }]} />
        <Senders list={s.remoteSenders} onList={(remoteSenders) => set({ remoteSenders })} />
      </Section>
      <Section title={t("reading.seen")}>
        <div class="room-form">
          <Select label={t("reading.seenafter")} value={String(s.seenAfter)} onValue={(v) => set({ seenAfter: Number(v) })}
            options={delays.map((d) => ({ value: String(d), label: d < 0 ? t("reading.byhand") : d === 0 ? t("reading.atonce") : t("reading.seconds", { n: d }) }))} />
        </div>
      </Section>
      <Section title={t("reading.here")}>
        <div class="room-form">
          <Select label={t("reading.offline")} hint={t("reading.offline.hint")} value={String(s.offlineDays)} onValue={(v) => set({ offlineDays: Number(v) })}
            options={[...new Set([...days, s.offlineDays])].sort((a, b) => a - b).map((d) => ({ value: String(d), label: d === 0 ? t("reading.nothing") : t("reading.days", { n: d }) }))} />
          <Switch label={t("reading.notices")} hint={t("reading.notices.hint")} checked={s.notices} onValue={(on) => void allow(on).then((notices) => set({ notices }))} />
          {s.notices && knockable.value && <Switch label={t("reading.knock")} hint={failed ? t("reading.knock.failed") : t("reading.knock.hint")} checked={wished ?? knocked.value} onValue={(on) => void push(on)} />}
        </div>
      </Section>
    </Page>
  );
}

// allow asks the browser before notices are said to be on.
async function allow(on: boolean): Promise<boolean> {
  if (!on || !("Notification" in globalThis)) return false;
  return (await Notification.requestPermission()) === "granted";
}

function Senders({ list, onList }: { list: string[]; onList: (l: string[]) => void }) {
  const [typed, setTyped] = useState("");
  const add = () => {
    const a = typed.trim().toLowerCase();
    if (a.includes("@") && !list.includes(a)) onList([...list, a].sort());
    setTyped("");
  };
  return (
    <>
      <h3>{t("reading.senders")}</h3>
      {list.length === 0 ? <p class="room-empty">{t("reading.senders.none")}</p> : (
        <Sheet label={t("reading.senders")}>
          {list.map((a) => <Row key={a} title={<bdi>{a}</bdi>}><IconButton icon="trash" label={t("reading.senders.remove", { address: a })} onClick={() => onList(list.filter((x) => x !== a))} /></Row>)}
        </Sheet>
      )}
      <form class="room-form-acts" onSubmit={(e) => { e.preventDefault(); add(); }}>
        <Field type="email" bare label={t("reading.senders.add")} placeholder={t("reading.senders.add")} value={typed} onValue={setTyped} />
        <Button icon="plus" type="submit" disabled={!typed.includes("@")}>{t("reading.senders.go")}</Button>
      </form>
    </>
  );
}
