// The text of a mail: formatted in the editor, or plain in a text field.

import { useEffect, useRef, useState } from "preact/hooks";
import type { DraftHandle } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Editor } from "./editor/editor.ts";
import { fromHTML, fromText } from "./editor/parse.ts";
import { html, text } from "./editor/text.ts";
import { Toolbar } from "./Toolbar.tsx";

export interface BodyProps {
  draft: DraftHandle;
  plain: boolean;
  focus: boolean;
  onFiles: (files: File[], inline: boolean) => void;
  onSend: () => void;
  onReady: (editor: Editor | null) => void;
}

const pause = 250; // ms without a key before the text is taken into the draft

export function Body(p: BodyProps) {
  return p.plain ? <PlainBody {...p} /> : <RichBody {...p} />;
}

function PlainBody({ draft, focus, onSend }: BodyProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (!focus) return;
    field.current?.focus();
    field.current?.setSelectionRange(0, 0);
  }, []);
  return (
    <textarea ref={field} class="plain-text" aria-label={t("compose.text")} value={draft.content.value.text}
      onInput={(e) => draft.update({ text: e.currentTarget.value, html: "" })}
      onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); onSend(); } }} />
  );
}

function RichBody(p: BodyProps) {
  const { draft, focus, onFiles, onReady } = p;
  const latest = useRef(p); // the editor outlives many drawings, and asks who stands around it now
  latest.current = p;
  const place = useRef<HTMLDivElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const editor = useRef<Editor | null>(null), drawn = useRef(""); // the HTML that stands in it
  const [version, setVersion] = useState(0);
  useEffect(() => {
    if (!place.current) return;
    const pictures = new Pictures(draft, () => editor.current);
    const { html: was, text: plainText } = draft.content.value;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const keep = () => {
      clearTimeout(timer);
      timer = undefined;
      if (!editor.current) return;
      const { doc } = editor.current;
      draft.update({ html: (drawn.current = html(doc)), text: text(doc) });
    };
    const made = new Editor(place.current, {
      label: t("compose.text"), doc: was ? fromHTML(was) : fromText(plainText), image: (cid) => pictures.url(cid), onSend: () => { keep(); latest.current.onSend(); },
      onChange: () => { clearTimeout(timer); timer = setTimeout(keep, pause); }, onState: () => setVersion((v) => v + 1),
      onFiles: (files) => latest.current.onFiles(files, files.every((f) => f.type.startsWith("image/"))),
    });
    editor.current = made;
    drawn.current = was;
    // What was typed last is in the draft a moment later; who sends, saves or joins takes it at once.
    draft.take = () => { if (timer !== undefined) keep(); };
    onReady(made);
    if (focus) made.focus();
    return () => {
      draft.take();
      draft.take = () => {};
      editor.current = null;
      onReady(null);
      made.close();
      pictures.close();
    };
  }, []);
  // Another tab or device wrote on: it is drawn, or the next key here would undo it.
  const now = draft.content.value.html;
  useEffect(() => {
    if (!editor.current || now === drawn.current) return;
    drawn.current = now;
    editor.current.load(now ? fromHTML(now) : fromText(draft.content.value.text));
  }, [now]);
  return (
    <>
      <Toolbar editor={editor.current} version={version} onImage={() => file.current?.click()} />
      <div class="editor" ref={place} />
      <input ref={file} type="file" accept="image/*" multiple hidden onChange={(e) => { onFiles([...(e.currentTarget.files ?? [])], true); e.currentTarget.value = ""; }} />
    </>
  );
}

// Pictures of a draft by their Content-ID, as blob: URLs that end with the editor.
class Pictures {
  private readonly urls = new Map<string, string>();

  constructor(private readonly draft: DraftHandle, private readonly editor: () => Editor | null) {}

  url(cid: string): string {
    const known = this.urls.get(cid);
    if (known !== undefined) return known;
    this.urls.set(cid, "");
    const file = this.draft.content.value.files.find((f) => f.content_id === cid && f.type.startsWith("image/"));
    if (file) void this.load(cid, file.id, file.type);
    return "";
  }

  private async load(cid: string, id: string, type: string): Promise<void> {
    const data = await this.draft.file(id);
    if (!data) return;
    const url = URL.createObjectURL(new Blob([data], { type }));
    this.urls.set(cid, url);
    this.editor()?.redraw(cid, url);
  }

  close(): void {
    for (const url of this.urls.values()) if (url) URL.revokeObjectURL(url);
  }
}
