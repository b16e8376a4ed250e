// The buttons above the text: one tab stop, arrows move in it.

import { t, type Key } from "../../words/index.ts";
import { askText, IconButton, type IconName } from "../kit/index.ts";
import type { Editor, Format } from "./editor/editor.ts";

const buttons: [Format, IconName, Key, string][] = [
  ["strong", "bold", "compose.format.bold", "Mod+B"], ["em", "italic", "compose.format.italic", "Mod+I"], ["underline", "underline", "compose.format.underline", "Mod+U"],
  ["strike", "strike", "compose.format.strike", "Mod+Shift+X"], ["bullets", "bullets", "compose.format.bullets", "Mod+Shift+8"], ["numbers", "numbers", "compose.format.numbers", "Mod+Shift+7"],
  ["quote", "quote", "compose.format.quote", "Mod+Shift+9"], ["code", "code", "compose.format.code", "Mod+E"],
];

// version grows whenever the editor's state did, so that the buttons show it.
export function Toolbar({ editor, onImage, version }: { editor: Editor | null; onImage: () => void; version: number }) {
  void version;
  const link = async () => {
    if (!editor) return;
    const address = await askText({ title: t("compose.link.title"), label: t("compose.link.label"), yes: t("compose.link.set"), value: editor.link });
    if (address !== undefined) editor.setLink(address.trim());
  };
  return (
    <div class="tools" role="toolbar" aria-label={t("compose.format")} onKeyDown={arrows}>
      {buttons.map(([f, icon, words, keys], i) => (
        <IconButton key={f} small icon={icon} label={t(words)} keys={keys} pressed={editor?.active(f) ?? false} tabIndex={i === 0 ? 0 : -1}
          onPointerDown={(e) => e.preventDefault()} onClick={() => editor?.run(f)} />
      ))}
      <IconButton small icon="link" label={t("compose.format.link")} pressed={(editor?.link ?? "") !== ""} tabIndex={-1} onPointerDown={(e) => e.preventDefault()} onClick={() => void link()} />
      <IconButton small icon="image" label={t("compose.format.image")} tabIndex={-1} onClick={onImage} />
    </div>
  );
}

function arrows(e: KeyboardEvent): void {
  const all = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("button")];
  const at = all.indexOf(document.activeElement as HTMLElement);
  const to = e.key === "ArrowRight" ? at + 1 : e.key === "ArrowLeft" ? at - 1 : e.key === "Home" ? 0 : e.key === "End" ? all.length - 1 : -2;
  if (at < 0 || to === -2) return;
  all[(to + all.length) % all.length]?.focus();
  e.preventDefault();
}
