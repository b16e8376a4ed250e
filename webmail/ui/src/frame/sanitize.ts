// Hostile HTML becomes a fragment of harmless nodes. DOMPurify is bound to the window
// of the frame, in which no script runs; what it leaves is never made into text again
// and parsed a second time (that is where others were broken).
//
// Long mails are cleaned in pieces, so that the page stays alive.

import createDOMPurify, { type Config, type DOMPurify } from "dompurify";
import { cleanDeclarations, cleanSheet, isSuspect } from "./css.ts";
import { fitWidth } from "./height.ts";
import { isCounter, isMismatch, judgeLink, judgeSource } from "./links.ts";

export type FrameWindow = Window & typeof globalThis;

export interface Remote {
  element: HTMLElement;
  url: string;
  kind: "image" | "background";
  tracker: boolean;
}

export interface Clean {
  styles: string[];
  body: { style: string; color: string; dir: string; lang: string };
  remote: Remote[];
  parts: { element: HTMLElement; id: string }[];
  other: number; // remote things that are no pictures, and never come back
  links: { words: string; host: string }[]; // whose words name another host
  dark: boolean; // the mail has colours for dark mode itself
  cut: boolean; // it was too long: the end is missing
}

const tags =
  "a abbr acronym address area article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn dir div dl dt em " +
  "figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main map mark nav ol p pre q rp rt ruby s samp section small span " +
  "strike strong style sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr";

const attributes =
  "abbr align alt bgcolor border cellpadding cellspacing char charoff class clear color cols colspan compact coords datetime dir face height hidden " +
  "href hspace id lang name noshade nowrap open reversed rowspan rows rules scope shape size span src start style summary title type usemap valign " +
  "value vspace width";

const config: Config = {
  ALLOWED_TAGS: tags.split(" "),
  ALLOWED_ATTR: attributes.split(" "),
  ALLOWED_NAMESPACES: ["http://www.w3.org/1999/xhtml"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  FORBID_CONTENTS: [
    "annotation-xml", "audio", "applet", "datalist", "embed", "frameset", "head", "iframe", "math", "mi", "mn", "mo", "ms", "mtext", "noembed", "noframes",
    "noscript", "object", "option", "optgroup", "plaintext", "script", "select", "selectedcontent", "style", "svg", "template", "textarea", "title", "video", "xmp",
  ],
  KEEP_CONTENT: true,
  SANITIZE_DOM: true,
  IN_PLACE: true,
};

const large = 50_000; // characters whose parsing is a piece of work of its own
const piece = 300; // elements cleaned at once
const maxElements = 25_000;
const maxInline = 4 << 20; // characters of data: pictures
const deepest = 400;

// Elements that may be opened to clean their children one after another.
const containers = new Set("DIV TABLE TBODY THEAD TFOOT TR TD TH CENTER P SPAN FONT SECTION ARTICLE MAIN UL OL LI BLOCKQUOTE PRE B I STRONG EM".split(" "));

class Cleaner {
  readonly out: Clean;
  private readonly purify: DOMPurify;
  private readonly pending = new WeakMap<Element, { source?: string; background?: string }>();
  private readonly store: Document; // belongs to no window: nothing in it loads
  private inline = 0;
  private elements = 0;
  private laidOut = 0;

  constructor(private readonly view: FrameWindow, private readonly pace: (large?: boolean) => Promise<void>) {
    this.purify = createDOMPurify(view);
    this.store = view.document.implementation.createHTMLDocument("");
    this.purify.setConfig(config);
    this.purify.addHook("uponSanitizeElement", (node) => this.element(node));
    this.purify.addHook("uponSanitizeAttribute", (node, event) => {
      event.keepAttr = this.attribute(node, event);
    });
    this.purify.addHook("afterSanitizeAttributes", (node) => this.after(node));
    this.out = {
      styles: [], body: { style: "", color: "", dir: "", lang: "" },
      remote: [], parts: [], other: 0, links: [], dark: false, cut: false,
    };
  }

  // Properties of the parsed document may be names of its elements (<img name="body">):
  // it is asked through its prototype only.
  async run(html: string, begin: (soFar: Clean) => Element): Promise<Clean> {
    const doc = new this.view.DOMParser().parseFromString(html, "text/html");
    if (html.length > large) await this.pace(true);
    const all = (tag: string) => Array.from(this.view.Document.prototype.getElementsByTagName.call(doc, tag));
    for (const style of all("style")) if (style.closest("head")) this.sheet(style.textContent ?? "");
    for (const tag of ["link", "script", "base"]) this.out.other += all(tag).filter((e) => e.closest("head") && (e.hasAttribute("href") || e.hasAttribute("src"))).length;
    if (all("meta").some((m) => /^(?:supported-color-schemes|color-scheme)$/i.test(m.getAttribute("name") ?? "") && /dark/i.test(m.getAttribute("content") ?? ""))) this.out.dark = true;
    const body = all("body")[0] ?? all("frameset")[0];
    if (!body) return this.out;
    this.bodyOf(body, all("html")[0] ?? body);
    await this.walk(body, begin(this.out), 0);
    return this.out;
  }

  // What the body element itself says, cleaned as a division of its own.
  private bodyOf(body: Element, root: Element): void {
    const box = this.store.createElement("div");
    const stand = box.appendChild(this.store.createElement("div"));
    for (const name of ["style", "bgcolor", "text", "dir", "lang", "background"]) {
      const value = body.getAttribute(name) ?? (name === "dir" || name === "lang" ? root.getAttribute(name) : null);
      if (value !== null) stand.setAttribute(name === "text" ? "color" : name, value);
    }
    this.purify.sanitize(box);
    const colour = legacyColour(stand.getAttribute("bgcolor") ?? "");
    if (colour && !stand.style.backgroundColor) stand.style.backgroundColor = colour;
    this.out.body = { style: stand.style.cssText, color: legacyColour(stand.getAttribute("color") ?? ""), dir: stand.dir, lang: stand.lang };
  }

  private async walk(from: Element, to: Element, depth: number): Promise<void> {
    const box = this.store.createElement("div");
    let weight = 0;
    const flush = async () => {
      if (!box.firstChild) return;
      this.purify.sanitize(box);
      while (box.firstChild) to.append(box.firstChild);
      weight = 0;
      this.layOut();
      await this.pace();
    };
    for (let child = from.firstChild; child; child = from.firstChild) {
      const size = child instanceof this.view.Element ? this.view.Element.prototype.getElementsByTagName.call(child, "*").length + 1 : 1;
      if (this.elements > maxElements) {
        this.out.cut = true;
        break;
      }
      if (size > piece && depth < deepest && this.opens(child)) {
        await flush();
        await this.open(child as Element, to, depth);
        continue;
      }
      if (size > maxElements) {
        this.out.cut = true;
        from.removeChild(child);
        continue;
      }
      box.append(child);
      weight += size;
      this.elements += size;
      if (weight >= piece) await flush();
    }
    await flush();
  }

  // Layout in instalments: what stands already is not laid out again.
  private layOut(): void {
    if (this.elements < this.laidOut * 1.2 + 250) return;
    this.laidOut = this.elements;
    fitWidth(this.view);
  }

  private opens(node: Node): boolean {
    return node instanceof this.view.HTMLElement && containers.has(node.tagName);
  }

  // Cleans an element without its children, then them into what is left of it.
  private async open(element: Element, to: Element, depth: number): Promise<void> {
    const box = this.store.createElement("div");
    box.append(element.cloneNode(false));
    element.remove();
    this.elements++;
    this.purify.sanitize(box);
    const kept = box.firstElementChild;
    if (kept) to.append(kept);
    await this.walk(element, kept ?? to, depth + 1);
  }

  private sheet(source: string): string {
    const style = cleanSheet(source, this.view);
    this.out.other += style.other + style.images;
    if (style.dark) this.out.dark = true;
    if (style.text) this.out.styles.push(style.text);
    return style.text;
  }

  // Styles leave the text and come back as sheets of the frame; what loads is counted.
  private element(node: Node): void {
    if (!(node instanceof this.view.Element)) return;
    switch (node.localName) {
      case "style":
        if (node instanceof this.view.HTMLElement) this.sheet(node.textContent ?? "");
        node.remove();
        break;
      case "link": case "script": case "video": case "audio": case "source": case "track": case "iframe": case "frame": case "object": case "embed":
      case "image": case "use": case "feimage": case "input":
        if (["src", "href", "data", "poster", "srcset", "xlink:href"].some((name) => node.hasAttribute(name))) this.out.other++;
    }
  }

  private attribute(node: Element, event: { attrName: string; attrValue: string }): boolean {
    switch (event.attrName) {
      case "src":
        this.wait(node).source = event.attrValue;
        return false;
      case "background":
        this.wait(node).background = event.attrValue;
        return false;
      case "srcset":
        this.wait(node).source ??= event.attrValue.trim().split(/[\s,]+/)[0] ?? "";
        return false;
      case "style":
        return this.style(node, event);
      case "href":
        return this.link(node, event);
      case "color": case "bgcolor":
        return event.attrValue.length < 64;
      case "usemap":
        return /^#[\w-]{1,64}$/.test(event.attrValue);
      case "type":
        return node.localName === "ol" || node.localName === "ul" || node.localName === "li" || node.localName === "blockquote";
    }
    return true;
  }

  private wait(node: Element): { source?: string; background?: string } {
    const found = this.pending.get(node) ?? {};
    this.pending.set(node, found);
    return found;
  }

  private style(node: Element, event: { attrValue: string }): boolean {
    if (event.attrValue.length > 20_000) return false;
    if (!isSuspect(event.attrValue)) return true;
    const stand = this.store.createElement("span").style;
    stand.cssText = event.attrValue;
    cleanDeclarations(stand, (name, value) => {
      const url = /^url\("([^"]*)"\)$/.exec(value)?.[1];
      if (name === "background-image" && url) this.wait(node).background = url;
      else this.out.other++;
    });
    event.attrValue = stand.cssText;
    return event.attrValue !== "";
  }

  private link(node: Element, event: { attrValue: string }): boolean {
    if (node.localName !== "a" && node.localName !== "area") return false;
    const link = judgeLink(event.attrValue);
    if (link.kind === "refused") return false;
    event.attrValue = link.href;
    return true;
  }

  private after(node: Element): void {
    if (!(node instanceof this.view.HTMLElement)) return;
    const waiting = this.pending.get(node);
    if (waiting?.source !== undefined && node.localName === "img") this.picture(node, waiting.source);
    else if (waiting?.source) this.out.other++;
    if (waiting?.background) {
      const source = judgeSource(waiting.background);
      if (source.kind === "remote") this.out.remote.push({ element: node, url: source.url, kind: "background", tracker: isCounter(source.url, "", "", false) });
    }
    if (node.localName === "a" || node.localName === "area") this.anchor(node);
  }

  private picture(node: HTMLElement, src: string): void {
    const source = judgeSource(src);
    const width = node.getAttribute("width") ?? node.style.width;
    const height = node.getAttribute("height") ?? node.style.height;
    const hidden = node.hasAttribute("hidden") || /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$))/i.test(node.getAttribute("style") ?? "");
    switch (source.kind) {
      case "remote":
        this.out.remote.push({ element: node, url: source.url, kind: "image", tracker: isCounter(source.url, width, height, hidden) });
        break;
      case "part":
        this.out.parts.push({ element: node, id: source.id });
        break;
      case "inline":
        this.inline += source.url.length;
        if (this.inline <= maxInline) node.setAttribute("src", source.url);
        break;
      default:
        if (src !== "") this.out.other++;
    }
  }

  // A link opens beside the page, without a word about where it came from.
  private anchor(node: HTMLElement): void {
    const href = node.getAttribute("href");
    if (!href) return;
    const link = judgeLink(href);
    if (link.kind === "place") return;
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
    if (link.kind !== "web") return;
    node.title = link.href;
    const words = (node.textContent ?? "").slice(0, 400);
    if (isMismatch(words, link.host)) {
      node.setAttribute("data-goes-to", link.host);
      this.out.links.push({ words: words.trim().slice(0, 120), host: link.host });
    }
  }
}

function legacyColour(text: string): string {
  const value = text.trim();
  return /^[a-z]{3,24}$/i.test(value) || /^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(value) ? value : /^[0-9a-f]{6}$/i.test(value) ? "#" + value : "";
}

// Cleans a mail for a frame, piece by piece into the element that begin names, so that
// no layout has to do it all. pace is asked between pieces and may take its time.
export function sanitize(html: string, view: FrameWindow, begin: (soFar: Clean) => Element, pace: (large?: boolean) => Promise<void>): Promise<Clean> {
  return new Cleaner(view, pace).run(html, begin);
}
