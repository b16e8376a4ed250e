// Shows a mail as its sender made it, as far as that is harmless: in a frame that runs
// nothing and loads nothing. Remote pictures come through a fetcher that the reader
// asked for, and as blobs.

import { type ReadonlySignal, signal } from "@preact/signals";
import { darken } from "./dark.ts";
import { highlightIn } from "./find.ts";
import { fitHeight, refit } from "./height.ts";
import { Pictures, type RemoteFetcher } from "./pictures.ts";
import { openFrame } from "./sandbox.ts";
import { type Clean, type FrameWindow, sanitize } from "./sanitize.ts";
import { base } from "./sheet.ts";
import { fold, textNodes, wordsOf } from "./text.ts";

export { warmFrame } from "./sandbox.ts";
export type { RemoteFetcher } from "./pictures.ts";

export interface Blocked {
  images: number; // that showRemote would show
  trackers: number; // there to count readers: they never come back
  other: number; // fonts, imports, scripts …: they never come back
}

export interface ShowOptions {
  text?: string; // the plain part: shown if html is empty or too large, or plain is set
  plain?: boolean;
  parts?: { content_id: string; type: string; data: () => Promise<ArrayBuffer> }[];
  dark?: boolean;
  remote?: RemoteFetcher; // this sender's pictures may be fetched at once
  title?: string; // of the frame, for screen readers
  quote?: string; // words of a folded quote
  onMailto?: (href: string) => void;
  onKey?: (event: KeyboardEvent) => void; // keys typed while the frame has focus
}

export interface Shown {
  readonly ready: Promise<void>;
  readonly state: ReadonlySignal<"loading" | "html" | "text" | "failed">;
  readonly blocked: ReadonlySignal<Blocked>;
  readonly links: ReadonlySignal<readonly { words: string; host: string }[]>; // whose words name another host
  readonly cut: ReadonlySignal<boolean>; // too large: the end is missing, or only the words are shown
  readonly height: ReadonlySignal<number>;
  showRemote(fetcher: RemoteFetcher): Promise<{ shown: number; failed: number }>;
  embed(parts: NonNullable<ShowOptions["parts"]>): Promise<void>; // pictures that came later
  setDark(dark: boolean): void;
  highlight(terms: readonly string[]): number;
  destroy(): void;
}

const maxHTML = 2 << 20; // characters
const maxText = 2 << 20;
const large = 50_000; // characters of a mail that is parsed in a piece of its own
const turn = 8; // ms of work before others get theirs

// Ends this piece of work: what waits comes first.
function rest(): Promise<void> {
  const scheduler = (globalThis as { scheduler?: { yield?: () => Promise<void> } }).scheduler;
  return scheduler?.yield ? scheduler.yield() : new Promise<void>((go) => setTimeout(go, 0));
}

// Lets the page draw and answer between pieces of work; at once, where one of them was
// large and cannot be cut.
function pacer(): (large?: boolean) => Promise<void> {
  let began = performance.now();
  return async (large = false) => {
    if (!large && performance.now() - began < turn) return;
    await rest();
    began = performance.now();
  };
}

class Showing implements Shown {
  readonly state = signal<"loading" | "html" | "text" | "failed">("loading");
  readonly blocked = signal<Blocked>({ images: 0, trackers: 0, other: 0 });
  readonly links = signal<readonly { words: string; host: string }[]>([]);
  readonly cut = signal(false);
  readonly height = signal(0);
  readonly ready: Promise<void>;
  private frame: HTMLIFrameElement | undefined;
  private view: FrameWindow | undefined;
  private root: HTMLElement | undefined;
  private pictures: Pictures | undefined;
  private undark: (() => void) | undefined;
  private ownDark = false;
  private dark: boolean;
  private readonly end = new AbortController();

  constructor(container: HTMLElement, html: string, private readonly options: ShowOptions) {
    this.dark = options.dark ?? false;
    this.ready = this.show(container, html).catch(() => {
      if (!this.end.signal.aborted) this.state.value = "failed";
    });
  }

  private async show(container: HTMLElement, html: string): Promise<void> {
    const { frame, view } = await openFrame(container, this.options.title ?? "Mail");
    if (this.end.signal.aborted) {
      frame.remove();
      return;
    }
    this.frame = frame;
    this.view = view;
    this.root = view.document.body;
    this.dress(view.document, base);
    if (html.length > large) await rest(); // the mail before this one was just taken down
    if (this.end.signal.aborted) return;
    const tooLarge = html.length > maxHTML;
    if (html !== "" && !tooLarge && !this.options.plain) await this.showHTML(html, view);
    else this.showText(this.options.text || wordsOf(html, maxText), tooLarge);
    if (this.end.signal.aborted) return;
    if (this.dark) this.setDark(true);
    this.listen(view);
    fitHeight(frame, view, this.height, this.end.signal);
    await this.pictures?.embed(this.options.parts ?? []);
    if (this.options.remote) await this.showRemote(this.options.remote);
  }

  private dress(doc: Document, css: string): void {
    const style = doc.createElement("style");
    style.textContent = css;
    doc.head.append(style);
  }

  // Pieces come into the frame as they are clean, and are seen once the styles of all
  // are there.
  private async showHTML(html: string, view: FrameWindow): Promise<void> {
    const root = view.document.body;
    if (this.frame) this.frame.style.visibility = "hidden"; // not on the body: its children would inherit the change back
    const clean = await sanitize(html, view, (soFar) => {
      this.wear(soFar);
      for (const css of soFar.styles) this.dress(view.document, css);
      soFar.styles = [];
      return root;
    }, pacer());
    if (this.end.signal.aborted) return;
    for (const css of clean.styles) this.dress(view.document, css);
    this.pictures = new Pictures(clean, this.end.signal);
    if (html.length > large) await rest();
    if (this.end.signal.aborted) return;
    this.foldQuotes();
    if (this.frame) this.frame.style.visibility = "";
    this.links.value = clean.links;
    this.cut.value = clean.cut;
    this.count(clean.other);
    this.state.value = "html";
  }

  // What the body element of the mail says of itself.
  private wear(clean: Clean): void {
    const root = this.root;
    if (!root) return;
    root.style.cssText = clean.body.style;
    if (clean.body.color && !root.style.color) root.style.color = clean.body.color;
    if (clean.body.dir) root.dir = clean.body.dir;
    if (clean.body.lang) root.lang = clean.body.lang;
    this.ownDark = clean.dark;
    this.view?.document.documentElement.classList.add("sp-white");
  }

  private showText(text: string, cut: boolean): void {
    if (!this.root) return;
    const made = textNodes(this.root.ownerDocument, text.slice(0, maxText), { quote: this.options.quote ?? "Quoted text" });
    this.root.className = "sp-text";
    this.root.append(made.content);
    this.cut.value = cut || made.cut || text.length > maxText;
    this.state.value = "text";
  }

  // The last quote of a mail folds away, if anything stands before it.
  private foldQuotes(): void {
    const all = this.root?.querySelectorAll<HTMLElement>('.gmail_quote, .yahoo_quoted, .protonmail_quote, .moz-cite-prefix + blockquote, blockquote[type="cite"]');
    const quote = all && Array.from(all).filter((q) => !q.parentElement?.closest(".gmail_quote, .yahoo_quoted, .protonmail_quote, blockquote")).at(-1);
    if (!quote || (quote.textContent ?? "").length < 200) return;
    const before = quote.ownerDocument.createRange();
    before.setStart(quote.ownerDocument.body, 0);
    before.setEndBefore(quote);
    if (before.toString().trim() === "") return;
    const mark = quote.ownerDocument.createComment("");
    quote.replaceWith(mark);
    mark.replaceWith(fold(quote.ownerDocument, quote, this.options.quote ?? "Quoted text"));
  }

  private count(other: number): void {
    const left = this.pictures?.waiting ?? [];
    this.blocked.value = { images: left.filter((r) => !r.tracker).length, trackers: left.filter((r) => r.tracker).length, other };
  }

  async showRemote(fetcher: RemoteFetcher): Promise<{ shown: number; failed: number }> {
    const result = (await this.pictures?.fetch(fetcher)) ?? { shown: 0, failed: 0 };
    this.count(this.blocked.value.other);
    return result;
  }

  async embed(parts: NonNullable<ShowOptions["parts"]>): Promise<void> {
    await this.ready;
    await this.pictures?.embed(parts);
  }

  setDark(dark: boolean): void {
    const root = this.root;
    this.dark = dark; // also for a mail that is still on its way
    if (!root || !this.view || this.state.value === "loading") return;
    this.undark?.();
    this.undark = undefined;
    root.ownerDocument.documentElement.classList.toggle("sp-dark", dark);
    root.ownerDocument.documentElement.classList.toggle("sp-white", !dark && this.state.value === "html");
    if (dark && this.state.value === "html" && !this.ownDark) this.undark = darken(root, this.view);
    refit(this.view); // the colours that were put back took the zoom with them
  }

  highlight(terms: readonly string[]): number {
    return this.view && this.root ? highlightIn(this.root, this.view, terms) : 0;
  }

  // Where the parent's listeners work in a frame without scripts, links to addresses
  // open the composer and keys reach the page; elsewhere links still open beside it.
  private listen(view: FrameWindow): void {
    const { onMailto, onKey } = this.options;
    const options = { signal: this.end.signal };
    view.document.addEventListener("click", (event) => {
      const href = (event.target as Element | null)?.closest?.("a, area")?.getAttribute("href") ?? "";
      if (!onMailto || !/^mailto:/i.test(href)) return;
      event.preventDefault();
      onMailto(href);
    }, options);
    if (onKey) view.document.addEventListener("keydown", onKey, options);
  }

  destroy(): void {
    this.end.abort();
    this.frame?.remove();
    this.frame = this.view = this.root = undefined;
  }
}

// Shows a mail in a container, at once empty and soon whole; see ready and state.
export function showMail(container: HTMLElement, html: string, options: ShowOptions = {}): Shown {
  return new Showing(container, html, options);
}
