// The editor itself: ProseMirror with the schema of mail. It knows no drafts and no keys.

import { baseKeymap, chainCommands, exitCode, lift, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { ellipsis, emDash, inputRules, textblockTypeInputRule, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import type { Mark, MarkType, Node, NodeType } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { type Command, EditorState, Plugin, TextSelection } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { pasted } from "./parse.ts";
import { lastQuote } from "./quotes.ts";
import { safeHref, schema } from "./schema.ts";

const { nodes, marks } = schema;
type NodeName = keyof typeof nodes;
type MarkName = keyof typeof marks;
const node = (n: NodeName) => nodes[n] as NodeType;
const mark = (m: MarkName) => marks[m] as MarkType;

export type Format = "strong" | "em" | "underline" | "strike" | "code" | "bullets" | "numbers" | "quote" | "heading" | "pre";

export interface EditorOptions {
  label: string; // read aloud
  doc: Node;
  onChange: (doc: Node) => void;
  onState: () => void; // the selection moved: a toolbar draws anew
  onFiles: (files: File[], at: number) => void; // pasted or dropped
  onSend: () => void; // Ctrl-Enter
  image: (cid: string) => string; // blob: URL of a part, or ""
}

const commands: { [f in Format]: Command } = {
  strong: toggleMark(mark("strong")), em: toggleMark(mark("em")), underline: toggleMark(mark("underline")), strike: toggleMark(mark("strike")), code: toggleMark(mark("code")),
  bullets: toggleList("bullet_list"), numbers: toggleList("ordered_list"),
  quote: (s, d) => (inside(s, "blockquote") ? lift(s, d) : wrapIn(node("blockquote"))(s, d)),
  heading: (s, d) => (inside(s, "heading") ? setBlockType(node("paragraph")) : setBlockType(node("heading"), { level: 2 }))(s, d),
  pre: (s, d) => (inside(s, "code_block") ? setBlockType(node("paragraph")) : setBlockType(node("code_block")))(s, d),
};

function toggleList(name: "bullet_list" | "ordered_list"): Command {
  return (s, d) => (inside(s, name) ? liftListItem(node("list_item"))(s, d) : wrapInList(node(name))(s, d));
}

function inside(s: EditorState, name: NodeName): boolean {
  const { $from } = s.selection;
  for (let d = $from.depth; d > 0; d--) if ($from.node(d).type === node(name)) return true;
  return false;
}

const hardBreak: Command = chainCommands(exitCode, (s, d) => {
  d?.(s.tr.replaceSelectionWith(node("hard_break").create()).scrollIntoView());
  return true;
});

function keys(o: EditorOptions) {
  return keymap({
    "Mod-Enter": () => { o.onSend(); return true; },
    "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo,
    "Mod-b": commands.strong, "Mod-i": commands.em, "Mod-u": commands.underline, "Mod-Shift-x": commands.strike, "Mod-e": commands.code,
    "Mod-Shift-7": commands.numbers, "Mod-Shift-8": commands.bullets, "Mod-Shift-9": commands.quote,
    "Shift-Enter": hardBreak, Enter: splitListItem(node("list_item")), Tab: sinkListItem(node("list_item")), "Shift-Tab": liftListItem(node("list_item")),
  });
}

const rules = () => inputRules({
  rules: [
    ellipsis, emDash,
    wrappingInputRule(/^\s*>\s$/u, node("blockquote")),
    wrappingInputRule(/^\s*([-+*])\s$/u, node("bullet_list")),
    wrappingInputRule(/^(\d{1,3})\.\s$/u, node("ordered_list"), (m) => ({ order: Number(m[1]) })),
    textblockTypeInputRule(/^```$/u, node("code_block")),
    textblockTypeInputRule(/^(#{1,3})\s$/u, node("heading"), (m) => ({ level: m[1]?.length ?? 1 })),
  ],
});

function filesOf(list: DataTransfer | null): File[] {
  return [...(list?.files ?? [])];
}

// files hands pasted and dropped files on. A paste that has HTML too, as from a word
// processor, is text first.
const files = (o: EditorOptions) => new Plugin({
  props: {
    transformPastedHTML: (source) => pasted(source),
    handlePaste(view, e) {
      const found = filesOf(e.clipboardData);
      if (found.length === 0 || e.clipboardData?.types.includes("text/html")) return false;
      o.onFiles(found, view.state.selection.from);
      return true;
    },
    handleDrop(view, e) {
      const found = filesOf(e.dataTransfer);
      if (found.length === 0) return false;
      o.onFiles(found, view.posAtCoords({ left: e.clientX, top: e.clientY })?.pos ?? view.state.selection.from);
      e.preventDefault();
      return true;
    },
  },
});

export class Editor {
  readonly view: EditorView;

  constructor(place: HTMLElement, private readonly o: EditorOptions) {
    this.view = new EditorView(place, {
      state: this.stateOf(o.doc),
      attributes: { role: "textbox", "aria-multiline": "true", "aria-label": o.label, class: "editor-text", spellcheck: "true" },
      nodeViews: { image: (n) => ({ dom: picture(n, o.image) }) },
      dispatchTransaction: (tr) => {
        this.view.updateState(this.view.state.apply(tr));
        if (tr.docChanged) o.onChange(this.view.state.doc);
        o.onState();
      },
    });
  }

  private stateOf(doc: Node): EditorState {
    return EditorState.create({ doc, plugins: [keys(this.o), keymap(baseKeymap), rules(), history(), files(this.o)] });
  }

  get doc(): Node {
    return this.view.state.doc;
  }

  // load shows another document, without a way back to the old one.
  load(doc: Node): void {
    this.view.updateState(this.stateOf(doc));
    this.o.onState();
  }

  run(f: Format): void {
    commands[f](this.view.state, this.view.dispatch, this.view);
    this.view.focus();
  }

  active(f: Format): boolean {
    const s = this.view.state;
    switch (f) {
      case "bullets": return inside(s, "bullet_list");
      case "numbers": return inside(s, "ordered_list");
      case "quote": return inside(s, "blockquote");
      case "heading": return inside(s, "heading");
      case "pre": return inside(s, "code_block");
    }
    return this.markAt(f) !== undefined;
  }

  private markAt(name: MarkName): Mark | undefined {
    const { from, $from, to, empty } = this.view.state.selection;
    if (empty) return mark(name).isInSet(this.view.state.storedMarks ?? $from.marks());
    let found: Mark | undefined;
    this.view.state.doc.nodesBetween(from, to, (n) => { found ??= mark(name).isInSet(n.marks); });
    return found;
  }

  get link(): string {
    return (this.markAt("link")?.attrs["href"] as string | undefined) ?? "";
  }

  // setLink links what is selected, or writes the address; "" takes the link away. It says
  // whether the address is one that a mail may have.
  setLink(address: string): boolean {
    const { state } = this.view;
    const { from, to, empty } = state.selection;
    if (!address) {
      this.view.dispatch(state.tr.removeMark(from, to, mark("link")));
      return true;
    }
    const href = safeHref(/^[a-z][a-z0-9+.-]*:/iu.test(address) ? address : address.includes("@") ? `mailto:${address}` : `https://${address}`);
    if (!href) return false;
    const tr = empty ? state.tr.insertText(address, from) : state.tr;
    this.view.dispatch(tr.addMark(from, empty ? from + address.length : to, mark("link").create({ href })));
    this.view.focus();
    return true;
  }

  insertImage(cid: string, alt: string, at?: number): void {
    const tr = this.view.state.tr;
    const image = node("image").create({ cid, alt });
    this.view.dispatch(at === undefined ? tr.replaceSelectionWith(image) : tr.insert(Math.min(at, tr.doc.content.size), image));
  }

  // insert puts a document where the cursor is.
  insert(doc: Node): void {
    this.view.dispatch(this.view.state.tr.replaceSelection(doc.slice(0, doc.content.size)).scrollIntoView());
    this.view.focus();
  }

  // redraw gives the pictures of a part their URL, once it is there.
  redraw(cid: string, url: string): void {
    for (const img of this.view.dom.querySelectorAll<HTMLImageElement>("img[data-cid]")) if (img.dataset["cid"] === cid) img.src = url;
  }

  get hasQuote(): boolean {
    return lastQuote(this.doc) !== null;
  }

  // dropQuote takes the quote at the end away; undo brings it back.
  dropQuote(): void {
    const q = lastQuote(this.doc);
    if (q) this.view.dispatch(this.view.state.tr.delete(q.from, q.to));
  }

  // focus puts the cursor in front of everything, where an answer is written.
  focus(): void {
    this.view.dispatch(this.view.state.tr.setSelection(TextSelection.atStart(this.doc)));
    this.view.focus();
  }

  close(): void {
    this.view.destroy();
  }
}

function picture(n: Node, urlOf: (cid: string) => string): HTMLElement {
  const img = document.createElement("img");
  const url = urlOf(n.attrs["cid"] as string);
  if (url) img.src = url;
  img.dataset["cid"] = n.attrs["cid"] as string;
  img.alt = n.attrs["alt"] as string;
  if (n.attrs["width"] > 0) img.width = n.attrs["width"] as number;
  return img;
}
