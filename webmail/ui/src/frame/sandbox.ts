// The sandboxed frame itself: an empty page of our own origin in which nothing runs,
// with a policy of its own from the server. One is kept warm.

import type { FrameWindow } from "./sanitize.ts";

const sandbox = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";
const place = "/mailframe";
const patience = 15_000;

function make(title: string): HTMLIFrameElement {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", sandbox); // before src: it counts from the next navigation on
  frame.setAttribute("referrerpolicy", "no-referrer");
  frame.setAttribute("allow", "");
  frame.title = title;
  frame.className = "mail-frame";
  frame.style.cssText = "display: block; width: 100%; border: 0";
  frame.src = place;
  return frame;
}

function loaded(frame: HTMLIFrameElement): Promise<void> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error("the frame for mail did not load")), patience);
    frame.addEventListener("load", () => {
      clearTimeout(timer);
      done();
    }, { once: true });
  });
}

// Only our own empty page will do; whatever else a server or a proxy put there gets no
// mail.
function windowOf(frame: HTMLIFrameElement): FrameWindow {
  const view = frame.contentWindow as FrameWindow | null;
  const doc = frame.contentDocument;
  if (!view || !doc || view.location.origin !== location.origin || view.location.pathname !== place || doc.body.childElementCount > 0 || doc.scripts.length > 0) {
    throw new Error("expected the empty frame for mail");
  }
  return view;
}

type Mover = HTMLElement & { moveBefore?: (node: Node, before: Node | null) => void };

let warm: { frame: HTMLIFrameElement; ready: Promise<void> } | undefined;
let attic: HTMLElement | undefined;

// Has a frame ready before a mail is opened. Only where a frame can move without
// loading again.
export function warmFrame(): void {
  if (warm || !document.body || !("moveBefore" in Element.prototype)) return;
  if (!attic) {
    attic = document.createElement("div");
    attic.hidden = true;
    attic.inert = true;
    document.body.append(attic);
  }
  const frame = make("");
  const ready = loaded(frame);
  ready.catch(() => undefined);
  attic.append(frame);
  warm = { frame, ready };
}

// Puts a frame into the container.
export async function openFrame(container: HTMLElement, title: string): Promise<{ frame: HTMLIFrameElement; view: FrameWindow }> {
  if (warm && container.isConnected) {
    const { frame, ready } = warm;
    warm = undefined;
    try {
      await ready;
      (container as Mover).moveBefore?.(frame, null);
      frame.title = title;
      if (frame.parentElement === container) return { frame, view: windowOf(frame) };
    } catch {
      frame.remove(); // a new one, then
    }
  }
  const frame = make(title);
  const ready = loaded(frame);
  container.append(frame);
  await ready;
  return { frame, view: windowOf(frame) };
}
