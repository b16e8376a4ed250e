// Where a link of a mail really goes, and whether its words say something else.

export type Link =
  | { kind: "web"; href: string; host: string }
  | { kind: "mail"; href: string }
  | { kind: "tel"; href: string }
  | { kind: "place"; href: string } // inside the mail
  | { kind: "refused" };

const longest = 8000;

export function judgeLink(text: string): Link {
  const href = text.replace(/[\u0000-\u0020\u007f-\u009f]+/g, (s) => (/[^ ]/.test(s) ? "" : "%20")).replace(/^(?:%20)+|(?:%20)+$/g, "");
  if (href.length > longest || href === "") return { kind: "refused" };
  if (href.startsWith("#")) return /^#[\w.:-]{1,200}$/.test(href) ? { kind: "place", href } : { kind: "refused" };
  let url: URL;
  try {
    url = new URL(href.startsWith("//") ? "https:" + href : href);
  } catch {
    return { kind: "refused" };
  }
  if (url.protocol === "http:" || url.protocol === "https:") return judgeWeb(url);
  if (url.protocol === "mailto:") return { kind: "mail", href: url.href };
  if (url.protocol === "tel:") return /^tel:[+\d().*#;=a-z-]{1,64}$/i.test(url.href) ? { kind: "tel", href: url.href } : { kind: "refused" };
  return { kind: "refused" };
}

// A name or password in front of the host is there to deceive: it goes.
function judgeWeb(url: URL): Link {
  url.username = "";
  url.password = "";
  return url.hostname ? { kind: "web", href: url.href, host: url.hostname } : { kind: "refused" };
}

// The host that the words of a link name, if they look like an address of the web.
export function hostInWords(words: string): string {
  const text = words.replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "").trim();
  if (text.length > 300) return "";
  const found = /^(?:https?:\/\/)?(?:[^\s/@]*@)?([\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+)\.?(?::\d+)?(?:[/?#]\S*)?$/iu.exec(text)?.[1];
  if (!found) return "";
  const withScheme = /^https?:/i.test(text) || /^www\./i.test(found) || text.includes("/") || !/\p{N}$/u.test(found);
  if (!withScheme) return "";
  try {
    return new URL("https://" + found).hostname;
  } catch {
    return "";
  }
}

// Do words name another host than the one the link goes to? A name above or below
// the other is the same house.
export function isMismatch(words: string, host: string): boolean {
  const said = hostInWords(words).replace(/^www\./, "");
  const real = host.replace(/^www\./, "");
  return said !== "" && said !== real && !said.endsWith("." + real) && !real.endsWith("." + said);
}

export type Source =
  | { kind: "remote"; url: string }
  | { kind: "part"; id: string } // cid:, without <>
  | { kind: "inline"; url: string } // data: of a picture without scripts
  | { kind: "refused" };

const pictures = /^data:image\/(?:png|jpeg|jpg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon);base64,[A-Za-z0-9+/=\s]+$/i;

export function judgeSource(text: string): Source {
  const src = text.trim();
  if (/^data:/i.test(src)) return pictures.test(src) ? { kind: "inline", url: src } : { kind: "refused" };
  if (/^cid:/i.test(src)) return { kind: "part", id: decode(src.slice(4)) };
  const link = src.length > longest ? { kind: "refused" as const } : judgeLink(src);
  return link.kind === "web" ? { kind: "remote", url: link.href } : { kind: "refused" };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text).replace(/^<|>$/g, "");
  } catch {
    return text;
  }
}

// Places that are known to count readers rather than to show something.
const counters =
  /list-manage\.com\/track|\/wf\/open\b|\/track(?:ing)?\/open|\/open\.(?:php|aspx?|gif|png)|\/(?:e|email)?open(?:ed)?[/?]|\/pixel[./?]|\/beacon\b|google-analytics\.com|\/o\.gif|\/trk\b|mailtrack|\/q\/[\w-]{20,}|awstrack\.me|emltrk\.com|hubspotemail|\/spacer\.gif\?/i;

export function isCounter(url: string, width: string, height: string, hidden: boolean): boolean {
  const tiny = (v: string) => /^[0-2](?:px)?$/.test(v.trim());
  return hidden || (tiny(width) && tiny(height)) || ((tiny(width) || tiny(height)) && width !== "" && height !== "") || counters.test(url);
}
