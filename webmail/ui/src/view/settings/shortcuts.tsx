// Keys of one's own: press them where the command stands.
import { useRef, useState } from "preact/hooks";
import type { Desk } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Button, IconButton, KeyHint, Note } from "../kit/index.ts";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import { type Command, commands, type Group, keysOf } from "../shell/commands.ts";
import { chordOf, tableOf } from "../shell/shortcuts.ts";
import type { Room } from "./index.tsx";

const groups: Group[] = ["read", "act", "write", "go", "page"];

export function Shortcuts({ desk }: Room) {
  const own = desk.settings.value.value.keys;
  const { clashes } = tableOf(own);
  const words = (id: string) => {
    const c = commands.find((x) => x.id === id);
    return c ? t(c.words) : id;
  };
  return (
    <Page title={t("settings.part.keyboard")} lead={t("shortcuts.lead")}
      actions={Object.keys(own).length > 0 && <Button icon="undo" onClick={() => void desk.settings.set({ keys: {} })}>{t("shortcuts.reset")}</Button>}>
      {clashes.map(([keys, a, b]) => <Note key={keys + a + b} tone="warn">{t("shortcuts.clash", { keys, first: words(a), second: words(b) })}</Note>)}
      {groups.map((g) => (
        <Section key={g} title={t(`group.${g}`)}>
          <Sheet label={t(`group.${g}`)}>
            {commands.filter((c) => c.group === g).map((c) => <One key={c.id} command={c} desk={desk} />)}
          </Sheet>
        </Section>
      ))}
    </Page>
  );
}

function One({ command: c, desk }: { command: Command; desk: Desk }) {
  const own = desk.settings.value.value.keys;
  const [catching, setCatching] = useState(false);
  const set = (keys: string | undefined) => {
    const { [c.id]: _, ...rest } = own;
    void desk.settings.set({ keys: keys === undefined || keys === c.keys ? rest : { ...rest, [c.id]: keys } });
    setCatching(false);
  };
  return (
    <Row title={t(c.words)}>
      {catching ? <Catch onKeys={set} onEnd={() => setCatching(false)} /> : (
        <>
          {keysOf(c, own).split("|").filter(Boolean).map((k) => <span key={k}><KeyHint keys={k} /><span class="unseen">{k}</span></span>)}
          <Button small onClick={() => setCatching(true)}>{t("shortcuts.change")}</Button>
          {c.id in own && <IconButton small icon="undo" label={t("shortcuts.back", { command: t(c.words) })} onClick={() => set(undefined)} />}
        </>
      )}
    </Row>
  );
}

/** Takes one or two strokes; Escape leaves, Backspace takes the key away. */
function Catch({ onKeys, onEnd }: { onKeys: (keys: string) => void; onEnd: () => void }) {
  const [typed, setTyped] = useState<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const press = (e: KeyboardEvent) => {
    if (["Shift", "Control", "Alt", "Meta", "Tab"].includes(e.key)) return;
    e.preventDefault();
    e.stopPropagation();
    if (e.key === "Escape") return onEnd();
    if (e.key === "Backspace") return onKeys("");
    const next = [...typed, chordOf(e)];
    setTyped(next);
    clearTimeout(timer.current);
    if (next.length === 2 || next[0]?.includes("+")) onKeys(next.join(" "));
    else timer.current = setTimeout(() => onKeys(next.join(" ")), 1200);
  };
  const leave = () => {
    if (typed.length === 0) onEnd();
  };
  return <button type="button" class="key-catch" ref={(el) => el?.focus()} onKeyDown={press} onBlur={leave}>{typed.length > 0 ? <KeyHint keys={typed.join(" ")} /> : t("shortcuts.press")}</button>;
}
