// Upload requests: links by which somebody without an account brings files, and what came.
import { useEffect, useState } from "preact/hooks";
import { type AskView, type Came, asksOf } from "../../model/drive/asks.ts";
import type { Drive } from "../../model/drive/drive.ts";
import type { App, Desk } from "../../model/types.ts";
import { bytes, fullDate, relative, t, type Key } from "../../words/index.ts";
import { Button, Dialog, EmptyState, Field, Icon, Note, Select, State, TextArea, confirm, say } from "../kit/index.ts";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import { Waiting } from "./waiting.tsx";
import { Made, endsOf, faultOf, lifeWords, lives } from "./share.tsx";

const stateWords: { [state in AskView["state"]]: Key } = { open: "share.link", expired: "share.state.expired", revoked: "share.ask.closed" };

export default function Requests({ app, desk, drive }: { app: App; desk: Desk; drive: Drive }) {
  const asks = asksOf(app, desk), all = asks.asks.value, came = asks.came.value ?? [];
  const [asking, ask] = useState(false), [shown, show] = useState<string>(), [failed, fail] = useState(false);
  const load = () => { fail(false); asks.load().catch(() => fail(true)); };
  useEffect(load, [asks]);
  const close = async (a: AskView) => {
    if (!(await confirm({ title: t("share.ask.close"), text: t("share.ask.close.text"), yes: t("share.ask.close"), danger: true }))) return;
    await asks.close(a.id).catch(() => say(t("share.failed")));
  };
  return (
    <Page title={t("share.requests")} actions={<Button kind="primary" icon="plus" onClick={() => ask(true)}>{t("share.ask.new")}</Button>}>
      <Waiting value={all} failed={failed} again={load}>
        {came.length > 0 && <Brought app={app} desk={desk} came={came} asks={all ?? []} />}
        {all?.length === 0 && <EmptyState art="upload" title={t("share.ask.none")} />}
        {all && all.length > 0 && (
          <Section title={t("share.requests")}>
            <Sheet label={t("share.requests")}>
              {all.map((a) => (
                <Row key={a.id} lead={<Icon name="upload" />} title={<>{a.title ? <bdi>{a.title}</bdi> : t("share.unknown")}{a.state !== "open" && <State>{t(stateWords[a.state])}</State>}</>}
                  detail={<>{t("share.ask.came", { n: a.files, most: a.mostFiles })} · {bytes(a.bytes)} · {t("share.until", { when: fullDate(a.ends / 1000) })}</>}>
                  {a.url && a.state === "open" && <Button icon="link" onClick={() => show(a.url)}>{t("share.show")}</Button>}
                  {a.state === "open" ? <Button kind="danger" onClick={() => void close(a)}>{t("share.ask.close")}</Button> : <Button onClick={() => void asks.forget(a.id).catch(() => say(t("share.failed")))}>{t("share.forget")}</Button>}
                </Row>
              ))}
            </Sheet>
          </Section>
        )}
      </Waiting>
      {asking && <New app={app} desk={desk} drive={drive} onMade={(url) => { ask(false); show(url); }} onClose={() => ask(false)} />}
      {shown && <Made desk={desk} url={shown} password="" title={t("share.link")} onClose={() => show(undefined)} />}
    </Page>
  );
}

function Brought({ app, desk, came, asks: all }: { app: App; desk: Desk; came: readonly Came[]; asks: readonly AskView[] }) {
  const asks = asksOf(app, desk);
  const [busy, setBusy] = useState(false);
  const take = async (some: readonly Came[]) => {
    setBusy(true);
    try {
      for (const c of some) say(t("share.taken", { name: `\u2068${(await asks.take(c)).name}\u2069` }));
    } catch {
      say(t("share.failed"));
    } finally {
      setBusy(false);
    }
  };
  const refuse = async (c: Came) => {
    if (await confirm({ title: t("share.refuse.ask"), text: c.head?.name ?? t("share.closed"), yes: t("share.refuse"), danger: true })) await asks.refuse(c).catch(() => say(t("share.failed")));
  };
  return (
    <Section title={t("share.came")}>
      <Note tone="warn" icon="person">{t("share.came.lead")}</Note>
      <Sheet label={t("share.came")}>
        {came.map((c) => (
          <Row key={c.id} lead={<Icon name="file" />} title={c.head ? <bdi>{c.head.name}</bdi> : t("share.closed")}
            detail={<>{bytes(c.head?.length ?? c.size)} · {relative(c.created / 1000)}{all.find((a) => a.id === c.request)?.title && <> · <bdi>{all.find((a) => a.id === c.request)?.title}</bdi></>}</>}>
            {c.head && <Button kind="primary" disabled={busy} onClick={() => void take([c])}>{t("share.take")}</Button>}
            <Button kind="danger" disabled={busy} onClick={() => void refuse(c)}>{t("share.refuse")}</Button>
          </Row>
        ))}
      </Sheet>
    </Section>
  );
}

const sizes = ["10", "100", "1000", "10000", "100000"] as const; // megabytes

function New({ app, desk, drive, onMade, onClose }: { app: App; desk: Desk; drive: Drive; onMade: (url: string) => void; onClose: () => void }) {
  const [title, setTitle] = useState(""), [note, setNote] = useState(""), [files, setFiles] = useState("20"), [size, setSize] = useState("1000"), [life, setLife] = useState("");
  const [folder, setFolder] = useState("root"), [busy, setBusy] = useState(false), [fault, setFault] = useState<Key>();
  const [folders, setFolders] = useState<{ id: string; path: string }[]>([]);
  useEffect(() => {
    void (async () => {
      const all: { id: string; path: string }[] = [];
      for await (const f of drive.walk()) all.push({ id: f.id, path: "/" + f.above.map((a) => a.name).join("/") });
      setFolders(all.sort((a, b) => a.path.localeCompare(b.path)));
    })().catch(() => {}); // then the topmost is left
  }, [drive]);
  const n = Number(files), good = title.trim() !== "" && Number.isSafeInteger(n) && n >= 1 && n <= 10_000;
  const make = async () => {
    if (busy || !good) return;
    setBusy(true);
    try {
      onMade((await asksOf(app, desk).make({ title: title.trim(), note: note.trim(), files: n, bytes: Number(size) * 1e6, folder, ...endsOf(life) })).url);
    } catch (e) {
      setFault(faultOf(e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={t("share.ask.new")} size="medium" onClose={onClose} onSubmit={() => void make()}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" icon="link" busy={busy} disabled={!good}>{t("share.make")}</Button></>}>
      <div class="share">
        <Field label={t("share.ask.title")} value={title} maxLength={100} autofocus autocomplete="off" onValue={setTitle} />
        <TextArea label={t("share.ask.note")} value={note} maxLength={250} rows={2} onValue={setNote} />
        <Field type="number" label={t("share.ask.files")} value={files} min={1} max={10_000} onValue={setFiles} />
        <Select label={t("share.ask.size")} value={size} options={sizes.map((s) => ({ value: s, label: bytes(Number(s) * 1e6) }))} onValue={setSize} />
        <Select label={t("share.ask.folder")} value={folder} options={[{ value: "root", label: "/" }, ...folders.filter((f) => f.id !== "root").map((f) => ({ value: f.id, label: f.path }))]} onValue={setFolder} />
        <Select label={t("share.life")} value={life} options={lives.map((d) => ({ value: d, label: lifeWords(d) }))} onValue={setLife} />
        <Note tone="note" icon="person">{t("share.ask.who")}</Note>
        {fault && <Note tone="bad">{t(fault)}</Note>}
      </div>
    </Dialog>
  );
}
