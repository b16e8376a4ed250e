// @vitest-environment happy-dom
import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, it } from "vitest";
import type { DraftContent, DraftHandle } from "../../model/types.ts";
import { Body } from "./Body.tsx";
import type { Editor } from "./editor/editor.ts";

async function opened(html: string) {
  const content = signal({ html, text: "", files: [] } as unknown as DraftContent);
  const draft = { content, take: () => {}, update: (change: Partial<DraftContent>) => { content.value = { ...content.peek(), ...change }; } } as unknown as DraftHandle;
  let editor: Editor | null = null;
  const place = document.createElement("div");
  await act(() => render(<Body draft={draft} plain={false} focus={false} onFiles={() => {}} onSend={() => {}} onReady={(e) => { editor = e; }} />, place));
  return { draft, content, place, editor: () => editor! };
}

it("the editor calls who stands around it now, not who stood there first", async () => {
  const { draft, editor, place } = await opened("");
  const asked: string[] = [];
  const draw = (name: string) => act(() => render(<Body draft={draft} plain={false} focus={false} onFiles={(files) => asked.push(`${name} ${files[0]?.name}`)} onSend={() => asked.push(`${name} sends`)} onReady={() => {}} />, place));
  await draw("first");
  await draw("second");
  const file = new File(["x"], "plan.png", { type: "image/png" });
  editor().view.someProp("handlePaste", (f) => f(editor().view, { clipboardData: { files: [file], types: ["Files"] } } as unknown as ClipboardEvent, undefined as never));
  expect(asked).toEqual(["second plan.png"]);
});

it("what another tab wrote is drawn, not written over", async () => {
  const { draft, content, editor } = await opened("<div>ours</div>");
  await act(() => { content.value = { ...content.peek(), html: "<div>theirs</div>", text: "theirs" }; });
  expect(editor().doc.textContent).toBe("theirs");
  editor().view.dispatch(editor().view.state.tr.insertText("and ", 1));
  draft.take();
  expect(content.value.text).toBe("and theirs");
});

it("what was typed last is taken into the draft before it leaves", async () => {
  const { draft, content, editor } = await opened("");
  editor().view.dispatch(editor().view.state.tr.insertText("the last word"));
  expect(content.value.text).toBe("");
  draft.take();
  expect(content.value.text).toBe("the last word");
  expect(content.value.html).toContain("the last word");
});
