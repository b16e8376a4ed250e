// A page with nothing but the frame, under the policies of the product, for the tests
// that drive it.

import { showMail, type ShowOptions, type Shown, warmFrame } from "../../src/frame/frame.ts";

let shown: Shown | undefined;
const violations: string[] = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));

// A picture of one pixel, for whatever is asked.
async function picture(): Promise<Blob> {
  const bytes = Uint8Array.from(atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="), (c) => c.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

const bench = {
  async show(html: string, options: ShowOptions = {}) {
    shown?.destroy();
    const began = performance.now();
    shown = showMail(document.getElementById("mail") as HTMLElement, html, options);
    await shown.ready;
    return { ms: performance.now() - began, state: shown.state.value, blocked: shown.blocked.value, links: shown.links.value, cut: shown.cut.value, height: shown.height.value };
  },
  async showRemote() {
    const asked: string[] = [];
    const result = await shown?.showRemote((url) => {
      asked.push(url);
      return picture();
    });
    return { ...result, asked, blocked: shown?.blocked.value };
  },
  dark: (on: boolean) => shown?.setDark(on),
  highlight: (terms: string[]) => shown?.highlight(terms),
  height: () => shown?.height.value,
  destroy: () => shown?.destroy(),
  warm: warmFrame,
  violations,
};

declare global {
  interface Window { bench: typeof bench }
}
window.bench = bench;
